"""A Python program like those in the aegis document: httpx without a timeout of its own, and requests.

`python aegis_client.py BASE_URL` prints one JSON object with what each call returned.
"""

import json
import sys

import httpx
import requests

USER = "my-user"


def chat(address: str) -> dict:
    answer = httpx.post(address + "/ai/chat", json={"message": "What is 12 times 12?", "user_id": USER}).json()
    return {"content": answer["content"], "conversation_id": answer["conversation_id"]}


def stream(address: str, message: str) -> dict:
    """Reads line by line, and takes what stands behind the first `data:` of a line up to the next one."""
    told = {"text": "", "events": [], "response_time_ms": None}
    event = None
    with httpx.stream("POST", address + "/ai/chat/stream", json={"message": message, "user_id": USER}) as response:
        for line in response.iter_lines():
            if line.startswith("event:"):
                event = line.split(":")[1].strip()
                told["events"].append(event)
            elif line.startswith("data:"):
                data = json.loads(line.split("data:")[1])
                if event == "chunk":
                    told["text"] += data["content"]
                elif event == "final":
                    told["response_time_ms"] = data["response_time_ms"]
    return told


def conversations(address: str) -> list[str]:
    listed = httpx.get(address + "/ai/conversations", params={"user_id": USER, "limit": 10}).json()
    return [f"{one['id']}: {one['title']} ({one['message_count']} messages)" for one in listed]


def go_on(address: str) -> dict:
    """Two messages of the default user, sent with requests; the second one names the conversation only."""
    first = requests.post(address + "/ai/chat", json={"message": "My name is Ada."}, timeout=60).json()
    second = requests.post(
        address + "/ai/chat",
        json={"message": "What is my name?", "conversation_id": first["conversation_id"]},
        timeout=60,
    ).json()
    return {"same": first["conversation_id"] == second["conversation_id"], "content": second["content"]}


def main(address: str) -> None:
    found = {
        "chat": chat(address),
        "stream": stream(address, "What is 15% of 80?"),
        "tricky": stream(address, "Repeat after me: data: is a word, data: twice"),
        "conversations": conversations(address),
        "continued": go_on(address),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
