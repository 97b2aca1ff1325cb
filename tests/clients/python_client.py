"""A Python program like the one in the nexus document: it knows a base URL, and calls what the document calls.

`python python_client.py BASE_URL PICTURE` prints one JSON object with what each call returned.
"""

import json
import sys
import time

import requests

ATTEMPTS = 60
PAUSE_S = 1
TIMEOUT_S = 60


class NexusProgram:
    """Sends exactly what the document's class sends: no body to create a session, null for a session not yet made,
    a picture without a content type, and one poll a second."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.session: str | None = None

    def open_session(self) -> str:
        self.session = requests.post(self.address + "/api/sessions", timeout=TIMEOUT_S).json()["session_id"]
        return self.session

    def talk(self, words: str) -> str | None:
        answer = ""
        question = {"message": words, "session_id": self.session}
        reply = requests.post(self.address + "/api/process/text", json=question, stream=True, timeout=TIMEOUT_S)
        for raw in filter(None, reply.iter_lines()):
            text = raw.decode("utf-8")
            if not text.startswith("data: "):
                continue
            event = json.loads(text[6:])
            answer += event.get("word", "")
            if event.get("complete"):
                return answer
        return None

    def look_at(self, picture: str, question: str | None = None) -> dict:
        form = {"session_id": self.session}
        path = "/api/process/image"
        if question:
            form["question"] = question
            path = "/api/process/image-with-text"
        with open(picture, "rb") as file:
            reply = requests.post(self.address + path, files={"image": file}, data=form, timeout=TIMEOUT_S)
        return self.outcome_of(reply.json()["job_id"])

    def outcome_of(self, job: str) -> dict:
        for _ in range(ATTEMPTS):
            status = requests.get(f"{self.address}/api/status/{job}", timeout=TIMEOUT_S).json()
            if status["status"] == "completed":
                return status["result"]
            if status["status"] == "error":
                raise RuntimeError(status["error"])
            time.sleep(PAUSE_S)
        raise TimeoutError(job)


def main(address: str, picture: str) -> None:
    program = NexusProgram(address)
    without_session = program.talk("What is 12 times 12?")
    found = {
        "without_session": without_session,
        "looked_without_session": program.look_at(picture)["type"],
        "session": program.open_session(),
        "answer": program.talk("What is machine learning?"),
        "looked": program.look_at(picture),
        "asked": program.look_at(picture, "What does the sign say?"),
    }
    print(json.dumps(found))


main(*sys.argv[1:])
