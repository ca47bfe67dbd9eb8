"""A store on each database: SQLite always, PostgreSQL when TEST_DATABASE_URL names a server."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from bot.store import Store, StoredTurn, new_key

NO_POSTGRESQL = "set TEST_DATABASE_URL to a PostgreSQL database to run this test there too"
FINISH: dict[str, Any] = {
    "level": "none",
    "outcome": "answered",
    "topic": "overdose_signs",
    "covers": ["overdose_signs"],
    "topics": [{"topic": "overdose_signs", "confidence": 0.91}],
    "replies": [{"kind": "answer", "text": "Slow breathing is a sign.", "buttons": []}],
    "asks_back": False,
    "taken_back": False,
    "assessment": {"level": "none", "signs": []},
    "sent_ms": 42,
}


@pytest.fixture
def key() -> str:
    return new_key()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store/helper.db"


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """A schema of its own for each test, gone afterwards."""
    given = os.environ.get("TEST_DATABASE_URL")
    if not given:
        pytest.skip(NO_POSTGRESQL)
    url = make_url(given).set(drivername="postgresql+psycopg")
    schema = f"test_{uuid.uuid4().hex}"
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    own = url.update_query_dict({"options": f"-csearch_path={schema}"})
    yield own.set(drivername="postgres").render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    server.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The address of an empty database, on SQLite and on PostgreSQL."""
    address: str = request.getfixturevalue(f"{request.param}_url")
    return address


@pytest.fixture
def open_store(key: str) -> Iterator[Callable[..., Store]]:
    """Open stores that are closed after the test, with the test's key unless told otherwise."""
    opened: list[Store] = []

    def open_one(url: str, *keys: str) -> Store:
        opened.append(Store(url, keys or [key]))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(url: str, open_store: Callable[..., Store]) -> Store:
    """A migrated store on each database."""
    return migrated(open_store(url))


@pytest.fixture
def sqlite_store(sqlite_url: str, open_store: Callable[..., Store]) -> Store:
    """A migrated store on SQLite, for what only SQLite has."""
    return migrated(open_store(sqlite_url))


@pytest.fixture
def start() -> Callable[[Store], str]:
    """Begin a conversation and return its id."""

    def start_one(store: Store) -> str:
        conversation_id = str(uuid.uuid4())
        store.create_conversation(conversation_id, "web", "en", "CA")
        return conversation_id

    return start_one


@pytest.fixture
def say() -> Callable[..., StoredTurn]:
    """Record a message and finish its turn; return it as stored."""

    def say_one(store: Store, conversation_id: str, message: str, **finish: Any) -> StoredTurn:
        turn = store.record_message(conversation_id, message)
        store.finish_turn(turn.id, **{**FINISH, **finish})
        return store.turns(conversation_id, last=1)[0]

    return say_one


@pytest.fixture
def finish() -> dict[str, Any]:
    """Arguments that finish a turn."""
    return dict(FINISH)


@pytest.fixture
def look(url: str) -> Iterator[Callable[..., list[Any]]]:
    """Read the database of `url` with plain SQL, behind the store's back."""
    with plain_engine(url) as engine:

        def run(sql: str, **parameters: Any) -> list[Any]:
            with engine.begin() as connection:
                result = connection.execute(text(sql), parameters)
                return list(result.all()) if result.returns_rows else []

        yield run


@contextmanager
def plain_engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url.replace("postgres://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()


def migrated(store: Store) -> Store:
    store.migrate()
    return store
