"""Checks of arguments. Each names the field in the error's metadata."""

import re
from collections.abc import Mapping, Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from quintet.jobs.v1 import job_service_pb2 as jobs_pb
from quintet.session.v1 import session_service_pb2 as pb
from quintet_errors import DomainError, Reason
from quintet_session import message_ids
from quintet_session.store import JobFailure, Lease, Scope

LONGEST_SURFACE = 32
LONGEST_OWNER = 128
LONGEST_TITLE = 200
LONGEST_KEY = 128
LONGEST_MESSAGE_ID = 64
LONGEST_ATTRIBUTE_NAME = 64
LONGEST_ATTRIBUTE = 1000
LONGEST_WORKER_ID = 128
MOST_MESSAGES = 100
MOST_MESSAGE_ATTRIBUTES = 16
MAX_CONTENT_BYTES = 1 << 20
MAX_IMAGE_ANALYSIS_BYTES = 256 << 10
# The answer repeats the messages and must fit into one gRPC message.
MAX_APPEND_BYTES = 6 << 20
MAX_TASK_TEXT_BYTES = 64 << 10
MAX_TASK_BYTES = 128 << 10
DEFAULT_PAGE_SIZE = 100
LARGEST_PAGE_SIZE = 1000
LONGEST_WAIT_S = 30
LONGEST_IDLE_S = 400 * 86_400
# As long as a sentence can be in the status of a call.
_LONGEST_FAILURE = 1000
_LAST_SECOND = 253_402_300_799
"""The last second of the year 9999, where protobuf's timestamps end."""

_ID_PREFIX = re.compile(r"[a-z]{1,16}")


def invalid(field: str, rule: str) -> DomainError:
    """Returns the error of a field outside of its range."""
    return DomainError(Reason.INVALID_ARGUMENT, f"`{field}` must be {rule}.", {"field": field})


def missing(field: str) -> DomainError:
    """Returns the error of a required field that is absent or blank."""
    return DomainError(Reason.MISSING_FIELD, f"`{field}` is required.", {"field": field})


def too_large(what: str, max_bytes: int, received_bytes: int) -> DomainError:
    """Returns the error of something that has too many bytes."""
    return DomainError(
        Reason.PAYLOAD_TOO_LARGE,
        f"{what} may have at most {max_bytes} bytes.",
        {"maxBytes": str(max_bytes), "receivedBytes": str(received_bytes)},
    )


def required(value: str, field: str, longest: int | None = None) -> str:
    """Returns a text that is not blank and at most `longest` characters long."""
    if not value or value.isspace():
        raise missing(field)
    if longest is not None and len(value) > longest:
        raise invalid(field, f"at most {longest} characters long")
    return value


def scope(message: pb.Scope) -> Scope:
    """Returns a complete scope."""
    return Scope(
        required(message.surface, "scope.surface", LONGEST_SURFACE),
        required(message.owner, "scope.owner", LONGEST_OWNER),
    )


def title(value: str, field: str = "title") -> str:
    """Returns an optional title."""
    if len(value) > LONGEST_TITLE:
        raise invalid(field, f"at most {LONGEST_TITLE} characters long")
    return value


def page_size(value: int) -> int:
    """Returns the size of a page, the default for 0."""
    if not 0 <= value <= LARGEST_PAGE_SIZE:
        raise invalid("page_size", f"1 to {LARGEST_PAGE_SIZE}, or 0 for {DEFAULT_PAGE_SIZE}")
    return value or DEFAULT_PAGE_SIZE


def offset(value: int, page_token: str) -> int:
    """Returns how many entries to skip."""
    if value < 0:
        raise invalid("offset", "0 or more")
    if value and page_token:
        raise invalid("offset", "left out where there is a `page_token`")
    return value


def time_us(time: Timestamp, field: str) -> int:
    """Returns a point in time, in microseconds since 1970."""
    if not 0 <= time.seconds <= _LAST_SECOND or not 0 <= time.nanos < 1_000_000_000:
        raise invalid(field, "a time from 1970 to 9999")
    return time.seconds * 1_000_000 + time.nanos // 1000


def idle_us(idle: Duration) -> int:
    """Returns how long nothing may change in a session before it ends, in microseconds."""
    if not 0 <= idle.nanos < 1_000_000_000 or not (1, 0) <= (idle.seconds, idle.nanos) <= (LONGEST_IDLE_S, 0):
        raise invalid("idle_lifetime", "1 second to 400 days")
    return idle.seconds * 1_000_000 + idle.nanos // 1000


def max_sessions(value: int) -> int:
    """Returns how many sessions an owner may have, 0 for any number."""
    if value < 0:
        raise invalid("max_sessions", "1 or more, or 0 for no bound")
    return value


def attributes(values: Mapping[str, str], field: str = "attributes") -> dict[str, str]:
    """Returns attributes to set; where they belong to a session, an empty value stands for a removal."""
    for name, value in values.items():
        if not name or len(name) > LONGEST_ATTRIBUTE_NAME or len(value) > LONGEST_ATTRIBUTE:
            raise invalid(
                field,
                f"names of 1 to {LONGEST_ATTRIBUTE_NAME} and values of at most {LONGEST_ATTRIBUTE} characters",
            )
    return dict(values)


def message_id(value: str) -> str:
    """Returns the id that a writer gave to a message, empty if it gave none."""
    if len(value) > LONGEST_MESSAGE_ID:
        raise invalid("messages.message_id", f"at most {LONGEST_MESSAGE_ID} characters long")
    if message_ids.is_derived(value):
        raise invalid("messages.message_id", "unlike the ids that the service makes")
    return value


def message_attributes(values: Mapping[str, str]) -> dict[str, str]:
    """Returns what is kept beside the text of a message."""
    if len(values) > MOST_MESSAGE_ATTRIBUTES:
        raise invalid("messages.attributes", f"at most {MOST_MESSAGE_ATTRIBUTES} entries")
    return attributes(values, "messages.attributes")


def image_analysis(message: pb.Message) -> bytes | None:
    """Returns the analysis of a message's picture as the store keeps it, None without one."""
    if not message.HasField("image_analysis"):
        return None
    data = message.image_analysis.SerializeToString()
    if len(data) > MAX_IMAGE_ANALYSIS_BYTES:
        raise too_large("An image analysis", MAX_IMAGE_ANALYSIS_BYTES, len(data))
    return data


def contents(messages: Sequence[pb.Message]) -> None:
    """Checks how many messages there are and how large they are, with all that is kept beside their texts."""
    if not messages:
        raise missing("messages")
    if len(messages) > MOST_MESSAGES:
        raise invalid("messages", f"1 to {MOST_MESSAGES} messages")
    sizes = [len(message.content.encode()) for message in messages]
    if max(sizes) > MAX_CONTENT_BYTES:
        raise too_large("A message", MAX_CONTENT_BYTES, max(sizes))
    total = sum(sizes) + sum(map(_bytes_beside, messages))
    if total > MAX_APPEND_BYTES:
        raise too_large("An append", MAX_APPEND_BYTES, total)


def _bytes_beside(message: pb.Message) -> int:
    """Returns the bytes of a message's attributes and of its image analysis."""
    texts = sum(len(name.encode()) + len(value.encode()) for name, value in message.attributes.items())
    return texts + message.image_analysis.ByteSize()


def id_prefix(value: str) -> str:
    """Returns the first part of a job's id."""
    if not _ID_PREFIX.fullmatch(required(value, "id_prefix")):
        raise invalid("id_prefix", "1 to 16 lower-case letters")
    return value


def task(message: jobs_pb.JobTask) -> bytes:
    """Returns a task as the store keeps it."""
    if message.kind == jobs_pb.JobTask.KIND_UNSPECIFIED:
        raise missing("task.kind")
    if message.kind not in jobs_pb.JobTask.Kind.values():
        raise invalid("task.kind", "a kind of this version of the service")
    text_bytes = len(message.text.encode())
    if text_bytes > MAX_TASK_TEXT_BYTES:
        raise too_large("The text of a task", MAX_TASK_TEXT_BYTES, text_bytes)
    data = message.SerializeToString()
    if len(data) > MAX_TASK_BYTES:
        raise too_large("A task", MAX_TASK_BYTES, len(data))
    return data


def lease(job_id: str, token: str) -> Lease:
    """Returns a lease with both of its parts."""
    return Lease(required(job_id, "job_id"), required(token, "lease_token"))


def progress(percent: int) -> int:
    """Returns the progress of a running job."""
    if not 0 <= percent <= 99:
        raise invalid("progress_percent", "0 to 99")
    return percent


def wait_s(request: jobs_pb.ClaimJobRequest) -> float:
    """Returns how long a claim may wait, in seconds."""
    wait = request.wait_duration
    seconds = wait.seconds + wait.nanos / 1e9
    if not 0 <= seconds <= LONGEST_WAIT_S:
        raise invalid("wait_duration", f"0 to {LONGEST_WAIT_S} seconds")
    return seconds


def failure(error: jobs_pb.JobError) -> JobFailure:
    """Returns why a job failed."""
    reason = required(error.reason, "config.error.reason")
    if reason not in Reason.__members__:
        raise invalid("config.error.reason", "a name of quintet.errors.v1.ErrorReason without its prefix")
    return JobFailure(reason, required(error.message, "config.error.message")[:_LONGEST_FAILURE])
