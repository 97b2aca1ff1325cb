"""Recordings of any container to mono samples for a recogniser, within bounds of time and memory.

Hostile files are the normal case: the demuxer is fixed by the first bytes (a playlist, which could name other files,
never gets one), every size is checked on what was really decoded, and headers are believed in nothing.
"""

import io
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from quintet_audio.sniff import HEAD_BYTES, sniff_audio
from quintet_errors import DomainError, Reason

Samples = NDArray[np.float32]

_DEMUXERS = {
    "wav": "wav",
    "mp3": "mp3",
    "ogg": "ogg",
    "webm": "matroska,webm",
    "matroska": "matroska,webm",
    "m4a": "mov,mp4,m4a,3gp,3g2,mj2",
    "mp4": "mov,mp4,m4a,3gp,3g2,mj2",
    "flac": "flac",
    "aac": "aac",
}
# A header may name a rate at which a few bytes would last for hours, or none that sound ever had.
_LOWEST_RATE_HZ = 2_000
_HIGHEST_RATE_HZ = 768_000
_MOST_CHANNELS = 64
# Codecs give about a thousand samples at a time; mixing them one by one would take most of the time.
_BLOCK_SAMPLES = 16_384


@dataclass(frozen=True)
class Recording:
    """Decoded sound: `samples` are mono, float32, within -1 and 1; `format` is the container's name."""

    samples: Samples
    sample_rate_hz: int
    format: str

    @property
    def duration_s(self) -> float:
        """Length of what could be decoded, in seconds."""
        return len(self.samples) / self.sample_rate_hz


def decode_speech(
    data: bytes, *, max_seconds: float, cut_seconds: float | None = None, sample_rate_hz: int = 16_000
) -> Recording:
    """Decodes a file to mono at `sample_rate_hz`; packets that are damaged are left out.

    With `cut_seconds`, what comes after so much sound is neither decoded nor counted.
    Blocks for a few seconds for half an hour of sound; FFmpeg works outside of the interpreter's lock.

    Raises:
        DomainError: UNSUPPORTED_FORMAT, UNDECODABLE_MEDIA, or MEDIA_TOO_LONG as soon as the limit is passed.
    """
    container = sniff_audio(data[:HEAD_BYTES])
    if container is None:
        raise DomainError(
            Reason.UNSUPPORTED_FORMAT, "The file is not a recording. Send WAV, MP3, OGG, WebM, M4A, FLAC or AAC."
        )
    downmix = _Downmix(sample_rate_hz, max_seconds)
    try:
        with closing(_frames(data, container)) as frames:
            for frame in frames:
                downmix.add(frame)
                if cut_seconds is not None and downmix.seconds >= cut_seconds:
                    break
        samples = downmix.finish()
    except (av.FFmpegError, ValueError) as error:
        raise _undecodable("its content does not match its format") from error
    longest = None if cut_seconds is None else round(cut_seconds * sample_rate_hz)
    return Recording(samples[:longest], sample_rate_hz, container)


def _frames(data: bytes, container: str) -> Generator[AudioFrame, None, None]:
    options = {"format_whitelist": _DEMUXERS[container]}
    damaged = decoded = 0
    with av.open(io.BytesIO(data), "r", metadata_errors="ignore", options=options) as media:
        if not media.streams.audio:
            raise _undecodable("it holds no sound")
        for packet in media.demux(media.streams.audio[0]):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                damaged += 1
                continue
            decoded += len(frames)
            yield from frames
    if damaged and not decoded:
        raise _undecodable("every part of it is damaged")


class _Downmix:
    """Collects frames as mono samples at one rate and stops at the limit."""

    def __init__(self, rate_hz: int, max_seconds: float) -> None:
        self._rate_hz = rate_hz
        self._max_seconds = max_seconds
        self.seconds = 0.0
        # A growing byte array: a list of pieces would hold everything twice at the end.
        self._pcm = bytearray()
        self._setup: tuple[str, str, int] | None = None
        self._packer = AudioResampler()
        self._resampler = AudioResampler()

    def add(self, frame: AudioFrame) -> None:
        if not _LOWEST_RATE_HZ <= frame.sample_rate <= _HIGHEST_RATE_HZ or frame.layout.nb_channels > _MOST_CHANNELS:
            raise _undecodable(f"{frame.layout.nb_channels} channels at {frame.sample_rate} Hz are no recording")
        # The length counts before resampling, which could make a small frame huge.
        self.seconds += frame.samples / frame.sample_rate
        if self.seconds > self._max_seconds:
            raise _too_long(self._max_seconds)
        self._set_up(frame)
        self._mix(self._packer.resample(frame))

    def finish(self) -> Samples:
        self._flush()
        samples = np.frombuffer(self._pcm, np.float32)
        return np.clip(samples, -1, 1, out=samples)

    def _set_up(self, frame: AudioFrame) -> None:
        """Starts anew where a stream changes its shape, which chained files do."""
        setup = (frame.format.name, frame.layout.name, frame.sample_rate)
        if setup == self._setup:
            return
        self._flush()
        self._setup = setup
        self._packer = AudioResampler("flt", frame.layout, frame.sample_rate, frame_size=_BLOCK_SAMPLES)
        self._resampler = AudioResampler("flt", "mono", self._rate_hz)

    def _flush(self) -> None:
        if self._setup is not None:
            self._mix(self._packer.resample(None))
            self._keep(self._resampler.resample(None))

    def _mix(self, packed: list[AudioFrame]) -> None:
        for frame in packed:
            self._keep(self._resampler.resample(_mono(frame)))

    def _keep(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            self._pcm += frame.to_ndarray().tobytes()


def _mono(packed: AudioFrame) -> AudioFrame:
    """Averages the channels of a packed float frame; samples that are no numbers become silence.

    Neither is left to FFmpeg: it has no mono matrix for 64 channels and smears a NaN over its neighbours. The frame
    must be packed because PyAV reads past the end of planar frames of more than eight channels.
    """
    values = packed.to_ndarray().reshape(-1, packed.layout.nb_channels)
    clean = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    mono = np.clip(clean.mean(axis=1, dtype=np.float64), -1, 1).astype(np.float32)
    frame = AudioFrame.from_ndarray(mono[None], format="flt", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = packed.sample_rate, packed.pts, packed.time_base
    return frame


def _undecodable(why: str) -> DomainError:
    return DomainError(Reason.UNDECODABLE_MEDIA, f"The recording cannot be decoded: {why}.")


def _too_long(max_seconds: float) -> DomainError:
    number, unit = (max_seconds / 60, "minute") if max_seconds % 60 == 0 else (max_seconds, "second")
    limit = f"{number:g} {unit}{'' if number == 1 else 's'}"
    return DomainError(Reason.MEDIA_TOO_LONG, f"Audio is longer than {limit}", {"maxSeconds": f"{max_seconds:g}"})
