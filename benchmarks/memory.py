"""PSS of all processes: when ready, after every engine has answered, and after the idle unload."""

import base64
import io
import os
import tempfile
import time
from pathlib import Path

import httpx
import psutil
from PIL import Image, ImageDraw, ImageFont

from benchmarks.processes import pss_mib, quintet_up

IDLE_S = 10
POLL_S = 0.2


def total(process: psutil.Process, title: str, bar: str) -> float:
    sizes = pss_mib(process)
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"    {size:7.1f} MiB  {name}")
    print(f"{title}: {sum(sizes.values()):.0f} MiB | bar {bar}")
    return sum(sizes.values())


def picture() -> bytes:
    image = Image.new("RGB", (1280, 720), "white")
    draw = ImageDraw.Draw(image)
    draw.text((80, 80), "EXIT 42", fill="black", font=ImageFont.load_default(size=96))
    draw.rectangle((700, 200, 1100, 600), fill="red")
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def finished(client: httpx.Client, response: httpx.Response) -> dict[str, object]:
    job_id = response.json()["job_id"]
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        status = client.get(f"/api/status/{job_id}").json()
        if status["status"] in {"completed", "error"}:
            assert status["status"] == "completed", status
            return dict(status["result"])
        time.sleep(POLL_S)
    raise TimeoutError(job_id)


def use_every_engine(client: httpx.Client) -> None:
    client.post("/api/process/text", json={"message": "what is 12 times 12?"}).raise_for_status()
    spoken = finished(client, client.post("/api/process/text-to-speech", json={"text": "What is twelve times twelve?"}))
    finished(client, client.post("/api/process/image", files={"image": picture()}))
    audio = base64.b64decode(str(spoken["audio_base64"]))
    finished(client, client.post("/api/process/voice", files={"audio": audio}))


def main() -> None:
    """Prints each figure beside its bar. QUINTET_DATA_DIR names the folder with whisper-base."""
    for name in ("VISION", "STT", "TTS", "LLM"):
        os.environ[f"QUINTET_{name}_IDLE_UNLOAD_S"] = str(IDLE_S)
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(os.environ.get("QUINTET_DATA_DIR", folder))
        with quintet_up(data_dir, "--limits", "off") as (process, port, seconds):
            print(f"ready after {seconds:.1f} s | bar 12 s")
            ready = total(process, "ready", "900 MiB")
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                use_every_engine(client)
            total(process, "after every engine has answered", "1434 MiB")
            wait_for_unload(process, ready)
            total(process, "after the idle unload", f"{1.1 * ready:.0f} MiB")


def wait_for_unload(process: psutil.Process, ready: float) -> None:
    """Returns when memory is back near the first figure, or after three times the idle time."""
    deadline = time.monotonic() + 3 * IDLE_S
    while time.monotonic() < deadline and sum(pss_mib(process).values()) > 1.1 * ready:
        time.sleep(1)


if __name__ == "__main__":
    main()
