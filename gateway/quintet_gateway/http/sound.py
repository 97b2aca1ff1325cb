"""Sound on its way to a client: whole WAV files, and base64 in steps."""

import base64
import io
import wave

_STEP = 3 << 16


def wav_file(pcm: bytes, sample_rate_hz: int, lead_s: float = 0.0) -> bytes:
    """Returns 16-bit samples of one channel as a WAV file that states its length, behind `lead_s` of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(sample_rate_hz)
        writer.writeframesraw(bytes(2 * round(lead_s * sample_rate_hz)))
        writer.writeframes(pcm)
    return file.getvalue()


def base64_text(data: bytes) -> str:
    """Returns bytes as base64.

    Megabytes in one call would hold up every other thread; only whole groups of three bytes can be joined.
    """
    steps = (data[start : start + _STEP] for start in range(0, len(data), _STEP))
    return "".join([base64.b64encode(step).decode("ascii") for step in steps])
