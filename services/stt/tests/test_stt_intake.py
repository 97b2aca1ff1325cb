"""Pieces of sound to samples, windows and probabilities: any cut of the same bytes gives the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quintet_errors import DomainError, Reason
from quintet_stt.streaming.ear import Ear, Ears
from quintet_stt.streaming.intake import Intake, Piece, PieceEncoding
from quintet_stt.streaming.tape import LONGEST_S, Tape, seconds_of
from quintet_stt.streaming.vad import VoiceMemory, VoiceModel

ENCODINGS = [PieceEncoding.PCM_S16LE, PieceEncoding.PCM_F32LE]
CUTS = st.lists(st.integers(1, 2000), min_size=1, max_size=12)


def encoded(samples: np.ndarray, encoding: PieceEncoding) -> bytes:
    if encoding is PieceEncoding.PCM_F32LE:
        return samples.astype("<f4").tobytes()
    return (samples * 32767).astype("<i2").tobytes()


def pieces_of(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, start = [], 0
    while start < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[start : start + size])
        start += size
    return pieces


def taken(pieces: list[bytes], encoding: PieceEncoding, rate_hz: int) -> np.ndarray:
    intake = Intake()
    return np.concatenate([intake.take(Piece(piece, encoding, rate_hz)) for piece in pieces])


@settings(max_examples=25, deadline=None)
@given(sizes=CUTS, encoding=st.sampled_from(ENCODINGS), rate_hz=st.sampled_from([8000, 16_000, 24_000, 44_100, 48_000]))
def test_cuts_make_no_difference(sizes, encoding, rate_hz):
    samples = np.random.default_rng(3).uniform(-1, 1, 9_000)
    data = encoded(samples, encoding)
    whole = taken([data], encoding, rate_hz)
    assert np.array_equal(taken(pieces_of(data, sizes), encoding, rate_hz), whole)
    assert len(whole) == pytest.approx(9_000 * 16_000 / rate_hz, abs=40)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 96_000, 192_000])
def test_tone_keeps_its_pitch_and_loudness(rate_hz):
    tone = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(rate_hz) / rate_hz)
    got = taken(pieces_of(encoded(tone, PieceEncoding.PCM_F32LE), [777]), PieceEncoding.PCM_F32LE, rate_hz)
    spectrum = np.abs(np.fft.rfft(got[1000:15_000] * np.hanning(14_000)))
    assert np.argmax(spectrum) * 16_000 / 14_000 == pytest.approx(1_000, abs=2)
    assert np.sqrt(np.mean(got[1000:15_000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)


def test_what_is_no_number_becomes_silence():
    values = np.array([0.5, np.nan, np.inf, -np.inf, 3.0, -3.0], "<f4")
    got = Intake().take(Piece(values.tobytes(), PieceEncoding.PCM_F32LE))
    assert got.tolist() == [0.5, 0, 0, 0, 1, -1]


def test_rate_may_change_and_nothing_is_lost():
    intake = Intake()
    total = 0
    for rate_hz in (48_000, 8_000, 16_000, 44_100, 16_000):
        total += len(intake.take(Piece(bytes(rate_hz * 2), PieceEncoding.PCM_S16LE, rate_hz)))
    assert total == pytest.approx(80_000, abs=8)


def test_cut_sample_does_not_survive_another_encoding():
    intake = Intake()
    intake.take(Piece(b"\x01\x02\x03"))
    assert intake.take(Piece(np.array([0.25], "<f4").tobytes(), PieceEncoding.PCM_F32LE)).tolist() == [0.25]


def test_file_is_decoded_whatever_its_rate(speech_wav, speech):
    got = Intake().take(Piece(speech_wav, PieceEncoding.FILE))
    assert np.array_equal(got, speech.samples)


@pytest.mark.parametrize(
    ("piece", "reason"),
    [
        (Piece(b"no file at all", PieceEncoding.FILE), Reason.UNSUPPORTED_FORMAT),
        (Piece(b"OggS\0" + bytes(500), PieceEncoding.FILE), Reason.UNDECODABLE_MEDIA),
        (Piece(bytes(8_000 * 2 * 61), PieceEncoding.PCM_S16LE, 8_000), Reason.MEDIA_TOO_LONG),
    ],
)
def test_what_cannot_be_heard(piece, reason):
    with pytest.raises(DomainError) as failure:
        Intake().take(piece)
    assert failure.value.reason is reason


@settings(max_examples=10, deadline=None)
@given(sizes=CUTS)
def test_cuts_make_no_difference_to_probabilities(speech, sizes):
    model = VoiceModel()
    whole, cut = VoiceMemory(), VoiceMemory()
    samples = speech.samples[:16_000]
    expected = model.probabilities(whole, whole.windows(samples))
    parts = (samples[start : start + size] for start, size in _spans(sizes, len(samples)))
    got = [value for part in parts for value in model.probabilities(cut, cut.windows(part))]
    assert got == pytest.approx(expected, abs=1e-5)
    assert max(expected) > 0.9


def _spans(sizes: list[int], length: int) -> list[tuple[int, int]]:
    spans, start = [], 0
    while start < length:
        spans.append((start, sizes[len(spans) % len(sizes)]))
        start += spans[-1][1]
    return spans


async def test_long_piece_is_heard_like_its_parts(speech):
    ears = Ears()
    samples = np.tile(speech.samples, 4)
    heard = await ears.hear(Ear.new(), Piece(encoded(samples, PieceEncoding.PCM_F32LE), PieceEncoding.PCM_F32LE))
    ear, parts = Ear.new(), []
    for data in pieces_of(encoded(samples, PieceEncoding.PCM_F32LE), [12_345]):
        parts += (await ears.hear(ear, Piece(data, PieceEncoding.PCM_F32LE))).probabilities
    ears.close()
    assert len(heard.windows) == len(heard.probabilities) == len(samples) // 512
    assert parts == pytest.approx(heard.probabilities, abs=1e-5)


def test_reset_ear_hears_like_a_new_one(speech):
    model, memory = VoiceModel(), VoiceMemory()
    model.probabilities(memory, memory.windows(speech.samples[:5_000]))
    memory.reset()
    fresh = VoiceMemory()
    fresh.rest = np.zeros(len(memory.rest), np.float32)
    later = speech.samples[5_000:12_000]
    assert model.probabilities(memory, memory.windows(later)) == model.probabilities(fresh, fresh.windows(later))


def test_tape_keeps_a_minute_and_drops_the_oldest():
    tape = Tape()
    for number in range(100):
        tape.append(np.full((30, 512), number, np.float32))
    assert seconds_of(tape.end - tape.start) == pytest.approx(LONGEST_S, abs=0.032)
    first, samples = tape.cut(0, tape.end)
    assert first == tape.start
    assert len(samples) == (tape.end - tape.start) * 512
    tape.forget_before(tape.end - 3)
    assert tape.cut(0, tape.end)[1].tolist() == [99.0] * 3 * 512
    assert len(tape.cut(tape.end, tape.end + 5)[1]) == 0
