"""The stream of the document: named events, each with one line of ASCII JSON and the id of the answer."""

import json
from collections.abc import Iterable, Mapping, Sequence

from quintet_gateway.assistant import Turn
from quintet_gateway.dialects.aegis.errors import told_in_stream
from quintet_gateway.dialects.aegis.json_values import Json
from quintet_gateway.dialects.aegis.translate.chat import final_fields
from quintet_gateway.http.times import now

HEARTBEAT = b": ping\n\n"


class ChatEvents:
    """Writes one answer as events. The answer has to `begin` before its first piece."""

    def __init__(self, message_id: str) -> None:
        self._message_id = message_id
        self._turn: Turn | None = None
        self._conversation_id = ""

    def begin(self, turn: Turn, conversation_id: str) -> None:
        """Tells whose pieces will come."""
        self._turn = turn
        self._conversation_id = conversation_id

    @property
    def opening(self) -> bytes:
        """The event that is sent at once."""
        return self._event("connect", {"status": "connected", "message": "Streaming started"})

    def events(self, pieces: Sequence[str]) -> Iterable[bytes]:
        """Returns one event for all pieces that are ready together."""
        return [self._event("chunk", self._content("".join(pieces), is_final=False))]

    def end(self) -> Iterable[bytes]:
        """Returns the whole answer, and the event that tells clients to close."""
        turn = self._turn
        final = {**self._content(turn.text, is_final=True), **final_fields(turn)} if turn is not None else None
        complete = self._event("complete", {"status": "completed", "message": "Stream finished"})
        return [complete] if final is None else [self._event("final", final), complete]

    def failure(self, error: Exception) -> Iterable[bytes]:
        """Returns the event that stands in place of the rest."""
        title, sentence = told_in_stream(error)
        return [self._event("error", {"error": title.value, "detail": sentence})]

    def _content(self, text: str, *, is_final: bool) -> dict[str, Json]:
        return {
            "content": text,
            "is_final": is_final,
            "is_delta": not is_final,
            "message_id": self._message_id,
            "conversation_id": self._conversation_id,
            "timestamp": now(),
        }

    def _event(self, name: str, data: Mapping[str, Json]) -> bytes:
        # The document's Python client cuts a line at every `data:`; no key of ours ends so, only texts can hold it.
        line = json.dumps(data, separators=(",", ":")).replace("data:", r"data\u003a")
        return f"event: {name}\ndata: {line}\nid: {self._message_id}\n\n".encode("ascii")
