"""Pieces of sound, in any form that a caller may send, to mono samples at 16 kHz."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from quintet_audio.decode import Samples, decode_speech
from quintet_errors import DomainError, Reason
from quintet_stt.windows import RATE_HZ

MOST_BYTES = 1 << 20
LONGEST_PIECE_S = 60.0
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 8_000, 192_000


class PieceEncoding(Enum):
    """How the bytes of a piece are to be read; FILE is a whole recording, whose first bytes tell the rest."""

    PCM_S16LE = 2
    PCM_F32LE = 4
    FILE = 0

    @property
    def sample_bytes(self) -> int:
        """Bytes of a sample; 0 where that is for the file to say."""
        return self.value


@dataclass(frozen=True)
class Piece:
    """One piece of sound of one channel; a file has a rate of its own."""

    data: bytes
    encoding: PieceEncoding = PieceEncoding.PCM_S16LE
    sample_rate_hz: int = RATE_HZ


class Intake:
    """The way in of one conversation. It blocks, and one thread at a time may use it.

    Samples that are cut by the border of two pieces are put together. How the sound is cut into pieces makes no
    difference to its samples.
    """

    def __init__(self) -> None:
        self._encoding = PieceEncoding.PCM_S16LE
        self._rate_hz = RATE_HZ
        self._cut_sample = b""
        self._resampler: AudioResampler | None = None

    def take(self, piece: Piece) -> Samples:
        """Returns the samples that the piece completes.

        Raises:
            DomainError: MEDIA_TOO_LONG, and for a file UNSUPPORTED_FORMAT or UNDECODABLE_MEDIA.
        """
        if piece.encoding is PieceEncoding.FILE:
            samples = decode_speech(piece.data, max_seconds=LONGEST_PIECE_S).samples
            return _joined(self._change(piece.encoding, RATE_HZ), samples)
        _check_length(piece)
        before = self._change(piece.encoding, piece.sample_rate_hz)
        return _joined(before, self._resampled(self._whole_samples(piece.data)))

    def reset(self) -> None:
        """Forgets what is not yet a sample."""
        self._cut_sample = b""
        self._resampler = None

    def _change(self, encoding: PieceEncoding, rate_hz: int) -> Samples:
        """Gets ready for another encoding or rate, and returns what the resampler still held."""
        if encoding is not self._encoding:
            self._encoding, self._cut_sample = encoding, b""
        if rate_hz == self._rate_hz:
            return np.zeros(0, np.float32)
        self._rate_hz, resampler, self._resampler = rate_hz, self._resampler, None
        return np.zeros(0, np.float32) if resampler is None else _samples_of(resampler.resample(None))

    def _whole_samples(self, data: bytes) -> Samples:
        data = self._cut_sample + data
        whole = len(data) - len(data) % self._encoding.sample_bytes
        self._cut_sample = data[whole:]
        if self._encoding is PieceEncoding.PCM_S16LE:
            samples = np.frombuffer(data, "<i2", whole // 2).astype(np.float32)
            samples /= 32768
            return samples
        values = np.frombuffer(data, "<f4", whole // 4).astype(np.float32)
        values[~np.isfinite(values)] = 0
        np.clip(values, -1, 1, out=values)
        return values

    def _resampled(self, samples: Samples) -> Samples:
        if self._rate_hz == RATE_HZ or not len(samples):
            return samples
        if self._resampler is None:
            self._resampler = AudioResampler("flt", "mono", RATE_HZ)
        frame = AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = self._rate_hz
        return _samples_of(self._resampler.resample(frame))


def _check_length(piece: Piece) -> None:
    if len(piece.data) > LONGEST_PIECE_S * piece.sample_rate_hz * piece.encoding.sample_bytes:
        raise DomainError(
            Reason.MEDIA_TOO_LONG,
            f"A piece of sound holds at most {LONGEST_PIECE_S:g} s.",
            {"maxSeconds": f"{LONGEST_PIECE_S:g}"},
        )


def _samples_of(frames: list[AudioFrame]) -> Samples:
    parts = [frame.to_ndarray()[0] for frame in frames]
    # A filter may overshoot what was within bounds.
    return np.clip(np.concatenate(parts), -1, 1) if parts else np.zeros(0, np.float32)


def _joined(first: Samples, second: Samples) -> Samples:
    return np.concatenate([first, second]) if len(first) else second
