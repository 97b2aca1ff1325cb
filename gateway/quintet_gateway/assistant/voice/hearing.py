"""Whole recordings to text."""

from collections.abc import AsyncIterable, Callable
from contextlib import aclosing

from google.protobuf.duration_pb2 import Duration

from quintet.stt.v1.stt_service_pb2 import TranscribeConfig, Transcript
from quintet_errors import DomainError, Reason
from quintet_gateway.clients.stt import SttClient


class Hearing:
    """Understands recordings."""

    def __init__(self, stt: SttClient) -> None:
        self._stt = stt

    async def transcribe(
        self,
        chunks: AsyncIterable[bytes],
        language: str = "",
        report: Callable[[int], None] | None = None,
        *,
        cut_s: int = 0,
    ) -> Transcript:
        """Returns what is said in a file that comes in pieces; `report` takes the progress, 0 to 99 percent.

        `language` is a BCP 47 tag; empty means that of the recording. What comes after `cut_s` seconds is not heard; 0
        means that all is heard. A transcript without text is no error.

        Raises:
            DomainError: whatever the stt service fails with, ENGINE_FAILED if it ends without a result.
        """
        config = TranscribeConfig(language=language, cut_after=Duration(seconds=cut_s) if cut_s else None)
        async with aclosing(self._stt.transcribe(config, chunks)) as events:
            async for event in events:
                if event.WhichOneof("event") == "result":
                    return event.result
                if report is not None:
                    report(event.progress_percent)
        raise DomainError(Reason.ENGINE_FAILED, "The stt service ended without a result.", {"service": "stt"})
