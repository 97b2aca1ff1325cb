"""Every container in, hostile ones too."""

import io
import struct
import tracemalloc

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet_audio.decode import decode_speech
from quintet_audio.sniff import HEAD_BYTES, sniff_audio
from quintet_errors import DomainError, Reason

CONTAINERS = {
    "wav": ("wav", "pcm_s16le"),
    "mp3": ("mp3", "libmp3lame"),
    "ogg": ("ogg", "libopus"),
    "webm": ("webm", "libopus"),
    "matroska": ("matroska", "aac"),
    "m4a": ("ipod", "aac"),
    "mp4": ("mp4", "aac"),
    "flac": ("flac", "flac"),
    "aac": ("adts", "aac"),
}


def tone(seconds: float, rate: int = 48_000) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def encoded(container: str, seconds: float = 2.0, layout: str = "stereo", rate: int = 48_000) -> bytes:
    muxer, codec = CONTAINERS[container]
    sink = io.BytesIO()
    with av.open(sink, "w", format=muxer) as media:
        stream = media.add_stream(codec, rate=rate, layout=layout)
        channels = stream.layout.nb_channels
        planar = np.repeat(tone(seconds, rate)[None], channels, axis=0)
        frame = av.AudioFrame.from_ndarray(planar, format="fltp", layout=layout)
        frame.sample_rate = rate
        media.mux(stream.encode(frame))
        media.mux(stream.encode(None))
    return sink.getvalue()


def wav(
    payload: bytes, *, tag: int = 1, channels: int = 1, rate: int = 16_000, bits: int = 16, size: int | None = None
):
    size = len(payload) if size is None else size
    block = channels * bits // 8
    head = struct.pack("<HHIIHH", tag, channels, rate, min(rate * block, 0xFFFFFFFF), block, bits)
    chunks = b"fmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", size) + payload
    return b"RIFF" + struct.pack("<I", min(len(chunks) + 4, 0xFFFFFFFF)) + b"WAVE" + chunks


def reason_of(data: bytes, max_seconds: float = 1800) -> Reason:
    with pytest.raises(DomainError) as failure:
        decode_speech(data, max_seconds=max_seconds)
    return failure.value.reason


def frequency(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(spectrum.argmax() * 16_000 / len(samples))


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_is_recognised_and_decoded(container):
    data = encoded(container)
    assert sniff_audio(data[:HEAD_BYTES]) == container
    recording = decode_speech(data, max_seconds=60)
    assert recording.format == container
    assert recording.duration_s == pytest.approx(2.0, abs=0.1)
    assert recording.samples.dtype == np.float32
    assert frequency(recording.samples) == pytest.approx(440, abs=5)
    assert 0.3 < np.abs(recording.samples).max() <= 1


@pytest.mark.parametrize("container", ["mp3", "ogg", "webm", "wav"])
def test_first_half_of_a_file_gives_what_is_there(container):
    data = encoded(container, seconds=4)
    recording = decode_speech(data[: len(data) // 2], max_seconds=60)
    assert 1 < recording.duration_s < 3


@pytest.mark.parametrize("container", ["mp3", "ogg", "flac"])
def test_damaged_middle_is_left_out(container):
    data = bytearray(encoded(container, seconds=6))
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(np.random.default_rng(7).integers(0, 256, 200, np.uint8))
    assert 4 < decode_speech(bytes(data), max_seconds=60).duration_s < 7


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"R",
        b"RIFF",
        b"\x00" * 5000,
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"[playlist]\nFile1=http://127.0.0.1/\n",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 500,
        b"\xff\xd8\xff\xe0" + b"\0" * 500,
        b"\0\0\0\x20ftypavif" + b"\0" * 500,
        b"PK\x03\x04" + b"\0" * 500,
        "\ufeffplain text".encode("utf-16"),
        b"\xff\xfb\x90\x64" + b"not another frame" * 40,
    ],
)
def test_what_is_no_recording_is_refused(data):
    assert reason_of(data) is Reason.UNSUPPORTED_FORMAT


@pytest.mark.parametrize(
    "data",
    [
        b"RIFF\x24\0\0\0WAVE",
        b"fLaC" + b"\x07" * 300,
        b"OggS\0" + b"\x11" * 300,
        b"ID3\x04\0\0\0\0\0\x0a" + b"\x22" * 300,
        b"\0\0\0\x18ftypM4A " + b"\0" * 300,
        b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm" + b"\x33" * 300,
    ],
)
def test_right_magic_with_wrong_content_cannot_be_decoded(data):
    assert reason_of(data) is Reason.UNDECODABLE_MEDIA


def test_playlist_behind_an_id3_tag_opens_no_file(tmp_path):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(encoded("wav"))
    data = b"ID3\x04\0\0\0\0\0\0" + f"#EXTM3U\n#EXTINF:2,\n{secret}\n".encode()
    assert reason_of(data) is Reason.UNDECODABLE_MEDIA


def test_too_long_is_refused_before_the_rest_is_decoded():
    ten_minutes = encoded("flac", seconds=600, layout="mono", rate=8_000)
    tracemalloc.start()
    with pytest.raises(DomainError) as failure:
        decode_speech(ten_minutes, max_seconds=60)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert failure.value.reason is Reason.MEDIA_TOO_LONG
    assert failure.value.message == "Audio is longer than 1 minute"
    assert failure.value.metadata == {"maxSeconds": "60"}
    assert peak < 12 * 2**20


@pytest.mark.parametrize("container", ["flac", "wav"])
def test_long_recording_is_cut_before_the_rest_is_decoded(container):
    ten_minutes = encoded(container, seconds=600, layout="mono", rate=8_000)
    tracemalloc.start()
    recording = decode_speech(ten_minutes, max_seconds=60, cut_seconds=30)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert recording.duration_s == 30
    assert peak < 12 * 2**20


def test_shorter_recording_than_the_cut_is_whole():
    assert decode_speech(wav(b"\0" * 32_000), max_seconds=60, cut_seconds=30).duration_s == 1


@pytest.mark.parametrize(("limit", "words"), [(1800, "30 minutes"), (45, "45 seconds"), (1, "1 second")])
def test_limit_is_named_in_words(limit, words):
    silence = wav(b"\0" * (16_000 * 2 * (limit + 1)))
    with pytest.raises(DomainError) as failure:
        decode_speech(silence, max_seconds=limit)
    assert failure.value.message == f"Audio is longer than {words}"


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 10])
def test_lying_data_size_is_survived(size):
    pcm = (tone(1, 16_000) * 32767).astype("<i2").tobytes()
    recording = decode_speech(wav(pcm, size=size), max_seconds=60)
    assert recording.duration_s <= 1.01


def test_zero_samples_are_an_empty_recording():
    assert decode_speech(wav(b""), max_seconds=60).duration_s == 0


def test_64_channels_become_one():
    mono = (tone(0.5, 16_000) * 32767).astype("<i2")
    recording = decode_speech(wav(np.repeat(mono[:, None], 64, axis=1).tobytes(), channels=64), max_seconds=60)
    assert recording.duration_s == pytest.approx(0.5, abs=0.02)
    assert frequency(recording.samples) == pytest.approx(440, abs=5)


def test_384_khz_is_resampled():
    pcm = (tone(0.5, 384_000) * 32767).astype("<i2").tobytes()
    recording = decode_speech(wav(pcm, rate=384_000), max_seconds=60)
    assert recording.duration_s == pytest.approx(0.5, abs=0.02)
    assert frequency(recording.samples) == pytest.approx(440, abs=5)


@pytest.mark.parametrize("rate", [0, 1, 1_999, 4_000_000_000])
def test_absurd_rate_is_refused(rate):
    assert reason_of(wav(b"\1\2" * 50_000, rate=rate)) is Reason.UNDECODABLE_MEDIA


def test_samples_that_are_no_numbers_become_silence():
    samples = tone(0.5, 16_000)
    samples[1000:1100] = np.nan
    samples[2000] = np.inf
    samples[3000] = 1e30
    recording = decode_speech(wav(samples.tobytes(), tag=3, bits=32), max_seconds=60)
    assert np.isfinite(recording.samples).all()
    assert np.abs(recording.samples).max() <= 1
    assert np.abs(recording.samples[1020:1080]).max() < 0.01
    assert np.abs(recording.samples[5000:6000]).max() > 0.4


def test_video_without_sound_is_refused():
    sink = io.BytesIO()
    with av.open(sink, "w", format="mp4") as media:
        stream = media.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for _ in range(5):
            media.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        media.mux(stream.encode(None))
    assert reason_of(sink.getvalue()) is Reason.UNDECODABLE_MEDIA


@given(
    st.sampled_from([b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS\0", b"\xff\xfb\x90\x64", b"\xff\xf1\x50\x80", b""]),
    st.binary(),
)
def test_no_bytes_make_anything_but_a_domain_error(head, tail):
    try:
        recording = decode_speech(head + tail, max_seconds=10)
    except DomainError as error:
        assert error.reason in {Reason.UNSUPPORTED_FORMAT, Reason.UNDECODABLE_MEDIA, Reason.MEDIA_TOO_LONG}  # noqa: PT017
    else:
        assert np.isfinite(recording.samples).all()
