"""A Python program like the one in the sight document: it sends a picture, and a question if it has one.

`python sight_client.py BASE_URL PICTURE AUDIO FOLDER` writes the answers into the folder and prints one JSON object.
"""

import json
import sys
from pathlib import Path

import requests

SESSION = "550e8400-e29b-41d4-a716-446655440000"
TIMEOUT_S = 60


def look(address: str, picture: str, answer: Path, mode: str = "snapshot", audio: str = "") -> dict:
    files = {"image": ("image.jpg", Path(picture).read_bytes(), "image/jpeg")}
    if mode == "conversation" and audio:
        files["audio"] = ("audio.wav", Path(audio).read_bytes(), "audio/wav")
    form = {"session_id": SESSION, "mode": mode}
    response = requests.post(f"{address}/api/v1/analyze", files=files, data=form, timeout=TIMEOUT_S)
    if response.status_code == 200:
        answer.write_bytes(response.content)
    return {"status": response.status_code, "headers": dict(response.headers)}


def main(address: str, picture: str, audio: str, folder: str) -> dict:
    snapshot = look(address, picture, Path(folder, "snapshot.mp3"))
    conversation = look(address, picture, Path(folder, "conversation.mp3"), "conversation", audio)
    return {
        "health": requests.get(f"{address}/api/v1/health", timeout=TIMEOUT_S).json(),
        "snapshot": snapshot,
        "conversation": conversation,
        "session": requests.get(f"{address}/api/v1/session/{SESSION}", timeout=TIMEOUT_S).json(),
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
