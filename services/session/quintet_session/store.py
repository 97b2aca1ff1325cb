"""What the service needs from a database: records, and the `Store` protocol over them.

All times are microseconds since 1970 (UTC). They are for people: sequences and not times order things, because clocks
jump. Every method raises DomainError: what its docstring names, STORAGE_FULL, or STORAGE_FAILED.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from quintet_session.identity_store import IdentityStore
from quintet_session.knowledge_store import KnowledgeStore
from quintet_session.scope import Scope as Scope  # noqa: PLC0414 - records come from one place
from quintet_session.usage_store import UsageStore
from quintet_session.webhook_store import EventRecord, WebhookStore


class Role(StrEnum):
    """Who wrote a message."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"


@dataclass(frozen=True)
class SessionRecord:
    """One conversation without its messages; `attributes` is what its surface keeps beside the title.

    `expire_us` is when it ends unless it changes before; None means that it does not end by itself.
    """

    session_id: str
    scope: Scope
    title: str
    create_us: int
    update_us: int
    message_count: int
    attributes: Mapping[str, str]
    expire_us: int | None = None


@dataclass(frozen=True)
class SessionBounds:
    """What keeps the sessions of an owner few and young.

    With `reuse_newest`, an owner with a session gets the most recently updated one instead of a new one. Of more than
    `max_sessions` (0 = no bound) the least recently updated are deleted, and `evicted_event` is told of each of them.
    A new session ends when nothing has changed in it for `idle_us` microseconds (None = never).
    """

    reuse_newest: bool = False
    max_sessions: int = 0
    idle_us: int | None = None
    evicted_event: EventRecord | None = None


@dataclass(frozen=True)
class CreatedSession:
    """A session that is new or was there already, and the ids of those that had to leave."""

    session: SessionRecord
    evicted_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class SessionListing:
    """Which sessions to list: at most `limit` and about `max_bytes` of text, behind `position` (None = from the start).

    `offset` more are skipped. A page with a single session may be larger than `max_bytes`.
    """

    limit: int
    max_bytes: int
    position: int | None = None
    offset: int = 0


@dataclass(frozen=True)
class SessionPage:
    """A page of sessions; `next_position` is None on the last page."""

    sessions: tuple[SessionRecord, ...]
    next_position: int | None
    total_count: int


@dataclass(frozen=True)
class NewMessage:
    """A message that is not stored yet; `message_id` is empty if its writer gave none.

    `image_analysis` is opaque to the store; None means that no picture came with the message.
    """

    role: Role
    content: str
    message_id: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)
    image_analysis: bytes | None = None


@dataclass(frozen=True)
class MessageRecord:
    """One message; `sequence` starts at 1 in each session and is never used again, also after a clear."""

    message_id: str
    sequence: int
    role: Role
    content: str
    create_us: int
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)
    image_analysis: bytes | None = None


@dataclass(frozen=True)
class Append:
    """Messages to store together, all or none, and attributes to set with them; an empty value removes one.

    `event` is told once, however often the append is repeated.
    """

    messages: tuple[NewMessage, ...]
    idempotency_key: str
    title_if_first: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    event: EventRecord | None = None


@dataclass(frozen=True)
class Appended:
    """Stored messages, and their session after the change."""

    messages: tuple[MessageRecord, ...]
    session: SessionRecord


@dataclass(frozen=True)
class MessageListing:
    """Which messages to list: at most `limit` and about `max_bytes`, behind `position` (None = from the start).

    Without a position, the first `offset` are skipped. A page with a single message may be larger than `max_bytes`.
    """

    limit: int
    max_bytes: int
    position: int | None = None
    newest_first: bool = False
    offset: int = 0


@dataclass(frozen=True)
class MessagePage:
    """A page of messages with their session; `next_position` is None on the last page."""

    messages: tuple[MessageRecord, ...]
    next_position: int | None
    session: SessionRecord


@dataclass(frozen=True)
class FoundMessage:
    """A message, and the session that it stands in."""

    message: MessageRecord
    session_id: str


class JobState(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self not in {JobState.QUEUED, JobState.RUNNING}


@dataclass(frozen=True)
class JobFailure:
    """Why a job failed: a reason for machines, a sentence for people."""

    reason: str
    message: str


@dataclass(frozen=True)
class Blob:
    """Bytes that are stored as chunks with the positions 0, 1, 2 and so on."""

    blob_id: str
    size: int


@dataclass(frozen=True)
class NewJob:
    """A job that is not stored yet. `task` is opaque to the store; the chunks of `input` are stored already."""

    job_id: str
    scope: Scope
    task: bytes
    input: Blob


@dataclass(frozen=True)
class JobRecord:
    """One job. `revision` grows with every change; `input_bytes` outlives the input itself."""

    job_id: str
    scope: Scope
    task: bytes
    state: JobState
    progress_percent: int
    failure: JobFailure | None
    create_us: int
    finish_us: int | None
    attempt_count: int
    input_bytes: int
    revision: int
    result: Blob | None


@dataclass(frozen=True)
class Lease:
    """Proof that a worker holds a job."""

    job_id: str
    token: str


class SessionStore(Protocol):
    """Keeps sessions and messages. Methods with a `session_id` raise SESSION_NOT_FOUND.

    Methods that set attributes raise INVALID_ARGUMENT if a session would hold too many of them. A session whose end has
    come does not exist for any method. An event is stored together with the change that it tells of.
    """

    async def create_session(
        self,
        scope: Scope,
        title: str,
        attributes: Mapping[str, str] | None = None,
        *,
        bounds: SessionBounds | None = None,
        event: EventRecord | None = None,
    ) -> CreatedSession:
        """Stores an empty session where the bounds hold, and tells `event` of it; one that was there stays as it is."""

    async def get_session(self, scope: Scope, session_id: str) -> SessionRecord:
        """Returns one session."""

    async def list_sessions(self, scope: Scope, listing: SessionListing) -> SessionPage:
        """Lists sessions, the most recently updated first."""

    async def update_session(
        self, scope: Scope, session_id: str, title: str | None = None, attributes: Mapping[str, str] | None = None
    ) -> SessionRecord:
        """Changes what is not None; an empty value removes an attribute.

        A title moves the session to the top of its list, attributes alone leave it and its times where they are.
        """

    async def delete_session(self, scope: Scope, session_id: str, event: EventRecord | None = None) -> None:
        """Removes a session and its messages, and tells `event` of it."""

    async def count_sessions(self, surface: str) -> int:
        """Returns the number of sessions of all owners of a surface."""

    async def get_session_owner(self, surface: str, session_id: str) -> Scope:
        """Returns whose session it is."""

    async def append_messages(self, scope: Scope, session_id: str, append: Append) -> Appended:
        """Stores messages at the end of a session, or returns what the same idempotency key stored before.

        Raises:
            DomainError: INVALID_ARGUMENT for a given id that another message of the scope has.
        """

    async def list_messages(self, scope: Scope, session_id: str, listing: MessageListing) -> MessagePage:
        """Lists messages by their sequence; an offset costs the same however large it is."""

    async def get_message(self, scope: Scope, message_id: str) -> FoundMessage:
        """Returns a message by the id that its writer gave it, or raises MESSAGE_NOT_FOUND."""

    async def clear_messages(self, scope: Scope, session_id: str) -> None:
        """Removes the messages of a session; sequences go on where they were."""


class BlobStore(Protocol):
    """Keeps the inputs and results of jobs."""

    async def write_chunk(self, blob_id: str, position: int, data: bytes) -> None:
        """Stores one chunk."""

    async def read_chunk(self, blob_id: str, position: int) -> bytes | None:
        """Returns one chunk, or None if there is none."""

    async def discard_blob(self, blob_id: str) -> None:
        """Removes the chunks of a blob unless a job refers to them."""


class JobStore(Protocol):
    """Keeps jobs. Methods with a `job_id` or a `lease` raise JOB_NOT_FOUND.

    Leases have no time here: the service decides when one has run out, by a clock that does not jump.
    """

    async def create_job(self, job: NewJob) -> JobRecord:
        """Stores a queued job; from now on its input is kept."""

    async def get_job(self, scope: Scope, job_id: str) -> JobRecord:
        """Returns one job."""

    async def claim_job(self, token: str) -> JobRecord | None:
        """Gives the job that was created first among the queued ones to the holder of `token`; None without one."""

    async def leased_input(self, lease: Lease) -> Blob:
        """Returns the input of a claimed job, or raises LEASE_LOST."""

    async def record_progress(self, lease: Lease, percent: int) -> JobRecord:
        """Raises the progress of a claimed job to `percent`; also returns a job that was cancelled under the lease.

        Raises:
            DomainError: LEASE_LOST, or JOB_STATE_CONFLICT for a job that the lease ended.
        """

    async def finish_job(self, lease: Lease, outcome: Blob | JobFailure) -> JobRecord:
        """Ends a claimed job; a job that the same lease ended before is returned as it is.

        Raises:
            DomainError: LEASE_LOST, or JOB_STATE_CONFLICT for a cancelled job.
        """

    async def release_job(
        self, lease: Lease, *, count_attempt: bool, last_attempt: int, failure: JobFailure
    ) -> JobRecord:
        """Takes a job from its holder: queued again, or failed if this was its last attempt.

        `count_attempt` false undoes the claim as if it had never been. Raises LEASE_LOST.
        """

    async def cancel_job(self, scope: Scope, job_id: str) -> JobRecord:
        """Cancels a job that has not ended; a cancelled one stays as it is.

        Raises:
            DomainError: JOB_STATE_CONFLICT for a job that ended otherwise.
        """

    async def queued_jobs(self) -> Sequence[str]:
        """Returns the ids of the jobs that wait."""

    async def running_leases(self) -> Sequence[Lease]:
        """Returns the leases of the jobs that run."""

    async def purge_step(self, ended_before_us: int) -> bool:
        """Removes a little of what nobody needs, and tells whether there was anything.

        Nobody needs the input of an ended job, anything of a job that ended before `ended_before_us`, sessions whose
        end has come, and the chunks of uploads that broke off with an earlier process. Of knowledge it is what no
        collection and no build refers to, of people sign-ins and revocations that have expired.
        """


class Store(SessionStore, BlobStore, JobStore, Protocol):
    """A database."""

    @property
    def identity(self) -> IdentityStore:
        """Who people are and what they may do."""

    @property
    def usage(self) -> UsageStore:
        """What calls of models cost."""

    @property
    def knowledge(self) -> KnowledgeStore:
        """Documents that answers are found in."""

    @property
    def webhooks(self) -> WebhookStore:
        """Who wants to know of events, and what has still to be delivered."""

    async def open(self) -> None:
        """Makes the store ready.

        Raises:
            DomainError: STORAGE_FAILED with a sentence that says what to do.
        """

    async def close(self) -> None:
        """Finishes what was begun and releases everything; a store that was never open may be closed too."""
