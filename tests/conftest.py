"""Clusters that tests share. Each is started when the first test asks for it and must end cleanly."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Test modules are imported by their paths, so that the package beside them has to be made findable.
sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("framework")

from framework.cluster import Cluster, running  # noqa: E402

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives tests of processes the time that a loaded machine needs."""
    for item in items:
        if item.path.is_relative_to(_HERE) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(180))


@pytest.fixture(scope="session")
def grounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The engines of a fresh machine, without rate limits."""
    with running(tmp_path_factory.mktemp("grounded"), engines="auto") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Scripted engines, without rate limits."""
    with running(tmp_path_factory.mktemp("scripted")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Scripted engines with the documented rate limits. Each test takes a loopback address of its own."""
    with running(tmp_path_factory.mktemp("limited"), limits="documented") as cluster:
        yield cluster
