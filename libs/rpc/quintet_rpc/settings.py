"""Settings that every process has, read once from the environment."""

import os
import sys
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_data_dir() -> Path:
    """Returns where Quintet keeps its data if nothing else is said."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "quintet"


def service_config(name: str) -> SettingsConfigDict:
    """Returns the model_config of the settings of process `name`, read from `QUINTET_<NAME>_*`."""
    return SettingsConfigDict(env_prefix=f"QUINTET_{name.upper()}_", frozen=True, extra="forbid")


class ProcessSettings(BaseSettings):
    """What the gateway and every service have in common."""

    data_dir: Path = Field(default_factory=default_data_dir)
    """Folder of the database, the models and everything else that stays."""
    log_level: str = "info"
    """Lowest level to log: debug, info, warning, error or critical."""
    log_format: Literal["json", "console"] = "json"
    """`json` for machines, `console` for people."""
    shutdown_grace_s: float = Field(default=10.0, ge=0)
    """How long requests at work may go on after SIGTERM, in seconds."""


class ServiceSettings(ProcessSettings):
    """What every gRPC service has in common."""

    listen_addr: str = "127.0.0.1:0"
    """`host:port` of the gRPC server; port 0 takes any free one; empty listens on no TCP port."""
    listen_unix: str = ""
    """Path of a Unix socket to listen on as well; empty for none."""
    metrics_addr: str = ""
    """`host:port` of the Prometheus metrics; empty for none."""
    engine: str = "auto"
    """Name of the engine; `auto` takes the best one that can run here."""
    idle_unload_s: float = Field(default=300.0, ge=0)
    """Seconds without use after which a model's memory is given back; 0 keeps it."""


EXIT_WRONG_SETTINGS = 78
"""Exit code of a process whose settings are wrong (EX_CONFIG of BSD): starting it again cannot help."""

SettingsT = TypeVar("SettingsT", bound=ProcessSettings)


def load_settings(settings_class: type[SettingsT]) -> SettingsT:
    """Reads the settings, or ends the process with one sentence for each thing that is wrong with them."""
    prefix = str(settings_class.model_config.get("env_prefix", ""))
    known = {f"{prefix}{field.upper()}" for field in settings_class.model_fields}
    # pydantic-settings ignores variables that it does not know, so a typing error would silently do nothing.
    problems = [
        f"{name} is not a setting"
        for name in os.environ
        if name.upper().startswith(prefix) and name.upper() not in known
    ]
    try:
        settings = settings_class()
    except ValidationError as error:
        # A default that follows from a wrong setting is no problem of its own.
        errors = [item for item in error.errors() if item["type"] != "default_factory_not_called"]
        problems += [f"{prefix}{_location(item)}: {item['msg']}" for item in errors]
    if problems:
        sys.stderr.write(f"Settings are wrong: {'; '.join(problems)}\n")
        sys.exit(EXIT_WRONG_SETTINGS)
    return settings


def _location(item: Any) -> str:
    return "_".join(str(part) for part in item["loc"]).upper()
