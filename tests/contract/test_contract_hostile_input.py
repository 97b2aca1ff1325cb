"""Bad or odd input: the contract's answer, quickly, and nothing is worse afterwards."""

import asyncio
import base64
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from framework.cluster import Cluster
from framework.media import (
    MIB,
    PLAYLIST,
    lying_wav,
    padded,
    pixel_bomb,
    small_picture,
    truncated_jpeg,
    two_hours,
    zip_file,
)
from framework.metrics import gateway_active, sample_sum, scrape
from framework.nexus import accepted, answer_of, ask, assert_error, ended
from framework.omni import assert_error as assert_omni_error
from framework.omni import new_key
from framework.raw_http import connection, exchange, head, multipart, request, reset
from framework.waiting import wait_until

QUICKLY_S = 3.0
LONGEST_BLOCK_S = 0.1
# A loop that is really blocked is blocked each time; a loaded machine is not.
ATTEMPTS = 4
DEEP = b"[" * 10_000 + b"]" * 10_000
JSON = {"Content-Type": "application/json"}
TAG = b"ID3\x04\0\0\0\0\0\0"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
Send = Callable[[httpx.Client], None]


@pytest.fixture(scope="module")
def cluster(grounded: Cluster) -> Iterator[Cluster]:
    """The cluster before and after all of this: the same processes, no file more."""
    with grounded.client() as client:
        for prepare in (small_picture(), pixel_bomb()):
            ended(client, accepted(client.post("/api/process/image", files={"image": prepare})))
        pids, files = grounded.pids(), grounded.files()
        yield grounded
        assert grounded.pids() == pids
        wait_until(lambda: grounded.files() <= files, 10, f"left files: {grounded.files() - files}, not empty")


@pytest.fixture(scope="module")
def omni_key(cluster: Cluster) -> str:
    return new_key(cluster)


@pytest.fixture
def client(cluster: Cluster, omni_key: str) -> Iterator[httpx.Client]:
    """A client with a key of omni, which the other surfaces do not look at."""
    with cluster.client(headers={"Authorization": f"Bearer {omni_key}"}) as opened:
        yield opened


def text(body: bytes) -> Callable[[httpx.Client], httpx.Response]:
    return lambda client: client.post("/api/process/text", content=body, headers=JSON)


def upload(
    path: str, field: str, media: Callable[[], bytes], name: str, **fields: str
) -> Callable[[httpx.Client], httpx.Response]:
    return lambda client: client.post(path, files={field: (name, media())}, data=fields)


def form(body: bytes, content_type: str, path: str = "/api/process/image") -> Callable[[httpx.Client], httpx.Response]:
    return lambda client: client.post(path, content=body, headers={"Content-Type": content_type})


def to_omni(path: str, body: bytes) -> Callable[[httpx.Client], httpx.Response]:
    return lambda client: client.post(path, content=body, headers=JSON)


def hook(url: str) -> Callable[[httpx.Client], httpx.Response]:
    return to_omni("/webhooks", json.dumps({"url": url}).encode())


def look(media: Callable[[], bytes], session_id: str = "a walk") -> Callable[[httpx.Client], httpx.Response]:
    return upload("/api/v1/analyze", "image", media, "a.jpg", session_id=session_id, mode="snapshot")


def refused(status: int, *codes: str) -> Callable[[httpx.Client, httpx.Response], None]:
    def check(_client: httpx.Client, response: httpx.Response) -> None:
        assert_error(response, status, next((code for code in codes if code in response.text), codes[0]))

    return check


def refused_by_omni(_client: httpx.Client, response: httpx.Response) -> None:
    assert_omni_error(response, 400)


def refused_by_sight(status: int) -> Callable[[httpx.Client, httpx.Response], None]:
    def check(_client: httpx.Client, response: httpx.Response) -> None:
        assert (response.status_code, response.json().keys()) == (status, {"detail"}), response.text

    return check


def answered(_client: httpx.Client, response: httpx.Response) -> None:
    assert response.status_code == 200, response.text
    assert answer_of(response.text)


def job_fails(client: httpx.Client, response: httpx.Response) -> None:
    status = ended(client, accepted(response))
    assert status["status"] == "error", status


def job_ends(client: httpx.Client, response: httpx.Response) -> None:
    assert ended(client, accepted(response))["status"] in {"completed", "error"}


def status_in(*statuses: int) -> Callable[[httpx.Client, httpx.Response], None]:
    def check(_client: httpx.Client, response: httpx.Response) -> None:
        assert response.status_code in statuses, response.text

    return check


MULTIPART = "multipart/form-data; boundary=frontier"
IMAGE = ('name="image"; filename="a.png"', small_picture())
CLIMBING = ('name="image"; filename="../../../tmp/evil.png"', small_picture())
WITH_NUL = ('name="image"; filename="a\0.png"', small_picture())
HUGE_NAME = (f'name="image"; filename="{"a" * 100_000}"', small_picture())
TWICE = [IMAGE, ('name="session_id"', b"a"), ('name="session_id"', b"b")]
NESTED = b"--frontier\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n--frontier--\r\n"
IMAGE_PATH, VOICE_PATH = "/api/process/image", "/api/process/voice"

INVALID = refused(400, "INVALID_INPUT")
WRONG_FORMAT = refused(400, "INVALID_FORMAT")
NO_FORM = refused(400, "INVALID_INPUT", "MISSING_FIELD")
TOO_LARGE = refused(413, "FILE_TOO_LARGE")
# What the documents leave open may be refused or accepted, but not fail.
EITHER = status_in(200, 400)

INPUTS = {
    "empty body": (text(b""), INVALID),
    "blank body": (text(b"  \n"), INVALID),
    "wrong type": (text(b'{"message": {"a": 1}}'), INVALID),
    "null message": (text(b'{"message": null}'), refused(400, "MISSING_FIELD", "INVALID_INPUT")),
    "5,001 characters": (text(json.dumps({"message": "x" * 5001}).encode()), INVALID),
    "control characters": (text(b'{"message": "a\\u0001\\u0000\\u001b[31m b"}'), answered),
    "raw control character": (text(b'{"message": "a\x01b"}'), INVALID),
    "bad UTF-8": (text(b'{"message": "\xff\xfe"}'), INVALID),
    "overlong UTF-8": (text(b'{"message": "\xc0\xaf"}'), INVALID),
    "lone surrogate": (text(b'{"message": "\\ud800"}'), EITHER),
    "NaN": (text(b'{"message": NaN}'), INVALID),
    "Infinity beside it": (text(b'{"message": "hi", "x": [Infinity, -Infinity]}'), INVALID),
    "10,000 deep": (text(DEEP), INVALID),
    "10,000 deep beside it": (text(b'{"message": "hi", "x": ' + DEEP + b"}"), INVALID),
    "10,000 deep objects": (text(b'{"a":' * 10_000 + b"1" + b"}" * 10_000), INVALID),
    "number of 10,000 digits": (text(b'{"message": "hi", "x": ' + b"9" * 10_000 + b"}"), EITHER),
    "20 MB string": (text(b'{"message": "' + b"x" * (20 * MIB) + b'"}'), status_in(400, 413)),
    "unknown fields": (text(b'{"message": "hi", "stream": true, "x": {"y": null}, "message2": 1}'), answered),
    "equal keys": (text(b'{"message": 1, "message": "hi"}'), answered),
    "session id that climbs": (text(b'{"message": "hi", "session_id": "../../../etc/passwd"}'), answered),
    "no boundary": (form(multipart([IMAGE]), "multipart/form-data"), NO_FORM),
    "wrong boundary": (form(multipart([IMAGE]), "multipart/form-data; boundary=other"), NO_FORM),
    "no end": (form(multipart([IMAGE], end=False), MULTIPART), INVALID),
    "duplicate file": (form(multipart([IMAGE, IMAGE]), MULTIPART), job_ends),
    "duplicate field": (form(multipart(TWICE), MULTIPART), job_ends),
    "10,000 parts": (form(multipart([('name="x"', b"")] * 10_000), MULTIPART), INVALID),
    "file name that climbs": (form(multipart([CLIMBING]), MULTIPART), job_ends),
    "file name with NUL": (form(multipart([WITH_NUL]), MULTIPART), EITHER),
    "huge part header": (form(multipart([HUGE_NAME]), MULTIPART), INVALID),
    "nested form": (form(NESTED, MULTIPART), NO_FORM),
    "500,000 empty lines": (form(b"\r\n" * 500_000, MULTIPART), NO_FORM),
    "bad UTF-8 in a field": (form(multipart([IMAGE, ('name="question"', b"\xff\xfe")]), MULTIPART), EITHER),
    "21 MB upload": (upload(IMAGE_PATH, "image", lambda: padded(small_picture(), 21 * MIB), "a.png"), TOO_LARGE),
    "21 MB recording": (upload(VOICE_PATH, "audio", lambda: padded(lying_wav(), 21 * MIB), "a.wav"), TOO_LARGE),
    "pixel bomb": (upload(IMAGE_PATH, "image", pixel_bomb, "a.png"), job_fails),
    "truncated JPEG": (upload(IMAGE_PATH, "image", truncated_jpeg, "a.jpg"), job_fails),
    "1-byte WAV": (upload(VOICE_PATH, "audio", lambda: b"R", "a.wav"), WRONG_FORMAT),
    "ZIP named .png": (upload(IMAGE_PATH, "image", zip_file, "a.png"), WRONG_FORMAT),
    "SVG named .png": (upload(IMAGE_PATH, "image", lambda: SVG, "a.png"), WRONG_FORMAT),
    "lying WAV": (upload(VOICE_PATH, "audio", lying_wav, "a.wav"), job_ends),
    "two hours": (upload(VOICE_PATH, "audio", two_hours, "a.flac"), job_fails),
    "playlist": (upload(VOICE_PATH, "audio", lambda: PLAYLIST, "a.mp3"), WRONG_FORMAT),
    "playlist after a tag": (upload(VOICE_PATH, "audio", lambda: TAG + PLAYLIST * 50, "a.mp3"), job_fails),
}

SOUND = ('name="audio"; filename="a.wav"', lying_wav())
INPUTS |= {
    "omni: 10,000 deep": (to_omni("/session", DEEP), refused_by_omni),
    "omni: NaN": (to_omni("/session", b'{"max_history_turns": NaN}'), refused_by_omni),
    "omni: bad UTF-8": (to_omni("/session", b'{"system_prompt": "\xff"}'), refused_by_omni),
    "omni: lone surrogate": (to_omni("/session", b'{"system_prompt": "\\ud800"}'), refused_by_omni),
    "omni: 20 MB prompt": (to_omni("/session", b'{"system_prompt": "' + b"x" * 20 * MIB + b'"}'), refused_by_omni),
    "omni: number of 10,000 digits": (
        to_omni("/session", b'{"max_history_turns": ' + b"9" * 10_000 + b"}"),
        refused_by_omni,
    ),
    "omni: webhook to a file": (hook("file:///etc/passwd"), refused_by_omni),
    "omni: webhook to nowhere": (hook("http://"), refused_by_omni),
    "omni: webhook to half an address": (hook("http://[::1"), refused_by_omni),
    "omni: webhook with a line break": (hook("http://example.com/\r\nX-Y: z"), refused_by_omni),
    "omni: webhook behind a name and a password": (hook("http://a:b@127.0.0.1/"), refused_by_omni),
    "omni: secret with half a character": (
        to_omni("/webhooks", b'{"url": "https://example.com", "secret": "\\ud800"}'),
        refused_by_omni,
    ),
    "omni: playlist": (upload("/process", "audio", lambda: PLAYLIST, "a.mp3"), refused_by_omni),
    "omni: playlist after a tag": (upload("/process", "audio", lambda: TAG + PLAYLIST * 50, "a.mp3"), refused_by_omni),
    "omni: pixel bomb": (upload("/process", "audio", pixel_bomb, "a.wav"), refused_by_omni),
    "omni: two hours of silence": (upload("/process", "audio", two_hours, "a.flac"), refused_by_omni),
    "omni: form without its end": (form(multipart([SOUND], end=False), MULTIPART, "/process"), refused_by_omni),
    "omni: session that climbs": (
        upload("/process", "audio", lying_wav, "../../a.wav", session_id="../../etc/passwd"),
        status_in(404),
    ),
    "sight: pixel bomb": (look(pixel_bomb), refused_by_sight(400)),
    "sight: truncated JPEG": (look(truncated_jpeg), status_in(400, 500)),
    "sight: 11 MB picture": (look(lambda: padded(small_picture("JPEG"), 11 * MIB)), refused_by_sight(413)),
    "sight: session with a line break": (
        look(lambda: small_picture("JPEG"), "a\r\nSet-Cookie: b=c"),
        refused_by_sight(400),
    ),
    "sight: session of 129 characters": (look(lambda: small_picture("JPEG"), "x" * 129), refused_by_sight(400)),
}


@pytest.fixture(scope="module", autouse=True)
def _long_media():
    """Made once and ahead: to encode two hours takes seconds, which are not the server's."""
    two_hours()


@pytest.mark.parametrize("name", INPUTS, ids=str)
def test_bad_input_gets_its_answer_and_the_next_request_works(client, name):
    send, check = INPUTS[name]
    started = time.monotonic()
    response = send(client)
    assert time.monotonic() - started < QUICKLY_S
    check(client, response)
    assert "144" in ask(client, "What is 12 times 12?")


@pytest.mark.parametrize("name", INPUTS, ids=str)
def test_bad_input_does_not_block_the_event_loop(cluster, client, name):
    send, _ = INPUTS[name]
    longest = [block_of(cluster, lambda: send(client)) for _ in range(1)]
    while min(longest) >= LONGEST_BLOCK_S and len(longest) < ATTEMPTS:
        longest.append(block_of(cluster, lambda: send(client)))
    assert min(longest) < LONGEST_BLOCK_S, f"/livez waited {[round(block, 3) for block in longest]} s"


def block_of(cluster: Cluster, action: Callable[[], object]) -> float:
    """Returns the longest that /livez took while `action` ran, in seconds."""
    done = threading.Event()
    longest = 0.0

    def probe() -> None:
        nonlocal longest
        with connection(cluster.port) as opened, opened.makefile("rb") as stream:
            while not done.is_set():
                started = time.perf_counter()
                opened.sendall(head("GET", "/livez"))
                length = 0
                while (line := stream.readline()) != b"\r\n":
                    length = int(line.split(b":")[1]) if line.lower().startswith(b"content-length") else length
                stream.read(length)
                longest = max(longest, time.perf_counter() - started)

    prober = threading.Thread(target=probe)
    prober.start()
    try:
        action()
    finally:
        done.set()
        prober.join(30)
    return longest


@pytest.mark.parametrize(
    "path", ["..%2f..%2fetc%2fpasswd", "%00", "%2e%2e", "a" * 3000, "%ff%fe", "x;y", "%F0%9F%98%80"]
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_session_ids_in_paths_are_only_ids(cluster, client, method, path):
    tail = "/messages" if method == "GET" else ""
    status, _, body = exchange(cluster.port, head(method, f"/api/sessions/{path}{tail}"))
    assert status == 404
    assert json.loads(body)["success"] is False


@pytest.mark.parametrize(
    "path", ["/api/sessions/../../etc/passwd", "/api/../api/sessions", "//api/sessions", "/api//sessions"]
)
def test_paths_that_climb_find_nothing_outside(cluster, path):
    status, _, body = exchange(cluster.port, head("GET", path))
    assert status in {200, 400, 404}
    assert b"root:" not in body


def test_upload_that_breaks_off_leaves_nothing(cluster):
    def jobs_ended() -> float:
        return sample_sum(scrape(cluster, "gateway"), "quintet_jobs_ended_total")

    ended_before, files = jobs_ended(), cluster.files()
    body = multipart([('name="image"; filename="a.png"', padded(small_picture(), 5 * MIB))])
    for _ in range(5):
        with connection(cluster.port) as opened:
            opened.sendall(request("POST", "/api/process/image", [("Content-Type", MULTIPART)], body)[: 2 * MIB])
            wait_until(lambda: gateway_active(cluster), 5, "the upload at work")
            reset(opened)
        wait_until(lambda: gateway_active(cluster) == 0, 5, "the end of the upload")
    assert cluster.files() <= files
    assert jobs_ended() == ended_before


@pytest.mark.slow
def test_hundred_parallel_uploads_are_all_accepted_and_end(scripted):
    pids, files = scripted.pids(), scripted.files()
    picture = padded(small_picture(), MIB)

    async def upload_all() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(base_url=scripted.base_url, trust_env=False, timeout=60, limits=limits) as client:
            posts = (client.post("/api/process/image", files={"image": picture}) for _ in range(100))
            return await asyncio.gather(*posts)

    responses = asyncio.run(upload_all())
    with scripted.client() as client:
        states = [ended(client, accepted(response))["status"] for response in responses]
        assert states == ["completed"] * 100
    assert len({response.json()["job_id"] for response in responses}) == 100
    assert scripted.pids() == pids
    assert scripted.files() <= files


def test_answer_to_markup_is_escaped_where_it_is_html(client):
    question = "<img src=x onerror=alert(1)>"
    fields = {"question": question}
    status = ended(
        client, accepted(client.post("/api/process/image-with-text", files={"image": small_picture()}, data=fields))
    )
    assert "<img src=x" not in status["result"]["formatted_html"]


def test_slow_sender_does_not_hold_others(cluster, client):
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            opened = stack.enter_context(connection(cluster.port))
            opened.sendall(head("POST", "/api/process/text", [("Content-Length", "1000")]) + b"{")
        started = time.monotonic()
        assert "144" in ask(client, "What is 12 times 12?")
        assert time.monotonic() - started < 1.0


def test_nothing_odd_reaches_the_log(cluster, client):
    secret = base64.b32encode(b"what a person wrote").decode()
    ask(client, f"remember {secret}")
    client.get(f"/api/sessions/{secret}/messages", headers={"X-API-Key": secret})
    client.get(f"/api/nothing?token={secret}")
    assert secret not in cluster.log_path.read_text()
