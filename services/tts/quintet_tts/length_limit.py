"""Ends a call whose sound grows too long, which its number of characters does not tell.

Engines read symbols and letters of foreign scripts aloud by their names: a page of them lasts for hours.
"""

from collections.abc import AsyncGenerator, AsyncIterator

from quintet_errors import DomainError, Reason
from quintet_tts.engine import Started
from quintet_tts.narration import NarrationEvent

_SAMPLE_BYTES = 2


async def limited(events: AsyncIterator[NarrationEvent], max_audio_s: float) -> AsyncGenerator[NarrationEvent, None]:
    """Yields the events as they are, while their sound is not longer than `max_audio_s`.

    Raises:
        DomainError: MEDIA_TOO_LONG in the place of the sound that goes beyond.
    """
    sound_bytes, max_bytes = 0, 0.0
    async for event in events:
        if isinstance(event, Started):
            max_bytes = max_audio_s * event.sample_rate_hz * _SAMPLE_BYTES
        elif isinstance(event, bytes):
            sound_bytes += len(event)
            if sound_bytes > max_bytes:
                raise _too_long(max_audio_s)
        yield event


def _too_long(max_audio_s: float) -> DomainError:
    number, unit = (max_audio_s / 60, "minute") if max_audio_s % 60 == 0 else (max_audio_s, "second")
    limit = f"{number:g} {unit}{'' if number == 1 else 's'}"
    return DomainError(
        Reason.MEDIA_TOO_LONG, f"The text is longer than {limit} of speech", {"maxSeconds": f"{max_audio_s:g}"}
    )
