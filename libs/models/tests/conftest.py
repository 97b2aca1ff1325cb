"""Fixtures around the made-up model."""

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from quintet_models.catalogue import Model, parse_catalogue
from quintet_testing.model_mirror import CONTENT, MirrorHandler, Recorder, Served, catalogue_text


@pytest.fixture
def server() -> Iterator[Served]:
    served = Served(dict(CONTENT))
    handler = type("Handler", (MirrorHandler,), {"served": served})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        served.address = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        yield served
        http.shutdown()
        thread.join()


@pytest.fixture
def reporter() -> Recorder:
    return Recorder()


@pytest.fixture
def model() -> Model:
    return parse_catalogue(catalogue_text()).find("tiny")


@pytest.fixture
def mirror_folder(tmp_path: Path) -> Path:
    for path, data in CONTENT.items():
        place = tmp_path / "mirror" / "tiny" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return tmp_path / "mirror"
