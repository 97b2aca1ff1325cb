"""The state of models on this machine: one folder per model under the models folder."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from filelock import FileLock

from quintet_models.catalogue import Catalogue, Model, ModelFile, load_catalogue


class FileState(StrEnum):
    """What a check found."""

    OK = "ok"
    MISSING = "missing"
    WRONG_SIZE = "wrong size"
    WRONG_DIGEST = "wrong digest"


@dataclass(frozen=True)
class FileCheck:
    """The outcome of the check of one file."""

    file: ModelFile
    state: FileState


def installed(models_dir: Path, name: str, catalogue: Catalogue | None = None) -> Path | None:
    """Returns the folder of a model whose files are all there with their sizes, otherwise None.

    Reads no content, so it costs microseconds: digests are checked when a model arrives and by `verify`.
    Raises MODEL_NOT_FOUND for a name that the catalogue lacks.
    """
    model = (catalogue or load_catalogue()).find(name)
    folder = models_dir / model.name
    complete = all(_has_size(folder / file.path, file.size) for file in model.files)
    return folder if complete else None


def verify(models_dir: Path, model: Model, progressed: Callable[[ModelFile], None] | None = None) -> list[FileCheck]:
    """Reads every file of a model and compares it with the catalogue; `progressed` is called after each."""
    checks = []
    for file in model.files:
        checks.append(FileCheck(file, check_file(models_dir / model.name / file.path, file)))
        if progressed is not None:
            progressed(file)
    return checks


def check_file(path: Path, file: ModelFile) -> FileState:
    """Compares one file on disk with what the catalogue says of it."""
    if not path.is_file():
        return FileState.MISSING
    if path.stat().st_size != file.size:
        return FileState.WRONG_SIZE
    return FileState.OK if _digest(path) == file.sha256 else FileState.WRONG_DIGEST


def remove(models_dir: Path, model: Model) -> bool:
    """Deletes a model and what an interrupted pull left of it; returns whether there was anything."""
    if not models_dir.is_dir():
        return False
    with lock_of(models_dir, model):
        folders = [folder for folder in (models_dir / model.name, partial_folder(models_dir, model)) if folder.exists()]
        for folder in folders:
            shutil.rmtree(folder)
    return bool(folders)


def partial_folder(models_dir: Path, model: Model) -> Path:
    """Where the finished files and the unfinished downloads of a pull wait for the rest."""
    return models_dir / ".partial" / model.name


def lock_of(models_dir: Path, model: Model) -> FileLock:
    """The lock that whoever changes a model's folder must hold; released by the system when its holder dies."""
    folder = models_dir / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{model.name}.lock")


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
