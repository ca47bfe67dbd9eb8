"""Conversations and safety events: written, read, told apart."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.store import Store, StoredTurn, StoreError, UnknownConversation

NOWHERE = "00000000-0000-0000-0000-000000000000"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_store_returns_the_conversation_it_was_given(store: Store) -> None:
    conversation_id = str(uuid.uuid4())
    before = datetime.now(UTC)
    store.create_conversation(conversation_id, "web", "fr", "CA-QC", sandbox=True)
    found = store.conversation(conversation_id)
    assert (found.id, found.channel, found.language, found.region, found.sandbox) == (
        conversation_id,
        "web",
        "fr",
        "CA-QC",
        True,
    )
    assert found.created_at.tzinfo is not None
    assert before <= found.created_at == found.last_active_at <= datetime.now(UTC)


def test_store_creates_a_conversation_once(store: Store, start: Callable[[Store], str]) -> None:
    conversation_id = start(store)
    store.record_message(conversation_id, "hello")
    store.create_conversation(conversation_id, "sms", "es", "US")
    assert store.conversation(conversation_id).channel == "web"
    assert len(store.turns(conversation_id)) == 1


def test_store_does_not_know_a_conversation_never_created(store: Store) -> None:
    with pytest.raises(UnknownConversation) as caught:
        store.conversation(NOWHERE)
    assert isinstance(caught.value, StoreError)
    assert not caught.value.temporary
    assert store.turns(NOWHERE) == []


def test_store_notes_when_a_conversation_was_last_active(
    store: Store, start: Callable[[Store], str]
) -> None:
    conversation_id = start(store)
    turn = store.record_message(conversation_id, "hello")
    assert store.conversation(conversation_id).last_active_at == turn.created_at


def test_store_keeps_safety_events_in_the_order_of_time(
    store: Store, start: Callable[[Store], str]
) -> None:
    conversation_id = start(store)
    now = datetime.now(UTC)
    store.record_safety_event("crisis", ["suicidal_thoughts"], ["c1"], "sms", None, at=now)
    earlier = now - timedelta(hours=1)
    store.record_safety_event(
        "emergency", ["slow_breathing", "cannot_wake"], ["e4"], "web", conversation_id, at=earlier
    )
    first, second = store.safety_events(LONG_AGO)
    assert (first.level, first.signs, first.rule_ids, first.channel) == (
        "emergency",
        ["slow_breathing", "cannot_wake"],
        ["e4"],
        "web",
    )
    assert (first.at, first.conversation_id) == (earlier, conversation_id)
    assert (second.level, second.conversation_id) == ("crisis", None)
    assert store.safety_events(now) == [second]


def test_store_keeps_a_safety_event_of_a_conversation_it_lacks(store: Store) -> None:
    store.record_safety_event("poison", ["took_too_much"], ["p1"], "web", NOWHERE)
    (event,) = store.safety_events(LONG_AGO)
    assert event.conversation_id is None


def test_store_has_no_column_for_the_text_of_a_safety_event(
    store: Store, look: Callable[..., list[Any]]
) -> None:
    store.record_safety_event("crisis", ["suicidal_thoughts"], ["c1"], "web", None)
    (row,) = look("SELECT * FROM safety_events")
    assert set(row._fields) == {
        "id",
        "at",
        "level",
        "signs",
        "rule_ids",
        "channel",
        "conversation_id",
        "record_id",
    }


def test_store_takes_moments_in_any_zone_but_none_without(
    store: Store, start: Callable[[Store], str], say: Callable[..., StoredTurn]
) -> None:
    say(store, start(store), "hello")
    east = datetime.now(UTC).astimezone(tz=None)
    store.record_safety_event("crisis", [], [], "web", None, at=east)
    assert store.safety_events(east)[0].at == east
    naive = datetime.now(UTC).replace(tzinfo=None)
    with pytest.raises(ValueError, match="zone"):
        store.record_safety_event("crisis", [], [], "web", None, at=naive)
    with pytest.raises(ValueError, match="zone"):
        store.safety_events(naive)
    with pytest.raises(ValueError, match="zone"):
        store.delete_older_than(naive)
