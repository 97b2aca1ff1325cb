"""Who may know whom, looked up in the code itself."""

import pytest
from framework.source_tree import ROOT, imports_of, name_of, package_files, product_files, python_files

PROCESSES = ("session", "llm", "vision", "stt", "tts", "gateway", "cli")
DIALECTS = sorted(
    path.name
    for path in (ROOT / "gateway" / "quintet_gateway" / "dialects").iterdir()
    if path.is_dir() and not path.name.startswith("_")
)


def forbidden(package: str, *names: str) -> list[str]:
    """Returns where a package imports one of some names or anything under them."""
    found = []
    for path in package_files(package):
        for imported in imports_of(path):
            if any(imported == name or imported.startswith(f"{name}.") for name in names):
                found.append(f"{name_of(path)} imports {imported}")
    return found


def test_there_is_something_to_look_at():
    assert len(product_files()) > 100
    assert DIALECTS == ["nexus"] or "nexus" in DIALECTS
    assert all(package_files(f"quintet_{process}") for process in PROCESSES)


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_never_imports_another(process):
    assert forbidden(f"quintet_{process}", *(f"quintet_{other}" for other in PROCESSES if other != process)) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_dialect_knows_grpc_or_a_client(dialect):
    package = f"quintet_gateway/dialects/{dialect}"
    assert forbidden(package, "grpc", "grpc_status", "quintet_gateway.clients", "quintet_rpc.channel") == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_dialect_knows_another(dialect):
    others = [f"quintet_gateway.dialects.{other}" for other in DIALECTS if other != dialect]
    assert forbidden(f"quintet_gateway/dialects/{dialect}", *others) == []


def test_no_dialect_imports_a_stub_that_calls():
    imported = [one for path in package_files("quintet_gateway/dialects") for one in imports_of(path)]
    assert [name for name in imported if "_pb2_grpc" in name] == []


def test_the_assistant_knows_no_http():
    names = ("aiohttp", "quintet_gateway.dialects", "quintet_gateway.http", "quintet_gateway.app")
    assert forbidden("quintet_gateway/assistant", *names) == []


def test_the_plumbing_knows_no_surface():
    names = ("quintet_gateway.dialects", "quintet_gateway.clients", "grpc")
    assert forbidden("quintet_gateway/http", *names) == []


@pytest.mark.parametrize("process", ["llm", "vision", "stt", "tts"])
def test_engines_know_neither_the_wire_nor_http(process):
    names = ("grpc", "aiohttp", "quintet", "quintet_rpc")
    found = forbidden(f"quintet_{process}/engines", *names)
    engine = ROOT / "services" / process / f"quintet_{process}" / "engine.py"
    found += [one for one in imports_of(engine) if one.split(".")[0] in names]
    assert found == []


def test_skills_know_no_engine():
    assert forbidden("quintet_llm/skills", "quintet_llm.engines", "quintet", "quintet_rpc", "grpc", "aiohttp") == []


@pytest.mark.parametrize("library", ["errors", "engines", "observability", "rpc", "audio", "models"])
def test_libraries_know_no_process(library):
    assert forbidden(f"quintet_{library}", *(f"quintet_{process}" for process in PROCESSES), "quintet_testing") == []


def test_the_product_never_imports_what_tests_stand_on():
    outside = [path for path in product_files() if "/quintet_testing/" not in path.as_posix()]
    found = [name_of(path) for path in outside for one in imports_of(path) if one.split(".")[0] == "quintet_testing"]
    assert found == []


def test_nothing_is_imported_relatively():
    assert [name_of(path) for path in python_files() for one in imports_of(path) if one.startswith("None.")] == []


def test_tests_replace_nothing_of_ours():
    mocks = [name_of(path) for path in python_files() for one in imports_of(path) if one.startswith("unittest.mock")]
    assert mocks == []
