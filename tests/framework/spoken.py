"""Speech for tests: said by the tts service of a cluster, so that no recording and no other program is needed."""

import io
import wave
from collections.abc import Iterator

import grpc
import numpy as np

from framework.cluster import Cluster
from framework.media import wav
from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_PCM_S16LE
from quintet.tts.v1.tts_service_pb2 import SynthesizeRequest
from quintet.tts.v1.tts_service_pb2_grpc import TtsServiceStub

RATE_HZ = 16_000
_DEADLINE_S = 60


def spoken(cluster: Cluster, text: str, language: str = "en", *, silence_s: float = 1.0) -> bytes:
    """Returns a WAV file of 16 kHz in which a text is said, with silence behind it."""
    request = SynthesizeRequest(text=text, language=language, encoding=AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=RATE_HZ)
    with grpc.insecure_channel(cluster.grpc_address("tts")) as channel:
        events = TtsServiceStub(channel).Synthesize(request, timeout=_DEADLINE_S)
        sound = b"".join(event.audio for event in events)
    return wav(sound + bytes(2 * int(silence_s * RATE_HZ)), RATE_HZ)


def samples_of(recording: bytes) -> np.ndarray:
    """Returns the samples of a mono 16-bit WAV file as floats within -1 and 1."""
    with wave.open(io.BytesIO(recording)) as reader:
        assert (reader.getnchannels(), reader.getsampwidth()) == (1, 2)
        return np.frombuffer(reader.readframes(reader.getnframes()), "<i2").astype("<f4") / 32768


def pieces(samples: np.ndarray, piece_s: float, rate_hz: int = RATE_HZ) -> Iterator[bytes]:
    """Yields samples as little-endian float32, `piece_s` seconds at a time."""
    length = round(piece_s * rate_hz)
    return (samples[start : start + length].astype("<f4").tobytes() for start in range(0, len(samples), length))
