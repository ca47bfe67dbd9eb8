"""One exception for every database problem, with the sentence a person on duty needs.

Result codes: https://www.sqlite.org/rescode.html and
https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError


class StoreError(Exception):
    """The store could not do what was asked; the message says what to do about it.

    `temporary` is true when the same call may succeed later without a change to the
    configuration or to the tables: a lock, a full disk, a server that restarts.
    """

    def __init__(self, message: str, *, temporary: bool = False) -> None:
        super().__init__(message)
        self.temporary = temporary


class UnknownConversation(StoreError):
    """There is no such conversation: never created, deleted on request, or past retention."""


TABLES_MISSING = "The store's tables are missing or older than this release: run the migration."

# SQLite primary result code -> (sentence, temporary)
SQLITE_PROBLEMS = {
    "SQLITE_BUSY": ("The database is locked by another program.", True),
    "SQLITE_LOCKED": ("The database is locked by another connection.", True),
    "SQLITE_READONLY": (
        "The database cannot be written to: check the permissions of its file and folder.",
        True,
    ),
    "SQLITE_FULL": ("The disk that holds the database is full.", True),
    "SQLITE_CANTOPEN": (
        "The database file cannot be opened: check that its folder exists and is readable.",
        True,
    ),
    "SQLITE_IOERR": ("The disk that holds the database cannot be read or written.", True),
    "SQLITE_NOMEM": ("The machine is out of memory.", True),
    "SQLITE_CORRUPT": ("The database file is damaged: restore it from a backup.", False),
    "SQLITE_NOTADB": ("The file is not a database, or is damaged: restore a backup.", False),
}

# First two characters of an SQLSTATE -> (sentence, temporary)
POSTGRESQL_PROBLEMS = {
    "08": ("The connection to the database was lost.", True),
    "25": ("The database server accepts no writes at the moment.", True),
    "28": ("The database server refused the user or password of DATABASE_URL.", False),
    "3D": ("The database named in DATABASE_URL does not exist.", False),
    "40": ("The database server asks to try again.", True),
    "42": (TABLES_MISSING, False),
    "53": ("The database server is out of connections, memory or disk.", True),
    "55": ("The database is locked by another program.", True),
    "57": ("The database server cancelled the work: it is too slow or shutting down.", True),
    "58": ("The disk of the database server cannot be read or written.", True),
}


@contextmanager
def surfacing_as_store_error() -> Iterator[None]:
    """Turn every SQLAlchemy exception raised inside into a `StoreError`."""
    try:
        yield
    except SQLAlchemyError as error:
        raise explain(error) from error


def explain(error: SQLAlchemyError) -> StoreError:
    """Say in one sentence what went wrong; never with a parameter of the statement in it."""
    if isinstance(error, DBAPIError):
        message, temporary = _explain_driver(error)
    elif isinstance(error, PoolTimeoutError):
        message, temporary = "Every connection to the database is in use.", True
    elif isinstance(error, DisconnectionError):
        message, temporary = "The connection to the database was lost.", True
    else:
        message, temporary = f"The database refused the work ({type(error).__name__}).", False
    return StoreError(message, temporary=temporary)


def _explain_driver(error: DBAPIError) -> tuple[str, bool]:
    """Sort by the driver's own code: SQLite's result code or PostgreSQL's SQLSTATE."""
    kind = type(error.orig).__name__
    refused = (f"The database refused the work ({kind}).", False)
    if isinstance(error.orig, sqlite3.Error):
        return _explain_sqlite(error.orig, refused)
    state = getattr(error.orig, "sqlstate", None)
    if state:
        return POSTGRESQL_PROBLEMS.get(str(state)[:2], refused)
    if error.connection_invalidated or kind in ("OperationalError", "ConnectionTimeout"):
        return "The database server cannot be reached.", True
    return refused


def _explain_sqlite(error: sqlite3.Error, refused: tuple[str, bool]) -> tuple[str, bool]:
    name = getattr(error, "sqlite_errorname", "")
    primary = "_".join(name.split("_")[:2])  # SQLITE_IOERR_WRITE is a kind of SQLITE_IOERR
    if primary == "SQLITE_ERROR" and "no such" in str(error):
        return TABLES_MISSING, False
    return SQLITE_PROBLEMS.get(primary, refused)
