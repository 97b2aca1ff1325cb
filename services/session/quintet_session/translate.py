"""Between the messages of the contract and the records of the store."""

from google.protobuf.timestamp_pb2 import Timestamp

from quintet.jobs.v1 import job_service_pb2 as jobs_pb
from quintet.session.v1 import session_service_pb2 as pb
from quintet.vision.v1.vision_service_pb2 import ImageAnalysis
from quintet_session import validation
from quintet_session.store import JobRecord, JobState, MessageRecord, NewMessage, Role, Scope, SessionRecord

_ROLES = {
    Role.USER: pb.Message.ROLE_USER,
    Role.ASSISTANT: pb.Message.ROLE_ASSISTANT,
    Role.SYSTEM: pb.Message.ROLE_SYSTEM,
}
_ROLES_BY_NUMBER = {number: role for role, number in _ROLES.items()}
_STATES = {
    JobState.QUEUED: jobs_pb.Job.STATE_QUEUED,
    JobState.RUNNING: jobs_pb.Job.STATE_RUNNING,
    JobState.COMPLETED: jobs_pb.Job.STATE_COMPLETED,
    JobState.FAILED: jobs_pb.Job.STATE_FAILED,
    JobState.CANCELLED: jobs_pb.Job.STATE_CANCELLED,
}


def to_session(record: SessionRecord) -> pb.Session:
    """Returns a session as the contract has it."""
    return pb.Session(
        session_id=record.session_id,
        scope=to_scope(record.scope),
        title=record.title,
        create_time=to_timestamp(record.create_us),
        update_time=to_timestamp(record.update_us),
        message_count=record.message_count,
        attributes=record.attributes,
        expire_time=None if record.expire_us is None else to_timestamp(record.expire_us),
    )


def to_message(record: MessageRecord) -> pb.Message:
    """Returns a message as the contract has it."""
    message = pb.Message(
        message_id=record.message_id,
        sequence=record.sequence,
        role=_ROLES[record.role],
        content=record.content,
        create_time=to_timestamp(record.create_us),
    )
    # Most messages have neither, and even an empty one would take as long as the rest together.
    if record.attributes:
        message.attributes.update(record.attributes)
    if record.image_analysis is not None:
        message.image_analysis.CopyFrom(ImageAnalysis.FromString(record.image_analysis))
    return message


def from_message(message: pb.Message) -> NewMessage:
    """Returns what is to be stored.

    Raises:
        DomainError: MISSING_FIELD, INVALID_ARGUMENT or PAYLOAD_TOO_LARGE for a message that the contract does not have.
    """
    if message.role == pb.Message.ROLE_UNSPECIFIED:
        raise validation.missing("messages.role")
    role = _ROLES_BY_NUMBER.get(message.role)
    if role is None:
        raise validation.invalid("messages.role", "user, assistant or system")
    return NewMessage(
        role=role,
        content=message.content,
        message_id=validation.message_id(message.message_id),
        attributes=validation.message_attributes(message.attributes),
        image_analysis=validation.image_analysis(message),
    )


def to_job(record: JobRecord) -> jobs_pb.Job:
    """Returns a job as the contract has it."""
    return jobs_pb.Job(
        job_id=record.job_id,
        scope=to_scope(record.scope),
        task=jobs_pb.JobTask.FromString(record.task),
        state=_STATES[record.state],
        progress_percent=record.progress_percent,
        error=_to_error(record),
        create_time=to_timestamp(record.create_us),
        finish_time=None if record.finish_us is None else to_timestamp(record.finish_us),
        attempt_count=record.attempt_count,
        input_bytes=record.input_bytes,
    )


def to_scope(scope: Scope) -> pb.Scope:
    """Returns a scope as the contract has it."""
    return pb.Scope(surface=scope.surface, owner=scope.owner)


def to_timestamp(time_us: int) -> Timestamp:
    """Returns a time as the contract has it."""
    seconds, microseconds = divmod(time_us, 1_000_000)
    return Timestamp(seconds=seconds, nanos=microseconds * 1000)


def _to_error(record: JobRecord) -> jobs_pb.JobError | None:
    if record.failure is None:
        return None
    return jobs_pb.JobError(reason=record.failure.reason, message=record.failure.message)
