"""Encodes mono 16-bit sound while it is made: raw PCM, WAV and MP3."""

import struct
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

SAMPLE_BYTES = 2
MP3_SAMPLE_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_MP3_BITS_PER_SECOND = 48_000
# MPEG-1, MPEG-2 and MPEG-2.5 have a list of bit rates each; from 32 kbit/s on, and as far as libmp3lame makes them.
_MP3_KILOBITS_BY_LOWEST_RATE = {
    32_000: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    16_000: (32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    8_000: (32, 40, 48, 56, 64),
}
# From 0 (best) to 9 (fastest); 7 takes two thirds of the default's time.
_MP3_EFFORT = "7"
# A stream's length is not known when its header leaves; players read on to the end of the data.
_UNKNOWN_LENGTH = 0xFFFFFFFF
_WAV_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


class AudioEncoding(StrEnum):
    """Names a way to store sound."""

    PCM_S16LE = "pcm_s16le"
    MP3 = "mp3"
    WAV = "wav"


def mp3_bit_rates(sample_rate_hz: int) -> tuple[int, ...]:
    """Lists the bits per second, from 32000 on, that an MP3 stream of this sample rate can have.

    Raises:
        ValueError: for a sample rate that MP3 does not know.
    """
    if sample_rate_hz not in MP3_SAMPLE_RATES_HZ:
        raise ValueError(f"MP3 has no {sample_rate_hz} Hz; it has {MP3_SAMPLE_RATES_HZ}")
    kilobits = next(rates for lowest, rates in _MP3_KILOBITS_BY_LOWEST_RATE.items() if sample_rate_hz >= lowest)
    return tuple(1000 * rate for rate in kilobits)


class _Encoder(Protocol):
    def feed(self, pcm: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class AudioEncoder:
    """Encodes mono s16le samples piece by piece.

    Every byte that can be decoded already leaves with the piece that completed it. One encoder is fed by one thread
    at a time. MP3 has `bit_rate_bps`, or 48 kbit/s for 0; the other encodings take no notice of it. WAV has the header
    of a stream of unknown length.

    Raises:
        ValueError: for a sample rate that the encoding does not know, or a bit rate that is not in `mp3_bit_rates`.
    """

    def __init__(self, encoding: AudioEncoding, sample_rate_hz: int, bit_rate_bps: int = 0) -> None:
        self._encoder: _Encoder
        if encoding is AudioEncoding.MP3:
            self._encoder = _Mp3Encoder(sample_rate_hz, bit_rate_bps or _MP3_BITS_PER_SECOND)
        else:
            self._encoder = _ENCODERS[encoding](sample_rate_hz)

    def feed(self, pcm: bytes) -> bytes:
        """Takes samples, of any number of bytes, and returns what is encoded by now."""
        return self._encoder.feed(pcm)

    def finish(self) -> bytes:
        """Ends the sound and returns its last bytes; nothing can be fed afterwards."""
        return self._encoder.finish()


def _wav_header(sample_rate_hz: int) -> bytes:
    pcm_format = (16, 1, 1, sample_rate_hz, sample_rate_hz * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES)
    return _WAV_HEADER.pack(b"RIFF", _UNKNOWN_LENGTH, b"WAVE", b"fmt ", *pcm_format, b"data", _UNKNOWN_LENGTH)


class _PcmEncoder:
    def __init__(self, sample_rate_hz: int) -> None:
        if sample_rate_hz <= 0:
            raise ValueError(f"{sample_rate_hz} Hz is not a sample rate")

    def feed(self, pcm: bytes) -> bytes:
        return pcm

    def finish(self) -> bytes:
        return b""


class _WavEncoder(_PcmEncoder):
    def __init__(self, sample_rate_hz: int) -> None:
        super().__init__(sample_rate_hz)
        self._header = _wav_header(sample_rate_hz)

    def feed(self, pcm: bytes) -> bytes:
        header, self._header = self._header, b""
        return header + pcm

    def finish(self) -> bytes:
        return self.feed(b"")


class _Sink:
    """The file that the muxer writes to; it cannot seek."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def take(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data


class _Mp3Encoder:
    def __init__(self, sample_rate_hz: int, bit_rate_bps: int) -> None:
        known = mp3_bit_rates(sample_rate_hz)
        if bit_rate_bps not in known:
            raise ValueError(f"MP3 at {sample_rate_hz} Hz has no {bit_rate_bps} bit/s; it has {known}")
        # FFmpeg's libraries take 15 MB: a process that never makes MP3 should not pay for them.
        import av  # noqa: PLC0415

        self._av = av
        self._rate = sample_rate_hz
        self._sink = _Sink()
        self._odd = b""
        # A Xing header needs a seek back to the start, and the default buffer holds six seconds of sound back.
        options = {"write_xing": "0", "id3v2_version": "0"}
        self._container = av.open(self._sink, "w", format="mp3", options=options, buffer_size=1024)
        self._stream: Any = self._container.add_stream("libmp3lame", rate=sample_rate_hz, layout="mono")
        self._stream.bit_rate = bit_rate_bps
        self._stream.options = {"compression_level": _MP3_EFFORT}

    def feed(self, pcm: bytes) -> bytes:
        pcm = self._odd + pcm
        whole = len(pcm) - len(pcm) % SAMPLE_BYTES
        self._odd = pcm[whole:]
        if whole:
            self._encode(self._frame(pcm[:whole]))
        return self._sink.take()

    def finish(self) -> bytes:
        self._encode(None)
        self._container.close()
        return self._sink.take()

    def _frame(self, pcm: bytes) -> Any:
        frame = self._av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // SAMPLE_BYTES)
        frame.planes[0].update(pcm)
        frame.sample_rate = self._rate
        return frame

    def _encode(self, frame: Any) -> None:
        self._container.mux(self._stream.encode(frame))


_ENCODERS: dict[AudioEncoding, Callable[[int], _Encoder]] = {
    AudioEncoding.PCM_S16LE: _PcmEncoder,
    AudioEncoding.WAV: _WavEncoder,
}
