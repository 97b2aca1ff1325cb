"""Parts of messages: those of transcripts, and what two of them say about languages."""

from google.protobuf.duration_pb2 import Duration

from quintet.stt.v1 import stt_service_pb2 as pb
from quintet_stt.engine import LanguageHints, Segment, Word
from quintet_stt.language import primary_tag


def segment_of(segment: Segment) -> pb.Segment:
    """Returns the message of a segment."""
    return pb.Segment(
        text=segment.text,
        start_offset=duration_of(segment.start_s),
        end_offset=duration_of(segment.end_s),
        confidence=segment.confidence,
        words=[word_of(word) for word in segment.words],
    )


def word_of(word: Word) -> pb.Word:
    """Returns the message of a word."""
    return pb.Word(
        text=word.text,
        start_offset=duration_of(word.start_s),
        end_offset=duration_of(word.end_s),
        confidence=word.confidence,
    )


def duration_of(seconds: float) -> Duration:
    """Returns a duration, to the nanosecond."""
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration


def hints_of(config: pb.TranscribeConfig | pb.StreamingTranscribeConfig) -> LanguageHints:
    """Returns what a caller knows about the language.

    Raises:
        DomainError: INVALID_ARGUMENT for what is no tag.
    """
    likely = primary_tag(config.likely_language, "likely_language") if config.likely_language else ""
    return LanguageHints(likely, tuple(primary_tag(tag, "languages") for tag in config.languages))
