"""Requests of the contract to values of the engine, checked; and the engine's events back to messages."""

from google.protobuf.duration_pb2 import Duration

from quintet.media.v1 import audio_pb2, engine_pb2
from quintet.tts.v1 import tts_service_pb2 as pb
from quintet_audio.encode import AudioEncoding
from quintet_errors import DomainError, Reason
from quintet_tts.engine import Finished, SpeechEvent, SpeechRequest, Started, Voice
from quintet_tts.speakable_text import clean

LONGEST_TEXT = 20_000
_SLOWEST_RATE, _FASTEST_RATE = 0.25, 4.0
_DEFAULT_PAGE, _LARGEST_PAGE = 100, 1000

_ENCODINGS: dict[int, AudioEncoding] = {
    audio_pb2.AUDIO_ENCODING_UNSPECIFIED: AudioEncoding.PCM_S16LE,
    audio_pb2.AUDIO_ENCODING_PCM_S16LE: AudioEncoding.PCM_S16LE,
    audio_pb2.AUDIO_ENCODING_MP3: AudioEncoding.MP3,
    audio_pb2.AUDIO_ENCODING_WAV: AudioEncoding.WAV,
}
_ENCODING_NUMBERS = {
    AudioEncoding.PCM_S16LE: audio_pb2.AUDIO_ENCODING_PCM_S16LE,
    AudioEncoding.MP3: audio_pb2.AUDIO_ENCODING_MP3,
    AudioEncoding.WAV: audio_pb2.AUDIO_ENCODING_WAV,
}


def to_speech_request(request: pb.SynthesizeRequest) -> SpeechRequest:
    """Checks what to say and how.

    Raises:
        DomainError: MISSING_FIELD or INVALID_ARGUMENT.
    """
    if not clean(request.text).strip():
        raise DomainError(Reason.MISSING_FIELD, "There is no text to speak.", {"field": "text"})
    if len(request.text) > LONGEST_TEXT:
        raise _invalid("text", f"The text has {len(request.text)} characters; {LONGEST_TEXT} is the most.")
    rate = request.speaking_rate or 1.0
    if not _SLOWEST_RATE <= rate <= _FASTEST_RATE:
        raise _invalid("speaking_rate", f"speaking_rate must be from {_SLOWEST_RATE} to {_FASTEST_RATE}.")
    return SpeechRequest(request.text, request.language.strip(), request.voice.strip(), rate)


def to_encoding(request: pb.SynthesizeRequest) -> AudioEncoding:
    """Reads how to store the sound.

    Raises:
        DomainError: UNSUPPORTED_FORMAT for a number that is not in the contract.
    """
    encoding = _ENCODINGS.get(request.encoding)
    if encoding is None:
        raise DomainError(
            Reason.UNSUPPORTED_FORMAT,
            f"The audio encoding {request.encoding} is unknown. Ask for PCM, MP3 or WAV.",
            {"field": "encoding", "encoding": str(request.encoding)},
        )
    return encoding


def to_response(event: SpeechEvent, encoding: AudioEncoding) -> pb.SynthesizeResponse:
    """Wraps an event for the wire."""
    if isinstance(event, bytes):
        return pb.SynthesizeResponse(audio=event)
    if isinstance(event, Finished):
        duration = Duration()
        duration.FromNanoseconds(round(event.duration_s * 1e9))
        return pb.SynthesizeResponse(finished=pb.SynthesisFinished(audio_duration=duration))
    return pb.SynthesizeResponse(started=_started(event, encoding))


def page_of(voices: list[Voice], request: pb.ListVoicesRequest) -> pb.ListVoicesResponse:
    """Cuts the asked-for page out of all voices; a token is the number of voices before the page.

    Raises:
        DomainError: INVALID_ARGUMENT for a size out of range or a token that was never given out.
    """
    size = request.page_size or _DEFAULT_PAGE
    if not 1 <= size <= _LARGEST_PAGE:
        raise _invalid("page_size", f"page_size must be from 1 to {_LARGEST_PAGE}, or 0 for {_DEFAULT_PAGE}.")
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
        raise _invalid("page_token", "page_token must be the next_page_token of the page before.")
    return int(token)


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


def _invalid(field: str, message: str) -> DomainError:
    return DomainError(Reason.INVALID_ARGUMENT, message, {"field": field})
