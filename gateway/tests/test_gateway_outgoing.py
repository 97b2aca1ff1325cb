"""Posts to targets that strangers name, to a receiver that is really there and must not be reached."""

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import aiohttp.connector
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from quintet_gateway.outgoing import GuardedPosts, TargetRefused, TargetRule

LOOPBACK = ("127.0.0.0/8", "::1/128")


class Receiver:
    """Counts who comes, and answers as it is told."""

    def __init__(self):
        self.bodies = []
        self.status = 200
        self.headers = {}
        self.release = asyncio.Event()
        self.release.set()

    async def answer(self, request):
        self.bodies.append(await request.read())
        await self.release.wait()
        return web.Response(status=self.status, headers=self.headers)

    async def endless(self, request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    def app(self):
        app = web.Application()
        app.router.add_post("/endless", self.endless)
        app.router.add_route("*", "/{path:.*}", self.answer)
        return app


@pytest.fixture
async def receiver():
    made = Receiver()
    server = TestServer(made.app())
    await server.start_server()
    made.port = server.port
    yield made
    made.release.set()
    await server.close()


@asynccontextmanager
async def posting(allowed=(), **options):
    posts = GuardedPosts(TargetRule(allowed), **options)
    try:
        yield posts
    finally:
        await posts.close()


class ChangingNames(AbstractResolver):
    """Answers each look-up with the next address."""

    def __init__(self, *addresses):
        self.addresses = list(addresses)

    async def resolve(self, host, port=0, family=socket.AF_INET):
        address = self.addresses.pop(0)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [{"hostname": host, "host": address, "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self):
        pass


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",  # noqa: S104 - a target and no binding
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "localhost",
        "LOCALHOST.",
    ],
)
async def test_no_notation_of_this_machine_is_reached(receiver, host):
    async with posting() as posts:
        with pytest.raises(OSError, match=r"address|connection"):
            await posts.post(f"http://{host}:{receiver.port}/", b"x", {})
    assert receiver.bodies == []


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.88.99.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "fe80::1",
        "fe80::1%1",
        "fc00::1",
        "fec0::1",
        "fd00:ec2::254",
        "ff0e::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "::7f00:1",
        "::ffff:10.0.0.1",
        "2001:0:7f00:1::1",
        "64:ff9b:1::1",
        "100::1",
    ],
)
def test_what_is_not_public_is_refused(address):
    with pytest.raises(TargetRefused):
        TargetRule().check(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_what_is_public_is_not(address):
    TargetRule().check(address)


@pytest.mark.parametrize("name", ["localhost", "a.localhost", "LocalHost.", "ip6-loopback", "127.0.0.1", "::1"])
def test_names_of_this_machine_are_refused_without_a_network(name):
    with pytest.raises(TargetRefused):
        TargetRule().check_name(name)
    TargetRule(LOOPBACK).check_name(name)


def test_other_names_are_not_looked_up():
    TargetRule().check_name("nobody.invalid")


async def test_an_allowed_network_is_reached(receiver):
    async with posting(LOOPBACK) as posts:
        assert await posts.post(f"http://127.0.0.1:{receiver.port}/hook", b"body", {"X-A": "1"}) == 200
    assert receiver.bodies == [b"body"]


async def test_a_name_that_changes_its_address_is_checked_at_each_connection(receiver):
    names = ChangingNames("127.0.0.1", "10.0.0.1", "127.0.0.1")
    async with posting(("127.0.0.1",), resolver=names) as posts:
        url = f"http://moving.example:{receiver.port}/"
        assert await posts.post(url, b"1", {}) == 200
        with pytest.raises(TargetRefused):
            await posts.post(url, b"2", {})
        assert await posts.post(url, b"3", {}) == 200
    assert receiver.bodies == [b"1", b"3"]
    assert names.addresses == []


async def test_redirects_are_not_followed(receiver):
    receiver.status, receiver.headers = 307, {"Location": f"http://127.0.0.1:{receiver.port}/secret"}
    async with posting(LOOPBACK) as posts:
        assert await posts.post(f"http://127.0.0.1:{receiver.port}/", b"x", {}) == 307
    assert receiver.bodies == [b"x"]


async def test_a_silent_target_costs_no_more_than_its_time(receiver):
    receiver.release.clear()
    async with posting(LOOPBACK, timeout_s=0.2) as posts:
        with pytest.raises(OSError, match="in time"):
            await posts.post(f"http://127.0.0.1:{receiver.port}/", b"x", {})


async def test_an_endless_answer_is_not_read(receiver):
    async with posting(LOOPBACK) as posts:
        assert await posts.post(f"http://127.0.0.1:{receiver.port}/endless", b"x", {}) == 200


async def test_a_closed_port_is_a_sentence():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with posting(LOOPBACK) as posts:
            with pytest.raises(OSError, match="No connection"):
                await posts.post(f"http://127.0.0.1:{port}/", b"x", {})


async def test_a_target_that_speaks_something_else_is_a_sentence():
    async def speak(reader, writer):
        await reader.read(100)
        writer.write(b"SSH-2.0-something\r\n")
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server, posting(LOOPBACK) as posts:
        with pytest.raises(OSError, match="could not be read"):
            await posts.post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", b"x", {})


async def test_proxies_of_the_environment_are_not_used(receiver, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with posting(LOOPBACK) as posts:
        assert await posts.post(f"http://127.0.0.1:{receiver.port}/", b"x", {}) == 200


def certificate_for(folder, name):
    """Writes a self-signed certificate of a name with its key, and returns both paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


@pytest.fixture
async def secure_receiver(tmp_path):
    """A receiver behind TLS with a certificate of `right.example` that nobody knows."""
    certificate, key = certificate_for(tmp_path, "right.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    made = Receiver()
    server = TestServer(made.app(), scheme="https")
    await server.start_server(ssl=context)
    made.port, made.certificate = server.port, certificate
    yield made
    await server.close()


async def test_a_certificate_that_nobody_knows_ends_the_post(secure_receiver):
    async with posting(LOOPBACK, resolver=ChangingNames("127.0.0.1")) as posts:
        with pytest.raises(OSError, match="No connection"):
            await posts.post(f"https://right.example:{secure_receiver.port}/", b"x", {})
    assert secure_receiver.bodies == []


@pytest.mark.parametrize(("host", "reached"), [("right.example", True), ("wrong.example", False), ("127.0.0.1", False)])
async def test_a_certificate_must_be_of_the_name_in_the_url(secure_receiver, monkeypatch, host, reached):
    monkeypatch.setattr(
        aiohttp.connector, "_SSL_CONTEXT_VERIFIED", ssl.create_default_context(cafile=secure_receiver.certificate)
    )
    async with posting(LOOPBACK, resolver=ChangingNames("127.0.0.1")) as posts:
        post = posts.post(f"https://{host}:{secure_receiver.port}/", b"x", {})
        if reached:
            assert await post == 200
        else:
            with pytest.raises(OSError, match="No connection"):
                await post
    assert secure_receiver.bodies == [b"x"] * reached


async def test_a_secure_target_inside_is_refused_before_it_is_spoken_to(secure_receiver):
    async with posting(resolver=ChangingNames("127.0.0.1")) as posts:
        with pytest.raises(TargetRefused):
            await posts.post(f"https://right.example:{secure_receiver.port}/", b"x", {})


@pytest.mark.parametrize(
    "url",
    [
        "http://①②⑦.⓪.⓪.①:{port}/",
        "http://127。0。0。1:{port}/",
        "http://user:secret@127.0.0.1:{port}/",
        "http://public.example@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}#@public.example/",
        "http://127.0.0.1:{port}\\@public.example/",
        "http://[::ffff:7f00:1%25lo]:{port}/",
        "http://[fe80::1%25lo]:{port}/",
        "http://[::1%lo]:{port}/",
        "http://%31%32%37.0.0.1:{port}/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:-1/",
        "http://a..b:{port}/",
        "http://xn--:{port}/",
        "http://" + "a" * 300 + ":{port}/",
        "http://\ud800:{port}/",
        "ftp://127.0.0.1:{port}/",
        "file:///etc/passwd",
        "unix:/run/x.sock",
        "http:///",
        "",
    ],
)
async def test_no_spelling_of_a_url_leads_inside(receiver, url):
    async with posting() as posts:
        with pytest.raises(OSError, match=r"\.$") as caught:
            await posts.post(url.replace("{port}", str(receiver.port)), b"x", {})
    assert receiver.bodies == []
    assert "127" not in str(caught.value)


@pytest.mark.parametrize(
    "tail", ["a\r\nX-Injected: 1", "a HTTP/1.1\r\nX-Injected: 1\r\n\r\n", "?q=\n\nX-Injected:1", "é\x00"]
)
async def test_a_url_adds_no_header(tail):
    heard = []

    async def listen(reader, writer):
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server, posting(LOOPBACK) as posts:
        with suppress(OSError):
            await posts.post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/{tail}", b"x", {})
    for head in heard:
        assert b"\nX-Injected" not in head
        assert head.count(b" HTTP/1.1\r\n") == 1


async def test_a_very_long_url_is_posted_or_a_sentence(receiver):
    async with posting(LOOPBACK) as posts:
        assert await posts.post(f"http://127.0.0.1:{receiver.port}/{'a' * 2000}", b"x", {}) == 200


async def test_headers_without_end_are_a_sentence():
    async def flood(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b"X-A: " + b"a" * 4000 + b"\r\n")
                await writer.drain()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    async with server, posting(LOOPBACK) as posts:
        with pytest.raises(OSError, match="could not be read"):
            await posts.post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", b"x", {})
