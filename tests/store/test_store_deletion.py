"""Deleted means gone: rows, links, and the bytes on the disk."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.store import Store, StoredTurn, UnknownConversation
from bot.store import store as store_module

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_store_deletes_every_row_of_a_conversation(
    store: Store,
    start: Callable[[Store], str],
    say: Callable[..., StoredTurn],
    look: Callable[..., list[Any]],
) -> None:
    conversation_id, other = start(store), start(store)
    for _ in range(3):
        say(store, conversation_id, "my dad cannot wake up")
    say(store, other, "hello")
    store.record_safety_event("emergency", ["cannot_wake"], ["e2"], "web", conversation_id)
    assert store.delete_conversation(conversation_id) is True
    for table, column in [("conversations", "id"), ("turns", "conversation_id")]:
        sql = f"SELECT count(*) FROM {table} WHERE {column} = :id"
        assert look(sql, id=conversation_id) == [(0,)]
    with pytest.raises(UnknownConversation):
        store.conversation(conversation_id)
    assert len(store.turns(other)) == 1


def test_store_keeps_the_safety_event_of_a_deleted_conversation_unlinked(
    store: Store, start: Callable[[Store], str]
) -> None:
    conversation_id = start(store)
    store.record_safety_event("emergency", ["cannot_wake"], ["e2"], "web", conversation_id)
    store.delete_conversation(conversation_id)
    (event,) = store.safety_events(LONG_AGO)
    assert (event.signs, event.conversation_id) == (["cannot_wake"], None)


def test_store_says_when_there_was_nothing_to_delete(store: Store) -> None:
    assert store.delete_conversation(str(uuid.uuid4())) is False


def test_store_removes_deleted_ciphertext_from_the_disk(
    sqlite_store: Store,
    sqlite_url: str,
    start: Callable[[Store], str],
    say: Callable[..., StoredTurn],
) -> None:
    victim = start(sqlite_store)
    for number in range(30):
        bystander = start(sqlite_store)
        say(sqlite_store, victim, f"private words {number} " * (number * 40 + 1))
        say(sqlite_store, bystander, "other words " * (number * 40 + 1))
    tokens = ciphertexts(sqlite_store, victim)
    folder = Path(sqlite_url.removeprefix("sqlite:///")).parent
    assert any(traces(token, folder) for token in tokens)
    sqlite_store.delete_conversation(victim)
    assert [token[:20] for token in tokens if traces(token, folder)] == []


def test_store_deletes_conversations_without_activity(
    store: Store, start: Callable[[Store], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "BATCH", 2)
    month = timedelta(days=30)
    now = datetime.now(UTC)
    old = [str(uuid.uuid4()) for _ in range(5)]
    for conversation_id in old:
        store.create_conversation(conversation_id, "web", "en", "CA", at=now - 2 * month)
        store.record_message(conversation_id, "hello", at=now - 2 * month)
    revived = old.pop()
    store.record_message(revived, "hello again")
    fresh = start(store)
    assert store.delete_older_than(now - month) == 4
    for conversation_id in old:
        with pytest.raises(UnknownConversation):
            store.conversation(conversation_id)
        assert store.turns(conversation_id) == []
    assert len(store.turns(revived)) == 2
    assert store.conversation(fresh).id == fresh
    assert store.delete_older_than(now - month) == 0


def test_store_deletes_old_safety_events(store: Store) -> None:
    now = datetime.now(UTC)
    store.record_safety_event("crisis", [], [], "web", None, at=now - timedelta(days=400))
    store.record_safety_event("crisis", [], [], "web", None, at=now)
    assert store.delete_safety_events_older_than(now - timedelta(days=365)) == 1
    assert len(store.safety_events(LONG_AGO)) == 1


def ciphertexts(store: Store, conversation_id: str) -> list[str]:
    sql = text("SELECT text_token, replies_token FROM turns WHERE conversation_id = :id")
    with store._engine.connect() as connection:
        return [token for row in connection.execute(sql, {"id": conversation_id}) for token in row]


def traces(token: str, folder: Path) -> list[int]:
    """Offsets of pieces of the token in any file; long ones are split over pages."""
    files = [path.read_bytes() for path in folder.iterdir()]
    pieces = range(20, len(token) - 40, 40)
    return [
        place
        for place in pieces
        if any(token[place : place + 40].encode() in file for file in files)
    ]
