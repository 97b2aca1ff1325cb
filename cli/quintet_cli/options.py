"""What the person asked for, and the names of the processes."""

from dataclasses import dataclass
from pathlib import Path

SERVICE_PORTS = {"session": 50051, "llm": 50052, "vision": 50053, "stt": 50054, "tts": 50055}
MODEL_SERVICES = ("llm", "vision", "stt", "tts")
PROCESSES = (*SERVICE_PORTS, "gateway")
GATEWAY_PORTS = (8000, 5000, 8080, 7860)
SESSION_ADDR_VARIABLE = "QUINTET_CLI_SESSION_ADDR"
"""Names the session service that `quintet users` and `quintet keys` ask."""


@dataclass(frozen=True)
class Options:
    """What the person asked of `up` and `serve`; no ports means the documented ones, as far as they are free."""

    data_dir: Path
    ports: tuple[int, ...] = ()
    limits: str = "documented"
    engines: str = "auto"
