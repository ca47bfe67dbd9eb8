"""Fakes that stand in for what the helper stands on: an assistant that can break, a store that can.

The assistant is a real HTTP server on loopback, so that the client's deadlines, its connections and
its reading of replies are those of production.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from bot.store import StoreError

#: Sentences that the screen must alarm on whatever else is reworded in its rules.
NOT_BREATHING = "my husband took all his baclofen and he is not breathing"
TOOK_TOO_MUCH = "I took 20 baclofen pills an hour ago"
WANTS_TO_DIE = "I want to kill myself tonight"
QUESTION = "what is baclofen"

#: Replies of the right status that no client can use.
WRONG_SHAPES: dict[str, Any] = {
    "an object without fields": {},
    "null": None,
    "a number": 7,
    "no reply in the list": {
        "replies": [],
        "understood": {"intent": "greet", "ranking": [], "decision": "clear"},
    },
    "no understanding": {"replies": [{"response": "utter_greet"}]},
    "replies that are text": {"replies": "utter_greet", "understood": {}},
    "a response without a name": {
        "replies": [{"response": None}],
        "understood": {"intent": "greet", "ranking": [], "decision": "clear"},
    },
    "a ranking of words": {
        "replies": [{"response": "utter_greet"}],
        "understood": {"intent": "greet", "ranking": ["greet"], "decision": "clear"},
    },
    "a confidence that is no number": {
        "replies": [{"response": "utter_what_is_baclofen"}],
        "understood": {
            "intent": "what_is_baclofen",
            "ranking": [{"intent": "what_is_baclofen", "confidence": float("nan")}],
            "decision": "clear",
        },
    },
    "a confidence past one": {
        "replies": [{"response": "utter_greet"}],
        "understood": {
            "intent": "greet",
            "ranking": [{"intent": "greet", "confidence": 12.0}],
            "decision": "clear",
        },
    },
}

#: Ways in which an assistant that listens can fail. `slow` and `hangs` cost the whole deadline.
QUICK_FAULTS = ("empty_list", "status_500", "garbage", "not_http", "closes", "two_megabytes")
SLOW_FAULTS = ("slow", "hangs", "hangs_in_the_body")


def heard(
    intent: str,
    *,
    response: str | None = None,
    confidence: float = 0.95,
    decision: str = "clear",
    also: tuple[str, ...] = (),
    others: dict[str, float] | None = None,
) -> dict[str, Any]:
    """What the assistant answers when it understood `intent`."""
    ranking = [{"intent": intent, "confidence": confidence}]
    ranking += [{"intent": name, "confidence": sure} for name, sure in (others or {}).items()]
    return {
        "replies": [{"response": response or f"utter_{intent}", "text": "not for visitors"}],
        "understood": {
            "intent": intent,
            "ranking": ranking,
            "decision": decision,
            "also": list(also),
        },
        "active_form": None,
    }


NOT_UNDERSTOOD = {
    "replies": [{"response": "utter_default"}],
    "understood": {
        "intent": "nlu_fallback",
        "ranking": [{"intent": "what_is_baclofen", "confidence": 0.01}],
        "decision": "unsure",
        "also": [],
    },
}


class FakeAssistant:
    """An assistant on loopback that does as `behaviour` says.

    `calls` is what it was asked, `forgotten` the conversations it was told to forget.
    Behaviours: `answers`, one of QUICK_FAULTS or SLOW_FAULTS, or `wrong_shape` (sends `shape`).
    """

    def __init__(self) -> None:
        self.behaviour = "answers"
        self.shape: Any = None
        self.delay = 0.0
        self.calls: list[dict[str, Any]] = []
        self.forgotten: list[str] = []
        self.knows: dict[str, dict[str, Any]] = {QUESTION: heard("what_is_baclofen")}
        self.answer: Callable[[dict[str, Any]], dict[str, Any]] = self._known
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen, on the same port as before after a `stop`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Die: nothing listens any more and open connections break."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._open:
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _known(self, call: dict[str, Any]) -> dict[str, Any]:
        return self.knows.get(call["text"].strip().lower().rstrip("?"), NOT_UNDERSTOOD)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self._open.discard(writer)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; false when the connection is to be closed."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lengths = [
            int(line.partition(":")[2])
            for line in head.split("\r\n")
            if line.lower().startswith("content-length:")
        ]
        body = await reader.readexactly(lengths[0]) if lengths else b""
        if head.startswith("GET"):
            _send(writer, 200, b'{"ready": true}')
            return True
        if head.startswith("DELETE"):
            self.forgotten.append(head.split()[1].rpartition("/")[2])
            _send(writer, 200, b'{"forgotten": true}')
            return True
        call = json.loads(body)
        self.calls.append(call)
        return await self._behave(call, writer)

    async def _behave(self, call: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        match self.behaviour:
            case "answers":
                await asyncio.sleep(self.delay)
                _send(writer, 200, json.dumps(self.answer(call)).encode())
            case "wrong_shape":
                _send(writer, 200, json.dumps(self.shape).encode())
            case "empty_list":
                _send(writer, 200, b"[]")
            case "status_500":
                _send(writer, 500, b'{"error": "KeyError"}')
            case "garbage":
                _send(writer, 200, b"\x00\xff\xfe{{{ <html>" * 50)
            case "not_http":
                writer.write(b"\x16\x03\x01 this is no reply\r\n\r\n")
                await writer.drain()
                return False
            case "closes":
                return False
            case "two_megabytes":
                filler = heard("what_is_baclofen") | {"filler": "x" * 2_000_000}
                _send(writer, 200, json.dumps(filler).encode())
            case "slow":
                await asyncio.sleep(10)
                _send(writer, 200, json.dumps(self.answer(call)).encode())
            case "hangs":
                await asyncio.sleep(60)
            case "hangs_in_the_body":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{")
                await writer.drain()
                await asyncio.sleep(60)
            case other:
                raise ValueError(other)
        return True


def _send(writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)


class BrokenStore:
    """Stands in front of a store; while `error` is set every use raises it."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.error: Exception | None = None
        self.blocks: Callable[[], None] | None = None

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            if self.blocks is not None and name != "close":
                self.blocks()
            if self.error is not None and name != "close":
                raise self.error
            return found(*args, **kwargs)

        return call


class MemoryStore:
    """A store that keeps turns in a dictionary: for tests of many messages, not of storing."""

    def __init__(self) -> None:
        self._conversations: dict[str, list[SimpleNamespace]] = {}
        self._turns: list[SimpleNamespace] = []

    def create_conversation(self, conversation_id: str, **facts: Any) -> None:
        self._conversations[conversation_id] = []

    def record_message(
        self, conversation_id: str, text: str, *, idempotency_key: str | None, button: str | None
    ) -> SimpleNamespace:
        """Refuses what no database and no cipher takes."""
        for word in (text, button or ""):
            word.encode("utf-8")
        turns = self._conversations[conversation_id]
        turn = SimpleNamespace(
            id=len(self._turns),
            number=len(turns) + 1,
            text=text,
            button=button,
            level="none",
            asks_back=False,
            taken_back=False,
            outcome=None,
            topic=None,
            replies=[],
        )
        turns.append(turn)
        self._turns.append(turn)
        return turn

    def turns(self, conversation_id: str, *, last: int) -> list[SimpleNamespace]:
        return self._conversations[conversation_id][-last:]

    def finish_turn(self, turn_id: int, **finish: Any) -> None:
        json.dumps(finish)
        vars(self._turns[turn_id]).update(finish)

    def record_safety_event(self, **facts: Any) -> None:
        json.dumps(facts)

    def ping(self) -> None:
        pass

    def delete_older_than(self, cutoff: datetime) -> int:
        return 0

    def delete_safety_events_older_than(self, cutoff: datetime) -> int:
        return 0

    def close(self) -> None:
        pass


DISK_FULL = StoreError("The disk that holds the database is full.", temporary=True)
