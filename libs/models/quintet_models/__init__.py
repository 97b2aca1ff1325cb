"""Which models Quintet knows, which are installed, and where."""

from quintet_models.catalogue import Catalogue, Model, ModelFile, load_catalogue
from quintet_models.installation import FileCheck, FileState, installed, remove, verify

__all__ = [
    "Catalogue",
    "FileCheck",
    "FileState",
    "Model",
    "ModelFile",
    "installed",
    "load_catalogue",
    "remove",
    "verify",
]
