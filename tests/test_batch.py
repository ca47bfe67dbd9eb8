"""The bulk test: rows in input order, one conversation for each item, errors that name the line."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from fakes import NOT_BREATHING, QUESTION
from support import Here, client_of

from bot.batch import (
    BatchError,
    InProcess,
    Item,
    OverHttp,
    answer_all,
    private_service,
    read_items,
)
from bot.settings import Settings


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_batch_reads_messages_and_dialogues(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '{"id": "a", "text": "hello"}',
        "",
        '{"id": 7, "turns": ["one", {"text": "two", "expect": "x"}]}',
    )
    assert read_items(path) == [Item("a", ("hello",)), Item("7", ("one", "two"))]


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "7", "{}", '{"id": "a"}', '{"id": "a", "text": 5}', '{"id": "a", "turns": []}',
     '{"id": "a", "turns": "hello"}', '{"id": "a", "turns": [null]}'],
)  # fmt: skip
def test_batch_names_the_line_that_is_wrong(tmp_path: Path, line: str) -> None:
    with pytest.raises(BatchError, match=r"in\.jsonl:2"):
        read_items(written(tmp_path, '{"id": "a", "text": "hello"}', line))


class Unhurried:
    """A speaker whose replies come back in any order."""

    def __init__(self) -> None:
        self.begun = 0

    async def begin(self) -> str:
        self.begun += 1
        return str(self.begun)

    async def say(self, conversation: str, text: str) -> dict[str, Any]:
        await asyncio.sleep(random.random() / 50)
        return {"heard": f"{conversation}:{text}"}


async def test_batch_keeps_input_order_and_one_conversation_for_each_item() -> None:
    items = [Item(f"i{n}", ("a", "b")) for n in range(20)]
    speaker, done = Unhurried(), []
    rows = await answer_all(items, speaker, lambda: done.append(1))
    assert [(row["id"], row["turn"], row["text"]) for row in rows] == [
        (f"i{n}", turn, text) for n in range(20) for turn, text in ((1, "a"), (2, "b"))
    ]
    assert speaker.begun == 20
    assert len(done) == 20
    first, second = rows[6]["heard"].split(":")[0], rows[7]["heard"].split(":")[0]
    assert first == second


ROW = {"id", "turn", "text", "level", "outcome", "topic", "covers", "topics", "reply", "ms"}


async def test_batch_row_is_the_turn_that_a_visitor_gets(here: Here) -> None:
    items = [Item("a", (QUESTION, NOT_BREATHING))]
    rows = await answer_all(items, InProcess(here.service))
    assert [set(row) for row in rows] == [ROW, ROW]
    assert rows[0]["topic"] == "what_is_baclofen"
    assert rows[1]["reply"][0]["kind"] == "card"
    json.dumps(rows)


async def test_batch_over_http_gives_the_same_rows(here: Here) -> None:
    items = [Item("a", (QUESTION, NOT_BREATHING)), Item("b", ("thanks",))]
    inside = await answer_all(items, InProcess(here.service))
    async with client_of(here.service) as client:
        outside = await answer_all(items, OverHttp(client))
    for row in (*inside, *outside):
        row.pop("ms")
    assert outside == inside


async def test_batch_says_that_no_helper_answers() -> None:
    import httpx

    async with httpx.AsyncClient(base_url="http://127.0.0.1:9", trust_env=False) as client:
        with pytest.raises(BatchError, match="No helper answers"):
            await answer_all([Item("a", ("x",))], OverHttp(client))


async def test_batch_puts_nothing_in_the_helpers_own_store(settings: Settings) -> None:
    """A running assistant is used; the store is thrown away."""
    async with private_service(settings) as service:
        rows = await answer_all([Item("a", (QUESTION,))], InProcess(service))
        folder = service.settings.var
        assert folder != settings.var
        assert (folder / "batch.sqlite3").exists()
    assert rows[0]["topic"] == "what_is_baclofen"
    assert not folder.exists()
    assert not settings.var.exists()
