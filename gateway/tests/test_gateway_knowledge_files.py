"""Which files are read for a collection: nothing outside of the roots, nothing endless, nothing half."""

import os
import time

import pytest

from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.knowledge import reading
from quintet_gateway.assistant.knowledge.patterns import DEFAULT_EXCLUDES, Excludes
from quintet_gateway.assistant.knowledge.reading import read_stable
from quintet_gateway.assistant.knowledge.roots import Roots, open_inside
from quintet_gateway.assistant.knowledge.walk import Selection, SkipList, Walk
from quintet_gateway.documents.unreadable import UnreadableError


@pytest.fixture
def root(tmp_path):
    """A root with a folder beside it that nobody may see."""
    folder = tmp_path / "root"
    (folder / "app" / "deep").mkdir(parents=True)
    (folder / "app" / "main.py").write_text("print('hello')\n")
    (folder / "app" / "deep" / "notes.md").write_text("# Notes\n")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.md").write_text("top secret")
    return folder


def found_below(root, path=".", extensions=None, excludes=None, max_files=1000):
    skips = SkipList()
    walk = Walk(Roots([root]).find(path), Selection(extensions, excludes), max_files, skips, lambda: False)
    return walk.files(), {skip.source: skip.reason for skip in skips.kept}


@pytest.mark.parametrize("path", ["app", "./app", "app/", "./app/.", "app//"])
def test_a_folder_is_found_however_it_is_written(root, path):
    place = Roots([root]).find(path)
    assert (place.relative, place.is_folder) == ("app", True)


def test_a_path_may_be_absolute_through_a_link_that_stays_inside_and_a_single_file(root):
    os.symlink("deep", root / "app" / "alias")
    assert Roots([root]).find(str(root / "app")).relative == "app"
    assert Roots([root]).find("app/alias").relative == "app/deep"
    place = Roots([root]).find("app/main.py")
    assert (place.relative, place.is_folder) == ("app/main.py", False)


def test_the_second_root_is_looked_at_as_well(root, tmp_path):
    other = tmp_path / "other"
    (other / "manual").mkdir(parents=True)
    assert Roots([root, other]).find("manual").root == str(other)


def test_a_root_may_itself_be_a_link(root, tmp_path):
    os.symlink(root, tmp_path / "link")
    roots = Roots([tmp_path / "link"])
    assert roots.find(str(tmp_path / "link" / "app")).relative == "app"
    assert roots.find(str(root / "app")).relative == "app"


def refused_paths(tmp_path):
    return [
        "../secret",
        "app/../../secret",
        "app/../app",
        str(tmp_path / "secret"),
        str(tmp_path / "root" / ".." / "secret"),
        str(tmp_path / "root2"),
        "/etc/passwd",
        "/etc",
        "/",
        "//",
        "..",
        "",
        "app/\0",
        "out",
        "out/key.md",
        "app/out.md",
        "nowhere",
        "pipe",
        "a" * 5000,
        "~/secret",
        "\ud800",
        "loop/loop",
    ]


def test_what_lies_outside_is_refused_in_the_words_for_what_does_not_exist(root, tmp_path):
    (tmp_path / "root2").mkdir()
    os.symlink(tmp_path / "secret", root / "out")
    os.symlink("../../secret/key.md", root / "app" / "out.md")
    os.symlink("loop", root / "loop")
    os.mkfifo(root / "pipe")
    for asked in refused_paths(tmp_path):
        with pytest.raises(DomainError) as caught:
            Roots([root]).find(asked)
        assert caught.value.reason is Reason.INVALID_ARGUMENT
        assert caught.value.message == f"Path not found: {asked}"


def test_nothing_is_found_without_roots_or_in_one_that_is_missing(root):
    for paths in ([], [root / "missing"]):
        with pytest.raises(DomainError, match="Path not found: app"):
            Roots(paths).find("app")
    assert Roots([root / "missing"]).problems() == (f"The folder {root / 'missing'} cannot be read.",)
    assert Roots([root]).problems() == ()


def test_a_folder_that_becomes_a_link_after_it_was_found_leads_nowhere(root, tmp_path):
    place = Roots([root]).find("app")
    (root / "app").rename(root / "moved")
    os.symlink(tmp_path / "secret", root / "app")
    with pytest.raises(OSError, match="app"):
        open_inside(place.root, "app/key.md")
    files, skipped = [], SkipList()
    files = Walk(place, Selection([".md"], None), 10, skipped, lambda: False).files()
    assert files == []
    assert [skip.reason for skip in skipped.kept] == ["cannot be opened"]


def test_a_walk_takes_wanted_files_in_order_and_follows_no_link(root, tmp_path):
    os.symlink(tmp_path / "secret" / "key.md", root / "key.md")
    os.symlink(tmp_path / "secret", root / "folder")
    os.mkfifo(root / "pipe.md")
    (root / "picture.png").write_bytes(b"\x89PNG")
    files, skipped = found_below(root)
    assert files == ["app/main.py", "app/deep/notes.md"]
    assert skipped == {"key.md": "is a link", "pipe.md": "is no regular file"}


@pytest.mark.parametrize("extensions", [["py"], [".PY"], ["*.py"], [" .py "], ["py", "rs"]])
def test_extensions_are_understood_however_they_are_written(root, extensions):
    (root / "UPPER.PY").write_text("x = 1")
    assert found_below(root, extensions=extensions)[0] == ["UPPER.PY", "app/main.py"]


def test_no_extensions_are_the_usual_ones_and_a_named_file_is_taken_anyway(root):
    (root / "a.log").write_text("x")
    (root / "a.rst").write_text("x")
    assert found_below(root, extensions=[])[0] == ["a.rst", "app/main.py", "app/deep/notes.md"]
    assert found_below(root, "a.log")[0] == ["a.log"]
    assert found_below(root, "a.log", extensions=[".md"])[0] == []


def test_the_usual_excludes_hold_unless_others_are_given(root):
    for name in (".git/config.md", "node_modules/x/index.js", ".venv/a.py", "package-lock.json", ".env.json"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    assert found_below(root)[0] == ["app/main.py", "app/deep/notes.md"]
    assert len(found_below(root, excludes=[])[0]) == 7
    assert "package-lock.json" in found_below(root, excludes=["app"])[0]


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("**/test_*", "test_a.py", True),
        ("**/test_*", "a/b/test_a.py", True),
        ("**/test_*", "a/b/my_test_a.py", False),
        ("*.md", "a/b/c.md", True),
        ("/*.md", "c.md", True),
        ("/*.md", "a/c.md", False),
        ("a/*.md", "a/c.md", True),
        ("a/*.md", "a/b/c.md", False),
        ("a/**/c.md", "a/c.md", True),
        ("a/**/c.md", "a/x/y/c.md", True),
        ("a/**", "a/x", True),
        ("a/**", "b/x", False),
        ("[ab].md", "b.md", True),
        ("[!ab].md", "b.md", False),
        ("[", "[", True),
        ("./a.md", "a.md", True),
        ("", "a.md", False),
        ("   ", "a.md", False),
    ],
)
def test_a_pattern_fits_as_in_gitignore(pattern, path, fits):
    assert Excludes([pattern]).fit(path, is_folder=False) is fits


def test_a_pattern_that_ends_in_a_slash_fits_folders_only():
    assert Excludes(["build/"]).fit("a/build", is_folder=True)
    assert not Excludes(["build/"]).fit("a/build", is_folder=False)
    assert Excludes(DEFAULT_EXCLUDES).fit("a/.env", is_folder=False)


def test_no_pattern_takes_long():
    excludes = Excludes(["*a" * 120 + "b", "**/" * 80 + "x"] * 50)
    begun = time.process_time()
    assert not excludes.fit("/".join(["a" * 250] * 100), is_folder=False)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("form", ["*.x{}", "name{}", "**/*{}.py", "folder{}/"])
def test_many_patterns_for_names_cost_little(form):
    excludes = Excludes([form.format(number) for number in range(200)])
    assert excludes.path_pattern_count == 0
    begun = time.process_time()
    assert not any(excludes.fit(f"a/b/some_{number}.txt", is_folder=False) for number in range(5000))
    # One by one, they took eight seconds.
    assert time.process_time() - begun < 2
    assert excludes.fit(f"a/b/{form.strip('/').removeprefix('**/').format(199)}", is_folder=True)


def test_patterns_for_paths_are_matched_a_bounded_number_of_times(root):
    for number in range(30):
        (root / f"{number:02}.md").write_text("x")

    def seen(excludes):
        skips = SkipList()
        place, selection = Roots([root]).find("."), Selection([".md"], excludes)
        found = Walk(place, selection, 1000, skips, lambda: False, max_path_matches=200).files()
        return len(found), [skip.reason for skip in skips.kept]

    assert seen(["x", "*.y", "z/"])[0] == 31
    found, reasons = seen([f"a/{number}" for number in range(10)])
    assert found <= 20
    assert "holds more entries than one walk looks at" in reasons


@pytest.mark.parametrize("patterns", [["x"] * 201, ["x" * 257]])
def test_too_many_or_too_long_patterns_are_refused(patterns):
    with pytest.raises(DomainError) as caught:
        Excludes(patterns)
    assert caught.value.metadata["field"] == "exclude_patterns"


def test_of_too_many_files_the_rest_is_left_out_and_reported(root):
    for number in range(20):
        (root / f"{number:02}.md").write_text("x")
    files, skipped = found_below(root, max_files=5)
    assert files == ["00.md", "01.md", "02.md", "03.md", "04.md"]
    assert list(skipped) == ["05.md"]


def test_a_folder_of_what_nobody_wants_does_not_keep_a_walk_for_ever(root):
    for number in range(40):
        (root / f"{number}.bin").write_text("x")
    _files, skipped = found_below(root, max_files=1)
    assert "holds more entries than one walk looks at" in skipped.values()


def test_a_walk_stops_when_it_is_told_to(root):
    skips = SkipList()
    assert Walk(Roots([root]).find("."), Selection(None, None), 10, skips, lambda: True).files() == []


def test_names_that_are_no_text_or_endless_are_reported(root):
    (root / os.fsdecode(b"caf\xe9.md")).write_text("x")
    deep = root
    for _ in range(6):
        deep /= "d" * 200
        deep.mkdir()
    (deep / "x.md").write_text("x")
    files, skipped = found_below(root)
    assert files == ["app/main.py", "app/deep/notes.md"]
    assert skipped["caf\\udce9.md"] == "has a name that is no text"
    assert any("1024 characters" in reason for reason in skipped.values())


def test_a_huge_file_is_left_out_without_being_read(root):
    with (root / "huge.md").open("wb") as file:
        file.truncate(2 << 30)
    begun = time.process_time()
    with pytest.raises(UnreadableError, match="is larger than 8 MiB"):
        read_stable(str(root), "huge.md", 8 << 20)
    assert time.process_time() - begun < 0.5


def test_links_and_pipes_are_not_read(root, tmp_path):
    os.symlink(tmp_path / "secret" / "key.md", root / "key.md")
    os.mkfifo(root / "pipe.md")
    for name in ("key.md", "pipe.md", "app", "missing.md"):
        with pytest.raises(UnreadableError):
            read_stable(str(root), name, 1 << 20)


def writes_while_read(path, times, monkeypatch):
    """Lets a writer change the file the first `times` that it is read, at the worst moment."""
    real_read = os.read
    left = [times]

    def read(descriptor, count):
        data = real_read(descriptor, count)
        if data and left[0]:
            left[0] -= 1
            with path.open("a") as file:
                file.write("more\n")
        return data

    monkeypatch.setattr(reading.os, "read", read)


def test_a_file_that_changes_while_it_is_read_is_read_again(root, monkeypatch):
    path = root / "log.md"
    path.write_text("one\n")
    writes_while_read(path, 2, monkeypatch)
    assert read_stable(str(root), "log.md", 1 << 20) == b"one\nmore\nmore\n"


def test_a_file_that_never_stands_still_is_left_out(root, monkeypatch):
    path = root / "log.md"
    path.write_text("one\n")
    writes_while_read(path, 99, monkeypatch)
    with pytest.raises(UnreadableError, match="changes while it is read"):
        read_stable(str(root), "log.md", 1 << 20)
