"""Whole recordings to text."""

from collections.abc import AsyncIterable, Callable, Sequence

from google.protobuf.duration_pb2 import Duration

from quintet.stt.v1.stt_service_pb2 import TranscribeConfig, Transcript
from quintet_errors import DomainError, Reason
from quintet_gateway.clients.stt import SttClient
from quintet_rpc.calls import result_of

LIKELY_LANGUAGE = "en"
"""The language in which speech is heard as long as nothing tells which one it is."""


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
        likely_language: str = LIKELY_LANGUAGE,
        languages: Sequence[str] = (),
    ) -> Transcript:
        """Returns what is said in a file that comes in pieces; `report` takes the progress, 0 to 99 percent.

        Languages are BCP 47 tags. An empty `language` means that of the recording, which is looked for among
        `languages`, or all if there are none; where it is not sure, `likely_language` takes its place. What comes after
        `cut_s` seconds is not heard; 0 means that all is heard. A transcript without text is no error.

        Raises:
            DomainError: whatever the stt service fails with, ENGINE_FAILED if it ends without a result.
        """
        config = TranscribeConfig(
            language=language,
            cut_after=Duration(seconds=cut_s) if cut_s else None,
            likely_language=likely_language,
            languages=languages,
        )
        result: Transcript | None = await result_of(self._stt.transcribe(config, chunks), report)
        if result is None:
            raise DomainError(Reason.ENGINE_FAILED, "The stt service ended without a result.", {"service": "stt"})
        return result
