"""The spool: what was said while the database was gone comes back, in order, once."""

from __future__ import annotations

import logging
import shutil
import stat
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.store import Spool, Store, StoredTurn, StoreError, UnknownConversation, new_key

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(folder: Path, key: str) -> Spool:
    return Spool(folder, [key])


def message(conversation_id: str, text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"conversation_id": conversation_id, "text": text, **more}


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("spool-*"))


def test_spool_brings_back_a_whole_conversation_in_order(
    spool: Spool, folder: Path, store: Store, finish: dict[str, Any]
) -> None:
    conversation_id = str(uuid.uuid4())
    about = {"channel": "web", "language": "en", "region": "CA"}
    before = datetime.now(UTC)
    assert spool.write("create_conversation", {"conversation_id": conversation_id, **about})
    assert spool.write("turn", message(conversation_id, "one", idempotency_key="k1", **finish))
    assert spool.write("record_message", message(conversation_id, "two", button="b:1"))
    spooled = datetime.now(UTC)
    assert spool.pending()
    assert spool.replay(store) == 3
    one, two = store.turns(conversation_id)
    assert (one.text, one.idempotency_key, one.replies) == ("one", "k1", finish["replies"])
    assert (two.text, two.button, two.outcome) == ("two", "b:1", None)
    assert before <= one.created_at <= two.created_at <= spooled
    assert not spool.pending()
    assert files(folder) == []
    assert spool.replay(store) == 0


def test_spool_finishes_a_turn_that_the_store_has(
    spool: Spool, store: Store, start: Callable[[Store], str], finish: dict[str, Any]
) -> None:
    turn = store.record_message(start(store), "hello")
    assert spool.write("finish_turn", {"turn_id": turn.id, **finish})
    assert spool.replay(store) == 1
    assert store.turns(turn.conversation_id)[0].outcome == "answered"


def test_spool_keeps_the_time_of_a_safety_event(
    spool: Spool, store: Store, start: Callable[[Store], str]
) -> None:
    conversation_id = start(store)
    noted = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    event = {"level": "emergency", "signs": ["a"], "rule_ids": ["e1"], "channel": "web"}
    assert spool.write("record_safety_event", {**event, "conversation_id": None, "at": noted})
    assert spool.write("record_safety_event", {**event, "conversation_id": conversation_id})
    assert spool.replay(store) == 2
    first, second = store.safety_events(LONG_AGO)
    assert (first.at, first.signs, first.conversation_id) == (noted, ["a"], None)
    assert second.conversation_id == conversation_id


def test_spool_stores_once_a_safety_event_that_reached_the_store_too_late(
    spool: Spool, store: Store
) -> None:
    event: dict[str, Any] = {"level": "crisis", "signs": [], "rule_ids": [], "channel": "web"}
    event |= {"conversation_id": None, "record_id": str(uuid.uuid4())}
    store.record_safety_event(**event)
    assert spool.write("record_safety_event", event)
    assert spool.replay(store) == 1
    assert len(store.safety_events(LONG_AGO)) == 1


def test_spool_deletes_when_deletion_was_asked_for(
    spool: Spool, store: Store, start: Callable[[Store], str]
) -> None:
    conversation_id = start(store)
    assert spool.write("delete_conversation", {"conversation_id": conversation_id})
    assert spool.replay(store) == 1
    with pytest.raises(UnknownConversation):
        store.conversation(conversation_id)


def test_spool_stores_a_record_once_though_it_is_replayed_twice(
    spool: Spool, folder: Path, store: Store, start: Callable[[Store], str], finish: dict[str, Any]
) -> None:
    conversation_id = start(store)
    spool.write("record_message", message(conversation_id, "one"))
    spool.write("turn", message(conversation_id, "two", **finish))
    event = {"level": "crisis", "signs": [], "rule_ids": [], "channel": "web"}
    spool.write("record_safety_event", {**event, "conversation_id": None})
    (name,) = files(folder)
    shutil.copy(folder / name, folder / "copy")
    spool.replay(store)
    (folder / "copy").rename(folder / name)  # as if the process had died before removing it
    spool.replay(store)
    assert [turn.text for turn in store.turns(conversation_id)] == ["one", "two"]
    assert len(store.safety_events(LONG_AGO)) == 1


def test_spool_drops_what_belongs_to_a_deleted_conversation(
    spool: Spool, store: Store, start: Callable[[Store], str], finish: dict[str, Any]
) -> None:
    turn = store.record_message(start(store), "hello")
    spool.write("record_message", message(turn.conversation_id))
    spool.write("finish_turn", {"turn_id": turn.id, **finish})
    store.delete_conversation(turn.conversation_id)
    assert spool.replay(store) == 0
    assert not spool.pending()
    assert store.turns(turn.conversation_id) == []


def test_spool_waits_while_the_database_is_gone(
    spool: Spool, sqlite_store: Store, sqlite_url: str, start: Callable[[Store], str]
) -> None:
    conversation_id = start(sqlite_store)
    sqlite_store.close()
    folder = Path(sqlite_url.removeprefix("sqlite:///")).parent
    away = folder.rename(folder.with_name("unmounted"))
    for number in range(3):
        spool.write("record_message", message(conversation_id, f"message {number}"))
    assert spool.replay(sqlite_store) == 0
    spool.write("record_message", message(conversation_id, "message 3"))
    away.rename(folder)
    assert spool.replay(sqlite_store) == 4
    texts = [turn.text for turn in sqlite_store.turns(conversation_id)]
    assert texts == ["message 0", "message 1", "message 2", "message 3"]
    assert not spool.pending()


def test_spool_keeps_the_rest_when_the_database_fails_midway(
    spool: Spool,
    store: Store,
    start: Callable[[Store], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conversation_id = start(store)
    for number in range(4):
        spool.write("record_message", message(conversation_id, f"message {number}"))
    record = store.record_message
    calls = iter([True, True, False])

    def record_until_it_fails(*args: Any, **kwargs: Any) -> StoredTurn:
        if not next(calls):
            raise StoreError("gone", temporary=True)
        return record(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(store, "record_message", record_until_it_fails)
        assert spool.replay(store) == 2
    assert spool.replay(store) == 2
    assert [turn.number for turn in store.turns(conversation_id)] == [1, 2, 3, 4]


def test_spool_survives_a_line_cut_off_by_a_crash(
    spool: Spool,
    folder: Path,
    key: str,
    store: Store,
    start: Callable[[Store], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    conversation_id = start(store)
    spool.write("record_message", message(conversation_id, "before"))
    (name,) = files(folder)
    with open(folder / name, "ab") as file:
        file.write(b"gAAAAAB\xff\x00half a line")
    assert Spool(folder, [key]).write("record_message", message(conversation_id, "after"))
    with caplog.at_level(logging.WARNING):
        assert spool.replay(store) == 2
    assert [turn.text for turn in store.turns(conversation_id)] == ["before", "after"]
    assert spool.unreadable > 0
    assert "spool-000001.bad" in caplog.text
    assert files(folder) == ["spool-000001.bad"]


def test_spool_sets_aside_what_another_key_wrote(
    folder: Path, key: str, store: Store, start: Callable[[Store], str]
) -> None:
    conversation_id = start(store)
    Spool(folder, [new_key()]).write("record_message", message(conversation_id))
    spool = Spool(folder, [key])
    spool.write("record_message", message(conversation_id, "readable"))
    assert spool.replay(store) == 1
    assert spool.unreadable == 1
    assert files(folder) == ["spool-000001.bad"]


def test_spool_reads_what_was_set_aside_once_the_key_is_back(
    folder: Path, key: str, store: Store, start: Callable[[Store], str]
) -> None:
    conversation_id = start(store)
    older = new_key()
    Spool(folder, [older]).write("record_message", message(conversation_id))
    Spool(folder, [key]).replay(store)
    (folder / "spool-000001.bad").rename(folder / "spool-000001.log")
    assert Spool(folder, [key, older]).replay(store) == 1


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("no_such_kind", {}),
        ("record_message", {}),
        ("record_message", {"conversation_id": "x", "text": "hello"}),
        ("close", {}),
        ("turn", {"conversation_id": "a" * 36, "text": 5}),
    ],
)
def test_spool_sets_aside_a_record_that_makes_no_sense(
    spool: Spool, folder: Path, sqlite_store: Store, kind: str, payload: dict[str, Any]
) -> None:
    sqlite_store.create_conversation("a" * 36, "web", "en", "CA")
    assert spool.write(kind, payload)
    assert spool.write("record_message", message("a" * 36))
    assert spool.replay(sqlite_store) == 1
    assert spool.unreadable == 1
    assert files(folder) == ["spool-000001.bad"]


def test_spool_drops_its_oldest_file_when_it_is_full(
    folder: Path,
    key: str,
    sqlite_store: Store,
    start: Callable[[Store], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    conversation_id = start(sqlite_store)
    spool = Spool(folder, [key], max_bytes=8_000, max_file_bytes=1_000)
    for number in range(60):
        assert spool.write("record_message", message(conversation_id, f"message {number}"))
    assert sum(path.stat().st_size for path in folder.glob("spool-*")) <= 8_000
    assert spool.dropped > 0
    assert "dropped" in caplog.text
    kept = 60 - spool.dropped
    assert spool.replay(sqlite_store) == kept
    texts = [turn.text for turn in sqlite_store.turns(conversation_id)]
    assert texts == [f"message {number}" for number in range(60 - kept, 60)]


def test_spool_reports_that_it_cannot_write(tmp_path: Path, key: str, store: Store) -> None:
    (tmp_path / "file").write_text("in the way")
    spool = Spool(tmp_path / "file", [key])
    assert spool.write("record_message", message("a" * 36)) is False
    assert spool.replay(store) == 0
    assert spool.pending() is False
    with pytest.raises(StoreError):
        spool.forget("a" * 36)


def test_spool_reports_that_a_record_is_not_json(spool: Spool) -> None:
    assert spool.write("record_message", {"text": object()}) is False


def test_spool_keeps_nothing_readable_and_nothing_public(spool: Spool, folder: Path) -> None:
    spool.write("record_message", message("a" * 36, "SECRET \ud800\x00"))
    (name,) = files(folder)
    assert b"SECRET" not in (folder / name).read_bytes()
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_spool_forgets_a_conversation(
    spool: Spool, folder: Path, store: Store, start: Callable[[Store], str]
) -> None:
    forgotten, other = start(store), start(store)
    for _ in range(3):
        spool.write("record_message", message(forgotten))
        spool.write("record_message", message(other))
    assert spool.forget(forgotten) == 3
    assert spool.forget(forgotten) == 0
    assert spool.replay(store) == 3
    assert store.turns(forgotten) == []
    spool.write("record_message", message(forgotten))
    assert spool.forget(forgotten) == 1
    assert files(folder) == []


def test_spool_loses_nothing_when_threads_write_during_replay(
    folder: Path, key: str, store: Store, start: Callable[[Store], str]
) -> None:
    conversation_id = start(store)
    spools = [Spool(folder, [key], max_file_bytes=2_000) for _ in range(3)]

    def write(number: int) -> bool:
        return spools[number % 2].write(
            "record_message", message(conversation_id, f"message {number}")
        )

    with ThreadPoolExecutor(3) as pool:
        written = [pool.submit(write, number) for number in range(40)]
        replayed = [pool.submit(spools[2].replay, store) for _ in range(5)]
        assert all(future.result() for future in written)
        total = sum(future.result() for future in replayed)
    total += spools[2].replay(store)
    assert total == 40
    assert len({turn.text for turn in store.turns(conversation_id)}) == 40
