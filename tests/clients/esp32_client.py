"""A client like a small camera board: a socket, a hand-built request, and a loudspeaker that wants raw samples.

`python esp32_client.py HOST PORT PICTURE` skips the 44 bytes of a WAV header, as such boards do, and prints what it
would play as one JSON object.
"""

import json
import socket
import struct
import sys
from pathlib import Path

BOUNDARY = "----quintetboard"
CHUNK_BYTES = 1024
TIMEOUT_S = 30
HEADER_BYTES = 44


def field(name: str, value: str) -> bytes:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def body_of(picture: bytes) -> bytes:
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="capture.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode()
    end = f"\r\n--{BOUNDARY}--\r\n".encode()
    return field("session_id", "esp32-board-1") + field("mode", "snapshot") + head + picture + end


def ask(host: str, port: int, body: bytes) -> bytes:
    with socket.create_connection((host, port), timeout=TIMEOUT_S) as board:
        head = (
            f"POST /api/v1/analyze HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: audio/wav\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        board.sendall(head.encode())
        # A board has no memory for more than a piece of its picture at a time.
        for start in range(0, len(body), CHUNK_BYTES):
            board.sendall(body[start : start + CHUNK_BYTES])
        received = bytearray()
        while piece := board.recv(4096):
            received += piece
        return bytes(received)


def unchunked(body: bytes) -> bytes:
    whole = bytearray()
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        whole += body[:length]
        body = body[length + 2 :]
    return bytes(whole)


def main(host: str, port: str, picture: str) -> dict:
    head, _, body = ask(host, int(port), body_of(Path(picture).read_bytes())).partition(b"\r\n\r\n")
    headers = head.decode("latin-1").lower()
    if "transfer-encoding: chunked" in headers:
        body = unchunked(body)
    samples = struct.unpack(
        f"<{(len(body) - HEADER_BYTES) // 2}h", body[HEADER_BYTES:][: (len(body) - HEADER_BYTES) // 2 * 2]
    )
    return {
        "status": int(head.split()[1]),
        "type": next(line.split(": ")[1] for line in headers.split("\r\n") if line.startswith("content-type")),
        "header": body[:HEADER_BYTES].hex(),
        "samples": len(samples),
        "loudest": max(map(abs, samples)),
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
