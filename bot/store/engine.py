"""Connections: SQLite in WAL mode by default, PostgreSQL by URL; both fail within seconds.

https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html and
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, Dialect, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor, ExceptionContext
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from bot.store.errors import StoreError

BUSY_TIMEOUT_MS = 200
STATEMENT_TIMEOUT_MS = 2000
POSTGRESQL_DEFAULTS = {
    "connect_timeout": 2,  # s, the least that libpq honours
    "tcp_user_timeout": STATEMENT_TIMEOUT_MS,  # a dead network is noticed without a TCP time-out
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "application_name": "baclofen-helper",
}
SLOW_FAILURE_S = 0.5
BREAK_S = 5.0
WRITES = {"store_writes": True}


def parse_url(url: str) -> URL:
    """Read a database URL; `postgres://` and `postgresql://` mean the psycopg 3 driver."""
    try:
        parsed = make_url(url)
    except (SQLAlchemyError, ValueError):
        raise StoreError("DATABASE_URL cannot be read as an address of a database.") from None
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        return parsed.set(drivername="sqlite+pysqlite")
    raise StoreError("DATABASE_URL must begin with sqlite:/// or postgresql://.")


def open_engine(url: URL) -> Engine:
    """Create the engine of a parsed URL. Connects to nothing yet."""
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url)
    return _postgresql_engine(url)


def is_in_memory(url: URL) -> bool:
    """Whether the URL names an SQLite database that lives in this process only."""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def create_sqlite_file(url: URL) -> None:
    """Create the folder and file of an SQLite database, for their owner's eyes only."""
    if is_in_memory(url) or url.query.get("uri") or url.database is None:
        return
    path = Path(url.database)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(
            f"The database file cannot be created: {error.strerror}.", temporary=True
        ) from error


def _sqlite_engine(url: URL) -> Engine:
    # A private in-memory database is one connection, so threads take turns on it.
    size, overflow = (1, 0) if is_in_memory(url) else (5, 35)
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=overflow,
        pool_timeout=1,
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "checkout", _refuse_replaced_file)
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "handle_error", _open_anew_once_writable)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin where we say (see _begin_sqlite)
    cursor = connection.cursor()
    path = _first_row(cursor, "PRAGMA database_list")[2]
    entry.info["path"] = path
    entry.info["inode"] = _inode(path)
    _make_log_writable(path)
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")
    if _first_row(cursor, "PRAGMA journal_mode")[0] != "wal":
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _first_row(cursor: DBAPICursor, question: str) -> Any:
    cursor.execute(question)
    return cursor.fetchone()


def _make_log_writable(path: str) -> None:
    """Mend the log and its index: made while the file was read-only, they stay so for ever.

    https://www.sqlite.org/walformat.html
    """
    if not path or not _is_writable(path):
        return
    for beside in (Path(f"{path}-wal"), Path(f"{path}-shm")):
        if beside.exists() and not _is_writable(str(beside)):
            with suppress(OSError):
                beside.chmod(0o600)


def _open_anew_once_writable(context: ExceptionContext) -> None:
    """Drop every connection when one that SQLite opened read-only could write if opened anew."""
    name = getattr(context.original_exception, "sqlite_errorname", "")
    if name.startswith("SQLITE_READONLY") and context.connection is not None:
        context.is_disconnect = _is_writable(context.connection.info.get("path", ""))


def _is_writable(path: str) -> bool:
    return os.access(path, os.W_OK, effective_ids=True)


def _refuse_replaced_file(
    connection: DBAPIConnection, entry: ConnectionPoolEntry, proxy: PoolProxiedConnection
) -> None:
    """Open anew when the file was deleted or replaced: writes to the old one would be lost."""
    if _inode(entry.info["path"]) != entry.info["inode"]:
        raise DisconnectionError("the database file was moved or deleted")


def _inode(path: str) -> tuple[int, int] | None:
    if not path:
        return None
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: a reader that turns writer later fails without waiting.
    writes = connection.get_execution_options().get("store_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql_engine(url: URL) -> Engine:
    given = {key: value for key, value in POSTGRESQL_DEFAULTS.items() if key not in url.query}
    engine = create_engine(
        url,
        pool_pre_ping=True,
        pool_recycle=1800,
        pool_size=5,
        max_overflow=5,
        pool_timeout=2,
        hide_parameters=True,
        # No prepared statements, so that a pooler between us and the server does no harm.
        connect_args={**given, "prepare_threshold": None},
    )
    event.listen(engine, "connect", _prepare_postgresql)
    event.listen(engine, "do_connect", ConnectBreaker().connect)
    return engine


def _prepare_postgresql(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}")
    cursor.execute(f"SET lock_timeout = {STATEMENT_TIMEOUT_MS}")
    cursor.close()
    connection.commit()


class ConnectBreaker:
    """One visitor waits for a server that does not answer; those of the next seconds do not."""

    def __init__(self) -> None:
        self._open_until = 0.0

    def connect(self, dialect: Dialect, entry: Any, args: Any, kwargs: Any) -> DBAPIConnection:
        """Connect, or fail at once shortly after a connection that timed out."""
        begun = time.monotonic()
        if begun < self._open_until:
            raise dialect.loaded_dbapi.OperationalError("the server did not answer a moment ago")
        try:
            return dialect.connect(*args, **kwargs)
        except Exception:
            failed = time.monotonic()
            if failed - begun > SLOW_FAILURE_S:
                self._open_until = failed + BREAK_S
            raise
