"""How an engine describes itself, as data."""

from dataclasses import dataclass
from enum import StrEnum


class EngineKind(StrEnum):
    """Groups engines by where their answers come from."""

    NEURAL = "neural"
    EMBEDDED = "embedded"
    REMOTE = "remote"
    SCRIPTED = "scripted"


@dataclass(frozen=True)
class Limitation:
    """One thing that an engine cannot do well or at all; `remedy` is a command, empty if there is none."""

    subject: str
    explanation: str
    remedy: str = ""


@dataclass(frozen=True)
class EngineInfo:
    """Which engine answers, why it was chosen, and what it can and cannot do.

    `languages` holds primary BCP 47 tags and is empty where language does not matter. `provider` names who runs the
    model of a remote engine: a short lower-case name or a host name.
    """

    name: str
    kind: EngineKind
    model: str = ""
    choice_reason: str = ""
    languages: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    limitations: tuple[Limitation, ...] = ()
    loaded: bool = True
    provider: str = ""
