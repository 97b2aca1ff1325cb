"""Models that `quintet models pull` has put into the default folder."""

import os
from pathlib import Path

import pytest

from quintet_rpc.settings import default_data_dir


def folder_with_models(folder: Path, *needed: str) -> Path:
    """Makes a data folder for a cluster that sees those models; skips the test if one of `needed` is not there."""
    models = Path(os.environ.get("QUINTET_DATA_DIR") or default_data_dir()) / "models"
    for name in needed:
        if not (models / name).is_dir():
            pytest.skip(f"{name} is not in {models}; `quintet models pull {name}` fetches it")
    (folder / "data").mkdir()
    (folder / "data" / "models").symlink_to(models)
    return folder
