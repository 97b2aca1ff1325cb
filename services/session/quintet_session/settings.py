"""Settings of the session service, from `QUINTET_SESSION_*`."""

from typing import Literal

from argon2 import DEFAULT_MEMORY_COST, DEFAULT_TIME_COST
from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from quintet_rpc import ServiceSettings, service_config
from quintet_session.identity_store import LONGEST_TOKEN_LIFETIME_S


class SessionSettings(ServiceSettings):
    """What can be set."""

    model_config = SettingsConfigDict(**service_config("session"), populate_by_name=True)

    listen_addr: str = "127.0.0.1:50051"
    synchronous: Literal["full", "normal"] = "full"
    """`full` waits for the disk at each commit and survives a power cut; `normal` survives only the process's death."""
    reader_threads: int = Field(default=4, ge=1, le=64)
    """Threads that read, each with a connection of its own; searches of knowledge and sums of usage have two more."""
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
    usage_retention_d: float = Field(default=400.0, gt=0)
    """How long the record of a call of a model is kept, in days; sums of older times become smaller."""
    webhook_delivered_retention_d: float = Field(default=7.0, gt=0)
    """How long an event is kept after a webhook has taken it, in days."""
    webhook_dead_retention_d: float = Field(default=30.0, gt=0)
    """How long an event that no attempt could deliver is kept for a redelivery, in days."""
    purge_interval_s: float = Field(default=60.0, gt=0)
    """How often the service looks for what nobody needs any more."""
    max_vector_cache_mib: int = Field(default=256, ge=0)
    """Most memory for the vectors of knowledge that was searched last; those beyond it are read for each search."""
    max_upload_mib: int = Field(default=32, ge=1, le=1024)
    """Largest input and largest result of a job."""
    token_key: SecretStr = SecretStr("")
    """Secret of at least 32 bytes that access tokens are signed with; empty makes one in the data folder."""
    token_lifetime_s: int = Field(default=900, ge=1, le=LONGEST_TOKEN_LIFETIME_S)
    """How long an access token is valid."""
    refresh_lifetime_d: int = Field(default=7, ge=1, le=3650)
    """How long a sign-in can be refreshed, in days."""
    admin_email: str = Field(default="", validation_alias=AliasChoices("QUINTET_SESSION_ADMIN_EMAIL", "ADMIN_EMAIL"))
    """Address of the first administrator, who is made at the start if there is none; `ADMIN_EMAIL` is read as well."""
    admin_password: SecretStr = Field(
        default=SecretStr(""), validation_alias=AliasChoices("QUINTET_SESSION_ADMIN_PASSWORD", "ADMIN_PASSWORD")
    )
    """Password of the first administrator; `ADMIN_PASSWORD` is read as well."""
    password_time_cost: int = Field(default=DEFAULT_TIME_COST, ge=1, le=100)
    """Passes of argon2 over its memory; less than the default is for tests and tiny machines only."""
    password_memory_kib: int = Field(default=DEFAULT_MEMORY_COST, ge=32, le=4 << 20)
    """Memory of argon2; less than the default is for tests and tiny machines only."""
