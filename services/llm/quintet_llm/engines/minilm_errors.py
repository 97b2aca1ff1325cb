"""What is said of an embedding model whose files cannot be used."""

from pathlib import Path

from quintet_errors import DomainError, Reason


def unusable(folder: Path, error: Exception) -> DomainError:
    """Returns the error of the model in a folder; no path of the machine is in it."""
    name = folder.name
    what = _without_path(error) if isinstance(error, OSError) else str(error).replace(str(folder), name)
    return DomainError(
        Reason.ENGINE_FAILED,
        f"{name} cannot be loaded ({what}). `quintet models verify {name}` tells which file is damaged, and "
        f"`quintet models pull {name}` mends it.",
        {"model": name, "remedy": f"quintet models pull {name}"},
    )


def _without_path(error: OSError) -> str:
    return f"{Path(str(error.filename)).name}: {error.strerror}" if error.filename else type(error).__name__
