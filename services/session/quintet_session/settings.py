"""Settings of the session service, from `QUINTET_SESSION_*`."""

from typing import Literal

from pydantic import Field

from quintet_rpc import ServiceSettings, service_config


class SessionSettings(ServiceSettings):
    """What can be set."""

    model_config = service_config("session")

    listen_addr: str = "127.0.0.1:50051"
    synchronous: Literal["full", "normal"] = "full"
    """`full` waits for the disk at each commit and survives a power cut; `normal` survives only the process's death."""
    reader_threads: int = Field(default=4, ge=1, le=64)
    """Threads that read, each with a connection of its own."""
    max_database_mib: int = Field(default=0, ge=0)
    """Largest size of the database; 0 leaves the limit to the disk."""
    job_lease_s: float = Field(default=10.0, gt=0)
    """How long a worker may be silent before its job is given to another one."""
    job_max_attempts: int = Field(default=3, ge=1)
    """How many workers may lose a job before it fails."""
    max_queued_jobs: int = Field(default=10_000, ge=1)
    """How many jobs may wait for a worker; one more is refused before its input is taken."""
    job_retention_h: float = Field(default=24.0, gt=0)
    """How long an ended job and its result are kept."""
    purge_interval_s: float = Field(default=60.0, gt=0)
    """How often the service looks for what nobody needs any more."""
    max_upload_mib: int = Field(default=32, ge=1, le=1024)
    """Largest input and largest result of a job."""
