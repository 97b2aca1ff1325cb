"""Our own source files, read as syntax trees."""

import ast
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("libs", "services", "gateway", "cli", "tests", "benchmarks")
_STUBS = ROOT / "libs" / "protos" / "quintet"
_MADE_BY_TOOLS = {"__pycache__", "build", "node_modules"}


def is_ours(path: Path) -> bool:
    """Tells whether people wrote a file: stubs, caches and environments are made by tools."""
    parts = path.relative_to(ROOT).parts
    made = any(part in _MADE_BY_TOOLS or part.endswith(".egg-info") or part.startswith(".") for part in parts)
    return not made and not path.is_relative_to(_STUBS)


@lru_cache
def python_files() -> tuple[Path, ...]:
    """Returns every Python file of the house."""
    return tuple(sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if is_ours(path)))


@lru_cache
def product_files() -> tuple[Path, ...]:
    """Returns the Python files that run in production."""
    rooms = ("tests", "benchmarks")
    return tuple(path for path in python_files() if not set(rooms) & set(path.relative_to(ROOT).parts))


def package_files(package: str) -> list[Path]:
    """Returns the files of a package of ours, given like `quintet_gateway/dialects`."""
    return [path for path in product_files() if f"/{package}/" in path.as_posix()]


@lru_cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@cache
def imports_of(path: Path) -> tuple[str, ...]:
    """Returns the full name of everything that a file imports, wherever in the file."""
    return tuple(_imports_of(path))


def _imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # No file here imports relatively; one that did would have no module name and fail the tests below.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def distributions() -> list[Path]:
    """Returns the folder of each distribution."""
    found = (path.parent for room in ROOMS for path in (ROOT / room).rglob("pyproject.toml") if is_ours(path))
    return sorted(found)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
