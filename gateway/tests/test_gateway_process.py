"""Settings, ports, and the life of the process."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys

import aiohttp
import pytest

from quintet_gateway.app import build_app
from quintet_gateway.http.listening import PortBusyError, listen
from quintet_gateway.http.serving import HttpServer
from quintet_gateway.settings import GatewaySettings
from quintet_testing import eventually


def close(ports):
    for port in ports:
        for one in port.sockets:
            one.close()


@contextlib.contextmanager
def busy_port(host="127.0.0.1"):
    with socket.socket() as other:
        other.bind((host, 0))
        other.listen()
        yield other.getsockname()[1]


def test_free_port_is_the_same_on_every_host():
    ports = listen(("127.0.0.1", "127.0.0.2"), (0,), required=True)
    try:
        assert {one.getsockname() for one in ports[0].sockets} == {
            ("127.0.0.1", ports[0].port),
            ("127.0.0.2", ports[0].port),
        }
    finally:
        close(ports)


def test_address_that_the_machine_lacks_is_left_out():
    ports = listen(("127.0.0.1", "192.0.2.1"), (0,), required=True)
    try:
        assert [one.getsockname()[0] for one in ports[0].sockets] == ["127.0.0.1"]
    finally:
        close(ports)
    with pytest.raises(OSError, match="none of the addresses"):
        listen(("192.0.2.1",), (8000,), required=True)


def test_busy_port_is_skipped_unless_it_is_required():
    with busy_port() as taken:
        ports = listen(("127.0.0.1",), (taken, 0), required=False)
        assert taken not in [port.port for port in ports]
        close(ports)
        with pytest.raises(PortBusyError, match=f"port {taken} on 127.0.0.1 is in use"):
            listen(("127.0.0.1",), (0, taken), required=True)
        with pytest.raises(PortBusyError, match="every port is in use"):
            listen(("127.0.0.1",), (taken,), required=False)


def test_port_that_is_busy_on_one_host_is_not_used_on_the_other():
    with busy_port("127.0.0.2") as taken:
        with pytest.raises(PortBusyError):
            listen(("127.0.0.1", "127.0.0.2"), (taken,), required=False)
        with socket.socket() as free:
            free.bind(("127.0.0.1", taken))


def settings_from(monkeypatch, **environment):
    for name, value in environment.items():
        monkeypatch.setenv(f"QUINTET_GATEWAY_{name}", value)
    return GatewaySettings()


def test_lists_are_separated_by_commas(monkeypatch):
    settings = settings_from(
        monkeypatch, PORTS="9000, 9001", ALLOWED_HOSTS="a.example,.b.example", NEXUS_API_KEYS="k1,k2"
    )
    assert settings.ports == (9000, 9001)
    assert settings.busy_port_is_error
    assert settings.allowed_hosts == ("a.example", ".b.example")
    assert "k1" not in repr(settings)
    assert settings.services.stt == "127.0.0.1:50054"


def test_defaults_are_the_documents():
    settings = GatewaySettings()
    assert settings.ports == (8000, 5000, 8080, 7860)
    assert settings.hosts == ("127.0.0.1", "::1")
    assert not settings.busy_port_is_error
    assert GatewaySettings(ports_required=True).busy_port_is_error


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTS", "80000"),
        ("PORTS", ""),
        ("PORTS", "http"),
        ("HOSTS", "nowhere"),
        ("TRUSTED_PROXIES", "x"),
        ("LIMITS", "none"),
    ],
)
def test_wrong_settings_are_refused(monkeypatch, name, value):
    with pytest.raises(ValueError, match=name.lower()):
        settings_from(monkeypatch, **{name: value})


class Gateway:
    """A gateway process without any service behind it."""

    def __init__(self, process, events):
        self.process = process
        self.events = events

    @property
    def port(self):
        return self.events[-1]["ports"][0]


@pytest.fixture
async def launch(tmp_path):
    running = []

    async def launch(*, wait=True, stdin=None, **environment):
        addresses = {f"{name}_ADDR": "127.0.0.1:1" for name in ("SESSION", "LLM", "VISION", "STT", "TTS")}
        chosen = {"PORTS": "0", "HOSTS": "127.0.0.1", "DATA_DIR": str(tmp_path), **addresses, **environment}
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("QUINTET_", "OPENAI_"))}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "quintet_gateway",
            env=clean
            | {f"QUINTET_GATEWAY_{key}": value for key, value in chosen.items()}
            | ({"QUINTET_SUPERVISED": "1"} if stdin else {}),
            stdin=stdin, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        running.append(process)
        events = []
        while wait and not (events and events[-1]["event"] == "listening"):
            line = await asyncio.wait_for(process.stdout.readline(), 30)
            assert line, (await process.stderr.read()).decode()
            events.append(json.loads(line))
        return Gateway(process, events)

    yield launch
    for process in running:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ended(gateway):
    async with asyncio.timeout(20):
        _out, err = await gateway.process.communicate()
    return gateway.process.returncode, err.decode()


@pytest.mark.slow
async def test_process_serves_without_services_and_says_so(launch):
    gateway = await launch()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{gateway.port}") as http:
        async with http.get("/livez") as response:
            assert response.status == 200
        async with http.get("/readyz") as response:
            assert (response.status, (await response.json())["status"]) == (503, "unavailable")
        async with http.get("/v1/health") as response:
            assert (response.status, (await response.json())["error_code"]) == (503, "SERVICE_UNAVAILABLE")
        async with http.post("/api/process/text", json={"message": "hi"}) as response:
            assert (response.status, (await response.json())["error_code"]) == (503, "SERVICE_UNAVAILABLE")
    gateway.process.send_signal(signal.SIGTERM)
    assert await ended(gateway) == (0, "")


@pytest.mark.slow
async def test_process_ends_with_its_supervisor(launch):
    gateway = await launch(stdin=asyncio.subprocess.PIPE)
    gateway.process.stdin.close()
    assert (await ended(gateway))[0] == 0


@pytest.fixture
def serve(assistant, tmp_path):
    async def serve(grace_s):
        app = build_app(GatewaySettings(limits="off", data_dir=tmp_path), assistant)
        server = HttpServer(app, keepalive_s=75, grace_s=grace_s)
        (port,) = listen(("127.0.0.1",), (0,), required=True)
        await server.start([port])
        return server, f"http://127.0.0.1:{port.port}"

    return serve


async def test_streams_at_work_are_finished_and_nothing_new_is_taken(assistant, serve):
    server, url = await serve(20)
    assistant.chat.release.clear()
    async with aiohttp.ClientSession(url) as http:
        response = await http.post("/api/process/text", json={"message": "x"})
        await assistant.chat.said.wait()
        drain = asyncio.create_task(server.drain())
        await eventually(lambda: refused(url))
        assistant.chat.release.set()
        text = await response.text()
        await asyncio.wait_for(drain, 5)
    assert text.endswith('data: {"word": "", "complete": true}\n\n')


async def refused(url):
    try:
        async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=1)) as http, http.get("/livez"):
            return False
    except aiohttp.ClientConnectorError:
        return True


async def test_streams_that_outlive_the_grace_end_in_an_orderly_error(assistant, serve):
    server, url = await serve(0.2)
    assistant.chat.release.clear()
    async with aiohttp.ClientSession(url) as http:
        responses = [await http.post("/api/process/text", json={"message": "x"}) for _ in range(5)]
        await asyncio.wait_for(server.drain(), 5)
        texts = [await response.text() for response in responses]
    for text in texts:
        last = json.loads(text.rstrip().rpartition("data: ")[2])
        assert (last["complete"], "shutting down" in last["error"]) == (True, True)
    assert assistant.chat.running == 0


@pytest.mark.slow
async def test_asked_for_port_that_is_busy_is_one_sentence(launch):
    with busy_port() as taken:
        gateway = await launch(wait=False, PORTS=f"{taken},0")
        code, err = await ended(gateway)
    assert code == 1
    assert err == f"gateway cannot serve: port {taken} on 127.0.0.1 is in use by another program\n"


async def test_busy_port_that_is_not_required_is_skipped_with_a_warning(launch):
    with busy_port() as taken:
        gateway = await launch(PORTS=f"{taken},0", PORTS_REQUIRED="false")
    assert gateway.port != taken
    assert [event["port"] for event in gateway.events if event["event"] == "port_skipped"] == [taken]


@pytest.mark.slow
async def test_unknown_setting_is_refused(launch):
    code, err = await ended(await launch(wait=False, PROTS="1"))
    assert code == 78
    assert "QUINTET_GATEWAY_PROTS is not a setting" in err
