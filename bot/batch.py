"""The bulk test: many messages or dialogues through the same turn that visitors get.

Used by staff, by `bot evaluate` and by the acceptance sets. One conversation for each item, in a
store of its own that is thrown away.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import httpx

from bot.assistant import Assistant
from bot.service import Service, build_service
from bot.settings import Settings
from bot.supervisor import MODEL, Supervisor, free_port
from bot.turn import Message, Turn

#: Items under way at once.
AT_ONCE = 6
#: Seconds the assistant gets for a turn here: a bulk test is about words, not about a busy machine.
PATIENCE = 30.0
#: Seconds the assistant gets to start.
START = 180.0


class BatchError(Exception):
    """An input line is wrong or the helper could not be reached; says what to do."""


@dataclass(frozen=True)
class Item:
    """One line of the input: a message, or the turns of a dialogue."""

    id: str
    turns: tuple[str, ...]


class Speaker(Protocol):
    """Something that holds conversations: this process, or a helper at an address."""

    async def begin(self) -> str:
        """A new conversation's id."""
        ...

    async def say(self, conversation: str, text: str) -> dict[str, Any]:
        """The turn as the web API sends it, with `ms`."""
        ...


def read_items(path: Path) -> list[Item]:
    """The items of a JSONL file.

    Raises:
        BatchError: names the line.
    """
    items = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BatchError(f"{where}: not JSON ({error}).") from None
        items.append(_item(where, row))
    return items


def _item(where: str, row: Any) -> Item:
    if not isinstance(row, dict) or "id" not in row:
        raise BatchError(f'{where}: wants an object with "id" and "text" or "turns".')
    turns = row.get("turns", [row.get("text")])
    if isinstance(turns, list):
        turns = [turn.get("text") if isinstance(turn, dict) else turn for turn in turns]
    if not isinstance(turns, list) or not turns or not all(isinstance(t, str) for t in turns):
        raise BatchError(f'{where}: "text" must be a string, "turns" a list of strings.')
    return Item(str(row["id"]), tuple(turns))


class InProcess:
    """Conversations in this process."""

    def __init__(self, service: Service) -> None:
        self._helper = service.helper
        self._region = service.settings.region
        self._language = service.settings.language

    async def begin(self) -> str:
        """A new sandbox conversation."""
        conversation = str(uuid.uuid4())
        await self._helper.record.create(
            conversation, "batch", self._language, self._region, sandbox=True
        )
        return conversation

    async def say(self, conversation: str, text: str) -> dict[str, Any]:
        """One turn."""
        message = Message(
            conversation, text, channel="batch", region=self._region, language=self._language
        )
        return turn_row(await self._helper.turn(message))


class OverHttp:
    """Conversations with a helper that runs at an address."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._tokens: dict[str, str] = {}

    async def begin(self) -> str:
        """A new conversation.

        Raises:
            BatchError: the helper cannot be reached or refuses.
        """
        body = await self._post("/v1/conversations", {}, None)
        self._tokens[body["conversation"]] = body["token"]
        return str(body["conversation"])

    async def say(self, conversation: str, text: str) -> dict[str, Any]:
        """One turn."""
        started = asyncio.get_running_loop().time()
        body = await self._post(
            f"/v1/conversations/{conversation}/messages",
            {"text": text},
            self._tokens[conversation],
        )
        body["ms"] = round((asyncio.get_running_loop().time() - started) * 1000)
        return body

    async def _post(self, path: str, body: dict[str, Any], token: str | None) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        for _ in range(5):
            try:
                response = await self._client.post(path, json=body, headers=headers)
            except httpx.HTTPError as error:
                raise BatchError(f"No helper answers at {self._client.base_url}.") from error
            if response.status_code != 429:
                break
            await asyncio.sleep(float(response.headers.get("retry-after", "5")))
        if response.status_code not in {200, 201}:
            raise BatchError(f"The helper refused: {response.status_code} {response.text[:200]}")
        content: dict[str, Any] = response.json()
        return content


def turn_row(turn: Turn) -> dict[str, Any]:
    """A turn as an output line has it, without id, number and text."""
    return {**turn.as_json(), "ms": turn.ms}


async def answer_all(
    items: Sequence[Item], speaker: Speaker, done: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """One row for each turn, in input order; `done` is called after each item."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(item: Item) -> list[dict[str, Any]]:
        async with places:
            conversation = await speaker.begin()
            rows = []
            for number, text in enumerate(item.turns, start=1):
                row = await speaker.say(conversation, text)
                rows.append({"id": item.id, "turn": number, "text": text, **row})
            done()
            return rows

    groups = await asyncio.gather(*(one(item) for item in items))
    return [row for group in groups for row in group]


@asynccontextmanager
async def private_service(
    settings: Settings, model: Path = MODEL, assistant: bool = True
) -> AsyncIterator[Service]:
    """A helper of its own, quietly: a store that is thrown away and, if none runs, an assistant.

    Raises:
        BatchError, NotSetUp: the assistant could not be started.
    """
    with tempfile.TemporaryDirectory(prefix="bot-") as folder:
        var = Path(folder)
        supervisor = None
        if assistant and not await assistant_answers(settings.assistant_url):
            url = f"http://127.0.0.1:{free_port()}"
            settings = replace(settings, assistant_url=url)
            supervisor = Supervisor(url, var / "assistant.log", model)
        private = replace(
            settings,
            database_url=f"sqlite:///{var / 'batch.sqlite3'}",
            var=var,
            assistant_deadline=PATIENCE,
            assistant_deadline_with_card=PATIENCE,
        )
        service = build_service(private, supervisor)
        try:
            await service.start()
            if supervisor is not None:
                await _until_ready(service.helper.assistant, var / "assistant.log")
            yield service
        finally:
            await service.stop()


async def assistant_answers(url: str) -> bool:
    """Whether an assistant with a model answers at an address."""
    async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
        try:
            return (await client.get(f"{url}/webhooks/helper/ready")).status_code == 200
        except httpx.HTTPError:
            return False


async def _until_ready(assistant: Assistant, log_file: Path) -> None:
    deadline = asyncio.get_running_loop().time() + START
    while asyncio.get_running_loop().time() < deadline:
        if await assistant_answers(assistant.url):
            return
        await asyncio.sleep(0.25)
    tail = log_file.read_text(errors="replace")[-500:] if log_file.exists() else ""
    raise BatchError(f"The assistant did not start within {START:.0f} s. {tail}")
