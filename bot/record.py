"""The helper's record of turns: the store, and what stands in for it while it is gone.

A message is written before anything can fail; if the database does not take it within its deadline
it goes to the spool, and the conversation's last turns are remembered in memory, so that a dose in
turn 1 still counts in turn 4. Nothing here raises because of the database.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bot.metrics import Metrics
from bot.store import Spool, Store, StoredTurn, StoreError, UnknownConversation

log = logging.getLogger(__name__)

#: Seconds a visitor waits for the database before the spool is used.
DEADLINE = 0.5
#: Turns that the screen looks back at, and conversations remembered in memory.
LOOK_BACK = 30
REMEMBERED = 5_000

T = TypeVar("T")


class NoSuchConversation(Exception):
    """The store works and knows no such conversation."""


@dataclass(frozen=True)
class PastReply:
    """What the next turn needs to know of an earlier one."""

    text: str
    level: str
    asks_back: bool
    taken_back: bool
    button: str | None
    outcome: str | None
    topic: str | None
    key: str | None = None


@dataclass(frozen=True)
class Opened:
    """A message on record. `turn_id` is None when only the spool has it."""

    turn_id: int | None
    history: tuple[PastReply, ...]
    finished: StoredTurn | None = None


def past_reply(turn: StoredTurn) -> PastReply:
    """The part of a stored turn that later turns look at."""
    keys = [r.get("key") for r in turn.replies if r.get("kind") in {"answer", "text", "card"}]
    return PastReply(
        turn.text,
        turn.level,
        turn.asks_back,
        turn.taken_back,
        turn.button,
        turn.outcome,
        turn.topic,
        next((key for key in keys if key), None),
    )


@dataclass
class Record:
    """Writes turns to `store`, or to `spool` while the store is gone."""

    store: Store
    spool: Spool
    metrics: Metrics
    deadline: float = DEADLINE
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(8, thread_name_prefix="store")
    )
    _memory: OrderedDict[str, tuple[PastReply, ...]] = field(default_factory=OrderedDict)

    async def create(
        self, conversation: str, channel: str, language: str, region: str, sandbox: bool
    ) -> None:
        """Put a new conversation on record."""
        facts: dict[str, Any] = {
            "conversation_id": conversation,
            "channel": channel,
            "language": language,
            "region": region,
            "sandbox": sandbox,
        }
        self._remember(conversation, ())
        try:
            await self._in_time(lambda: self.store.create_conversation(**facts))
        except StoreError:
            self._spool("create_conversation", facts)

    async def open(self, conversation: str, text: str, key: str, button: str | None) -> Opened:
        """Write a message before anything else is done with it, and look back.

        Raises:
            NoSuchConversation: the store works and does not know the conversation.
        """
        try:
            return await self._in_time(lambda: self._open(conversation, text, key, button))
        except UnknownConversation:
            if conversation not in self._memory:
                raise NoSuchConversation from None
        except StoreError:
            self.metrics.count("store_failures")
        return Opened(None, self._memory.get(conversation, ()))

    def _open(self, conversation: str, text: str, key: str, button: str | None) -> Opened:
        turn = self.store.record_message(conversation, text, idempotency_key=key, button=button)
        if turn.outcome is not None:
            return Opened(turn.id, (), turn)
        turns = self.store.turns(conversation, last=LOOK_BACK + 1)
        stored = tuple(past_reply(t) for t in turns if t.number < turn.number)
        remembered = self._memory.get(conversation, ())
        behind = len(stored) - len(remembered)  # turns may still wait in the spool
        if behind < 0 or (behind == 0 and self.spool.pending()):
            return Opened(turn.id, remembered)
        return Opened(turn.id, stored)

    async def close_turn(
        self,
        conversation: str,
        opened: Opened,
        message: dict[str, Any],
        finish: dict[str, Any],
        past: PastReply,
    ) -> None:
        """Write what was sent back. `message` is what `open` was given, `finish` the rest."""
        self._remember(conversation, (*opened.history, past)[-LOOK_BACK:])
        turn_id = opened.turn_id
        if turn_id is not None:
            try:
                await self._in_time(lambda: self.store.finish_turn(turn_id, **finish))
                return
            except UnknownConversation:
                self._memory.pop(conversation, None)
                return  # deleted in the meantime: nothing of it may be kept again
            except StoreError:
                self.metrics.count("store_failures")
        self._spool("turn", {"conversation_id": conversation, **message, **finish})

    async def safety_event(
        self,
        level: str,
        signs: Sequence[str],
        rule_ids: Sequence[str],
        channel: str,
        conversation: str | None,
    ) -> None:
        """Count that a card was shown: level, sign categories and rules, never text."""
        facts: dict[str, Any] = {
            "level": level,
            "signs": list(signs),
            "rule_ids": list(rule_ids),
            "channel": channel,
            "conversation_id": conversation,
            "record_id": str(uuid.uuid4()),  # a late write and its replay count once
        }
        try:
            await self._in_time(lambda: self.store.record_safety_event(**facts))
        except StoreError:
            self._spool("record_safety_event", facts)

    async def turns(self, conversation: str) -> list[StoredTurn]:
        """All turns of a conversation, oldest first.

        Raises:
            NoSuchConversation, StoreError: unknown, or the database is gone.
        """
        try:
            await self._in_time(lambda: self.store.conversation(conversation), 5.0)
        except UnknownConversation:
            raise NoSuchConversation from None
        return await self._in_time(lambda: self.store.turns(conversation), 5.0)

    async def delete(self, conversation: str) -> bool:
        """Delete a conversation for good, in the store, the spool and memory.

        Raises:
            StoreError: the database is gone; nothing was claimed to be deleted.
        """
        self._memory.pop(conversation, None)
        await asyncio.to_thread(self.spool.forget, conversation)
        return await self._in_time(lambda: self.store.delete_conversation(conversation), 5.0)

    async def purge(self, transcript_days: int, safety_event_days: int) -> int:
        """Delete what has been kept long enough; how many conversations and safety events.

        Raises:
            StoreError: the database is gone; the next purge tries again.
        """
        now = datetime.now(UTC)
        conversations = await asyncio.to_thread(
            self.store.delete_older_than, now - timedelta(days=transcript_days)
        )
        events = await asyncio.to_thread(
            self.store.delete_safety_events_older_than, now - timedelta(days=safety_event_days)
        )
        return conversations + events

    async def ready(self) -> bool:
        """Whether the store can be written to."""
        try:
            await self._in_time(self.store.ping, 2.0)
        except StoreError:
            return False
        return True

    async def replay(self) -> int:
        """Write what waits in the spool to the store."""
        if not self.spool.pending():
            return 0
        return await asyncio.to_thread(self.spool.replay, self.store)

    def close(self) -> None:
        """Close the store; work under way is finished first."""
        self._threads.shutdown(wait=True, cancel_futures=False)
        self.store.close()

    async def _in_time(self, work: Callable[[], T], deadline: float | None = None) -> T:
        try:
            running = asyncio.get_running_loop().run_in_executor(self._threads, work)
            return await asyncio.wait_for(asyncio.shield(running), deadline or self.deadline)
        except TimeoutError:
            running.add_done_callback(_seen)
            raise StoreError("The database took too long.", temporary=True) from None
        except StoreError:
            raise
        except Exception as error:  # no fault of the store may cost a visitor the reply
            log.error("store fault: %s", type(error).__name__)
            raise StoreError(f"The store failed ({type(error).__name__}).") from error

    def _remember(self, conversation: str, history: tuple[PastReply, ...]) -> None:
        self._memory[conversation] = history
        self._memory.move_to_end(conversation)
        while len(self._memory) > REMEMBERED:
            self._memory.popitem(last=False)

    def _spool(self, kind: str, payload: dict[str, Any]) -> None:
        self.metrics.count("spooled" if self.spool.write(kind, payload) else "spool_failures")


def _seen(running: asyncio.Future[Any]) -> None:
    """Late results of work that was given up: the spool has the record by then."""
    if not running.cancelled() and running.exception() is not None:
        log.warning("late store failure: %s", type(running.exception()).__name__)
