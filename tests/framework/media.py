"""Pictures and recordings, good and bad ones, made when they are needed."""

import io
import math
import struct
import wave
import zipfile
from functools import lru_cache

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

MIB = 1 << 20


def encoded(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


@lru_cache
def small_picture(file_format: str = "PNG") -> bytes:
    """A blue square in a picture format."""
    return encoded(Image.new("RGB", (64, 48), "blue"), file_format)


@lru_cache
def exit_sign() -> bytes:
    """A white picture that says EXIT 42 over a red square."""
    image = Image.new("RGB", (640, 480), "white")
    draw = ImageDraw.Draw(image)
    draw.text((60, 40), "EXIT 42", fill="black", font=ImageFont.load_default(size=96))
    draw.rectangle((200, 200, 440, 440), fill="red")
    return encoded(image)


@lru_cache
def truncated_jpeg() -> bytes:
    """The first half of a photograph-like JPEG."""
    pixels = np.random.default_rng(7).integers(0, 255, (300, 400, 3), np.uint8)
    whole = encoded(Image.fromarray(pixels), "JPEG", quality=90)
    return whole[: len(whole) // 2]


@lru_cache
def pixel_bomb() -> bytes:
    """100 megapixels in a few kilobytes of PNG."""
    bomb = encoded(Image.new("1", (10_000, 10_000)), "PNG", optimize=True)
    assert len(bomb) < MIB
    return bomb


def padded(media: bytes, size: int) -> bytes:
    """The same file with zeros behind its end, which decoders ignore."""
    return media + bytes(size - len(media))


@lru_cache
def zip_file() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("picture.png", small_picture())
    return file.getvalue()


@lru_cache
def tone(seconds: float = 1.0, rate: int = 16_000) -> bytes:
    """A WAV file with a 440 Hz tone; nobody speaks in it."""
    time = np.arange(int(seconds * rate)) / rate
    return wav((8000 * np.sin(2 * math.pi * 440 * time)).astype("<i2").tobytes(), rate)


def wav(samples: bytes, rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples)
    return file.getvalue()


@lru_cache
def lying_wav() -> bytes:
    """One second of sound whose header claims almost 2 GiB."""
    honest = bytearray(tone())
    struct.pack_into("<I", honest, 4, 0x7FFF_FF00)
    struct.pack_into("<I", honest, 40, 0x7FFF_FE00)
    return bytes(honest)


@lru_cache
def two_hours() -> bytes:
    """Two hours of silence in a small FLAC file."""
    return _encode_audio("flac", "flac", 8000, np.zeros((1, 8000), "<i2"), repeats=7200)


@lru_cache
def recording(container: str) -> bytes:
    """One second of a tone in `wav`, `mp3`, `webm`, `ogg` or `flac`."""
    if container == "wav":
        return tone()
    codec, rate = {"mp3": ("libmp3lame", 16_000), "flac": ("flac", 16_000)}.get(container, ("libopus", 48_000))
    time = np.arange(rate) / rate
    samples = (8000 * np.sin(2 * math.pi * 440 * time)).astype("<i2").reshape(1, -1)
    return _encode_audio(container, codec, rate, samples)


def audio_seconds(media: bytes) -> float:
    """Decodes an audio file to its end and returns its length."""
    with av.open(io.BytesIO(media)) as container:
        stream = container.streams.audio[0]
        return sum(frame.samples / frame.sample_rate for frame in container.decode(stream))


PLAYLIST = b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\nhttp://127.0.0.1:1/x.mp3\n"


def _encode_audio(container: str, codec: str, rate: int, samples: np.ndarray, repeats: int = 1) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        resampler = av.AudioResampler(stream.format, "mono", rate)
        for repeat in range(repeats):
            frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
            frame.sample_rate = rate
            frame.pts = repeat * samples.shape[1]
            for resampled in resampler.resample(frame):
                output.mux(stream.encode(resampled))
        output.mux(stream.encode(None))
    return file.getvalue()
