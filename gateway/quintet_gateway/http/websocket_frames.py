"""A WebSocket response that keeps the parts of RFC 6455 that aiohttp leaves out."""

from aiohttp import web
from aiohttp._websocket.reader import WebSocketDataQueue
from aiohttp.http import WebSocketError, WebSocketReader, WebSocketWriter, WSCloseCode
from aiohttp.web_request import BaseRequest

_READ_AHEAD = 64 << 10


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
    """Reads the frames of a client, each of which must have a mask."""

    def __init__(self, queue: WebSocketDataQueue, max_msg_size: int, compress: bool, decode_text: bool) -> None:
        super().__init__(queue, max_msg_size, compress=compress, decode_text=decode_text)
        self._target = queue
        self._header = bytearray()
        self._payload_left = 0

    def feed_data(self, data: bytes | bytearray | memoryview) -> tuple[bool, bytes]:
        """Takes what came from the network; True means that no more is wanted."""
        if not self._are_masked(data):
            self._target.set_exception(WebSocketError(WSCloseCode.PROTOCOL_ERROR, "A frame has no mask."))
            return True, b""
        return super().feed_data(data)

    def _are_masked(self, data: bytes | bytearray | memoryview) -> bool:
        position = 0
        while position < len(data):
            skipped = min(self._payload_left, len(data) - position)
            self._payload_left -= skipped
            position += skipped
            while position < len(data) and not self._payload_left:
                self._header.append(data[position])
                position += 1
                if len(self._header) == 2 and not self._header[1] & 0x80:
                    return False
                self._finish_header()
        return True

    def _finish_header(self) -> None:
        """Reads the length of the payload once the header is whole: two bytes, a longer length, the mask."""
        if len(self._header) < 2:
            return
        short = self._header[1] & 0x7F
        extra = {126: 2, 127: 8}.get(short, 0)
        if len(self._header) == 2 + extra + 4:
            self._payload_left = int.from_bytes(self._header[2 : 2 + extra], "big") if extra else short
            self._header.clear()
