"""`quintet users` and `quintet keys` as the person types them, over the real session service."""

import io
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet_cli.app import main
from quintet_cli.data_folder import claim, is_claimed
from quintet_cli.errors import CommandError
from quintet_cli.options import SESSION_ADDR_VARIABLE, Options
from quintet_cli.processes import lone_session_spec
from quintet_cli.session_address import published, published_address
from quintet_cli.session_link import with_identities

PASSWORD = "secure_password"


@dataclass
class Quintet:
    """Types commands in this process, and returns the exit code with what was written."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    options: Sequence[str]

    def __call__(self, *arguments: str, typed: str = "") -> tuple[int, str, str]:
        self.monkeypatch.setattr(sys, "argv", ["quintet", *arguments, *self.options])
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as ending:
            main()
        captured = self.capsys.readouterr()
        return int(ending.value.code or 0), captured.out, captured.err


@pytest.fixture(scope="module")
def service_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The gRPC target of a session service that runs already."""
    folder = tmp_path_factory.mktemp("session")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUINTET_SESSION_PASSWORD_TIME_COST", "1")
        patch.setenv("QUINTET_SESSION_PASSWORD_MEMORY_KIB", "64")
        spec = lone_session_spec(Options(folder), folder)
        environment = spec.prepare()
    process = subprocess.Popen(spec.command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert any('"serving"' in line for line in process.stdout)
        yield f"unix:{folder / 'session.sock'}"
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture
def at_service(service_address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Quintet:
    return Quintet(monkeypatch, capsys, ["--session-addr", service_address])


def test_a_user_is_added_listed_and_removed(at_service: Quintet) -> None:
    code, out, err = at_service("users", "add", "--email", "Ann@test.local", "--name", "Ann Lee", typed=f"{PASSWORD}\n")
    assert (code, err) == (0, "Ann@test.local is a user now.\n")
    user_id = out.strip()
    assert user_id.startswith("user_")
    code, out, _ = at_service("users", "list")
    assert code == 0
    assert f"{user_id}\tAnn@test.local\tuser\tAnn Lee" in out.splitlines()
    code, out, err = at_service("users", "add", "--email", "ann@TEST.local", typed=f"{PASSWORD}\n")
    assert (code, out, err) == (1, "", "There is an account with this e-mail address already.\n")
    assert at_service("users", "remove", "--email", "ann@test.local")[0] == 0
    assert user_id not in at_service("users", "list")[1]
    assert at_service("users", "remove", "--email", "ann@test.local") == (1, "", "The user does not exist.\n")


def test_an_administrator_is_named_as_one(at_service: Quintet) -> None:
    _, _, err = at_service("users", "add", "--email", "root@test.local", "--admin", typed=PASSWORD)
    assert err == "root@test.local is an administrator now.\n"
    assert "\troot@test.local\tadmin\troot" in at_service("users", "list")[1]


def test_a_forgotten_password_is_replaced_and_every_sign_in_ends(at_service: Quintet, service_address: str) -> None:
    at_service("users", "add", "--email", "lost@test.local", typed=PASSWORD)
    signed_in = asked(service_address, "SignIn", pb.SignInRequest(email="lost@test.local", password=PASSWORD))
    code, out, err = at_service("users", "password", "--email", "LOST@test.local", typed="another_password\n")
    assert (code, out, err) == (0, "", "lost@test.local has a new password; every sign-in has ended.\n")
    again = pb.RefreshSignInRequest(refresh_token=signed_in.tokens.refresh_token)
    old = pb.SignInRequest(email="lost@test.local", password=PASSWORD)
    for method, request in (("RefreshSignIn", again), ("SignIn", old)):
        with pytest.raises(CommandError):
            asked(service_address, method, request)
    new = pb.SignInRequest(email="lost@test.local", password="another_password")
    assert asked(service_address, "SignIn", new).user.email == "lost@test.local"


def asked(address: str, method: str, request: Any) -> Any:
    return with_identities(Path("unused"), address, lambda identities: identities.call(method, request))


@pytest.mark.parametrize(
    ("typed", "code", "why"),
    [("", 2, "The password is missing"), ("\n", 2, "The password is missing"), ("short\n", 1, "8 to 1024 characters")],
)
def test_a_password_that_cannot_be_is_one_sentence(at_service: Quintet, typed: str, code: int, why: str) -> None:
    at_service("users", "add", "--email", "has@test.local", typed=PASSWORD)
    for command in (("add", "--email", "b@test.local"), ("password", "--email", "has@test.local")):
        ended, out, err = at_service("users", *command, typed=typed)
        assert (ended, out, len(err.splitlines())) == (code, "", 1)
        assert why in err
        assert "short" not in err


def test_a_key_stands_alone_on_standard_output(at_service: Quintet) -> None:
    code, out, err = at_service(
        "keys", "create", "--surface", "nexus", "--owner", "kiosk", "--scope", "read", "--expires-days", "30"
    )
    secret = out.removesuffix("\n")
    assert (code, len(secret), secret[:3]) == (0, 46, "qn_")
    assert secret not in err
    end = (datetime.now(UTC) + timedelta(days=30)).date()
    _, out, _ = at_service("keys", "list", "--surface", "nexus")
    key_id, prefix, owner, scopes, state = out.splitlines()[0].split("\t")
    assert (prefix, owner, scopes) == (secret[:11], "kiosk", "read")
    # Midnight may lie between the two.
    assert state in {f"valid until {end}", f"valid until {end - timedelta(days=1)}"}
    code, out, err = at_service("keys", "revoke", prefix, "--surface", "nexus")
    assert (code, out, err) == (0, "", f"Key {key_id} opens nexus no more.\n")
    assert "\trevoked on " in at_service("keys", "list", "--surface", "nexus")[1]


def test_a_key_for_a_user_belongs_to_the_user(at_service: Quintet) -> None:
    _, user_id, _ = at_service("users", "add", "--email", "key@test.local", typed=PASSWORD)
    code, out, err = at_service("keys", "create", "--surface", "quillium", "--user", "KEY@test.local")
    assert (code, out[:3]) == (0, "ql_")
    assert "for key@test.local (read and write" in err
    _, listed, _ = at_service("keys", "list", "--surface", "quillium")
    assert "\tkey@test.local\tread and write\tvalid until it is revoked" in listed
    assert user_id.strip() not in listed


def test_an_owner_who_only_looks_like_a_user_is_shown_as_written(at_service: Quintet) -> None:
    assert at_service("keys", "create", "--surface", "omni", "--owner", "user_of the lab")[0] == 0
    assert "\tuser_of the lab\t" in at_service("keys", "list", "--surface", "omni")[1]


@pytest.mark.parametrize("command", [("create",), ("list",), ("revoke", "key_x")])
def test_an_unknown_api_is_refused_with_the_known_ones(at_service: Quintet, command: Sequence[str]) -> None:
    code, out, err = at_service("keys", *command, "--surface", "nope")
    assert (code, out) == (2, "")
    assert "'nope'" in err
    assert all(f"'{name}'" in err for name in ("nexus", "quillium", "omni", "aegis", "sight"))


@pytest.mark.parametrize("surface", ["nexus", "quillium", "omni", "aegis", "sight"])
def test_a_key_that_nobody_asks_for_comes_with_a_word(at_service: Quintet, surface: str) -> None:
    at_service("users", "add", "--email", "word@test.local", typed=PASSWORD)
    code, out, err = at_service("keys", "create", "--surface", surface, "--user", "word@test.local")
    assert (code, len(out.splitlines())) == (0, 1)
    assert ("QUINTET_GATEWAY_REQUIRE_CREDENTIALS" in err) is (surface in {"aegis", "sight"})


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("keys", "create", "--surface", "nexus", "--user", "a@b.de", "--owner", "x"), 2, "not to both"),
        (("keys", "create", "--surface", "nexus", "--user", "nobody@test.local"), 1, "The user does not exist."),
        (("keys", "create", "--surface", "quillium", "--owner", "x"), 1, "belong to users"),
        (("keys", "create", "--surface", "nexus", "--expires-days", "9999999"), 2, "too large"),
        (("keys", "revoke", "--surface", "nexus", "key_x"), 1, "no API key"),
        (("users", "remove", "--email", "no address"), 1, "`email` must be"),
        (("users", "password", "--email", "nobody@test.local"), 1, "The user does not exist."),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    at_service: Quintet, arguments: Sequence[str], code: int, why: str
) -> None:
    ended, out, err = at_service(*arguments, typed=PASSWORD)
    assert (ended, out, len(err.splitlines())) == (code, "", 1)
    assert why in err


def test_a_named_service_that_is_not_there_is_unreachable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv(SESSION_ADDR_VARIABLE, f"unix:{tmp_path}/nobody.sock")
    code, out, err = Quintet(monkeypatch, capsys, [])("users", "list")
    assert (code, out) == (3, "")
    assert err == f"No session service answers at unix:{tmp_path}/nobody.sock.\n"


def test_the_service_of_the_running_up_is_asked(
    service_address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lock = claim(tmp_path)
    with published(tmp_path, service_address):
        assert stat.S_IMODE((tmp_path / "session.address").stat().st_mode) == 0o600
        assert is_claimed(tmp_path)
        code, out, _ = Quintet(monkeypatch, capsys, ["--data-dir", str(tmp_path)])(
            "keys", "create", "--surface", "omni"
        )
    lock.release()
    assert (code, out[:3]) == (0, "qo_")
    # Nobody started another service over the folder.
    assert not (tmp_path / "quintet.db").exists()
    assert published_address(tmp_path) == ""


@pytest.mark.slow
def test_without_a_running_service_one_is_started_for_the_moment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # A killed `up` left this behind.
    (tmp_path / "session.address").write_text(f"unix:{tmp_path}/gone.sock")
    monkeypatch.setenv("ADMIN_EMAIL", "")
    monkeypatch.setenv("QUINTET_SESSION_PASSWORD_TIME_COST", "1")
    quintet = Quintet(monkeypatch, capsys, ["--data-dir", str(tmp_path)])
    code, user_id, err = quintet("users", "add", "--email", "first@test.local", typed=PASSWORD)
    assert (code, err) == (0, "first@test.local is a user now.\n")
    code, out, _ = quintet("users", "list")
    assert (code, out) == (0, f"{user_id.strip()}\tfirst@test.local\tuser\tfirst\n")
    # Each service has ended with its command.
    assert not [child for child in psutil.Process().children() if str(tmp_path) in str(child.environ())]


@pytest.mark.parametrize(
    "arguments",
    [
        ("users", "list"),
        ("users", "remove", "--email", "a@test.local"),
        ("users", "password", "--email", "a@test.local"),
        ("keys", "list", "--surface", "nexus"),
        ("keys", "revoke", "key_x", "--surface", "nexus"),
    ],
)
@pytest.mark.parametrize("is_there", [False, True])
def test_a_folder_without_data_is_refused_and_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: Sequence[str],
    is_there: bool,
) -> None:
    folder = tmp_path / "mistyped"
    if is_there:
        folder.mkdir()
    quintet = Quintet(monkeypatch, capsys, ["--data-dir", str(folder)])
    assert quintet(*arguments, typed=PASSWORD) == (
        2,
        "",
        f"There is no Quintet data in {folder}; name its folder with --data-dir.\n",
    )
    assert [path for path in tmp_path.rglob("*") if path != folder] == []
    assert folder.exists() is is_there


@pytest.mark.slow
def test_the_first_key_makes_the_database(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    quintet = Quintet(monkeypatch, capsys, ["--data-dir", str(folder)])
    code, out, _ = quintet("keys", "create", "--surface", "nexus")
    assert (code, out[:3]) == (0, "qn_")
    assert (folder / "quintet.db").exists()


@pytest.mark.slow
def test_a_service_that_cannot_start_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "quintet.db").write_bytes(b"no database" * 1000)
    code, out, err = Quintet(monkeypatch, capsys, ["--data-dir", str(tmp_path)])("users", "list")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "is damaged" in err
