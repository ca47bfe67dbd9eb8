"""Bring the tables to this release, with Alembic: https://alembic.sqlalchemy.org.

To change a table: change `tables.py`, then add `migrations/versions/000N_what_it_does.py` by hand
after the pattern of the first. The test that compares the two prints what is still missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

from bot.store.engine import BUSY_TIMEOUT_MS, WRITES
from bot.store.errors import StoreError

SCRIPTS = Path(__file__).parent / "migrations"
PATIENCE_MS = 30_000  # several helpers may start at once: they migrate one after another
ONE_AT_A_TIME = 7_261_935_004  # any number that only this project uses as advisory lock


def upgrade(connection: Connection) -> None:
    """Run every migration that the database lacks, in the caller's transaction. Idempotent."""
    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        raise StoreError(
            "The database was written by a newer release than this one: install that release."
        ) from error


def alembic_config(connection: Connection) -> Config:
    """Alembic's settings, made here because there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def migration_connection(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that may take its time and that no other migration shares."""
    with engine.connect().execution_options(**WRITES) as connection:
        if engine.dialect.name == "sqlite":
            with _unhurried_sqlite(connection):
                yield connection
        else:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {PATIENCE_MS}")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})")
            yield connection
            connection.commit()


@contextmanager
def _unhurried_sqlite(connection: Connection) -> Iterator[None]:
    """Wait longer for locks, and let a table be written anew without deleting what refers to it.

    Dropping a table with foreign keys on deletes the rows that cascade from it:
    https://www.sqlite.org/foreignkeys.html#fk_schemacommands
    """
    raw = connection.connection.cursor()  # pragmas do nothing inside a transaction
    raw.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
    raw.execute("PRAGMA foreign_keys=OFF")
    try:
        with connection.begin():
            yield
    finally:
        raw.execute("PRAGMA foreign_keys=ON")
        raw.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        raw.close()
