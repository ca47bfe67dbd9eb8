"""Whatever a visitor types can be stored; identifiers must look like identifiers."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.store import Store, StoredTurn
from bot.store.hygiene import clean_json, clean_text

ANY_TEXT = st.text(st.characters(exclude_categories=()))


def test_store_replaces_what_no_database_can_hold(
    store: Store, start: Callable[[Store], str], say: Callable[..., StoredTurn]
) -> None:
    turn = say(
        store,
        start(store),
        "a\x00b\ud800c",
        topic="x\x00",
        covers=["\udfff"],
        topics=[{"topic": "x", "confidence": float("nan")}],
        replies=[{"te\x00xt": "\ud83d"}],
        assessment={"score": float("inf"), "n": (1, True, None)},
    )
    assert turn.text == "a\ufffdb\ufffdc"
    assert (turn.topic, turn.covers) == ("x\ufffd", ["\ufffd"])
    assert turn.topics == [{"topic": "x", "confidence": None}]
    assert turn.replies == [{"te\ufffdxt": "\ufffd"}]
    assert turn.assessment == {"score": None, "n": [1, True, None]}


def test_store_cleans_the_plain_columns(store: Store) -> None:
    conversation_id = str(uuid.uuid4())
    store.create_conversation(conversation_id, "web\x00", "en\ud800", "CA")
    assert store.conversation(conversation_id).channel == "web\ufffd"
    store.record_safety_event("crisis\x00", ["\ud800"], ["\x00"], "web", None)


@pytest.mark.parametrize(
    "conversation_id", ["", "x", "A" * 36, "a" * 35 + "\n", "a" * 37, "a" * 35 + "\x00", "é" * 36]
)
def test_store_refuses_what_is_not_a_conversation_id(conversation_id: str) -> None:
    store = Store("sqlite://", [Store.__name__.ljust(43, "A") + "="])
    calls: list[Callable[[], Any]] = [
        lambda: store.create_conversation(conversation_id, "web", "en", "CA"),
        lambda: store.conversation(conversation_id),
        lambda: store.record_message(conversation_id, "hello"),
        lambda: store.turns(conversation_id),
        lambda: store.delete_conversation(conversation_id),
        lambda: store.record_safety_event("crisis", [], [], "web", conversation_id),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="36 characters"):
            call()


@pytest.mark.parametrize("idempotency_key", ["", "a" * 201, "a\nb", "a\x00", "\ud800", "a\x7f"])
def test_store_refuses_what_is_not_an_idempotency_key(
    sqlite_store: Store, start: Callable[[Store], str], idempotency_key: str
) -> None:
    conversation_id = start(sqlite_store)
    with pytest.raises(ValueError, match="printable"):
        sqlite_store.record_message(conversation_id, "hello", idempotency_key=idempotency_key)
    assert sqlite_store.turns(conversation_id) == []


def test_store_takes_a_long_printable_idempotency_key(
    store: Store, start: Callable[[Store], str]
) -> None:
    conversation_id = start(store)
    longest = "ключ 1/" + "x" * 193
    first = store.record_message(conversation_id, "hello", idempotency_key=longest)
    again = store.record_message(conversation_id, "hello", idempotency_key=longest)
    assert again.id == first.id


def test_store_refuses_what_is_not_json(
    sqlite_store: Store, start: Callable[[Store], str], finish: dict[str, Any]
) -> None:
    turn = sqlite_store.record_message(start(sqlite_store), "hello")
    with pytest.raises(ValueError, match="object is not JSON"):
        sqlite_store.finish_turn(turn.id, **{**finish, "assessment": {"x": object()}})


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=ANY_TEXT)
def test_store_keeps_any_text_a_visitor_can_type(
    store: Store,
    start: Callable[[Store], str],
    say: Callable[..., StoredTurn],
    message: str,
) -> None:
    turn = say(store, start(store), message, replies=[{message: message}])
    assert turn.text == clean_text(message)
    assert turn.replies == clean_json([{message: message}])
