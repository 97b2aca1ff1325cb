"""A Python program that calls what the quillium document shows.

`python quillium_client.py BASE_URL EMAIL` prints one JSON object with the answers; BASE_URL ends in the version.
"""

import json
import sys

import requests

PASSWORD = "secure_password"
TIMEOUT_S = 60


class QuilliumProgram:
    """Signs up, signs in, and calls with the token."""

    def __init__(self, address: str, email: str) -> None:
        self.address = address
        self.account = {"email": email, "password": PASSWORD}
        self.headers: dict[str, str] = {}

    def call(self, method: str, path: str, body: dict | None = None) -> requests.Response:
        return requests.request(method, self.address + path, json=body, headers=self.headers, timeout=TIMEOUT_S)

    def sign_in(self) -> dict:
        self.call("POST", "/auth/register", self.account)
        tokens = self.call("POST", "/auth/login", self.account).json()
        self.headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        return tokens


def main(address: str, email: str) -> None:
    program = QuilliumProgram(address, email)
    tokens = program.sign_in()
    chat = program.call("POST", "/chats", {"title": "New Conversation", "model": "gpt-4"}).json()
    said = program.call("POST", f"/chats/{chat['id']}/messages", {"content": "What is 12 times 12?"})
    listed = program.call("GET", "/chats?limit=20&offset=0")
    settings = {"theme": "dark", "language": "en", "notifications_enabled": True}
    found = {
        "expires_in": tokens["expires_in"],
        "token_type": tokens["token_type"],
        "chat": chat,
        "message": said.json(),
        "message_status": said.status_code,
        "chats": listed.json(),
        "limit": listed.headers.get("X-RateLimit-Limit"),
        "settings": program.call("PUT", "/settings/user", settings).json(),
        "profile": program.call("GET", "/users/me").json(),
        "api_key": program.call("POST", "/users/api-key").json()["api_key"][:3],
        "refused": program.call("GET", "/settings/admin").json(),
    }
    refreshed = program.call("POST", "/auth/refresh", {"refresh_token": tokens["refresh_token"]}).json()
    found["refreshed"] = refreshed["refresh_token"] == tokens["refresh_token"]
    found["signed_out"] = program.call("POST", "/auth/logout").json()
    found["afterwards"] = program.call("GET", "/users/me").status_code
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
