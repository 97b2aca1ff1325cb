"""What the SQLite store does when its file, its disk or its neighbours are not as they should be."""

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from quintet_errors import DomainError, Reason
from quintet_session.store import Append, MessageListing, NewMessage, Role, Scope
from quintet_session.stores.sqlite import DatabaseOptions, SqliteStore, migrations
from quintet_session.stores.sqlite.connection import open_writer
from quintet_session.stores.sqlite.migrations import schema_version
from quintet_session.stores.sqlite.writer import Writer

SCOPE = Scope("nexus", "anonymous")
MIGRATIONS = Path(migrations.__file__).parent
MANY = MessageListing(limit=1000, max_bytes=1 << 30)


def text(content: str, key: str) -> Append:
    return Append((NewMessage(Role.USER, content),), key)


async def opened(folder: Path, **options: int) -> SqliteStore:
    store = SqliteStore(DatabaseOptions(folder, **options))  # type: ignore[arg-type]
    await store.open()
    return store


async def refusal(folder: Path) -> DomainError:
    store = SqliteStore(DatabaseOptions(folder, lock_wait_s=0.1))
    with pytest.raises(DomainError) as caught:
        await store.open()
    await store.close()
    return caught.value


async def filled(folder: Path, messages: int = 200) -> str:
    store = await opened(folder)
    session_id = (await store.create_session(SCOPE, "")).session.session_id
    for number in range(messages):
        await store.append_messages(SCOPE, session_id, text(f"{number} " * 100, str(number)))
    await store.close()
    return session_id


async def test_a_new_database_is_one_file_with_the_newest_schema(tmp_path: Path) -> None:
    await filled(tmp_path / "new" / "folder", 3)
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir() if path.suffix != ".lock") == [
        "quintet.db"
    ]
    connection = open_writer(DatabaseOptions(tmp_path / "new" / "folder"))
    assert schema_version(connection) == max(int(path.name[:4]) for path in MIGRATIONS.glob("*.sql"))
    assert (tmp_path / "new" / "folder" / "quintet.db").stat().st_mode & 0o077 == 0
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


async def test_a_failed_operation_takes_nothing_of_its_neighbours_with_it(tmp_path: Path) -> None:
    connection = open_writer(DatabaseOptions(tmp_path))
    connection.execute("CREATE TABLE numbers (n INTEGER)")
    writer = Writer(connection)

    def insert(connection: sqlite3.Connection, number: int) -> int:
        connection.execute("INSERT INTO numbers VALUES (?)", (number,))
        if number % 3 == 0:
            raise ValueError(number)
        return number

    def operation(number: int) -> object:
        return writer.run(lambda connection: insert(connection, number))

    answers = await asyncio.gather(*(operation(number) for number in range(30)), return_exceptions=True)  # type: ignore[call-overload]
    stored = await writer.run(lambda connection: connection.execute("SELECT n FROM numbers ORDER BY rowid").fetchall())
    assert [n for (n,) in stored] == [number for number in range(30) if number % 3]
    assert [type(answer) for answer in answers[:4]] == [ValueError, int, int, ValueError]
    await writer.close()


async def test_a_cancelled_operation_that_has_not_begun_never_runs(tmp_path: Path) -> None:
    writer = Writer(open_writer(DatabaseOptions(tmp_path)))
    ran: list[str] = []
    # Both are queued before the thread could be told of the cancellation only if the first one holds the thread.
    gate = asyncio.get_running_loop().create_future()
    release = threading.Event()
    loop = asyncio.get_running_loop()

    def hold(_: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(gate.set_result, None)
        release.wait(10)

    holding = asyncio.create_task(writer.run(hold))
    await gate
    waiting = asyncio.create_task(writer.run(lambda _: ran.append("ran")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    release.set()
    await holding
    await writer.run(lambda _: None)
    assert ran == []
    await writer.close()


async def test_readers_do_not_wait_for_the_writer(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    session_id = (await store.create_session(SCOPE, "seen")).session.session_id
    blocker = sqlite3.connect(tmp_path / "quintet.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(store.update_session(SCOPE, session_id, "later"))
    session = await asyncio.wait_for(store.get_session(SCOPE, session_id), 2)
    assert (session.title, writing.done()) == ("seen", False)
    blocker.execute("ROLLBACK")
    blocker.close()
    assert (await writing).title == "later"
    await store.close()


async def test_a_full_store_says_so_keeps_whole_what_it_has_and_works_again(tmp_path: Path) -> None:
    store = await opened(tmp_path, max_bytes=1 << 20)
    session_id = (await store.create_session(SCOPE, "")).session.session_id
    stored = 0
    with pytest.raises(DomainError) as caught:
        while stored < 1000:
            pair = Append(tuple(NewMessage(Role.USER, "x" * 20_000) for _ in range(2)), f"k{stored}")
            await store.append_messages(SCOPE, session_id, pair)
            stored += 1
    assert caught.value.reason is Reason.STORAGE_FULL
    assert 0 < stored < 30
    page = await store.list_messages(SCOPE, session_id, MANY)
    assert len(page.messages) == page.session.message_count == 2 * stored
    await store.clear_messages(SCOPE, session_id)
    await store.append_messages(SCOPE, session_id, text("x" * 20_000, "after"))
    await store.close()


@pytest.mark.faults
async def test_a_full_disk_says_so_and_works_again_when_there_is_space(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"this user cannot mount a small disk: {mounted.stderr.decode().strip()}")
    try:
        store = await opened(tmp_path)
        session_id = (await store.create_session(SCOPE, "")).session.session_id
        ballast = tmp_path / "ballast"
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(bytes(8 << 20))
        with pytest.raises(DomainError) as caught:
            for number in range(1000):
                await store.append_messages(SCOPE, session_id, text("x" * 20_000, str(number)))
        assert caught.value.reason is Reason.STORAGE_FULL
        before = await store.get_session(SCOPE, session_id)
        ballast.unlink()
        appended = await store.append_messages(SCOPE, session_id, text("x" * 20_000, "after"))
        assert appended.session.message_count == before.message_count + 1
        await store.close()
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


async def test_two_processes_cannot_use_one_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await opened(tmp_path)
    error = await refusal(tmp_path)
    assert error.reason is Reason.STORAGE_FAILED
    assert "already uses" in error.message
    await store.close()
    await (await opened(tmp_path)).close()


async def test_a_database_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    await filled(tmp_path, 1)
    connection = sqlite3.connect(tmp_path / "quintet.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    error = await refusal(tmp_path)
    assert error.reason is Reason.STORAGE_FAILED
    assert "newer Quintet" in error.message


@pytest.mark.parametrize("damage", ["no database", "half a file", "overwritten pages"])
async def test_a_damaged_database_is_refused_and_kept(tmp_path: Path, damage: str) -> None:
    await filled(tmp_path)
    path = tmp_path / "quintet.db"
    data = bytearray(path.read_bytes())
    if damage == "no database":
        data[:100] = b"x" * 100
    elif damage == "half a file":
        del data[len(data) // 2 :]
    else:
        data[8192 : len(data) - 4096] = os.urandom(len(data) - 4096 - 8192)
    path.write_bytes(data)
    error = await refusal(tmp_path)
    assert error.reason is Reason.STORAGE_FAILED
    assert "is damaged" in error.message
    assert ".recover" in error.message
    assert path.read_bytes() == data


# Root may write anywhere, so the child becomes somebody else after it has loaded the program.
_AS_NOBODY = textwrap.dedent(
    """
    import asyncio, os, sys
    from pathlib import Path
    from quintet_errors import DomainError
    from quintet_session.stores.sqlite import DatabaseOptions, SqliteStore

    async def main() -> None:
        try:
            await SqliteStore(DatabaseOptions(Path(sys.argv[1]))).open()
        except DomainError as error:
            print(error.reason, error.message)

    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    try:
        os.open(sys.argv[2], os.O_RDWR | os.O_CREAT)
        print("the fault did not happen")
    except OSError as error:
        print("proof:", error.strerror)
    asyncio.run(main())
    """
)


@pytest.mark.parametrize("place", ["folder", "database", "parent"])
async def test_data_of_somebody_else_is_refused_with_what_to_do(tmp_path: Path, place: str) -> None:
    for parent in (tmp_path, *tmp_path.parents):
        if (
            os.access(parent, os.W_OK)
            and parent.stat().st_uid == os.getuid()
            and parent.name.startswith(("pytest", "test_"))
        ):
            parent.chmod(0o755)
    folder = tmp_path / "data"
    if place != "parent":
        await filled(folder, 1)
        folder.chmod(0o777 if place == "database" else 0o555)
        (folder / "quintet.db").chmod(0o444)
    else:
        tmp_path.chmod(0o555)
    probe = {"folder": folder / "probe", "database": folder / "quintet.db", "parent": tmp_path / "probe"}[place]
    try:
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, str(folder), str(probe)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        tmp_path.chmod(0o755)
    assert "proof: Permission denied" in done.stdout, done
    assert "STORAGE_FAILED" in done.stdout, done
    assert re.search(r"(Give it|give it) to the user that runs the session service", done.stdout), done


async def test_purged_uploads_give_their_space_back_to_the_disk(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    for position in range(120):
        await store.write_chunk("blob", position, os.urandom(256 << 10))
    await store.discard_blob("blob")
    while await store.purge_step(0):
        pass
    await store.close()
    assert (tmp_path / "quintet.db").stat().st_size < 20 << 20
