"""Chunks a second of a first indexing, and the time of another one with nothing and with one file changed."""

import asyncio
import contextlib
import os
import random
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.processes import free_port, started, wait_for_port
from quintet_gateway.assistant.knowledge import IndexReport, IndexRequest, Knowledge
from quintet_gateway.clients import ServiceAddresses, ServiceClients
from quintet_rpc.settings import default_data_dir

MODEL = "all-minilm-l6-v2"
FILES = int(os.environ.get("KNOWLEDGE_FILES", "60"))
"""Made-up texts beside `docs/`, of some 10 chunks each."""
SMALL_FILES = int(os.environ.get("KNOWLEDGE_SMALL_FILES", "0"))
"""Files of one line each, indexed by words only, as a collection of their own; the issue's row says 100,000."""
_DOCS = Path(__file__).parents[1] / "docs"
_WORDS = ("lamp", "wick", "keeper", "storm", "harbour", "ledger", "clock", "bread", "salt", "honey", "smoke", "mast")


def made_up(seed: int, paragraphs: int = 20) -> str:
    dice = random.Random(seed)
    sentence = lambda: " ".join(dice.choices(_WORDS, k=12)).capitalize() + f" {dice.randint(1, 9999)}."  # noqa: E731
    return "\n\n".join(f"## Part {n}\n\n" + " ".join(sentence() for _ in range(6)) for n in range(paragraphs))


@contextlib.contextmanager
def services(folder: Path, *, with_model: bool = True) -> Iterator[ServiceAddresses]:
    """Runs the session and the llm service; the llm service sees the models of the default data folder."""
    models = Path(os.environ.get("QUINTET_DATA_DIR") or default_data_dir()) / "models"
    if with_model:
        if not (models / MODEL).is_dir():
            sys.exit(f"{MODEL} is not in {models}; `quintet models pull {MODEL}` fetches it")
        (folder / "models").symlink_to(models)
    session, llm = free_port(), free_port()
    with (
        started("quintet_session", [], _environment("SESSION", folder, session)),
        started("quintet_llm", [], _environment("LLM", folder, llm)),
    ):
        wait_for_port(session)
        wait_for_port(llm)
        unused = f"127.0.0.1:{free_port()}"
        yield ServiceAddresses(f"127.0.0.1:{session}", f"127.0.0.1:{llm}", unused, unused, unused)


def _environment(name: str, folder: Path, port: int) -> dict[str, str]:
    prefix = f"QUINTET_{name}"
    return {
        f"{prefix}_DATA_DIR": str(folder),
        f"{prefix}_LISTEN_ADDR": f"127.0.0.1:{port}",
        f"{prefix}_LOG_LEVEL": "error",
    }


def _print(title: str, report: IndexReport) -> None:
    rate = report.chunks_made / report.duration_s
    print(
        f"{title}: {report.duration_s:.2f} s, {report.document_count} files, {report.total_chunks} chunks,"
        f" {report.chunks_made} made ({rate:.0f} chunks/s), {report.reused_count} files reused"
    )


async def _with_model(addresses: ServiceAddresses, documents: Path) -> None:
    clients = ServiceClients(addresses)
    knowledge = Knowledge(clients.knowledge, clients.embedding, [documents])
    # The first call loads the model.
    await clients.embedding.passages(["warm"])
    request = IndexRequest(".", "bench", extensions=(".md",))
    _print("first", await knowledge.index(request))
    _print("nothing changed", await knowledge.index(request))
    (documents / "made" / "0.md").write_text(made_up(1_000_000))
    _print("one file changed", await knowledge.index(request))
    await knowledge.close()
    await clients.close()


async def _small_files(addresses: ServiceAddresses, documents: Path) -> None:
    clients = ServiceClients(addresses)
    knowledge = Knowledge(clients.knowledge, clients.embedding, [documents])
    request = IndexRequest(".", "small", extensions=(".txt",))
    _print("small files by words, first", await knowledge.index(request))
    _print("small files by words, again", await knowledge.index(request))
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory of the process that indexes: {peak_kib / 1024:.0f} MiB")
    await knowledge.close()
    await clients.close()


def main() -> None:
    """Prints the figures. QUINTET_DATA_DIR names the folder with the model."""
    with tempfile.TemporaryDirectory() as name:
        documents = Path(name, "documents")
        shutil.copytree(_DOCS, documents / "docs")
        (documents / "made").mkdir()
        for number in range(FILES):
            (documents / "made" / f"{number}.md").write_text(made_up(number))
        folder = Path(name, "data")
        folder.mkdir()
        with services(folder) as addresses:
            asyncio.run(_with_model(addresses, documents))
    if SMALL_FILES:
        with tempfile.TemporaryDirectory() as name:
            _measure_small_files(Path(name))


def _measure_small_files(folder: Path) -> None:
    for number in range(SMALL_FILES):
        path = folder / "documents" / str(number // 1000) / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Entry {number}: {made_up(number, 1)}")
    (folder / "data").mkdir()
    with services(folder / "data", with_model=False) as addresses:
        asyncio.run(_small_files(addresses, folder / "documents"))


if __name__ == "__main__":
    main()
