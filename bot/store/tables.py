"""The tables: conversations, their turns, and safety events without text.

Columns named `*_token` hold ciphertext (see cipher). A change here needs a migration; a test
compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, with its zone in Python; SQLite has no zones and keeps it bare."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database: with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite counts rows by itself only in a column declared exactly INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")
Json = JSON(none_as_null=True)


class Base(DeclarativeBase):
    """What all tables share."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: Json, list[Any]: Json}


class Conversation(Base):
    """A conversation without its turns."""

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    channel: Mapped[str]
    language: Mapped[str]
    region: Mapped[str]
    sandbox: Mapped[bool]
    turn_count: Mapped[int]  # the number of the last turn; its row lock makes numbers gap-free
    created_at: Mapped[datetime]
    last_active_at: Mapped[datetime] = mapped_column(index=True)


class Turn(Base):
    """One message of a visitor, written first, and what was sent back, written last."""

    __tablename__ = "turns"
    __table_args__ = (
        UniqueConstraint("conversation_id", "number"),
        UniqueConstraint("conversation_id", "idempotency_key"),
        # Without it SQLite gives the id of a deleted turn to the next one, and the replies of a
        # conversation deleted meanwhile could end up in a stranger's.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey(Conversation.id, ondelete="CASCADE"))
    number: Mapped[int]
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    text_token: Mapped[str] = mapped_column(Text)
    button_token: Mapped[str | None] = mapped_column(Text)
    replies_token: Mapped[str | None] = mapped_column(Text)
    level: Mapped[str | None]
    outcome: Mapped[str | None]
    topic: Mapped[str | None]
    covers: Mapped[list[Any] | None]
    topics: Mapped[list[Any] | None]
    asks_back: Mapped[bool]
    taken_back: Mapped[bool]
    assessment: Mapped[dict[str, Any] | None]
    sent_ms: Mapped[int | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class SafetyEvent(Base):
    """That a card was called for, and by which rules; no words of anybody."""

    __tablename__ = "safety_events"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    level: Mapped[str]
    signs: Mapped[list[Any]]
    rule_ids: Mapped[list[Any]]
    channel: Mapped[str]
    conversation_id: Mapped[str | None] = mapped_column(
        ForeignKey(Conversation.id, ondelete="SET NULL"), index=True
    )
    record_id: Mapped[str | None] = mapped_column(String(36), unique=True)  # of a spooled event


class KeyCheck(Base):
    """One known text, encrypted: tells a wrong key before a visitor meets it."""

    __tablename__ = "key_check"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    token: Mapped[str] = mapped_column(Text)
