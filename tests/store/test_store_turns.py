"""Turns: written first, finished later, numbered without gaps, read at an even cost."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import make_url

from bot.store import Store, StoredTurn, StoreError, UnknownConversation


def test_store_records_a_message_before_it_is_answered(
    store: Store, start: Callable[[Store], str]
) -> None:
    conversation_id = start(store)
    turn = store.record_message(
        conversation_id, "Is my dad ok?", idempotency_key="k 1", button="topic:overdose_signs"
    )
    assert turn.number == 1
    assert (turn.text, turn.button) == ("Is my dad ok?", "topic:overdose_signs")
    assert (turn.outcome, turn.level, turn.replies, turn.sent_ms) == (None, "none", [], None)
    assert (turn.topic, turn.covers, turn.topics, turn.assessment) == (None, [], [], {})
    assert (turn.asks_back, turn.taken_back) == (False, False)
    assert turn.idempotency_key == "k 1"
    assert abs((datetime.now(UTC) - turn.created_at).total_seconds()) < 60
    assert store.turns(conversation_id) == [turn]


def test_store_returns_a_finished_turn_as_it_was_given(
    store: Store, start: Callable[[Store], str], finish: dict[str, Any]
) -> None:
    conversation_id = start(store)
    recorded = store.record_message(conversation_id, "signs of overdose?")
    finish |= {"level": "caution", "asks_back": True, "taken_back": True}
    store.finish_turn(recorded.id, **finish)
    (turn,) = store.turns(conversation_id)
    assert {name: getattr(turn, name) for name in finish} == finish
    assert (turn.id, turn.text) == (recorded.id, "signs of overdose?")


def test_store_finishes_a_turn_once(
    store: Store, start: Callable[[Store], str], finish: dict[str, Any]
) -> None:
    conversation_id = start(store)
    turn = store.record_message(conversation_id, "hello")
    store.finish_turn(turn.id, **finish)
    store.finish_turn(turn.id, **finish)
    store.finish_turn(turn.id, **{**finish, "outcome": "error_reply", "replies": []})
    (stored,) = store.turns(conversation_id)
    assert (stored.outcome, stored.replies) == ("answered", finish["replies"])


def test_store_refuses_to_finish_a_turn_that_is_gone(
    store: Store, start: Callable[[Store], str], finish: dict[str, Any]
) -> None:
    turn = store.record_message(start(store), "hello")
    store.delete_conversation(turn.conversation_id)
    with pytest.raises(UnknownConversation):
        store.finish_turn(turn.id, **finish)


def test_store_never_gives_the_id_of_a_deleted_turn_to_another(
    store: Store, start: Callable[[Store], str], finish: dict[str, Any]
) -> None:
    deleted = store.record_message(start(store), "hello")
    store.delete_conversation(deleted.conversation_id)
    stranger = store.record_message(start(store), "hi")
    with pytest.raises(UnknownConversation):
        store.finish_turn(deleted.id, **finish)
    assert store.turns(stranger.conversation_id)[0].replies == []


def test_store_returns_the_turn_of_a_repeated_message(
    store: Store, start: Callable[[Store], str], finish: dict[str, Any]
) -> None:
    conversation_id = start(store)
    first = store.record_message(conversation_id, "hello", idempotency_key="a")
    assert store.record_message(conversation_id, "hello", idempotency_key="a") == first
    store.finish_turn(first.id, **finish)
    again = store.record_message(conversation_id, "hello", idempotency_key="a")
    assert (again.id, again.replies) == (first.id, finish["replies"])
    assert store.record_message(conversation_id, "bye", idempotency_key="b").number == 2


def test_store_takes_the_same_idempotency_key_in_two_conversations(
    store: Store, start: Callable[[Store], str]
) -> None:
    first = store.record_message(start(store), "hello", idempotency_key="a")
    second = store.record_message(start(store), "hello", idempotency_key="a")
    assert first.id != second.id
    assert (first.number, second.number) == (1, 1)


def test_store_refuses_a_message_to_an_unknown_conversation(store: Store) -> None:
    with pytest.raises(UnknownConversation):
        store.record_message(str(uuid.uuid4()), "hello")


def test_store_returns_turns_oldest_first_and_only_the_last(
    store: Store, start: Callable[[Store], str]
) -> None:
    conversation_id = start(store)
    other = start(store)
    for number in range(1, 6):
        store.record_message(conversation_id, f"message {number}")
        store.record_message(other, "noise")
    assert [turn.number for turn in store.turns(conversation_id)] == [1, 2, 3, 4, 5]
    last = store.turns(conversation_id, last=2)
    assert [turn.text for turn in last] == ["message 4", "message 5"]
    assert store.turns(conversation_id, last=0) == []
    assert len(store.turns(conversation_id, last=50)) == 5
    with pytest.raises(ValueError, match="0 or more"):
        store.turns(conversation_id, last=-1)


def test_store_keeps_long_messages_and_every_script(
    store: Store, start: Callable[[Store], str], say: Callable[..., StoredTurn]
) -> None:
    conversation_id = start(store)
    message = "¿Está bien? 你好 🙂 \u202eright to left " * 30_000
    turn = say(store, conversation_id, message, replies=[{"kind": "text", "text": message}])
    assert turn.text == message
    assert turn.replies == [{"kind": "text", "text": message}]


def test_store_numbers_without_gaps_when_two_threads_write(
    store: Store, start: Callable[[Store], str]
) -> None:
    conversation_id = start(store)
    with ThreadPoolExecutor(2) as pool:
        writing = [pool.submit(store.record_message, conversation_id, "hi") for _ in range(60)]
        numbers = sorted(future.result().number for future in writing)
    assert numbers == list(range(1, 61))
    assert [turn.number for turn in store.turns(conversation_id)] == numbers


def test_store_numbers_without_gaps_when_two_helpers_write(
    store: Store, url: str, open_store: Callable[..., Store], start: Callable[[Store], str]
) -> None:
    conversation_id = start(store)
    helpers = [store, open_store(url)]
    with ThreadPoolExecutor(2) as pool:
        writing = [
            pool.submit(helpers[count % 2].record_message, conversation_id, "hi")
            for count in range(60)
        ]
        numbers = sorted(future.result().number for future in writing)
    assert numbers == list(range(1, 61))


def test_store_leaves_no_gap_after_a_repeated_message(
    store: Store, start: Callable[[Store], str]
) -> None:
    conversation_id = start(store)

    def send(key: str) -> StoredTurn:
        return store.record_message(conversation_id, "hello", idempotency_key=key)

    with ThreadPoolExecutor(4) as pool:
        turns = list(pool.map(send, ["a", "b", "c"] * 8))
    assert len({turn.id for turn in turns}) == 3
    assert [turn.number for turn in store.turns(conversation_id)] == [1, 2, 3]


def patiently(work: Callable[[], object]) -> object:
    """Again while the database is only busy: a loaded machine is no fault of the store."""
    for _ in range(20):
        try:
            return work()
        except StoreError as error:
            if not error.temporary:
                raise
    return work()


def test_store_serves_many_threads_at_once(store: Store, start: Callable[[Store], str]) -> None:
    conversation_ids = [start(store) for _ in range(8)]

    def talk(conversation_id: str) -> list[int]:
        for number in range(10):
            key = str(number)  # the same message again is the same turn
            patiently(partial(store.record_message, conversation_id, "hi", idempotency_key=key))
            patiently(partial(store.turns, conversation_id, last=5))
        return [turn.number for turn in store.turns(conversation_id)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(talk, conversation_ids)) == [list(range(1, 11))] * 8


def test_store_runs_as_many_statements_at_turn_200_as_at_turn_1(
    store: Store, start: Callable[[Store], str], say: Callable[..., StoredTurn]
) -> None:
    conversation_id = start(store)
    statements: list[str] = []
    event.listen(store._engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    say(store, conversation_id, "hello")
    first = list(statements)
    for _ in range(198):
        store.record_message(conversation_id, "hello")
    statements.clear()
    say(store, conversation_id, "hello")
    assert statements == first
    assert len(store.turns(conversation_id)) == 200


def test_store_finds_the_last_turns_by_index(sqlite_store: Store, sqlite_url: str) -> None:
    plain = sqlite3.connect(str(make_url(sqlite_url).database))
    queries = [
        "SELECT * FROM turns WHERE conversation_id = ? ORDER BY number DESC LIMIT 10",
        "SELECT * FROM turns WHERE conversation_id = ? AND idempotency_key = 'a'",
        "SELECT id FROM conversations WHERE last_active_at < ?",
        "SELECT * FROM safety_events WHERE at >= ? ORDER BY at, id",
    ]
    for query in queries:
        plan = " ".join(row[3] for row in plain.execute(f"EXPLAIN QUERY PLAN {query}", ["x"]))
        assert "INDEX" in plan, query
        assert "SCAN" not in plan, query
        assert "TEMP" not in plan, query
    plain.close()
