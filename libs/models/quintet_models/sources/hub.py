"""The model hub, through its own library: proxies, tokens, endpoint and offline mode are the library's settings."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from httpx2 import HTTPError
from huggingface_hub import constants, get_session, hf_hub_download, hf_hub_url
from huggingface_hub.errors import XetDownloadError
from huggingface_hub.utils.tqdm import tqdm

from quintet_errors import DomainError, Reason
from quintet_models.catalogue import HubSpec, ModelFile
from quintet_models.reporting import Reporter

# The library retries for half a minute where there is no network; one look with this limit comes first.
_LOOK_SECONDS = 4.0


class HubSource:
    """One repository of the hub at one revision; `endpoint` overrides the library's."""

    def __init__(self, spec: HubSpec, endpoint: str | None = None) -> None:
        self.name = "model hub"
        self._spec = spec
        self._endpoint = endpoint
        self._reached = False

    def fetch(self, file: ModelFile, folder: Path, reporter: Reporter) -> Path:
        """Downloads the file, going on where an earlier try ended; see `Source.fetch`."""
        self._look(file)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            path = hf_hub_download(
                self._spec.repository,
                file.path,
                revision=self._spec.revision,
                local_dir=folder,
                endpoint=self._endpoint,
                etag_timeout=_LOOK_SECONDS,
                tqdm_class=_bar_class(file, reporter),
            )
        except (HTTPError, FileNotFoundError, XetDownloadError) as error:
            raise _unreachable(error) from error
        return Path(path)

    def _look(self, file: ModelFile) -> None:
        if self._reached:
            return
        if constants.is_offline_mode():
            raise DomainError(Reason.SOURCE_UNREACHABLE, "HF_HUB_OFFLINE is set.")
        address = hf_hub_url(self._spec.repository, file.path, revision=self._spec.revision, endpoint=self._endpoint)
        # In a thread, because name resolution obeys no time limit of the client.
        executor = ThreadPoolExecutor(1)
        try:
            executor.submit(_head, address).result(2 * _LOOK_SECONDS)
        except (HTTPError, TimeoutError) as error:
            raise _unreachable(error) from error
        finally:
            executor.shutdown(wait=False)
        self._reached = True


def _head(address: str) -> None:
    get_session().head(address, timeout=_LOOK_SECONDS, follow_redirects=False)


def _unreachable(error: Exception) -> DomainError:
    return DomainError(Reason.SOURCE_UNREACHABLE, f"The hub does not answer ({error or type(error).__name__}).")


def _bar_class(file: ModelFile, reporter: Reporter) -> type[Any]:
    class ReportingBar(tqdm):
        """Hands the library's progress on instead of drawing it."""

        def __init__(self, *args: Any, **options: Any) -> None:
            self._done = options.get("initial") or 0
            super().__init__(*args, **options | {"disable": True})  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> bool | None:
            self._done += int(n or 0)
            reporter.progress(file.path, min(self._done, file.size), file.size)
            return None

    return ReportingBar
