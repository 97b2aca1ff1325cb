"""What a conversation tells, as messages."""

from quintet.stt.v1 import stt_service_pb2 as pb
from quintet_errors import DomainError
from quintet_stt.engine import Transcript, Word
from quintet_stt.messages import duration_of, word_of
from quintet_stt.streaming.events import Activity, Command, CommandDone, Event, Interim, Spoken, Started, Stopped

_COMMANDS = {
    Command.END_UTTERANCE: pb.STREAMING_COMMAND_END_UTTERANCE,
    Command.RESET: pb.STREAMING_COMMAND_RESET,
}


def response_of(event: Event) -> pb.StreamingTranscribeResponse:
    """Returns the message of an event."""
    match event:
        case Activity(probability, in_speech):
            activity = pb.VoiceActivity(probability=probability, in_speech=in_speech)
            return pb.StreamingTranscribeResponse(activity=activity)
        case Started(start_s):
            return pb.StreamingTranscribeResponse(speech_started=pb.SpeechStarted(start_offset=duration_of(start_s)))
        case Stopped(end_s, is_utterance):
            ended = pb.SpeechEnded(end_offset=duration_of(end_s), is_utterance=is_utterance)
            return pb.StreamingTranscribeResponse(speech_ended=ended)
        case Interim(text, language):
            return pb.StreamingTranscribeResponse(interim=pb.InterimText(text=text, language=language))
        case Spoken():
            return pb.StreamingTranscribeResponse(utterance=_utterance(event))
        case CommandDone(command):
            return pb.StreamingTranscribeResponse(command_done=_COMMANDS[command])


def _utterance(spoken: Spoken) -> pb.Utterance:
    utterance = pb.Utterance(
        start_offset=duration_of(spoken.start_s),
        end_offset=duration_of(spoken.end_s),
        was_speculative=spoken.was_speculative,
        delay=duration_of(spoken.delay_s),
    )
    if isinstance(spoken.result, DomainError):
        utterance.error_reason = spoken.result.reason.value
    else:
        _fill(utterance, spoken.result, spoken.offset_s)
    return utterance


def _fill(utterance: pb.Utterance, transcript: Transcript, offset_s: float) -> None:
    utterance.text = transcript.text
    utterance.language = transcript.language
    utterance.language_probability = transcript.language_probability
    utterance.confidence = transcript.confidence
    words = (word for segment in transcript.segments for word in segment.words)
    utterance.words.extend(
        word_of(Word(word.text, word.start_s + offset_s, word.end_s + offset_s, word.confidence)) for word in words
    )
