"""Files that fit on a few screens, functions that fit on one, names that say something."""

from framework.source_tree import ROOT, functions_of, name_of, product_files, python_files

LONGEST_FILE = 400
BANNED_NAMES = {"utils", "helpers", "common", "misc", "base", "manager", "core"}


def lengths(paths) -> list[tuple[int, str]]:
    found = [
        (node.end_lineno - node.lineno + 1, f"{name_of(path)}:{node.name}")
        for path in paths
        for node in functions_of(path)
    ]
    return sorted(found)


def assert_short(paths) -> None:
    found = lengths(paths)
    half, nine_tenths = found[len(found) // 2], found[int(len(found) * 0.9)]
    assert half[0] <= 10, half
    assert nine_tenths[0] <= 35, found[int(len(found) * 0.9) :]


def test_functions_of_the_product_are_short():
    assert_short(product_files())


def test_functions_of_everything_are_short():
    assert_short(python_files())


def test_no_file_is_long():
    sizes = [(len(path.read_text().splitlines()), name_of(path)) for path in python_files()]
    assert [size for size in sizes if size[0] > LONGEST_FILE] == []


def test_names_say_what_a_module_is():
    named = [name_of(path) for path in python_files() if BANNED_NAMES & {path.stem, path.parent.name}]
    assert named == []


def test_names_of_test_files_are_unique():
    names = [path.name for path in python_files() if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


def test_tests_are_no_packages():
    folders = [path for path in ROOT.rglob("tests/__init__.py") if ".venv" not in path.parts]
    assert folders == []
