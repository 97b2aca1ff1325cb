"""What runs in PocketSphinx's process: one decoder, an utterance at a time.

The decoder holds the interpreter's lock while it works, so it would stall an event loop in its own process.
"""

import multiprocessing
import os
import re
import signal
import threading
from dataclasses import dataclass

from pocketsphinx import Decoder

_FRAMES_PER_SECOND = 100
# `<s>`, `<sil>` and `[NOISE]` are no words; `to(3)` is the third way to say "to".
_FILLER = re.compile(r"<.*>|\[.*\]|\+\+.*\+\+")
_VARIANT = re.compile(r"\(\d+\)$")


@dataclass(frozen=True)
class SpokenWord:
    """A recognised word; times in seconds from the start of the utterance, probability 0 to 1."""

    text: str
    start_s: float
    end_s: float
    probability: float


_decoders: list[Decoder] = []


def prepare() -> None:
    """Loads the decoder; the first thing that the process does."""
    # Ctrl-C reaches the whole group of processes, but the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # A low language weight: the bundled language model knows news, not questions to an assistant. Fewer active states
    # than by default halve the time of hard recordings and cost no words.
    _decoders.append(Decoder(lw=5.0, maxhmmpf=10_000, loglevel="FATAL"))


def process_id() -> int:
    """Returns the id of the process."""
    return os.getpid()


def recognise(pcm: bytes) -> list[SpokenWord]:
    """Returns the words of an utterance: 16 kHz mono, signed 16-bit little-endian."""
    decoder = _decoders[0]
    # What it learned of the last speaker's microphone is forgotten: a transcript depends on its recording alone.
    decoder.reinit_feat()
    decoder.start_utt()
    # As a whole: normalised over all of it, an utterance has half the errors of one that is fed in pieces.
    decoder.process_raw(pcm, False, True)
    decoder.end_utt()
    if decoder.hyp() is None:
        return []
    return [
        SpokenWord(
            _VARIANT.sub("", part.word),
            part.start_frame / _FRAMES_PER_SECOND,
            (part.end_frame + 1) / _FRAMES_PER_SECOND,
            min(1.0, max(0.0, part.prob)),
        )
        for part in decoder.seg()
        if not _FILLER.fullmatch(part.word)
    ]


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
