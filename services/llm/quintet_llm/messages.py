"""Between the contract's messages and the engine's types, with every check of a request."""

import math
import re
from datetime import UTC
from zoneinfo import ZoneInfo

from quintet.chat.v1 import chat_service_pb2 as pb
from quintet.vision.v1 import vision_service_pb2 as vision_pb
from quintet_errors import DomainError, Reason
from quintet_llm.conversation import (
    Area,
    Blindness,
    Passage,
    PictureFacts,
    PictureQuality,
    Role,
    SeenCode,
    SeenColor,
    SeenLine,
    SeenObject,
    Style,
    Turn,
)
from quintet_llm.engine import ChatRequest, Finished, FinishReason

_MOST_MESSAGES = 1000
_LARGEST_CONTENT = 1 << 20
_MOST_PASSAGES = 20
_LARGEST_PASSAGE = 64 << 10
_HOTTEST = 2.0
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:[-_][A-Za-z0-9]{1,8}){0,4}")
_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,2}")

_ROLES = {
    pb.ChatMessage.ROLE_SYSTEM: Role.SYSTEM,
    pb.ChatMessage.ROLE_USER: Role.USER,
    pb.ChatMessage.ROLE_ASSISTANT: Role.ASSISTANT,
}
_STYLES = {
    pb.StreamChatRequest.STYLE_UNSPECIFIED: Style.READ,
    pb.StreamChatRequest.STYLE_SPOKEN: Style.SPOKEN,
    pb.StreamChatRequest.STYLE_GUIDE: Style.GUIDE,
}
_REASONS = {
    FinishReason.STOP: pb.ChatFinished.REASON_STOP,
    FinishReason.LENGTH: pb.ChatFinished.REASON_LENGTH,
}


def read_request(
    request: pb.StreamChatRequest, models: tuple[str, ...], *, refuse_unknown_model: bool = True
) -> ChatRequest:
    """Checks a request and converts it; a model that is not served is refused or replaced by the default.

    Raises:
        DomainError: MISSING_FIELD, INVALID_ARGUMENT, PAYLOAD_TOO_LARGE or MODEL_NOT_FOUND.
    """
    unknown = request.model not in models
    if request.model and unknown and refuse_unknown_model:
        name = request.model[:100]
        raise DomainError(
            Reason.MODEL_NOT_FOUND, f"There is no model {name!r}; ListModels tells which there are.", {"model": name}
        )
    _check_options(request)
    return ChatRequest(
        turns=_read_turns(request),
        model=models[0] if unknown else request.model,
        language=request.language,
        max_output_tokens=request.max_output_tokens,
        temperature=request.temperature if request.HasField("temperature") else None,
        time_zone=request.time_zone,
        passages=_read_passages(request),
        documents_searched=request.documents_searched,
        style=_STYLES[request.style],
    )


def _check_options(request: pb.StreamChatRequest) -> None:
    if request.max_output_tokens < 0:
        raise _invalid("maxOutputTokens", "The largest number of tokens can't be negative.")
    heat = request.temperature
    if not (math.isfinite(heat) and 0 <= heat <= _HOTTEST):
        raise _invalid("temperature", f"The temperature must be from 0 to {_HOTTEST:.0f}.")
    if request.language and not _LANGUAGE.fullmatch(request.language):
        raise _invalid("language", "The language must be a BCP 47 tag, for example pt-BR.")
    if request.style not in _STYLES:
        raise _invalid("style", "The style must be one that the contract names.")
    if request.time_zone and not _is_zone(request.time_zone):
        raise _invalid("timeZone", "The time zone must be an IANA name, for example Europe/Paris.")


def _is_zone(name: str) -> bool:
    # Only well-formed names reach the file system.
    if not _ZONE.fullmatch(name):
        return False
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return False
    return True


def _read_turns(request: pb.StreamChatRequest) -> tuple[Turn, ...]:
    messages = request.messages
    if not messages:
        raise DomainError(Reason.MISSING_FIELD, "A conversation needs at least one message.", {"field": "messages"})
    if len(messages) > _MOST_MESSAGES:
        raise _invalid("messages", f"A conversation may have at most {_MOST_MESSAGES} messages.")
    turns = tuple(_read_turn(message, index) for index, message in enumerate(messages))
    last = turns[-1]
    if last.role is not Role.USER:
        raise _invalid("messages", "The last message must be the user's.")
    if not last.text.strip() and last.picture is None:
        raise DomainError(
            Reason.MISSING_FIELD, "The last message has neither text nor a picture.", {"field": "content"}
        )
    return turns


def _read_turn(message: pb.ChatMessage, index: int) -> Turn:
    role = _ROLES.get(message.role)
    if role is None:
        raise _invalid("role", f"Message {index} does not say who wrote it.")
    # A character takes at most four bytes, so most texts need no second copy to be measured.
    if len(message.content) > _LARGEST_CONTENT // 4 and len(message.content.encode()) > _LARGEST_CONTENT:
        raise DomainError(
            Reason.PAYLOAD_TOO_LARGE, f"Message {index} is larger than 1 MiB.", {"maxBytes": str(_LARGEST_CONTENT)}
        )
    return Turn(
        role,
        message.content,
        _read_picture(message.image_analysis) if message.HasField("image_analysis") else None,
        message.create_time.ToDatetime(UTC) if _has_sane_time(message) else None,
    )


def _read_passages(request: pb.StreamChatRequest) -> tuple[Passage, ...]:
    if len(request.passages) > _MOST_PASSAGES:
        raise _invalid("passages", f"At most {_MOST_PASSAGES} passages can come with a message.")
    return tuple(_read_passage(passage, index) for index, passage in enumerate(request.passages))


def _read_passage(passage: pb.Passage, index: int) -> Passage:
    for field in ("source", "text"):
        if not getattr(passage, field).strip():
            raise DomainError(Reason.MISSING_FIELD, f"Passage {index} has no {field}.", {"field": f"passages.{field}"})
    if len(passage.text) > _LARGEST_PASSAGE // 4 and len(passage.text.encode()) > _LARGEST_PASSAGE:
        raise DomainError(
            Reason.PAYLOAD_TOO_LARGE, f"Passage {index} is larger than 64 KiB.", {"maxBytes": str(_LARGEST_PASSAGE)}
        )
    if not (math.isfinite(passage.score) and 0 <= passage.score <= 1):
        raise _invalid("passages.score", "The score of a passage must be from 0 to 1.")
    return Passage(passage.source, passage.text, passage.heading, passage.score)


def _has_sane_time(message: pb.ChatMessage) -> bool:
    # Seconds outside of the years 1 to 9999 are no time that Python can hold.
    return message.HasField("create_time") and -62_135_596_800 <= message.create_time.seconds < 253_402_300_800


def _read_picture(analysis: vision_pb.ImageAnalysis) -> PictureFacts:
    quality = analysis.quality
    return PictureFacts(
        description=analysis.description,
        scene=analysis.scene,
        objects=tuple(SeenObject(seen.label, seen.confidence, _read_area(seen)) for seen in analysis.objects),
        colors=tuple(SeenColor(color.name, color.hex, color.share) for color in analysis.dominant_colors),
        text_lines=tuple(SeenLine(line.text, line.confidence, _read_area(line)) for line in analysis.text_lines),
        codes=tuple(SeenCode(code.kind, code.payload) for code in analysis.codes),
        quality=PictureQuality(quality.sharpness, quality.brightness, quality.contrast)
        if analysis.HasField("quality")
        else None,
        blindnesses=tuple(Blindness(one.subject, one.explanation, one.remedy) for one in analysis.limitations),
        width=analysis.width,
        height=analysis.height,
        format=analysis.format,
        frame_count=analysis.frame_count,
    )


def _read_area(seen: vision_pb.DetectedObject | vision_pb.TextLine) -> Area | None:
    box = seen.box
    return Area(box.x, box.y, box.width, box.height) if box.width > 0 and box.height > 0 else None


def write_finished(event: Finished, first_token_s: float) -> pb.StreamChatResponse:
    """Converts the last event of an answer; the time is from the request to the first text."""
    finished = pb.ChatFinished(
        reason=_REASONS[event.reason],
        input_tokens=event.input_tokens,
        output_tokens=event.output_tokens,
        skill=event.skill,
    )
    finished.first_token_duration.FromNanoseconds(round(first_token_s * 1e9))
    return pb.StreamChatResponse(finished=finished)


def read_page(request: pb.ListModelsRequest) -> tuple[int, int]:
    """Returns where a page starts and how many entries it has.

    Raises:
        DomainError: INVALID_ARGUMENT for a size or token that is none.
    """
    if not 0 <= request.page_size <= _MOST_MESSAGES:
        raise _invalid("pageSize", "The page size must be from 1 to 1000.")
    token = request.page_token
    if token and not (token.isascii() and token.isdigit() and len(token) <= 9):
        raise _invalid("pageToken", "The page token is none that ListModels gave out.")
    return int(token or 0), request.page_size or 100


def _invalid(field: str, sentence: str) -> DomainError:
    return DomainError(Reason.INVALID_ARGUMENT, sentence, {"field": field})
