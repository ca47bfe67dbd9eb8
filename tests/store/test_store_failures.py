"""A database that is locked, read-only, gone, broken or mute: one kind of error, soon."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from bot.store import Store, StoredTurn, StoreError
from bot.store.errors import explain

SOON = 3.0  # s; a generous bound for what takes half a second


@pytest.fixture
def path(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
def unprivileged_folder(sqlite_store: Store) -> Iterator[Path]:
    """A folder that file permissions apply to: root gives up its rights for the test.

    `sqlite_store` was used before, so that nothing is left to import without those rights.
    """
    nobody, root = 65534, 0
    with tempfile.TemporaryDirectory() as name:
        is_root = os.geteuid() == root
        if is_root:
            os.chown(name, nobody, -1)
            os.seteuid(nobody)
        try:
            yield Path(name)
        finally:
            if is_root:
                os.seteuid(root)


@pytest.fixture
def mute_server() -> Iterator[str]:
    """A server that accepts a connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        yield f"postgresql://helper@127.0.0.1:{listener.getsockname()[1]}/helper"


def fails_temporarily(attempt: Callable[[], Any]) -> StoreError:
    begun = time.monotonic()
    with pytest.raises(StoreError) as caught:
        attempt()
    assert caught.value.temporary, caught.value
    assert time.monotonic() - begun < SOON
    return caught.value


def test_store_gives_up_soon_when_another_program_locks_the_file(
    sqlite_store: Store, path: Path, start: Callable[[Store], str]
) -> None:
    conversation_id = start(sqlite_store)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    error = fails_temporarily(lambda: sqlite_store.record_message(conversation_id, "hello"))
    assert "locked" in str(error)
    fails_temporarily(sqlite_store.ping)
    assert sqlite_store.turns(conversation_id) == []  # reading goes on
    other.execute("ROLLBACK")
    other.close()
    assert sqlite_store.record_message(conversation_id, "hello").number == 1


def test_store_does_not_queue_for_long_behind_a_writer_of_its_own(
    sqlite_store: Store, start: Callable[[Store], str]
) -> None:
    conversation_id = start(sqlite_store)
    with sqlite_store._writing():
        fails_temporarily(lambda: sqlite_store.record_message(conversation_id, "hello"))
    assert sqlite_store.record_message(conversation_id, "hello").number == 1


def test_store_cannot_write_to_a_database_opened_read_only(
    sqlite_store: Store,
    path: Path,
    open_store: Callable[..., Store],
    start: Callable[[Store], str],
) -> None:
    conversation_id = start(sqlite_store)
    sqlite_store.record_message(conversation_id, "hello")
    reader = open_store(f"sqlite:///file:{path}?mode=ro&uri=true")
    assert len(reader.turns(conversation_id)) == 1
    error = fails_temporarily(lambda: reader.record_message(conversation_id, "hello"))
    assert "permissions" in str(error)
    fails_temporarily(reader.ping)
    assert len(reader.turns(conversation_id)) == 1


@pytest.mark.parametrize("what", ["file", "folder"])
def test_store_cannot_write_without_permission_and_recovers_with_it(
    what: str,
    unprivileged_folder: Path,
    open_store: Callable[..., Store],
    start: Callable[[Store], str],
) -> None:
    database = unprivileged_folder / "store" / "helper.db"
    store = open_store(f"sqlite:///{database}")
    store.migrate()
    conversation_id = start(store)
    store.close()
    place, mode = (database, 0o600) if what == "file" else (database.parent, 0o700)
    place.chmod(mode & 0o500)
    error = fails_temporarily(lambda: store.record_message(conversation_id, "hello"))
    assert "permissions" in str(error)
    fails_temporarily(store.ping)
    place.chmod(mode)
    with suppress(StoreError):  # the first attempt may still meet a connection opened read-only
        store.ping()
    assert store.record_message(conversation_id, "hello").number == 1


def test_store_notices_that_its_folder_is_gone(
    sqlite_store: Store, path: Path, start: Callable[[Store], str]
) -> None:
    conversation_id = start(sqlite_store)
    shutil.rmtree(path.parent)
    error = fails_temporarily(lambda: sqlite_store.record_message(conversation_id, "hello"))
    assert "cannot be opened" in str(error)
    fails_temporarily(lambda: sqlite_store.turns(conversation_id))
    fails_temporarily(sqlite_store.ping)
    sqlite_store.migrate()
    start(sqlite_store)


def test_store_writes_to_the_file_that_was_put_in_place_of_its_own(
    sqlite_store: Store, path: Path, start: Callable[[Store], str]
) -> None:
    conversation_id = start(sqlite_store)
    copy = path.with_name("backup.db")
    plain = sqlite3.connect(path)
    plain.execute("VACUUM INTO ?", [str(copy)])
    plain.close()
    sqlite_store.record_message(conversation_id, "lost with the file that is replaced")
    sqlite_store.close()
    copy.replace(path)
    assert sqlite_store.record_message(conversation_id, "hello").number == 1


def test_store_says_that_a_file_is_not_a_database(
    path: Path, sqlite_url: str, open_store: Callable[..., Store]
) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database " * 200)
    store = open_store(sqlite_url)
    for attempt in (store.migrate, store.ping):
        with pytest.raises(StoreError, match="backup") as caught:
            attempt()
        assert not caught.value.temporary


def test_store_says_that_its_folder_cannot_be_created(
    tmp_path: Path, open_store: Callable[..., Store]
) -> None:
    (tmp_path / "file").write_text("in the way")
    store = open_store(f"sqlite:///{tmp_path}/file/helper.db")
    fails_temporarily(store.migrate)


def test_store_calls_a_full_disk_temporary(tmp_path: Path) -> None:
    plain = sqlite3.connect(tmp_path / "small.db")
    plain.execute("CREATE TABLE t (x)")
    plain.execute("PRAGMA max_page_count = 2")
    with pytest.raises(sqlite3.OperationalError) as caught:
        plain.execute("INSERT INTO t VALUES (zeroblob(100000))")
    error = explain(DBAPIError("INSERT", {}, caught.value))
    assert error.temporary
    assert "full" in str(error)
    plain.close()


@pytest.mark.parametrize(
    "url", ["", "helper.db", "mysql://localhost/x", "postgresql://localhost:port/x", "://"]
)
def test_store_refuses_an_address_it_cannot_use(url: str, open_store: Callable[..., Store]) -> None:
    with pytest.raises(StoreError, match="DATABASE_URL"):
        open_store(url)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_store_speaks_to_postgresql_through_psycopg(
    scheme: str, open_store: Callable[..., Store]
) -> None:
    store = open_store(f"{scheme}://helper:hidden-word@127.0.0.1:1/helper")
    assert store._engine.driver == "psycopg"
    error = fails_temporarily(store.ping)
    assert "reached" in str(error)
    assert "hidden-word" not in str(error)


def test_store_waits_for_a_mute_server_once(
    mute_server: str, open_store: Callable[..., Store]
) -> None:
    store = open_store(mute_server)
    begun = time.monotonic()
    with pytest.raises(StoreError) as caught:
        store.ping()
    assert caught.value.temporary
    assert time.monotonic() - begun < 2 * SOON
    begun = time.monotonic()
    fails_temporarily(store.ping)
    assert time.monotonic() - begun < 1


def test_store_gives_up_when_another_program_locks_a_row(
    postgresql_url: str, open_store: Callable[..., Store], start: Callable[[Store], str]
) -> None:
    store = open_store(postgresql_url)
    store.migrate()
    conversation_id = start(store)
    other = create_engine(postgresql_url.replace("postgres://", "postgresql+psycopg://"))
    with other.connect() as connection:
        connection.execute(text("SELECT * FROM conversations FOR UPDATE"))
        with pytest.raises(StoreError) as caught:
            store.record_message(conversation_id, "hello")
        assert caught.value.temporary
    other.dispose()
    assert store.record_message(conversation_id, "hello").number == 1


def test_store_recovers_when_postgresql_drops_its_connections(
    postgresql_url: str, open_store: Callable[..., Store], start: Callable[[Store], str]
) -> None:
    store = open_store(postgresql_url)
    store.migrate()
    conversation_id = start(store)
    with store._engine.connect() as connection:
        own = connection.scalar(text("SELECT pg_backend_pid()"))
    other = create_engine(postgresql_url.replace("postgres://", "postgresql+psycopg://"))
    with other.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
    other.dispose()
    assert store.record_message(conversation_id, "hello").number == 1


def test_store_notices_a_postgresql_that_takes_no_writes(
    postgresql_url: str, open_store: Callable[..., Store], start: Callable[[Store], str]
) -> None:
    store = open_store(postgresql_url)
    store.migrate()
    conversation_id = start(store)
    read_only = open_store(f"{postgresql_url}%20-cdefault_transaction_read_only%3Don")
    assert read_only.conversation(conversation_id).id == conversation_id
    fails_temporarily(read_only.ping)
    fails_temporarily(lambda: read_only.record_message(conversation_id, "hello"))


def test_store_limits_how_long_a_statement_may_take(
    postgresql_url: str, open_store: Callable[..., Store]
) -> None:
    store = open_store(postgresql_url)
    with pytest.raises(StoreError) as caught, store._reading() as session:
        session.execute(text("SELECT pg_sleep(20)"))
    assert caught.value.temporary


def test_store_errors_carry_nothing_that_was_to_be_stored(
    sqlite_store: Store,
    path: Path,
    open_store: Callable[..., Store],
    start: Callable[[Store], str],
    say: Callable[..., StoredTurn],
) -> None:
    conversation_id = start(sqlite_store)
    reader = open_store(f"sqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(StoreError) as caught:
        reader.record_message(conversation_id, "private words", idempotency_key="private-key")
    told = f"{caught.value} {caught.value.__cause__}"
    assert "private" not in told
    assert conversation_id not in told
