"""What travels with a request through all processes: its id, its trace and the script of scripted engines."""

import asyncio
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

REQUEST_ID_KEY = "x-request-id"
TRACE_KEY = "traceparent"
SCRIPT_KEY = "x-quintet-script"

# Ids end up in logs and headers: visible ASCII without separators only.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_SCRIPT = re.compile(r"[\x20-\x7e]{0,2000}")

Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RequestContext:
    """Identity of a request; `traceparent` is a W3C trace context."""

    request_id: str = ""
    traceparent: str = ""
    script: str = ""

    def metadata(self) -> Metadata:
        """Returns the gRPC metadata that carries the context on."""
        pairs = ((REQUEST_ID_KEY, self.request_id), (TRACE_KEY, self.traceparent), (SCRIPT_KEY, self.script))
        return tuple(pair for pair in pairs if pair[1])


_EMPTY = RequestContext()
_current: ContextVar[RequestContext] = ContextVar("request_context", default=_EMPTY)


class _Shutdown:
    """An event that belongs to the running loop, so that each test has its own."""

    def __init__(self) -> None:
        self._event: asyncio.Event | None = None

    def renew(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        if self._event is not None:
            self._event.set()

    def is_set(self) -> bool:
        return self._event is not None and self._event.is_set()

    async def wait(self) -> None:
        if self._event is None:
            self.renew()
        assert self._event is not None  # noqa: S101 - tells the type checker what renew() did
        await self._event.wait()


shutting_down = _Shutdown()
"""Set when the process begins to drain. Streams that could go on for ever watch it."""


def new_request_context(request_id: str = "", traceparent: str = "", script: str = "") -> RequestContext:
    """Builds a context from what a caller sent; malformed values are replaced, not repeated."""
    return RequestContext(
        request_id=request_id if _REQUEST_ID.fullmatch(request_id) else secrets.token_hex(8),
        traceparent=_child_trace(traceparent),
        script=script if _SCRIPT.fullmatch(script) else "",
    )


def context_from_metadata(metadata: Iterable[tuple[str, str | bytes]] | None) -> RequestContext:
    """Reads the context of a call from its metadata."""
    values = {key: value for key, value in metadata or () if isinstance(value, str)}
    return new_request_context(values.get(REQUEST_ID_KEY, ""), values.get(TRACE_KEY, ""), values.get(SCRIPT_KEY, ""))


def enter_request(context: RequestContext) -> None:
    """Makes `context` the one of the present task for the rest of its life."""
    _current.set(context)


@contextmanager
def request_scope(request_id: str = "", traceparent: str = "", script: str = "") -> Iterator[RequestContext]:
    """Makes a context the present one for the length of the block."""
    context = new_request_context(request_id, traceparent, script)
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


def current_request() -> RequestContext:
    """Returns the context of the present request; an empty one outside of requests."""
    return _current.get()


def current_request_id() -> str:
    """Returns the id of the present request, empty outside of requests."""
    return _current.get().request_id


def current_script() -> str:
    """Returns the script that the caller chose for scripted engines, empty for none."""
    return _current.get().script


def _child_trace(traceparent: str) -> str:
    span = secrets.token_hex(8)
    if _TRACEPARENT.fullmatch(traceparent):
        return f"{traceparent[:36]}{span}{traceparent[52:]}"
    return f"00-{secrets.token_hex(16)}-{span}-01"
