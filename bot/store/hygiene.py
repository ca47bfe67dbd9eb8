"""What may reach the database: no NUL, no lone surrogate, no identifier of unknown shape.

PostgreSQL refuses U+0000 in text (https://www.postgresql.org/docs/current/datatype-character.html)
and neither database nor the cipher can encode a lone surrogate, which a browser may send in JSON.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any

CONVERSATION_ID = re.compile(r"[a-z0-9-]{36}")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
LONGEST_KEY = 200  # characters of an idempotency key


def clean_text(text: str) -> str:
    """Replace each NUL and each lone surrogate by U+FFFD."""
    return UNSTORABLE.sub("\ufffd", text)


def clean_json(value: Any) -> Any:
    """Copy a JSON value with its texts cleaned; NaN and infinities, which JSON lacks, are null.

    Raises ValueError for anything that is not JSON.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {clean_text(str(key)): clean_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(item) for item in value]
    raise ValueError(f"A {type(value).__name__} is not JSON and cannot be stored.")


def checked_id(conversation_id: str) -> str:
    """Return the conversation id if it has the shape of one, else raise ValueError."""
    if not isinstance(conversation_id, str) or not CONVERSATION_ID.fullmatch(conversation_id):
        raise ValueError("A conversation id is 36 characters: small letters, digits and hyphens.")
    return conversation_id


def checked_key(idempotency_key: str | None) -> str | None:
    """Return the idempotency key if it can be stored as it is, else raise ValueError."""
    if idempotency_key is None:
        return None
    if not 1 <= len(idempotency_key) <= LONGEST_KEY or not idempotency_key.isprintable():
        raise ValueError(
            f"An idempotency key is 1 to {LONGEST_KEY} printable characters on one line."
        )
    return idempotency_key


def checked_time(moment: datetime) -> datetime:
    """Return the moment in UTC; a time without its zone means nothing here: ValueError."""
    if moment.tzinfo is None:
        raise ValueError("Give the time with its zone, for example datetime.now(UTC).")
    return moment.astimezone(UTC)
