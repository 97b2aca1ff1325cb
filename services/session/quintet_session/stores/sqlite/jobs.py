# ruff: noqa: S608 - only constants of this package are put into statements, never a value
"""Operations on jobs. Each takes an open transaction."""

import sqlite3
from typing import Any

from quintet_errors import DomainError, Reason
from quintet_session.store import Blob, JobFailure, JobRecord, JobState, Lease, NewJob, Scope

_COLUMNS = (
    "job_id, surface, owner, task, state, progress_percent, error_reason, error_message, create_us, finish_us,"
    " attempt_count, input_bytes, revision, result_blob, result_bytes"
)
_LONGEST_ECHO = 64


def not_found(job_id: str) -> DomainError:
    """Returns the error of a job that does not exist, or not for the caller."""
    return DomainError(Reason.JOB_NOT_FOUND, "The job does not exist.", {"jobId": job_id[:_LONGEST_ECHO]})


def lease_lost() -> DomainError:
    """Returns the error of a lease that holds no job."""
    return DomainError(Reason.LEASE_LOST, "The lease has run out, and the job is no longer this worker's.")


def state_conflict(state: JobState) -> DomainError:
    """Returns the error of a call that the state of the job does not allow."""
    return DomainError(Reason.JOB_STATE_CONFLICT, f"The job is {state.value} already.", {"state": state.value})


def create(connection: sqlite3.Connection, job: NewJob, now_us: int) -> JobRecord:
    """Stores a queued job."""
    row = connection.execute(
        "INSERT INTO jobs (job_id, surface, owner, task, state, create_us, input_blob, input_bytes)"
        f" VALUES (?, ?, ?, ?, 'queued', ?, ?, ?) RETURNING {_COLUMNS}",
        (job.job_id, job.scope.surface, job.scope.owner, job.task, now_us, job.input.blob_id, job.input.size),
    ).fetchone()
    return _record(row)


def get(connection: sqlite3.Connection, scope: Scope, job_id: str) -> JobRecord:
    """Returns one job of a scope."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM jobs WHERE job_id = ? AND surface = ? AND owner = ?",
        (job_id, scope.surface, scope.owner),
    ).fetchone()
    if row is None:
        raise not_found(job_id)
    return _record(row)


def claim(connection: sqlite3.Connection, token: str) -> JobRecord | None:
    """Gives the first queued job to the holder of `token`."""
    row = connection.execute(
        "UPDATE jobs SET state = 'running', lease_token = ?, attempt_count = attempt_count + 1,"
        " revision = revision + 1"
        " WHERE job_key = (SELECT job_key FROM jobs WHERE state = 'queued' ORDER BY job_key LIMIT 1)"
        f" RETURNING {_COLUMNS}",
        (token,),
    ).fetchone()
    return None if row is None else _record(row)


def leased_input(connection: sqlite3.Connection, lease: Lease) -> Blob:
    """Returns the input of a running job to the holder of its lease."""
    if _leased(connection, lease).state is not JobState.RUNNING:
        raise lease_lost()
    row = connection.execute("SELECT input_blob, input_bytes FROM jobs WHERE job_id = ?", (lease.job_id,)).fetchone()
    return Blob(*row)


def record_progress(connection: sqlite3.Connection, lease: Lease, percent: int) -> JobRecord:
    """Raises the progress; a lower value and a cancelled job change nothing."""
    job = _leased(connection, lease)
    if job.state is JobState.CANCELLED:
        return job
    if job.state.ended:
        raise state_conflict(job.state)
    if percent <= job.progress_percent:
        return job
    return _change(connection, lease.job_id, "progress_percent = :percent", {"percent": percent})


def finish(connection: sqlite3.Connection, lease: Lease, outcome: Blob | JobFailure, now_us: int) -> JobRecord:
    """Ends a running job; a repetition by the same lease changes nothing."""
    job = _leased(connection, lease)
    if job.state is JobState.CANCELLED:
        raise state_conflict(job.state)
    if job.state.ended:
        return job
    if isinstance(outcome, JobFailure):
        return _fail(connection, lease.job_id, outcome, now_us)
    return _change(
        connection,
        lease.job_id,
        "state = 'completed', progress_percent = 100, finish_us = :now_us,"
        " result_blob = :blob_id, result_bytes = :size",
        {"now_us": now_us, "blob_id": outcome.blob_id, "size": outcome.size},
    )


def release(
    connection: sqlite3.Connection,
    lease: Lease,
    *,
    count_attempt: bool,
    last_attempt: int,
    failure: JobFailure,
    now_us: int,
) -> JobRecord:
    """Takes a running job from its holder."""
    job = _leased(connection, lease)
    if job.state is not JobState.RUNNING:
        raise lease_lost()
    if count_attempt and job.attempt_count >= last_attempt:
        return _fail(connection, lease.job_id, failure, now_us)
    return _change(
        connection,
        lease.job_id,
        "state = 'queued', lease_token = NULL, attempt_count = attempt_count - :undone",
        {"undone": 0 if count_attempt else 1},
    )


def cancel(connection: sqlite3.Connection, scope: Scope, job_id: str, now_us: int) -> JobRecord:
    """Cancels a job; its holder keeps the lease, by which it learns of the end."""
    job = get(connection, scope, job_id)
    if job.state is JobState.CANCELLED:
        return job
    if job.state.ended:
        raise state_conflict(job.state)
    return _change(connection, job_id, "state = 'cancelled', finish_us = :now_us", {"now_us": now_us})


def queued(connection: sqlite3.Connection) -> list[str]:
    """Returns the ids of the jobs that wait, in their order."""
    return [row[0] for row in connection.execute("SELECT job_id FROM jobs WHERE state = 'queued' ORDER BY job_key")]


def running(connection: sqlite3.Connection) -> list[Lease]:
    """Returns the leases of the jobs that run."""
    return [Lease(*row) for row in connection.execute("SELECT job_id, lease_token FROM jobs WHERE state = 'running'")]


def _leased(connection: sqlite3.Connection, lease: Lease) -> JobRecord:
    row = connection.execute(f"SELECT {_COLUMNS}, lease_token FROM jobs WHERE job_id = ?", (lease.job_id,)).fetchone()
    if row is None:
        raise not_found(lease.job_id)
    if row[-1] != lease.token:
        raise lease_lost()
    return _record(row[:-1])


def _fail(connection: sqlite3.Connection, job_id: str, failure: JobFailure, now_us: int) -> JobRecord:
    return _change(
        connection,
        job_id,
        "state = 'failed', finish_us = :now_us, error_reason = :reason, error_message = :message",
        {"now_us": now_us, "reason": failure.reason, "message": failure.message},
    )


def _change(connection: sqlite3.Connection, job_id: str, changes: str, values: dict[str, Any]) -> JobRecord:
    row = connection.execute(
        f"UPDATE jobs SET {changes}, revision = revision + 1 WHERE job_id = :job_id RETURNING {_COLUMNS}",
        {**values, "job_id": job_id},
    ).fetchone()
    return _record(row)


def _record(row: tuple[Any, ...]) -> JobRecord:
    job_id, surface, owner, task, state, progress, reason, message, create_us, finish_us, *rest = row
    attempt_count, input_bytes, revision, result_blob, result_bytes = rest
    return JobRecord(
        job_id=job_id,
        scope=Scope(surface, owner),
        task=task,
        state=JobState(state),
        progress_percent=progress,
        failure=None if reason is None else JobFailure(reason, message),
        create_us=create_us,
        finish_us=finish_us,
        attempt_count=attempt_count,
        input_bytes=input_bytes,
        revision=revision,
        result=None if result_blob is None else Blob(result_blob, result_bytes),
    )
