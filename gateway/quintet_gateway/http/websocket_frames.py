"""A WebSocket response that keeps the parts of RFC 6455 that aiohttp leaves out."""

from aiohttp import web
from aiohttp._websocket.reader import WebSocketDataQueue
from aiohttp.http import WebSocketError, WebSocketReader, WebSocketWriter, WSCloseCode
from aiohttp.web_request import BaseRequest

_READ_AHEAD = 64 << 10
# One read of the network takes up to 256 KiB, which has room for 40,000 empty frames; honest clients send a few.
_FRAMES_A_READ = 512
_EXTRA_LENGTH = {126: 2, 127: 8}
_MASK_BYTES = 4
_LONGEST_HEADER = 14


class StrictWebSocket(web.WebSocketResponse):
    """Refuses frames without a mask, and leaves the end of the TCP connection to its owner.

    aiohttp would close the connection right behind its close frame; a client that is still sending would then be told
    of a broken connection and not why.
    """

    def __init__(self, *, max_message_bytes: int, close_s: float) -> None:
        super().__init__(autoping=False, compress=False, max_msg_size=max_message_bytes, timeout=close_s)
        self._largest = max_message_bytes

    def _post_start(self, request: BaseRequest, protocol: str | None, writer: WebSocketWriter) -> None:
        self._ws_protocol = protocol
        self._writer = writer
        self._reader = WebSocketDataQueue(request.protocol, _READ_AHEAD, loop=request._loop)
        self._parser = MaskedReader(self._reader, self._largest, compress=False, decode_text=True)
        request.protocol.set_parser(self._parser)
        request.protocol.keep_alive(False)

    def _close_transport(self) -> None:
        """Does nothing: the owner of the connection ends it."""


class MaskedReader(WebSocketReader):
    """Reads the frames of a client: each must have a mask, and so many may come at once."""

    def __init__(self, queue: WebSocketDataQueue, max_msg_size: int, compress: bool, decode_text: bool) -> None:
        super().__init__(queue, max_msg_size, compress=compress, decode_text=decode_text)
        self._target = queue
        self._header = b""
        self._payload_left = 0
        self._refused = False

    def feed_data(self, data: bytes | bytearray | memoryview) -> tuple[bool, bytes]:
        """Takes what came from the network; True means that no more is wanted."""
        # What came with the handshake is fed without a look at the result, and more may follow it.
        problem = None if self._refused else self._find_problem(data)
        if problem is not None:
            self._refused = True
            self._target.set_exception(problem)
        if self._refused:
            return True, b""
        return super().feed_data(data)

    def _find_problem(self, data: bytes | bytearray | memoryview) -> WebSocketError | None:
        position = frames = 0
        while position < len(data):
            if self._payload_left:
                skipped = min(self._payload_left, len(data) - position)
                self._payload_left -= skipped
                position += skipped
                continue
            frames += 1
            if frames > _FRAMES_A_READ:
                return WebSocketError(WSCloseCode.POLICY_VIOLATION, "Too many frames came at once.")
            position = self._read_header(data, position)
            if position < 0:
                return WebSocketError(WSCloseCode.PROTOCOL_ERROR, "A frame has no mask.")
        return None

    def _read_header(self, data: bytes | bytearray | memoryview, start: int) -> int:
        """Reads two bytes, a longer length and the mask, as far as they have come; negative if there is no mask.

        Otherwise it returns the position behind the header, or behind the part of it that has come.
        """
        kept = len(self._header)
        header = self._header + data[start : start + _LONGEST_HEADER - kept]
        if len(header) >= 2:
            if not header[1] & 0x80:
                return -1
            short = header[1] & 0x7F
            extra = _EXTRA_LENGTH.get(short, 0)
            size = 2 + extra + _MASK_BYTES
            if len(header) >= size:
                self._payload_left = int.from_bytes(header[2 : 2 + extra], "big") if extra else short
                self._header = b""
                return start + size - kept
        self._header = header
        return len(data)
