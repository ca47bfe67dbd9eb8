"""The first tables: conversations, turns, safety events, key check.

There is no way down: a downgrade would drop people's messages. Restore a backup instead.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

row_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create every table with its indexes."""
    create_conversations()
    create_turns()
    create_safety_events()
    op.create_table(
        "key_check",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_key_check"),
    )


def create_conversations() -> None:
    """One row per conversation."""
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("language", sa.String, nullable=False),
        sa.Column("region", sa.String, nullable=False),
        sa.Column("sandbox", sa.Boolean, nullable=False),
        sa.Column("turn_count", sa.Integer, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("last_active_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
    )
    op.create_index("ix_conversations_last_active_at", "conversations", ["last_active_at"])


def create_turns() -> None:
    """One row per message of a visitor, with what was sent back."""
    op.create_table(
        "turns",
        sa.Column("id", row_id, nullable=False),
        sa.Column("conversation_id", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("idempotency_key", sa.String(200)),
        sa.Column("text_token", sa.Text, nullable=False),
        sa.Column("button_token", sa.Text),
        sa.Column("replies_token", sa.Text),
        sa.Column("level", sa.String),
        sa.Column("outcome", sa.String),
        sa.Column("topic", sa.String),
        sa.Column("covers", sa.JSON),
        sa.Column("topics", sa.JSON),
        sa.Column("asks_back", sa.Boolean, nullable=False),
        sa.Column("taken_back", sa.Boolean, nullable=False),
        sa.Column("assessment", sa.JSON),
        sa.Column("sent_ms", sa.Integer),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("finished_at", moment),
        sa.PrimaryKeyConstraint("id", name="pk_turns"),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name="fk_turns_conversation_id_conversations",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("conversation_id", "number", name="uq_turns_conversation_id_number"),
        sa.UniqueConstraint(
            "conversation_id", "idempotency_key", name="uq_turns_conversation_id_idempotency_key"
        ),
        sqlite_autoincrement=True,
    )


def create_safety_events() -> None:
    """One row per card that was called for, without any text."""
    op.create_table(
        "safety_events",
        sa.Column("id", row_id, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("level", sa.String, nullable=False),
        sa.Column("signs", sa.JSON, nullable=False),
        sa.Column("rule_ids", sa.JSON, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("conversation_id", sa.String(36)),
        sa.Column("record_id", sa.String(36)),
        sa.PrimaryKeyConstraint("id", name="pk_safety_events"),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name="fk_safety_events_conversation_id_conversations",
            ondelete="SET NULL",
        ),
        sa.UniqueConstraint("record_id", name="uq_safety_events_record_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_safety_events_at", "safety_events", ["at"])
    op.create_index("ix_safety_events_conversation_id", "safety_events", ["conversation_id"])
