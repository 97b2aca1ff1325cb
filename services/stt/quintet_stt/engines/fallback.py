"""One engine in front of another: where the first cannot be loaded, the second answers and says so."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from quintet_audio.decode import Recording
from quintet_engines import EngineInfo
from quintet_errors import DomainError
from quintet_stt.engine import Events, SttEngine, TranscribeOptions


class FallbackEngine:
    """Answers with `preferred` until it fails to load, then with the engine that `make_fallback` makes of the error."""

    def __init__(self, preferred: SttEngine, make_fallback: Callable[[DomainError], SttEngine]) -> None:
        self._live = preferred
        self._make_fallback: Callable[[DomainError], SttEngine] | None = make_fallback
        self._loading = asyncio.Lock()

    def info(self) -> EngineInfo:
        """Describes the engine that answers now."""
        return self._live.info()

    async def load(self) -> None:
        """Loads the preferred engine, or falls back."""
        async with self._loading:
            try:
                await self._live.load()
            except DomainError as error:
                if self._make_fallback is None:
                    raise
                failed, self._live = self._live, self._make_fallback(error)
                self._make_fallback = None
                await failed.close()
                await self._live.load()

    async def transcribe(self, recording: Recording, options: TranscribeOptions) -> Events:
        """Transcribes with the engine that loads; the files of a model may vanish while it is unloaded."""
        if not self._live.info().loaded:
            await self.load()
        async with aclosing(self._live.transcribe(recording, options)) as events:
            async for event in events:
                yield event

    async def close(self) -> None:
        """Closes the live engine."""
        await self._live.close()
