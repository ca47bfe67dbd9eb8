"""Migrations: up from nothing, in step with the models, safe to repeat and to race."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.util import CommandError
from sqlalchemy import text

from bot.store import Store, StoredTurn, StoreError, new_key
from bot.store.migrate import SCRIPTS, alembic_config, migration_connection


def test_migrations_create_exactly_the_tables_of_the_models(store: Store) -> None:
    with migration_connection(store._engine) as connection:
        try:
            command.check(alembic_config(connection))
        except CommandError as differences:
            pytest.fail(f"tables.py and migrations/ differ: {differences}")


def test_migrations_are_numbered_in_order() -> None:
    names = sorted(path.name for path in (SCRIPTS / "versions").glob("*.py"))
    assert [name[:5] for name in names] == [f"{n:04}_" for n in range(1, len(names) + 1)]


def test_migrations_can_be_run_again_without_loss(
    store: Store, start: Callable[[Store], str], say: Callable[..., StoredTurn]
) -> None:
    conversation_id = start(store)
    say(store, conversation_id, "hello")
    store.migrate()
    assert len(store.turns(conversation_id)) == 1


def test_migrations_of_helpers_that_start_together_run_once(
    url: str, open_store: Callable[..., Store]
) -> None:
    helpers = [open_store(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda helper: helper.migrate(), helpers))
    for helper in helpers:
        helper.ping()


def test_migrations_refuse_a_database_of_a_newer_release(
    store: Store, look: Callable[..., list[Any]]
) -> None:
    look("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer release") as caught:
        store.migrate()
    assert not caught.value.temporary


def test_migrations_that_rewrite_a_table_delete_nothing_that_refers_to_it(
    sqlite_store: Store, start: Callable[[Store], str], say: Callable[..., StoredTurn]
) -> None:
    conversation_id = start(sqlite_store)
    say(sqlite_store, conversation_id, "hello")
    with migration_connection(sqlite_store._engine) as connection:
        connection.execute(text("CREATE TABLE fresh AS SELECT * FROM conversations"))
        connection.execute(text("DROP TABLE conversations"))
        connection.execute(text("ALTER TABLE fresh RENAME TO conversations"))
    assert len(sqlite_store.turns(conversation_id)) == 1
    with sqlite_store._engine.connect() as connection:
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1


def test_store_asks_for_the_migration_when_tables_are_missing(
    url: str, open_store: Callable[..., Store], tmp_path: Path
) -> None:
    (tmp_path / "store").mkdir()
    store = open_store(url)
    for attempt in (store.ping, lambda: store.turns("a" * 36)):
        with pytest.raises(StoreError, match="run the migration") as caught:
            attempt()
        assert not caught.value.temporary


def test_store_creates_its_sqlite_file_for_its_owner_only(sqlite_store: Store) -> None:
    path = Path(str(sqlite_store._url.database))
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700


def test_store_sets_up_sqlite_for_safety_and_speed(sqlite_store: Store) -> None:
    expected = {
        "journal_mode": "wal",
        "synchronous": 1,
        "busy_timeout": 200,
        "foreign_keys": 1,
        "secure_delete": 1,
    }
    with sqlite_store._engine.connect() as connection:
        found = {name: connection.scalar(text(f"PRAGMA {name}")) for name in expected}
    assert found == expected


def test_store_works_in_memory_from_several_threads(
    start: Callable[[Store], str], say: Callable[..., StoredTurn]
) -> None:
    store = Store("sqlite://", [new_key()])
    store.migrate()
    conversation_id = start(store)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: say(store, conversation_id, f"hi {number}"), range(20)))
    assert len(store.turns(conversation_id)) == 20
    store.close()
