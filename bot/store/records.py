"""What the store hands out: plain frozen values, never rows bound to a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class StoredConversation:
    """A conversation without its turns. Times are UTC."""

    id: str
    channel: str
    language: str
    region: str
    sandbox: bool
    created_at: datetime
    last_active_at: datetime


@dataclass(frozen=True)
class StoredTurn:
    """One message of a visitor and what was sent back.

    A turn that is not finished has `outcome` None, `level` "none" and no replies.
    """

    id: int
    conversation_id: str
    number: int  # 1, 2, ... within the conversation
    text: str
    level: str
    asks_back: bool
    taken_back: bool
    button: str | None
    outcome: str | None
    topic: str | None
    covers: list[str]
    topics: list[dict[str, Any]]  # {"topic", "confidence"}, best first
    replies: list[dict[str, Any]]  # as given to finish_turn
    sent_ms: int | None
    idempotency_key: str | None
    created_at: datetime
    assessment: dict[str, Any]


@dataclass(frozen=True)
class StoredSafetyEvent:
    """A card was called for: which level, sign categories and rules. Never any text."""

    id: int
    at: datetime
    level: str
    signs: list[str]
    rule_ids: list[str]
    channel: str
    conversation_id: str | None  # None when unknown, or deleted since
