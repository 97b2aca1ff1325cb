"""Requests of the contract to values of the engine, checked; and the engine's events back to messages."""

from typing import Any

from google.protobuf.duration_pb2 import Duration

from quintet.media.v1 import audio_pb2, engine_pb2
from quintet.tts.v1 import tts_service_pb2 as pb
from quintet_audio.encode import AudioEncoding
from quintet_audio.resample import SAMPLE_RATES_HZ
from quintet_errors import DomainError, Reason
from quintet_tts.encoding import Sound
from quintet_tts.engine import Finished, SpeechRequest, Started, Voice
from quintet_tts.narration import NarrationEvent, TextSpoken
from quintet_tts.speakable_text import clean

LONGEST_TEXT = 20_000
_SLOWEST_RATE, _FASTEST_RATE = 0.25, 4.0
_LOWEST_BIT_RATE, _HIGHEST_BIT_RATE = 32_000, 320_000
_DEFAULT_PAGE, _LARGEST_PAGE = 100, 1000

_ENCODINGS: dict[int, AudioEncoding] = {
    audio_pb2.AUDIO_ENCODING_UNSPECIFIED: AudioEncoding.PCM_S16LE,
    audio_pb2.AUDIO_ENCODING_PCM_S16LE: AudioEncoding.PCM_S16LE,
    audio_pb2.AUDIO_ENCODING_MP3: AudioEncoding.MP3,
    audio_pb2.AUDIO_ENCODING_WAV: AudioEncoding.WAV,
}
# Ways to store sound that a voice does not use; recordings come in them.
_OTHER_ENCODINGS = frozenset({audio_pb2.AUDIO_ENCODING_PCM_F32LE, audio_pb2.AUDIO_ENCODING_FILE})
_ENCODING_NUMBERS = {
    AudioEncoding.PCM_S16LE: audio_pb2.AUDIO_ENCODING_PCM_S16LE,
    AudioEncoding.MP3: audio_pb2.AUDIO_ENCODING_MP3,
    AudioEncoding.WAV: audio_pb2.AUDIO_ENCODING_WAV,
}


def check_text(text: str) -> None:
    """Checks what to say.

    Raises:
        DomainError: MISSING_FIELD or INVALID_ARGUMENT.
    """
    if not clean(text).strip():
        raise DomainError(Reason.MISSING_FIELD, "There is no text to speak.", {"field": "text"})
    if len(text) > LONGEST_TEXT:
        raise invalid("text", f"The text has {len(text)} characters; {LONGEST_TEXT} is the most.")


def to_speech_request(how: pb.SynthesizeRequest | pb.StreamingSynthesizeConfig, text: str = "") -> SpeechRequest:
    """Checks how to speak.

    Raises:
        DomainError: INVALID_ARGUMENT.
    """
    rate = how.speaking_rate or 1.0
    if not _SLOWEST_RATE <= rate <= _FASTEST_RATE:
        raise invalid("speaking_rate", f"speaking_rate must be from {_SLOWEST_RATE} to {_FASTEST_RATE}.")
    return SpeechRequest(text, how.language.strip(), how.voice.strip(), rate)


def to_sound(how: pb.SynthesizeRequest | pb.StreamingSynthesizeConfig) -> Sound:
    """Reads how to store the sound.

    Raises:
        DomainError: INVALID_ARGUMENT, or UNSUPPORTED_FORMAT for an encoding that is not in the contract.
    """
    if how.sample_rate_hz not in {0, *SAMPLE_RATES_HZ}:
        allowed = ", ".join(map(str, SAMPLE_RATES_HZ))
        raise invalid("sample_rate_hz", f"sample_rate_hz must be 0 or one of {allowed}.")
    if how.bit_rate_bps and not _LOWEST_BIT_RATE <= how.bit_rate_bps <= _HIGHEST_BIT_RATE:
        raise invalid("bit_rate_bps", f"bit_rate_bps must be 0 or from {_LOWEST_BIT_RATE} to {_HIGHEST_BIT_RATE}.")
    return Sound(_to_encoding(how.encoding), how.sample_rate_hz, how.bit_rate_bps)


def to_response(event: NarrationEvent, sound: Sound) -> pb.SynthesizeResponse:
    """Wraps an event of one text for the wire."""
    return pb.SynthesizeResponse(**_fields(event, sound))


def to_streaming_response(event: NarrationEvent, sound: Sound) -> pb.StreamingSynthesizeResponse:
    """Wraps an event of a stream of texts for the wire."""
    if isinstance(event, TextSpoken):
        spoken = pb.TextSpoken(index=event.index, end_offset=_duration(event.end_s))
        return pb.StreamingSynthesizeResponse(spoken=spoken)
    return pb.StreamingSynthesizeResponse(**_fields(event, sound))


def invalid(field: str, message: str) -> DomainError:
    """Returns the error of a field whose value is out of range."""
    return DomainError(Reason.INVALID_ARGUMENT, message, {"field": field})


def page_of(voices: list[Voice], request: pb.ListVoicesRequest) -> pb.ListVoicesResponse:
    """Cuts the asked-for page out of all voices; a token is the number of voices before the page.

    Raises:
        DomainError: INVALID_ARGUMENT for a size out of range or a token that was never given out.
    """
    size = request.page_size or _DEFAULT_PAGE
    if not 1 <= size <= _LARGEST_PAGE:
        raise invalid("page_size", f"page_size must be from 1 to {_LARGEST_PAGE}, or 0 for {_DEFAULT_PAGE}.")
    start = _offset(request.page_token, len(voices))
    end = start + size
    return pb.ListVoicesResponse(
        voices=[
            pb.Voice(name=voice.name, languages=voice.languages, display_name=voice.display_name)
            for voice in voices[start:end]
        ],
        next_page_token=str(end) if end < len(voices) else "",
    )


def _offset(token: str, count: int) -> int:
    if not token:
        return 0
    known = len(token) <= 9 and token.isascii() and token.isdigit() and int(token) < count
    if not known:
        raise invalid("page_token", "page_token must be the next_page_token of the page before.")
    return int(token)


def _to_encoding(number: int) -> AudioEncoding:
    encoding = _ENCODINGS.get(number)
    if encoding is not None:
        return encoding
    if number in _OTHER_ENCODINGS:
        name = audio_pb2.AudioEncoding.Name(number)  # type: ignore[arg-type]
        raise invalid("encoding", f"Speech is not made as {name}. Ask for PCM_S16LE, MP3 or WAV.")
    raise DomainError(
        Reason.UNSUPPORTED_FORMAT,
        f"The audio encoding {number} is unknown. Ask for PCM, MP3 or WAV.",
        {"field": "encoding", "encoding": str(number)},
    )


def _fields(event: NarrationEvent, sound: Sound) -> dict[str, Any]:
    if isinstance(event, bytes):
        return {"audio": event}
    if isinstance(event, Finished):
        return {"finished": pb.SynthesisFinished(audio_duration=_duration(event.duration_s))}
    assert isinstance(event, Started)  # noqa: S101 - TextSpoken belongs to streams of texts alone
    return {"started": _started(event, sound.encoding)}


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration


def _started(event: Started, encoding: AudioEncoding) -> pb.SynthesisStarted:
    return pb.SynthesisStarted(
        format=audio_pb2.AudioFormat(
            encoding=_ENCODING_NUMBERS[encoding], sample_rate_hz=event.sample_rate_hz, channel_count=1
        ),
        voice=event.voice,
        language=event.language,
        limitations=[
            engine_pb2.Limitation(subject=one.subject, explanation=one.explanation, remedy=one.remedy)
            for one in event.limitations
        ],
    )
