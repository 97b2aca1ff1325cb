"""What holds for every path: owners of unknown paths, methods, HEAD, slashes, hosts, origins, probes."""

import pytest
from framework.media import small_picture
from framework.nexus import PREFIXES, assert_error, new_session
from framework.raw_http import exchange, request

JSON = ("Content-Type", "application/json")
METHODS = {
    "/health": {"GET"},
    "/sessions": {"GET", "POST"},
    "/sessions/x/messages": {"GET"},
    "/sessions/x": {"DELETE"},
    "/process/text": {"POST"},
    "/process/image": {"POST"},
    "/process/image-with-text": {"POST"},
    "/process/voice": {"POST"},
    "/process/voice-conversation": {"POST"},
    "/process/text-to-speech": {"POST"},
    "/status/x": {"GET"},
    "/clear-history": {"POST"},
}
WRONG = [
    (path, method) for path, allowed in METHODS.items() for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    if method not in allowed
]  # fmt: skip


@pytest.fixture(scope="module")
def client(scripted):
    with scripted.client() as opened:
        yield opened


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(("path", "method"), WRONG)
def test_wrong_method_names_the_right_ones(client, path, method, prefix):
    response = client.request(method, prefix + path)
    assert_error(response, 405, "METHOD_NOT_ALLOWED")
    allowed = {name.strip() for name in response.headers["Allow"].split(",")}
    assert allowed >= METHODS[path]
    assert method not in allowed


@pytest.mark.parametrize(
    "path",
    [
        "/api/nothing",
        "/api",
        "/api/process",
        "/api/process/video",
        "/v1/process/video",
        "/api/sessions/x/y/z",
        "/v1/status",
    ],
)
def test_unknown_path_of_the_surface(client, path):
    assert_error(client.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/v1/nothing", "/api/v1/nothing", "/v1", "/v1/chatter", "/v1/chat/completions"])
def test_unknown_versioned_path(client, path):
    response = client.post(path, json={})
    assert response.status_code == 404
    error = response.json()["error"]
    assert isinstance(error["code"], str)
    assert isinstance(error["message"], str)
    assert isinstance(error["details"], str)


@pytest.mark.parametrize("path", ["/nothing", "/favicon.ico", "/admin/x.php", "/%2e%2e/etc/passwd", "/v2/health"])
def test_path_that_nobody_owns(client, path):
    response = client.get(path)
    assert response.status_code == 404
    assert response.json() == {"detail": "Not Found"}


@pytest.mark.parametrize("path", ["/api/health", "/v1/health", "/api/sessions", "/livez", "/readyz", "/metrics"])
def test_head_is_get_without_a_body(client, path):
    response = client.head(path)
    assert response.status_code == 200
    assert response.content == b""
    assert response.headers["Content-Type"] == client.get(path).headers["Content-Type"]


def test_head_of_an_unknown_job(client):
    response = client.head("/api/status/img_1")
    assert (response.status_code, response.content) == (404, b"")


def test_head_creates_nothing(client):
    before = len(client.get("/api/sessions").json()["sessions"])
    client.head("/api/sessions")
    assert len(client.get("/api/sessions").json()["sessions"]) == before


@pytest.mark.parametrize("prefix", PREFIXES)
def test_trailing_slash_is_accepted_without_a_redirect(client, prefix):
    session = client.post(f"{prefix}/sessions/").json()["session_id"]
    assert client.get(f"{prefix}/sessions/").status_code == 200
    assert client.get(f"{prefix}/sessions/{session}/messages/").status_code == 200
    assert client.get(f"{prefix}/health/").status_code == 200
    assert client.post(f"{prefix}/process/text/", json={"message": "hi"}).status_code == 200
    assert client.post(f"{prefix}/process/image/", files={"image": small_picture()}).status_code == 200
    assert client.post(f"{prefix}/clear-history/", json={"session_id": session}).status_code == 200
    assert client.delete(f"{prefix}/sessions/{session}/").status_code == 200


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "127.0.0.1", "127.8.9.10:1", "[::1]", "[::1]:8000", "app.localhost:3000"]
)
def test_loopback_hosts_are_answered(client, host):
    assert client.get("/api/sessions", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example:5000", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.5", "x y"],
)
def test_foreign_hosts_are_refused(client, host):
    session = new_session(client)
    response = client.get("/api/sessions", headers={"Host": host})
    assert response.status_code in {400, 421}
    assert session not in response.text


def test_request_without_a_host_is_refused(scripted):
    status, _, _ = exchange(scripted.port, b"GET /api/sessions HTTP/1.1\r\n\r\n")
    assert status in {400, 421}


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:5173"])
def test_loopback_origin_is_echoed_once(client, origin):
    response = client.get("/api/sessions", headers={"Origin": origin})
    assert response.headers.get_list("Access-Control-Allow-Origin") == [origin]
    assert "Origin" in response.headers["Vary"]
    exposed = response.headers["Access-Control-Expose-Headers"].lower()
    assert all(name in exposed for name in ("retry-after", "x-ratelimit-limit", "x-ratelimit-remaining"))
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example"])
def test_foreign_page_reads_and_changes_nothing(client, origin):
    session = new_session(client)
    headers = {"Origin": origin}
    assert "Access-Control-Allow-Origin" not in client.get("/api/sessions", headers=headers).headers
    for response in (
        client.post("/api/sessions", headers=headers),
        client.delete(f"/api/sessions/{session}", headers=headers),
        client.post("/api/process/image", files={"image": small_picture()}, headers=headers),
    ):
        assert response.status_code == 403
        assert "Access-Control-Allow-Origin" not in response.headers
    assert client.get(f"/api/sessions/{session}/messages").status_code == 200


def test_stream_to_a_page_has_the_origin_once(client):
    headers = {"Origin": "http://localhost:3000"}
    response = client.post("/api/process/text", json={"message": "hi"}, headers=headers)
    assert response.headers.get_list("Access-Control-Allow-Origin") == ["http://localhost:3000"]


@pytest.mark.parametrize("path", ["/api/sessions", "/api/process/text", "/api/process/image", "/v1/status/x"])
def test_preflight(client, path):
    headers = {
        "Origin": "http://localhost:3000",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-api-key",
    }
    response = client.options(path, headers=headers)
    assert response.status_code in {200, 204}
    assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert {"GET", "POST", "DELETE"} <= set(response.headers["Access-Control-Allow-Methods"].replace(",", " ").split())
    allowed = response.headers["Access-Control-Allow-Headers"].lower()
    assert "content-type" in allowed
    assert "x-api-key" in allowed


def test_preflight_of_a_foreign_page(client):
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    assert "Access-Control-Allow-Origin" not in client.options("/api/sessions", headers=headers).headers


def test_probes_and_metrics(client):
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 200
    page = client.get("/metrics")
    assert page.headers["Content-Type"].startswith("text/plain")
    assert "quintet_http_duration_seconds_bucket" in page.text


def test_metrics_label_routes_and_not_paths(client):
    session = new_session(client)
    client.get(f"/api/sessions/{session}/messages")
    client.get("/api/never-seen-before")
    text = client.get("/metrics").text
    assert session not in text
    assert "never-seen-before" not in text


POST = b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\n"
SMUGGLED = {
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 0\r\n\r\n{}",
    "length and chunks": POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad length": POST + b"Content-Length: +2\r\n\r\n{}",
    "space before colon": b"GET /api/sessions HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "200 KB header": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Big: " + b"a" * 200_000 + b"\r\n\r\n",
    "200 KB path": b"GET /api/" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.mark.parametrize("message", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_malformed_request_is_refused(scripted, message):
    status, _, _ = exchange(scripted.port, message)
    assert 400 <= status < 500


def test_http_1_0_and_expect_continue_are_served(scripted):
    status, _, _ = exchange(scripted.port, b"GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert status == 200
    status, _, _ = exchange(scripted.port, request("POST", "/api/sessions", [JSON, ("Expect", "100-continue")], b"{}"))
    assert status in {100, 200}


def test_absolute_target_obeys_the_host_rule(scripted):
    message = b"GET http://evil.example/api/sessions HTTP/1.1\r\nHost: localhost\r\n\r\n"
    status, _, body = exchange(scripted.port, message)
    assert status in {200, 400, 404, 421}
    assert b"Traceback" not in body
