"""`EngineInfo` to its message, and to JSON for `--describe`."""

from dataclasses import asdict
from typing import Any

from quintet.media.v1 import engine_pb2
from quintet_engines import EngineInfo, EngineKind
from quintet_errors import DomainError

_KINDS = {
    EngineKind.NEURAL: engine_pb2.Engine.KIND_NEURAL,
    EngineKind.EMBEDDED: engine_pb2.Engine.KIND_EMBEDDED,
    EngineKind.REMOTE: engine_pb2.Engine.KIND_REMOTE,
    EngineKind.SCRIPTED: engine_pb2.Engine.KIND_SCRIPTED,
}


def to_engine(info: EngineInfo) -> engine_pb2.Engine:
    """Converts an engine's description for the wire."""
    return engine_pb2.Engine(
        name=info.name,
        kind=_KINDS[info.kind],
        model=info.model,
        choice_reason=info.choice_reason,
        languages=info.languages,
        capabilities=info.capabilities,
        limitations=[
            engine_pb2.Limitation(subject=one.subject, explanation=one.explanation, remedy=one.remedy)
            for one in info.limitations
        ],
        loaded=info.loaded,
        provider=info.provider,
    )


def to_json(info: EngineInfo | None) -> dict[str, Any]:
    """Converts an engine's description to JSON values; a service without an engine gives an empty object."""
    return asdict(info) if info else {}


def absence_to_json(subject: str, error: DomainError) -> dict[str, Any]:
    """Describes an engine that is not there as `to_json` would describe one: `error` says why, and what adds it."""
    limitation = {"subject": subject, "explanation": error.message, "remedy": error.metadata.get("remedy", "")}
    return {"choice_reason": error.message, "limitations": [limitation]}
