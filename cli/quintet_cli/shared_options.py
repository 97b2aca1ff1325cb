"""What every command may be told, before or after its name."""

# ruff: noqa: PLC0415 - the settings library takes longer to import than some commands take
import os
from dataclasses import dataclass
from pathlib import Path

import typer


@dataclass(frozen=True)
class Shared:
    """The options that every command takes."""

    given_data_dir: Path | None
    server: str

    @property
    def data_dir(self) -> Path:
        """Folder of everything that stays."""
        from quintet_rpc.settings import default_data_dir

        variable = os.environ.get("QUINTET_DATA_DIR")
        chosen = self.given_data_dir or (Path(variable) if variable else default_data_dir())
        return chosen.expanduser().absolute()

    @property
    def models_dir(self) -> Path:
        """Folder of the models."""
        return self.data_dir / "models"


def shared_options(context: typer.Context) -> Shared:
    """Returns what the present command was told."""
    shared: Shared = context.obj
    return shared
