"""Brings a model onto the machine: sources in order, the same digests whatever the source, all or nothing."""

import errno
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from quintet_errors import DomainError, Reason
from quintet_models.catalogue import Model, ModelFile
from quintet_models.installation import FileState, check_file, lock_of, partial_folder, verify
from quintet_models.reporting import Reporter, SilentReporter
from quintet_models.sources import Source, create_source

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


def pull(model: Model, models_dir: Path, *, mirror: str = "", reporter: Reporter | None = None) -> Path:
    """Installs a model and returns its folder; blocks until it is there and verified.

    Safe to interrupt at any point and to run twice at once: finished parts are kept, and the second run waits.
    Raises SOURCE_UNREACHABLE if no source has it, STORAGE_FULL, STORAGE_FAILED.
    """
    created = (create_source(spec, model, mirror) for spec in model.sources)
    return pull_from([source for source in created if source], model, models_dir, reporter or SilentReporter())


def pull_from(sources: Sequence[Source], model: Model, models_dir: Path, reporter: Reporter) -> Path:
    """Does what `pull` does, from the sources given."""
    with _storage_errors(model, models_dir), _locked(model, models_dir, reporter):
        if any(check.state is not FileState.OK for check in verify(models_dir, model)):
            _Pull(sources, model, models_dir, reporter).run()
    return models_dir / model.name


@contextmanager
def _locked(model: Model, models_dir: Path, reporter: Reporter) -> Iterator[None]:
    lock = lock_of(models_dir, model)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        reporter.notice(f"Another process is fetching {model.name}; waiting for it.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _storage_errors(model: Model, models_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            # What was fetched so far would keep the disk full for everyone else.
            shutil.rmtree(partial_folder(models_dir, model), ignore_errors=True)
            raise _full(model, models_dir) from error
        raise DomainError(
            Reason.STORAGE_FAILED,
            f"The folder {models_dir} cannot be written ({error.strerror}). Choose another with --data-dir.",
        ) from error


def _full(model: Model, models_dir: Path) -> DomainError:
    needed = f"{model.size / 1e6:.0f} MB"
    message = f"The disk that holds {models_dir} is full: {model.name} needs {needed}. Free some space and pull again."
    return DomainError(Reason.STORAGE_FULL, message, {"model": model.name, "neededBytes": str(model.size)})


class _Pull:
    """One run, under the lock."""

    def __init__(self, sources: Sequence[Source], model: Model, models_dir: Path, reporter: Reporter) -> None:
        self._sources = list(sources)
        self._model = model
        self._models_dir = models_dir
        self._reporter = reporter
        self._partial = partial_folder(models_dir, model)
        self._finished = self._partial / "finished"

    def run(self) -> None:
        self._finished.mkdir(parents=True, exist_ok=True)
        missing = [file for file in self._model.files if not self._is_finished(file)]
        if shutil.disk_usage(self._partial).free < sum(file.size for file in missing):
            raise OSError(errno.ENOSPC, "not enough space")
        for file in missing:
            self._fetch(file)
        self._put_in_place()

    def _is_finished(self, file: ModelFile) -> bool:
        return check_file(self._finished / file.path, file) is FileState.OK

    def _fetch(self, file: ModelFile) -> None:
        failures = []
        for source in tuple(self._sources):
            try:
                self._fetch_from(source, file)
            except DomainError as error:
                failures.append(f"{source.name}: {error.message}")
                self._reporter.notice(f"{file.path} cannot be had from the {source.name}. {error.message}")
                # One failure is enough: asking again for each file would wait for each time-out.
                self._sources.remove(source)
            else:
                return
        raise DomainError(
            Reason.SOURCE_UNREACHABLE,
            f"No source has {file.path} of {self._model.name}. {' '.join(failures)} "
            "Connect to the internet, or set QUINTET_MODELS_MIRROR to a folder or server that has it, and pull again.",
            {"model": self._model.name, "file": file.path},
        )

    def _fetch_from(self, source: Source, file: ModelFile) -> None:
        fetched = source.fetch(file, self._partial / source.name.replace(" ", "-"), self._reporter)
        state = check_file(fetched, file)
        if state is not FileState.OK:
            fetched.unlink(missing_ok=True)
            raise DomainError(Reason.SOURCE_UNREACHABLE, f"What it sent has the {state} and was deleted.")
        place = self._finished / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        fetched.replace(place)

    def _put_in_place(self) -> None:
        target = self._models_dir / self._model.name
        if target.exists():
            # An incomplete or damaged installation; a folder can only be renamed onto nothing.
            shutil.rmtree(target)
        self._finished.rename(target)
        shutil.rmtree(self._partial)
