"""Speaks with espeak-ng, loaded into this process: over a hundred languages, no download.

The library does one thing at a time, so all requests share one thread and take turns on it. A turn is one piece of a
text, about `_TURN_S` seconds of sound (some 20 ms of work), and ends when the sound is made, heard or not. The next
piece begins when the listener has taken the sound of the one before. This bounds memory and lets a short text pass a
long one; and a listener who stops reading holds back only himself, because nothing ever waits on the thread.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

from quintet_engines import EngineInfo, EngineKind, Limitation, Turns
from quintet_tts.engine import Finished, SpeechEvent, SpeechRequest, Started, Voice
from quintet_tts.engines.espeak_library import Utterance, load_library
from quintet_tts.engines.espeak_voices import Choice, VoiceCatalogue
from quintet_tts.speakable_text import TextPieces, clean

_SAMPLE_BYTES = 2
_LARGEST_BUFFER = 64 << 10
_NORMAL_WORDS_PER_MINUTE = 175
_SLOWEST_WORDS_PER_MINUTE = 80
_SLOWEST_RATE = _SLOWEST_WORDS_PER_MINUTE / _NORMAL_WORDS_PER_MINUTE
_TURN_S = 15.0
_LONGEST_TURN = 240
_SHORTEST_TURN = 20

_KANJI = re.compile("[\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_JAPANESE = Limitation(
    "language:ja",
    "Japanese is understandable in kana only: each kanji is read aloud as the English words `Chinese letter`.",
)
_THAI = Limitation(
    "language:th",
    "Thai is hard to understand: words are not told apart, and several vowel signs are left out or read as consonants.",
)
_SLOW = Limitation("speaking_rate", f"Rates under {_SLOWEST_RATE:.2f} sound like {_SLOWEST_RATE:.2f}.")


class EspeakEngine:
    """The embedded engine.

    Raises:
        DomainError: SERVICE_UNAVAILABLE if espeak-ng is not installed.
    """

    def __init__(self, choice_reason: str = "") -> None:
        self._library = load_library()
        self._catalogue = VoiceCatalogue(self._library.voices(), self._library.variants())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="espeak")
        self._engine_turns = Turns()
        self._info = EngineInfo(
            name="espeak",
            kind=EngineKind.EMBEDDED,
            model="espeak-ng",
            choice_reason=choice_reason,
            languages=self._catalogue.primary_languages(),
            capabilities=("streaming", "speaking_rate", "voice_variants"),
            limitations=(_JAPANESE, _THAI, _SLOW),
        )

    def announce(self, request: SpeechRequest) -> Started:
        """Finds the voice that would speak."""
        return self._announced(request, self._catalogue.choose(request.language, request.voice))

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[SpeechEvent, None]:
        """Speaks a text in turns with other requests."""
        choice = self._catalogue.choose(request.language, request.voice)
        rate_hz = self._library.sample_rate_hz
        yield self._announced(request, choice)
        sound_bytes = 0
        async with aclosing(self._pieces(request, choice)) as sound:
            async for pcm in sound:
                sound_bytes += len(pcm)
                yield pcm
        yield Finished(sound_bytes / _SAMPLE_BYTES / rate_hz)

    def voices(self, language: str) -> Sequence[Voice]:
        """Lists the voices; `+variant` may follow the name of each."""
        return self._catalogue.listed(language)

    def info(self) -> EngineInfo:
        """Describes the engine."""
        return self._info

    async def warm_up(self) -> None:
        """Loads the default voice and its dictionary."""
        async with aclosing(self.speak(SpeechRequest("Ready."))) as events:
            async for _ in events:
                pass

    async def close(self) -> None:
        """Ends the thread; the library stays for the life of the process."""
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    def _announced(self, request: SpeechRequest, choice: Choice) -> Started:
        return Started(self._library.sample_rate_hz, choice.voice, choice.language, _limitations(request, choice))

    async def _pieces(self, request: SpeechRequest, choice: Choice) -> AsyncGenerator[bytes, None]:
        words_per_minute = max(_SLOWEST_WORDS_PER_MINUTE, round(_NORMAL_WORDS_PER_MINUTE * request.speaking_rate))
        pieces = TextPieces(clean(request.text))
        longest, served_s = _LONGEST_TURN, 0.0
        while piece := pieces.take(longest):
            sound_bytes = 0
            utterance = Utterance(piece, choice.identifier, words_per_minute)
            async with aclosing(self._turn(utterance, served_s)) as sound:
                async for pcm in sound:
                    sound_bytes += len(pcm)
                    yield pcm
            sound_s = sound_bytes / _SAMPLE_BYTES / self._library.sample_rate_hz
            served_s += sound_s
            longest = _next_turn(len(piece), sound_s)

    async def _turn(self, utterance: Utterance, served_s: float) -> AsyncGenerator[bytes, None]:
        await self._engine_turns.take(served_s)
        outlet = _Outlet()
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._thread, self._library.synthesize, utterance, outlet.put)
        # The turn ends with the work and not with this generator: a slow listener must not hold the thread.
        work.add_done_callback(lambda _: self._engine_turns.end())
        work.add_done_callback(lambda _: outlet.wake())
        try:
            while not work.done():
                await outlet.filled()
                while pcm := outlet.take():
                    yield pcm
            work.result()
        finally:
            outlet.close()
            # The caller may count the engine as free only when the thread is.
            await asyncio.wait({work})


class _Outlet:
    """Carries the sound of one turn from the thread to the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._filled = asyncio.Event()
        self._buffers: deque[bytes] = deque()
        self._closed = False
        self._woken = False

    def put(self, pcm: bytes) -> bool:
        """Takes sound on the thread; False once nobody listens."""
        if self._closed:
            return False
        self._buffers.append(pcm)
        if self._woken:
            return True
        self._woken = True
        try:
            self._loop.call_soon_threadsafe(self._filled.set)
        except RuntimeError:  # The loop is closed: the process ends.
            return False
        return True

    def wake(self) -> None:
        self._filled.set()

    def close(self) -> None:
        self._closed = True

    async def filled(self) -> None:
        await self._filled.wait()
        self._filled.clear()
        # Before the buffers are read: sound that comes now is read too, or wakes the loop once more.
        self._woken = False

    def take(self) -> bytes:
        """Returns what is there, at most 64 KiB; nothing if it is empty."""
        taken: list[bytes] = []
        size = 0
        while self._buffers and size + len(self._buffers[0]) <= _LARGEST_BUFFER:
            taken.append(self._buffers.popleft())
            size += len(taken[-1])
        return b"".join(taken)


def _next_turn(characters: int, sound_s: float) -> int:
    """Returns how many characters of such a text make one turn: symbols and foreign letters are spoken by name."""
    wanted = int(_TURN_S * characters / max(sound_s, 0.001))
    return min(max(wanted, _SHORTEST_TURN), _LONGEST_TURN)


def _limitations(request: SpeechRequest, choice: Choice) -> tuple[Limitation, ...]:
    primary = choice.language.partition("-")[0]
    may_hold_kanji = not request.text or _KANJI.search(request.text) is not None
    holds = (
        (_JAPANESE, primary == "ja" and may_hold_kanji),
        (_THAI, primary == "th"),
        (_SLOW, request.speaking_rate < _SLOWEST_RATE),
    )
    return tuple(limitation for limitation, held in holds if held)
