"""The record while the store is gone, read-only, locked, deleted, full or faulty."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import DISK_FULL, NOT_BREATHING, QUESTION, TOOK_TOO_MUCH, BrokenStore
from support import Here, Open, kinds_of

from bot.record import LOOK_BACK, NoSuchConversation, PastReply, Record
from bot.settings import PROJECT
from bot.store import StoreError, UnknownConversation

PATIENCE = 4.0
FAULTS: dict[str, Exception] = {
    "gone": StoreError("The database cannot be reached.", temporary=True),
    "disk full": DISK_FULL,
    "tables missing": StoreError("The store's tables are missing."),
    "an error of the system": OSError(28, "No space left on device"),
    "a driver's own error": sqlite3.OperationalError("disk I/O error"),
    "a fault of ours": RuntimeError("dictionary changed size during iteration"),
}


@pytest.fixture
async def broken(here: Here) -> AsyncIterator[tuple[Here, BrokenStore]]:
    """A helper whose store can be broken and mended."""
    record = here.service.helper.record
    store = BrokenStore(record.store)
    record.store = store  # type: ignore[assignment]
    yield here, store
    store.error = store.blocks = None


def spooled(here: Here) -> int:
    return here.counts.get("spooled", 0)


def texts(here: Here, conversation: str) -> list[str]:
    store: Any = here.service.helper.record.store
    return [turn.text for turn in store.turns(conversation)]


# The store fails


@pytest.mark.parametrize("error", FAULTS.values(), ids=list(FAULTS))
async def test_record_keeps_messages_in_the_spool_until_the_store_is_back(broken, error) -> None:
    here, store = broken
    conversation = await here.begin()
    store.error = error
    assert (await here.say(conversation, QUESTION)).outcome == "answered"
    assert (await here.say(conversation, NOT_BREATHING)).outcome == "emergency_shown"
    assert spooled(here) == 3, "two turns and a safety event"
    assert here.counts["store_failures"] == 2
    store.error = None
    assert await here.service.helper.record.replay() == 3
    turns = store.turns(conversation)
    assert [turn.text for turn in turns] == [QUESTION, NOT_BREATHING]
    assert [turn.outcome for turn in turns] == ["answered", "emergency_shown"]
    assert not here.service.helper.record.spool.pending()


async def test_record_keeps_a_conversation_that_began_while_the_store_was_gone(broken) -> None:
    here, store = broken
    store.error = DISK_FULL
    conversation = await here.begin()
    await here.say(conversation, QUESTION)
    store.error = None
    await here.say(conversation, "thanks")
    await here.service.helper.record.replay()
    assert texts(here, conversation) == [QUESTION, "thanks"]


async def test_record_sees_danger_across_turns_that_were_never_stored(broken) -> None:
    here, store = broken
    conversation = await here.begin()
    store.error = FAULTS["gone"]
    await here.say(conversation, TOOK_TOO_MUCH)
    await here.say(conversation, QUESTION)
    await here.say(conversation, "thanks")
    turn = await here.say(conversation, "I can't stay awake now")
    assert turn.outcome == "emergency_shown"


async def test_record_sees_danger_across_a_store_that_comes_back(broken) -> None:
    """Before the spool is replayed the store does not know turn 2."""
    here, store = broken
    conversation = await here.begin()
    await here.say(conversation, QUESTION)
    store.error = FAULTS["gone"]
    await here.say(conversation, TOOK_TOO_MUCH)
    store.error = None
    turn = await here.say(conversation, "I can't stay awake now")
    assert turn.outcome == "emergency_shown"


async def test_record_looks_back_past_the_store_in_a_long_conversation(broken) -> None:
    """Where the store and the memory both hold as many turns as are looked back at."""
    here, store = broken
    conversation = await here.begin()
    record: Record = here.service.helper.record
    for number in range(LOOK_BACK + 5):
        key = f"k{number}"
        opened = await record.open(conversation, QUESTION, key, None)
        past = PastReply(QUESTION, "none", False, False, None, "answered", None)
        await record.close_turn(conversation, opened, {}, _finish(), past)
    store.error = FAULTS["gone"]
    await here.say(conversation, TOOK_TOO_MUCH)
    store.error = None
    opened = await record.open(conversation, "kinda sleepy", "last", None)
    assert opened.history[-1].text == TOOK_TOO_MUCH
    await record.replay()
    opened = await record.open(conversation, "kinda sleepy", "last", None)
    assert TOOK_TOO_MUCH in [past.text for past in opened.history]


async def test_record_finishes_a_turn_whose_store_died_in_the_middle(broken) -> None:
    here, store = broken
    conversation = await here.begin()

    def dies(call: dict[str, Any]) -> dict[str, Any]:
        store.error = FAULTS["gone"]
        return here.assistant.knows[QUESTION]

    here.assistant.answer = dies
    turn = await here.say(conversation, QUESTION, key="middle")
    assert turn.outcome == "answered"
    store.error = None
    await here.service.helper.record.replay()
    (stored,) = store.turns(conversation)
    assert stored.outcome == "answered"
    assert stored.replies == list(turn.parts)


async def test_record_that_blocks_is_given_up_in_time(broken) -> None:
    """A network disk that hangs: no error, no answer."""
    here, store = broken
    conversation = await here.begin()
    ends = threading.Event()
    store.blocks = lambda: ends.wait(20)
    try:
        started = time.perf_counter()
        turns = await asyncio.gather(
            here.say(conversation, QUESTION),
            *(here.say(conversation, NOT_BREATHING) for _ in range(12)),
        )
        assert time.perf_counter() - started < PATIENCE
        assert [turn.outcome for turn in turns] == ["answered"] + ["emergency_shown"] * 12
    finally:
        store.blocks = None
        ends.set()


async def test_record_and_assistant_gone_together_still_give_a_reply_in_time(broken) -> None:
    here, store = broken
    conversation = await here.begin()
    ends = threading.Event()
    store.blocks = lambda: ends.wait(20)
    here.assistant.behaviour = "hangs"
    try:
        started = time.perf_counter()
        turn = await here.say(conversation, QUESTION)
        assert time.perf_counter() - started < PATIENCE
        assert turn.outcome == "error_reply"
        started = time.perf_counter()
        assert (await here.say(conversation, NOT_BREATHING)).outcome == "emergency_shown"
        assert time.perf_counter() - started < PATIENCE
    finally:
        store.blocks = None
        ends.set()


async def test_record_says_unknown_only_when_the_store_works(broken) -> None:
    here, store = broken
    unknown = str(uuid.uuid4())
    with pytest.raises(NoSuchConversation):
        await here.service.helper.record.open(unknown, QUESTION, "k", None)
    store.error = DISK_FULL
    opened = await here.service.helper.record.open(unknown, QUESTION, "k", None)
    assert opened.turn_id is None


async def test_record_gives_a_reply_when_even_the_spool_is_gone(
    broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, store = broken
    conversation = await here.begin()
    store.error = DISK_FULL
    shutil.rmtree(here.service.settings.var / "spool", ignore_errors=True)
    (here.service.settings.var / "spool").write_text("a file where the folder should be")
    assert (await here.say(conversation, QUESTION)).outcome == "answered"
    assert (await here.say(conversation, NOT_BREATHING)).outcome == "emergency_shown"
    assert here.counts["spool_failures"] == 3


# Deletion


async def test_record_forgets_a_deleted_conversation_everywhere(broken) -> None:
    here, store = broken
    conversation = await here.begin()
    await here.say(conversation, QUESTION)
    store.error = DISK_FULL
    await here.say(conversation, "written to the spool")
    store.error = None
    record: Record = here.service.helper.record
    assert await record.delete(conversation)
    assert not record.spool.pending()
    assert conversation not in record._memory
    with pytest.raises(NoSuchConversation):
        await record.turns(conversation)
    with pytest.raises(NoSuchConversation):
        await here.say(conversation, QUESTION)


async def test_record_claims_no_deletion_that_did_not_happen(broken) -> None:
    here, store = broken
    conversation = await here.begin()
    store.error = FAULTS["gone"]
    with pytest.raises(StoreError):
        await here.service.helper.record.delete(conversation)


async def test_record_does_not_bring_back_a_conversation_deleted_during_a_turn(broken) -> None:
    here, store = broken
    conversation = await here.begin()
    record: Record = here.service.helper.record
    opened = await record.open(conversation, "my words", "k", None)
    await record.delete(conversation)
    past = PastReply("my words", "none", False, False, None, "answered", None)
    await record.close_turn(conversation, opened, {"text": "my words"}, _finish(), past)
    assert not record.spool.pending()
    assert conversation not in record._memory, "the words may not live on in memory either"
    with pytest.raises(UnknownConversation):
        store.conversation(conversation)


def _finish() -> dict[str, Any]:
    return {
        "level": "none",
        "outcome": "answered",
        "topic": None,
        "covers": [],
        "topics": [],
        "replies": [],
        "asks_back": False,
        "taken_back": False,
        "assessment": {},
        "sent_ms": 1,
    }


# Real files that go wrong


async def test_helper_with_an_unwritable_path_starts_and_answers(
    open_here: Open, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    here = await open_here(database_url=f"sqlite:///{tmp_path}/file/helper.sqlite3")
    conversation = await here.begin()
    assert (await here.say(conversation, QUESTION)).outcome == "answered"
    assert (await here.say(conversation, NOT_BREATHING)).outcome == "emergency_shown"
    assert spooled(here) == 4, "the conversation, two turns and a safety event"
    assert not await here.service.helper.record.ready()


async def test_store_that_was_gone_at_the_start_is_used_once_it_is_there(
    open_here: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.service.REPLAY_EVERY", 0.05)
    way = tmp_path / "way"
    way.write_text("in the way")
    here = await open_here(database_url=f"sqlite:///{way}/helper.sqlite3")
    conversation = await here.begin()
    await here.say(conversation, QUESTION)
    way.unlink()
    await until(lambda: not here.service.helper.record.spool.pending())
    assert texts(here, conversation) == [QUESTION]
    assert await here.service.helper.record.ready()


async def test_replay_is_tried_again_after_a_fault_of_ours(
    open_here: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.service.REPLAY_EVERY", 0.05)
    tries = []

    async def fails_at_first(record: Record) -> int:
        tries.append(record)
        if len(tries) < 3:
            raise RuntimeError("a fault of ours")
        return 0

    monkeypatch.setattr(Record, "replay", fails_at_first)
    await open_here()
    await until(lambda: len(tries) > 3)


async def test_helper_with_a_locked_database_answers_in_time(here: Here) -> None:
    conversation = await here.begin()
    other = sqlite3.connect(here.service.settings.var / "helper.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        for text, outcome in ((QUESTION, "answered"), (NOT_BREATHING, "emergency_shown")):
            started = time.perf_counter()
            assert (await here.say(conversation, text)).outcome == outcome
            assert time.perf_counter() - started < PATIENCE
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert spooled(here) >= 3
    await here.service.helper.record.replay()
    assert texts(here, conversation) == [QUESTION, NOT_BREATHING]


async def test_helper_whose_folder_is_deleted_while_it_runs_still_answers(here: Here) -> None:
    conversation = await here.begin()
    await here.say(conversation, TOOK_TOO_MUCH)
    shutil.rmtree(here.service.settings.var)
    turn = await here.say(conversation, QUESTION)
    assert turn.outcome == "answered"
    assert kinds_of(turn)[-1] == "answer"
    later = await here.say(conversation, "I can't stay awake now")
    assert later.outcome == "emergency_shown", "the dose of turn 1 still counts"


async def test_store_is_usable_again_after_its_folder_was_deleted(
    open_here: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.service.REPLAY_EVERY", 0.05)
    here = await open_here()
    shutil.rmtree(here.service.settings.var)
    await here.say(await here.begin(), QUESTION)
    for _ in range(100):
        if await here.service.helper.record.ready():
            break
        await asyncio.sleep(0.05)
    conversation = await here.begin()
    await here.say(conversation, QUESTION)
    assert texts(here, conversation) == [QUESTION]


async def test_helper_on_a_read_only_database_answers_and_keeps_the_turn(
    open_here: Open, tmp_path: Path, read_only: Callable[[Path], Callable[[], None]]
) -> None:
    folder = tmp_path / "db"
    address = f"sqlite:///{folder}/helper.sqlite3"
    first = await open_here(database_url=address)
    first.service.helper.record.store.close()
    writable_again = read_only(folder)
    here = await open_here(database_url=address)
    conversation = await here.begin()
    started = time.perf_counter()
    assert (await here.say(conversation, QUESTION)).outcome == "answered"
    assert (await here.say(conversation, NOT_BREATHING)).outcome == "emergency_shown"
    assert time.perf_counter() - started < PATIENCE
    assert not await here.service.helper.record.ready()
    writable_again()
    await here.service.helper.record.replay()
    assert texts(here, conversation) == [QUESTION, NOT_BREATHING]


@pytest.fixture
def read_only() -> Iterator[Callable[[Path], Callable[[], None]]]:
    """Mounts a folder read-only, because root writes through file permissions."""
    mounted: list[Path] = []

    def release() -> None:
        while mounted:
            subprocess.run(["umount", "--lazy", str(mounted.pop())], check=True)

    def mount(folder: Path) -> Callable[[], None]:
        if not _mount("--bind", str(folder), str(folder)):
            pytest.skip("needs the right to mount")
        mounted.append(folder)
        assert _mount("-o", "remount,bind,ro", str(folder))
        return release

    yield mount
    release()


def _mount(*options: str) -> bool:
    try:
        return subprocess.run(["mount", *options], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


FULL_DISK = """
import asyncio, resource, signal, sys, tempfile, uuid
from dataclasses import replace
from pathlib import Path
from bot.service import build_service
from bot.settings import Settings
from bot.store import new_key
from bot.turn import Message

async def main(folder, assistant_url):
    settings = Settings(keys=(new_key(),), var=folder, assistant_url=assistant_url)
    service = build_service(settings)
    await service.start()
    conversation = str(uuid.uuid4())
    await service.helper.record.create(conversation, "web", "en", "unknown", False)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    for text in ("what is baclofen", sys.argv[3]):
        turn = await service.helper.turn(Message(conversation, text))
        print(turn.outcome, turn.parts[0]["kind"], bool(turn.parts[0]["text"].strip()))
    counts = service.helper.metrics.snapshot()
    print(counts.get("store_failures", 0), counts.get("spool_failures", 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    turn = await service.helper.turn(Message(conversation, "what is baclofen"))
    print(len(service.helper.record.store.turns(conversation)))
    await service.stop()

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


async def test_helper_on_a_full_disk_answers_and_shows_the_card(here: Here, tmp_path: Path) -> None:
    """Every write fails, those of the spool too; afterwards the store is used again."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", FULL_DISK, str(tmp_path / "full"), here.assistant.url),
        NOT_BREATHING,
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-2000:]
    lines = out.decode().splitlines()
    assert lines[0] == "answered answer True"
    assert lines[1] == "emergency_shown card True"
    assert [int(n) > 0 for n in lines[2].split()] == [True, True]
    assert int(lines[3]) >= 1


async def until(done: Callable[[], bool], seconds: float = 10.0) -> None:
    for _ in range(int(seconds / 0.05)):
        if done():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen in time")
