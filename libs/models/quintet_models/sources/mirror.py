"""The operator's own copy of the models: a folder, or a web server that serves one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx

from quintet_errors import DomainError, Reason
from quintet_models.catalogue import ModelFile
from quintet_models.reporting import Reporter
from quintet_models.sources.copying import append, chunks_of

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
# Attempts without one new byte before the mirror counts as gone.
_ATTEMPTS = 3


class DirectoryMirror:
    """A folder with the files of one model."""

    def __init__(self, folder: Path) -> None:
        self.name = "mirror folder"
        self._folder = folder

    def fetch(self, file: ModelFile, folder: Path, reporter: Reporter) -> Path:
        """Copies the file; see `Source.fetch`."""
        original, copy = self._folder / file.path, folder / file.path
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not original.is_file():
            raise DomainError(Reason.SOURCE_UNREACHABLE, f"{original} does not exist.")
        with original.open("rb") as source, copy.open("wb") as output:
            append(chunks_of(source), output, file, reporter)
        return copy


class HttpMirror:
    """A web address under which the files of one model lie; a cut download goes on where it was cut."""

    def __init__(self, address: str) -> None:
        self.name = "mirror"
        self._address = address

    def fetch(self, file: ModelFile, folder: Path, reporter: Reporter) -> Path:
        """Downloads what is missing of the file; see `Source.fetch`."""
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
        idle = 0
        while (before := target.stat().st_size) < file.size:
            try:
                self._download(file, target, reporter)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                idle = idle + 1 if target.stat().st_size == before else 0
                if idle == _ATTEMPTS:
                    raise DomainError(
                        Reason.SOURCE_UNREACHABLE, f"{self._address} does not answer ({error})."
                    ) from error
            else:
                break
        return target

    def _download(self, file: ModelFile, target: Path, reporter: Reporter) -> None:
        with target.open("ab") as output, self._get(file, output.tell()) as response:
            if output.tell() and response.status_code == httpx.codes.OK:
                # The mirror knows no ranges and sends the whole file again.
                output.seek(0)
                output.truncate()
            append(response.iter_bytes(), output, file, reporter)

    @contextmanager
    def _get(self, file: ModelFile, offset: int) -> Iterator[httpx.Response]:
        # A compressed answer would have other offsets than the file.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
        address = f"{self._address}/{quote(file.path)}"
        with httpx.stream("GET", address, headers=headers, timeout=_TIMEOUT, follow_redirects=True) as response:
            if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
                raise DomainError(Reason.SOURCE_UNREACHABLE, f"{address} answered {response.status_code}.")
            yield response
