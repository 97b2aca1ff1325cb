"""Habits of the tree that no linter knows."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from framework.source_tree import (
    ROOT,
    distributions,
    imports_of,
    is_ours,
    name_of,
    product_files,
    python_files,
    tree_of,
)

TEXT_TYPES = {".py", ".md", ".toml", ".txt", ".proto", ".sh", ".mjs", ".yaml", ".yml", ".sql", ""}
DISTRIBUTIONS = distributions()
# Put together from pieces, so that this file does not hold what it looks for.
REGISTRIES = ["pypi" + ".org", "pythonhosted" + ".org", "registry.npmjs" + ".org", "proxy.golang" + ".org"]
MACHINE_PATHS = ["/wo" + "rk/main", "/wo" + "rk/shared", "/wo" + "rk/.library", "/root" + "/."]
UNFINISHED = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "X" * 3 + r"\b", r"raise NotImplemented" + "Error"]))


def texts() -> list[Path]:
    rooms = ("libs", "services", "gateway", "cli", "tests", "benchmarks", "docs", "protos", "scripts")
    found = [path for room in rooms for path in (ROOT / room).rglob("*") if path.is_file() and is_ours(path)]
    found += [path for path in ROOT.iterdir() if path.is_file()]
    return [path for path in found if path.suffix in TEXT_TYPES]


def settings_of(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text())


def test_every_room_is_a_distribution():
    names = {name_of(folder) for folder in DISTRIBUTIONS}
    services = {f"services/{name}" for name in ("session", "llm", "vision", "stt", "tts")}
    libraries = {f"libs/{path.name}" for path in (ROOT / "libs").iterdir() if path.is_dir()}
    assert names >= services | libraries | {"gateway", "cli"}


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=name_of)
def test_distribution_is_complete(folder):
    project = settings_of(folder)["project"]
    assert (folder / "README.md").stat().st_size > 100
    assert list(folder.glob("*/py.typed")), "no types"
    assert project["name"].startswith("quintet-")
    assert project["license"] == "Apache-2.0"
    assert project["requires-python"] == ">=3.11"
    assert settings_of(folder)["build-system"]["build-backend"] == "hatchling.build"
    assert [one for one in project.get("dependencies", []) if "==" in one] == [], "constraints.txt pins"


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", name.strip())[0]).lower()


def declared(folder: Path) -> set[str]:
    project = settings_of(folder)["project"]
    extras = project.get("optional-dependencies", {}).values()
    names = [*project.get("dependencies", []), *(one for extra in extras for one in extra), project["name"]]
    return {normalized(name) for name in names}


def brought(folder: Path) -> set[str]:
    """Returns what a distribution declares itself and through our own distributions that it stands on."""
    rooms = {settings_of(room)["project"]["name"]: room for room in DISTRIBUTIONS}
    known: set[str] = set()
    waiting = [folder]
    while waiting:
        new = declared(waiting.pop()) - known
        known |= new
        waiting += [rooms[name] for name in new if name in rooms]
    return known


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=name_of)
def test_distribution_declares_what_it_imports(folder):
    """A container holds only what it runs, so that an import that is not declared fails there and not here."""
    owners = packages_distributions()
    known = brought(folder)
    missing = set()
    for path in (path for path in product_files() if path.is_relative_to(folder)):
        for imported in {name.split(".")[0] for name in imports_of(path)} - set(sys.stdlib_module_names):
            ours = {"quintet": ["quintet-protos"]}.get(imported, [imported] if imported.startswith("quintet_") else [])
            if not {normalized(one) for one in ours or owners.get(imported, [])} & known:
                missing.add(imported)
    assert missing == set()


def test_constraints_pin_every_dependency():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {normalized(line) for line in lines if "==" in line}
    wanted = set().union(*(declared(folder) for folder in DISTRIBUTIONS))
    assert {name for name in wanted if not name.startswith("quintet-")} - pinned == set()


@pytest.mark.parametrize("words", [REGISTRIES, MACHINE_PATHS], ids=["registries", "paths"])
def test_no_text_names_a_registry_or_this_machine(words):
    found = [name_of(path) for path in texts() if any(word in path.read_text(errors="ignore") for word in words)]
    assert found == []


def test_nothing_is_left_unfinished():
    assert [name_of(path) for path in python_files() if UNFINISHED.search(path.read_text())] == []


def test_no_task_is_dropped():
    """A task that nobody refers to may be collected in the middle of its work."""
    dropped = [
        f"{name_of(path)}:{node.lineno}"
        for path in product_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) in {"asyncio.create_task", "asyncio.ensure_future", "loop.create_task"}
    ]
    assert dropped == []


def test_services_look_alike():
    for name in ("session", "llm", "vision", "stt", "tts"):
        package = ROOT / "services" / name / f"quintet_{name}"
        present = {path.name for path in package.iterdir()}
        assert {"__main__.py", "settings.py"} <= present
        assert {"engine.py", "engines"} <= present or {"store.py", "stores"} <= present
        assert any(one.endswith("servicer.py") for one in present)
        assert (package.parent / "tests").is_dir()


def test_every_documented_variable_exists():
    """READMEs name settings; a name that no process knows would be refused by it."""
    known = set()
    for path in product_files():
        if path.name == "settings.py" or path.parent.name == "quintet_rpc":
            for node in ast.walk(tree_of(path)):
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                    known.add(node.target.id.upper())
    unknown = set()
    for folder in DISTRIBUTIONS:
        for process, name in re.findall(r"QUINTET_(SESSION|LLM|VISION|STT|TTS|GATEWAY)_([A-Z0-9_]+)\b",
                                        (folder / "README.md").read_text()):  # fmt: skip
            if name not in known:
                unknown.add(f"QUINTET_{process}_{name} in {name_of(folder)}")
    assert unknown == set()
