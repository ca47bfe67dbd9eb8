"""Encryption at rest: nothing readable in the database, wrong keys explained, keys replaced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.store import Spool, Store, StoredTurn, StoreError, new_key
from bot.store import store as store_module


def test_store_keeps_no_readable_text(
    store: Store,
    start: Callable[[Store], str],
    finish: dict[str, Any],
    look: Callable[..., list[Any]],
) -> None:
    turn = store.record_message(start(store), "SECRET question", button="SECRET button")
    store.finish_turn(turn.id, **{**finish, "replies": [{"text": "SECRET answer"}]})
    rows = look("SELECT * FROM turns")
    assert rows
    assert "SECRET" not in repr(rows)


def test_store_explains_a_wrong_key(
    store: Store,
    url: str,
    key: str,
    open_store: Callable[..., Store],
    start: Callable[[Store], str],
    say: Callable[..., StoredTurn],
) -> None:
    conversation_id = start(store)
    say(store, conversation_id, "hello")
    wrong = new_key()
    stranger = open_store(url, wrong)
    for attempt in (stranger.migrate, stranger.ping, lambda: stranger.turns(conversation_id)):
        with pytest.raises(StoreError, match="Put that key back") as caught:
            attempt()
        assert not caught.value.temporary
        assert key not in str(caught.value)
        assert wrong not in str(caught.value)


def test_store_reads_with_any_key_and_writes_with_the_first(
    store: Store,
    url: str,
    key: str,
    open_store: Callable[..., Store],
    start: Callable[[Store], str],
    say: Callable[..., StoredTurn],
) -> None:
    conversation_id = start(store)
    say(store, conversation_id, "old")
    newer = new_key()
    both = open_store(url, newer, key)
    say(both, conversation_id, "new")
    assert [turn.text for turn in both.turns(conversation_id)] == ["old", "new"]
    assert open_store(url, newer).turns(conversation_id, last=1)[0].text == "new"
    with pytest.raises(StoreError):
        store.turns(conversation_id)


def test_store_rotates_keys_in_batches(
    store: Store,
    url: str,
    key: str,
    open_store: Callable[..., Store],
    start: Callable[[Store], str],
    say: Callable[..., StoredTurn],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_module, "BATCH", 3)
    conversation_id = start(store)
    for number in range(7):
        say(store, conversation_id, f"message {number}")
    unfinished = store.record_message(conversation_id, "no reply yet", button="b:1")
    before = store.turns(conversation_id)
    newer = new_key()
    both = open_store(url, newer, key)
    assert both.rotate_keys() == 8
    assert both.rotate_keys() == 0
    only_newer = open_store(url, newer)
    only_newer.migrate()
    only_newer.ping()
    assert only_newer.turns(conversation_id) == before
    assert before[-1] == unfinished
    with pytest.raises(StoreError):
        store.ping()


def test_store_rotates_around_a_turn_that_no_key_reads(
    store: Store,
    url: str,
    key: str,
    open_store: Callable[..., Store],
    start: Callable[[Store], str],
    say: Callable[..., StoredTurn],
) -> None:
    readable, lost = start(store), start(store)
    open_store(url, new_key()).record_message(lost, "written with a key that is lost")
    say(store, readable, "hello")
    newer = new_key()
    with pytest.raises(StoreError, match="1 turns could not be read"):
        open_store(url, newer, key).rotate_keys()
    assert open_store(url, newer).turns(readable)[0].text == "hello"


@pytest.mark.parametrize("keys", [[], ["short"], [new_key(), ""], ["é" * 44], new_key()])
def test_store_refuses_what_is_not_a_list_of_keys(keys: Any) -> None:
    with pytest.raises(StoreError, match="key") as caught:
        Store("sqlite://", keys)
    assert "short" not in str(caught.value)
    with pytest.raises(StoreError):
        Spool(__file__, keys)  # type: ignore[arg-type]
