"""A Python program like the one in the omni document: it knows a base URL, a key, and calls what the document calls.

`python omni_client.py BASE_URL KEY AUDIO` prints one JSON object with what each call returned.
"""

import base64
import io
import json
import sys
import wave
from functools import partial

import requests

TIMEOUT_S = 60


def main(address: str, key: str, audio: str) -> dict:
    headers = {"Authorization": f"Bearer {key}"}
    call = partial(requests.request, timeout=TIMEOUT_S)
    created = call("POST", f"{address}/session", headers=headers)
    session = created.json()["session_id"]
    with open(audio, "rb") as file:
        form = {"session_id": session, "return_audio": "true"}
        processed = call("POST", f"{address}/process", headers=headers, files={"audio": file}, data=form)
    result = processed.json()
    with wave.open(io.BytesIO(base64.b64decode(result["audio_base64"]))) as sound:
        shape = [sound.getframerate(), sound.getnchannels(), sound.getsampwidth(), sound.getnframes()]
    with open(audio, "rb") as file:
        # A program that never made a session and wants no sound.
        unasked = call(
            "POST", f"{address}/process?api_key={key}", files={"audio": file}, data={"return_audio": "false"}
        ).json()
    return {
        "created": created.json(),
        "status": processed.status_code,
        "text": result["text"],
        "same_session": result["session_id"] == session,
        "sound": shape,
        "took_ms": result["processing_time_ms"],
        "unasked": unasked,
        "session": call("GET", f"{address}/session/{session}", headers=headers).json(),
        "sessions": call("GET", f"{address}/sessions", headers=headers).json(),
        "cleared": call("POST", f"{address}/session/{session}/clear", headers=headers).json(),
        "deleted": call("DELETE", f"{address}/session/{session}", headers=headers).json(),
        "afterwards": call("GET", f"{address}/session/{session}", headers=headers).status_code,
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
