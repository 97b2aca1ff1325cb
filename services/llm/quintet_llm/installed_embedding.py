"""The embedding engine of the model that is installed now; a model that is pulled later is used without a restart."""

from pathlib import Path

from quintet_errors import DomainError, Reason
from quintet_llm.embedding_engine import EmbeddingEngine
from quintet_llm.engines.minilm import MiniLmEngine
from quintet_models import installed


class InstalledEmbedding:
    """Looks at each call whether the model is there, which costs microseconds."""

    def __init__(self, models_dir: Path, name: str, *, threads: int = 2, idle_unload_s: float = 0) -> None:
        self._models_dir = models_dir
        self._name = name
        self._threads = threads
        self._idle_unload_s = idle_unload_s
        self._engine: MiniLmEngine | None = None

    def current(self) -> EmbeddingEngine:
        """Returns the engine.

        Raises:
            DomainError: MODEL_NOT_INSTALLED, or ENGINE_FAILED if the model is damaged.
        """
        folder = installed(self._models_dir, self._name)
        if folder is None:
            raise _not_installed(self._name)
        if self._engine is None:
            self._engine = MiniLmEngine(folder, threads=self._threads, idle_unload_s=self._idle_unload_s)
        return self._engine

    async def close(self) -> None:
        """Closes the engine if there is one."""
        if self._engine is not None:
            await self._engine.close()


def _not_installed(name: str) -> DomainError:
    remedy = f"quintet models pull {name}"
    return DomainError(
        Reason.MODEL_NOT_INSTALLED,
        f"The embedding model {name} is not installed. `{remedy}` installs it; no restart is needed.",
        {"model": name, "remedy": remedy},
    )
