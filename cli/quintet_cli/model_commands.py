"""`quintet models`: what there is, and fetching, checking and removing it."""

import os
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from quintet_cli.data_folder import problem_with
from quintet_cli.errors import CommandError
from quintet_errors import DomainError
from quintet_models import FileState, Model, installed, load_catalogue, remove, verify
from quintet_models.install import pull

MIRROR_VARIABLE = "QUINTET_MODELS_MIRROR"


def list_models(models_dir: Path, console: Console) -> None:
    """Prints the catalogue."""
    for model in load_catalogue().models.values():
        there = installed(models_dir, model.name)
        state = f"installed in {there}" if there else f"not installed; `quintet models pull {model.name}` fetches it"
        facts = f"{model.size / 1e6:.0f} MB to fetch, {model.memory_mib} MiB of memory, licence {model.licence}"
        console.print(f"{model.name}: {state}", style="bold", highlight=False, markup=False)
        console.print(f"  {model.description}; {model.kind} through {model.engine}", highlight=False, markup=False)
        spoken = ", ".join(model.languages) if len(model.languages) < 4 else f"{len(model.languages)} languages"
        console.print(f"  {facts}, {spoken or 'any language'}", highlight=False, markup=False)


def pull_model(name: str, data_dir: Path, console: Console) -> None:
    """Installs a model with a progress bar for each step."""
    model = _find(name)
    if problem := problem_with(data_dir):
        raise CommandError(problem)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=console) as progress:
        reporter = _BarReporter(progress)
        try:
            folder = pull(model, data_dir / "models", mirror=os.environ.get(MIRROR_VARIABLE, ""), reporter=reporter)
        except DomainError as error:
            raise CommandError(error.message) from error
    console.print(f"{model.name} is installed in {folder} (licence: {model.licence}).", highlight=False, markup=False)


def verify_models(name: str | None, models_dir: Path, console: Console) -> None:
    """Compares one model, or every installed one, with its digests; raises CommandError if a file is not right."""
    chosen = [_find(name)] if name else _present(models_dir)
    broken = [model.name for model in chosen if not _verify(model, models_dir, console)]
    if broken:
        raise CommandError(
            f"{', '.join(broken)} is not as it should be; repair it with `quintet models pull {broken[0]}`."
        )
    if not chosen:
        console.print("No model is installed.")


def remove_model(name: str, models_dir: Path, console: Console) -> None:
    """Deletes a model."""
    model = _find(name)
    gone = remove(models_dir, model)
    console.print(f"{model.name} was removed." if gone else f"{model.name} was not installed.", highlight=False)


def _find(name: str) -> Model:
    try:
        return load_catalogue().find(name)
    except DomainError as error:
        raise CommandError(error.message) from error


def _present(models_dir: Path) -> list[Model]:
    return [model for model in load_catalogue().models.values() if (models_dir / model.name).exists()]


def _verify(model: Model, models_dir: Path, console: Console) -> bool:
    checks = verify(models_dir, model)
    for check in checks:
        console.print(f"{model.name}/{check.file.path}: {check.state}", highlight=False, markup=False)
    return all(check.state is FileState.OK for check in checks)


class _BarReporter:
    """Draws a bar for each step of a pull."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def progress(self, step: str, done: int, total: int) -> None:
        if step not in self._bars:
            self._bars[step] = self._progress.add_task(step, total=total)
        self._progress.update(self._bars[step], completed=done, total=total)

    def notice(self, sentence: str) -> None:
        self._progress.console.print(sentence, style="yellow", highlight=False, markup=False)
