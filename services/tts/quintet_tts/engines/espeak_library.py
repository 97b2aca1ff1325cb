"""The C library espeak-ng, loaded into this process: one instance, one call at a time."""

import ctypes
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from quintet_errors import DomainError, Reason

# Values of espeak-ng's speak_lib.h.
_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_UTF8 = 1
_END_PAUSE = 0x1000
_POSITION_CHARACTER = 1
_RATE = 1
_BUFFER_MS = 100

OnAudio = Callable[[bytes], bool]
"""Takes the next samples on the thread that synthesizes; returns False to stop. It must not raise."""


@dataclass(frozen=True)
class LibraryVoice:
    """A voice as the library lists it, its `languages` as (priority, lower-case tag) with its own tag first."""

    identifier: str
    display_name: str
    languages: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Utterance:
    """What to say; `identifier` is that of a listed voice, with `+variant` or without."""

    text: str
    identifier: str
    words_per_minute: int


class _VoiceRecord(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class EspeakLibrary:
    """Calls into the library; get it from `load_library`, because a process can hold it only once."""

    def __init__(self, library_path: str, data_path: str) -> None:
        self._library = _bind(ctypes.CDLL(library_path))
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, data_path.encode(), _DONT_EXIT)
        if rate <= 0:
            raise OSError(f"espeak-ng does not accept its data in {data_path}")
        self.sample_rate_hz = int(rate)
        self._data_folder = Path(data_path)
        self._lock = threading.Lock()
        self._speaking_as = ("", 0)
        self._on_audio: OnAudio = lambda _pcm: False
        # The library keeps only a bare pointer, so the reference must live as long as the process.
        self._callback = _SynthCallback(self._deliver)
        self._library.espeak_SetSynthCallback(self._callback)

    def voices(self) -> list[LibraryVoice]:
        """Lists the voices in the library's order, without those that it could only be silent with."""
        return [voice for voice in self._records(None) if self._has_dictionary(voice)]

    def variants(self) -> list[str]:
        """Lists the names that may follow a voice after `+`."""
        wanted = _VoiceRecord(languages=ctypes.cast(ctypes.c_char_p(b"variant"), ctypes.c_void_p))
        return [record.identifier.rpartition("/")[2] for record in self._records(ctypes.byref(wanted))]

    def synthesize(self, utterance: Utterance, on_audio: OnAudio) -> None:
        """Speaks, and blocks until all sound is delivered or `on_audio` said stop.

        Raises:
            DomainError: ENGINE_FAILED if the library refuses.
        """
        data = utterance.text.encode("utf-8", "replace") + b"\0"
        with self._lock:
            self._speak_as(utterance.identifier, utterance.words_per_minute)
            self._on_audio = on_audio
            code = self._library.espeak_Synth(
                data, len(data), 0, _POSITION_CHARACTER, 0, _UTF8 | _END_PAUSE, None, None
            )
        if code:
            raise _failed(f"espeak_Synth returned {code}")

    def _has_dictionary(self, voice: LibraryVoice) -> bool:
        """Tells whether the words of a voice's language are there; builds leave some languages out."""
        definition = (self._data_folder / "lang" / voice.identifier).read_text(encoding="utf-8", errors="replace")
        named = re.search(r"^dictionary\s+(\S+)", definition, re.MULTILINE)
        name = named[1] if named else voice.languages[0][1].partition("-")[0]
        return (self._data_folder / f"{name}_dict").exists()

    def _speak_as(self, identifier: str, words_per_minute: int) -> None:
        if self._speaking_as == (identifier, words_per_minute):
            return
        # A failure half way leaves the library with neither the old voice nor the new one.
        self._speaking_as = ("", 0)
        if code := self._library.espeak_SetVoiceByName(identifier.encode()):
            raise _failed(f"espeak_SetVoiceByName returned {code}")
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        self._speaking_as = (identifier, words_per_minute)

    def _deliver(self, samples: int | None, count: int, _events: int | None) -> int:
        if not samples or count <= 0:
            return 0
        return 0 if self._on_audio(ctypes.string_at(samples, count * 2)) else 1

    def _records(self, wanted: Any) -> Iterator[LibraryVoice]:
        with self._lock:
            records = self._library.espeak_ListVoices(wanted)
            index = 0
            while records[index]:
                record = records[index].contents
                name = record.name.decode().strip()
                yield LibraryVoice(record.identifier.decode(), name, tuple(_languages(record.languages)))
                index += 1


@cache
def load_library() -> EspeakLibrary:
    """Loads the library on the first call and returns the same one afterwards.

    Raises:
        DomainError: SERVICE_UNAVAILABLE if it is not installed or cannot be loaded.
    """
    try:
        # The package is optional, for its licence; a process without it must still be able to say so.
        import espeakng_loader  # noqa: PLC0415

        return EspeakLibrary(espeakng_loader.get_library_path(), espeakng_loader.get_data_path())
    except (ImportError, OSError) as error:
        raise DomainError(
            Reason.SERVICE_UNAVAILABLE,
            f"espeak-ng cannot be loaded ({error}). Install it with: pip install 'quintet-tts[espeak]'",
            {"engine": "espeak"},
        ) from error


def _bind(library: ctypes.CDLL) -> ctypes.CDLL:
    unsigned, pointer = ctypes.c_uint, ctypes.c_void_p
    library.espeak_Initialize.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
    library.espeak_SetSynthCallback.argtypes = (_SynthCallback,)
    library.espeak_SetSynthCallback.restype = None
    library.espeak_SetVoiceByName.argtypes = (ctypes.c_char_p,)
    library.espeak_SetParameter.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int)
    library.espeak_ListVoices.argtypes = (pointer,)
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_VoiceRecord))
    library.espeak_Synth.argtypes = (
        ctypes.c_char_p, ctypes.c_size_t, unsigned, ctypes.c_int, unsigned, unsigned, pointer, pointer,
    )  # fmt: skip
    return library


def _languages(address: int) -> Iterator[tuple[int, str]]:
    """Reads the library's list: a priority byte and a NUL-terminated tag, over and over, up to a zero priority."""
    while priority := ctypes.string_at(address, 1)[0]:
        tag = ctypes.string_at(address + 1)
        yield priority, tag.decode().lower()
        address += len(tag) + 2


def _failed(why: str) -> DomainError:
    return DomainError(Reason.ENGINE_FAILED, f"The speech engine failed: {why}.", {"engine": "espeak"})
