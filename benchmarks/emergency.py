"""How fast an emergency card is: plain danger messages through the web API, one at a time.

Measured twice: with the assistant running, and with the assistant killed. Each message has a
conversation of its own and is sent two ways: plainly (the whole turn comes back), and asking for
lines as they are ready (the card comes first, before the assistant is asked).
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import machine
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from servers import BENCHMARKS, BenchmarkError, WebDoor, assistant, end, end_in_order, helper, sides

from bot.settings import PROJECT
from bot.supervisor import MODEL

console = Console()
#: Plain present danger, in the words of people who are frightened.
DANGER = (
    "he is not breathing",
    "she took all her baclofen pills and i cant wake her up",
    "my mom is unconscious",
    "my son is having a seizure right now",
    "i just took the whole bottle",
    "my boyfriend overdosed on baclofen, what do i do",
    "my husband won't wake up",
    "she stopped breathing",
    "my roommate is having a seizure and wont stop shaking",
    "i overdosed on baclofen",
    "his lips are blue and he isn't breathing",
    "my wife collapsed after taking too much baclofen and is unresponsive",
    "help my dad took too many pills and is unconscious",
    "my friend is passed out and barely breathing",
    "i took 40 baclofen pills an hour ago",
    "my daughter swallowed a whole bottle of baclofen",
    "he's unresponsive, he drank and took baclofen",
    "my brother overdosed and he cant breathe",
    "she is convulsing on the floor",
    "i cant wake him up, he took baclofen with vodka",
)
NDJSON = "application/x-ndjson"
RUNNING, DEAD = "assistant running", "assistant dead"
WAYS = {"plain": "whole reply", "stream": "card's line of a stream"}
TITLE = """# How fast an emergency card is

Written by `benchmarks/emergency.py`: plain danger messages through the web API, one at a time, each
in a conversation of its own.
"""
#: Messages sent before anything is counted.
WARM_UP = 10


@dataclass(frozen=True)
class Latency:
    """Milliseconds until the reply, and how many replies began with an emergency card."""

    state: str
    way: str
    messages: int
    cards: int
    p50: float
    p95: float
    longest: float


@dataclass(frozen=True)
class Sent:
    """What came of a message: seconds until it was answered, and whether by an emergency card."""

    seconds: float
    card: bool


def plainly(door: WebDoor, conversation: str, text: str) -> Sent:
    """Send and read the whole turn, which should begin with the card."""
    began = time.perf_counter()
    body = door.post(conversation, text)
    seconds = time.perf_counter() - began
    return Sent(seconds, _is_card(body["reply"][0]))


def streamed(door: WebDoor, conversation: str, text: str) -> Sent:
    """Send and read the first line, which should be the card; the rest is read untimed."""
    path = f"/v1/conversations/{conversation}/messages"
    headers = {**door.headers(conversation), "accept": NDJSON}
    began = time.perf_counter()
    with door.http.stream("POST", path, json={"text": text}, headers=headers) as response:
        response.raise_for_status()
        lines = response.iter_lines()
        first = json.loads(next(lines))
        seconds = time.perf_counter() - began
        for _ in lines:
            pass
    return Sent(seconds, _is_card(first.get("part", {})))


def _is_card(part: dict[str, Any]) -> bool:
    return part.get("kind") == "card" and part.get("level") == "emergency"


def latency(door: WebDoor, state: str, way: str, number: int, done: Callable[[], None]) -> Latency:
    """The latency of so many messages, one after the other, each in its own conversation."""
    say = plainly if way == "plain" else streamed
    for place in range(WARM_UP):
        say(door, door.begin(), DANGER[place % len(DANGER)])
    sent = []
    for place in range(number):
        sent.append(say(door, door.begin(), DANGER[place % len(DANGER)]))
        done()
    took = [round(each.seconds * 1000, 2) for each in sent]
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    cards = sum(each.card for each in sent)
    return Latency(
        state, WAYS[way], number, cards, round(cuts[49], 2), round(cuts[94], 2), max(took)
    )


def measure(model: Path, number: int) -> list[Latency]:
    """All four: assistant running and dead, plain and streamed.

    Raises:
        BenchmarkError, httpx.HTTPError: something did not start or did not answer.
    """
    ours, _ = sides(PROJECT / "config.yml")
    rows = []
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True) as name,
        Progress(console=console) as bar,
    ):
        task = bar.add_task("Starting", total=4 * number)
        folder = Path(name)
        with (
            assistant(ours, model, 1, folder / "assistant.log", "hello") as rasa,
            helper(rasa.url, folder / "var", "hello") as (_, door),
        ):
            for state in (RUNNING, DEAD):
                if state == DEAD:
                    end(rasa.process)
                bar.update(task, description=state)
                for way in WAYS:
                    rows.append(latency(door, state, way, number, lambda: bar.advance(task)))
    return rows


def write(rows: list[Latency], on: dict[str, str], folder: Path) -> None:
    """emergency.json and emergency.md into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"rows": [asdict(row) for row in rows], "made on": on}, indent=1)
    (folder / "emergency.json").write_text(content + "\n", encoding="utf-8")
    head = ["| assistant | until | p50 | p95 | longest | cards |", "|---|---|---:|---:|---:|---:|"]
    lines = [f"| {' | '.join(cells(row))} |" for row in rows]
    place = [f"- {name}: {value}" for name, value in on.items()]
    page = [TITLE, *head, *lines, "", *place, ""]
    (folder / "emergency.md").write_text("\n".join(page), encoding="utf-8")


def cells(row: Latency) -> list[str]:
    """A row for people."""
    times = [f"{value:.1f} ms" for value in (row.p50, row.p95, row.longest)]
    return [row.state, row.way, *times, f"{row.cards} of {row.messages}"]


def main() -> int:
    """Measure, write, show; exit code 1 when something failed or a card was missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200, help="of each kind (default 200)")
    parser.add_argument("--model", type=Path, default=MODEL, help="the assistant's model")
    parser.add_argument("--out", type=Path, default=BENCHMARKS, help="folder of the results")
    options = parser.parse_args()
    end_in_order()
    if not options.model.exists():
        console.print("There is no trained model. Run `make train`.")
        return 1
    on = {"date": f"{datetime.date.today():%Y-%m-%d}", **machine.describe()}
    try:
        rows = measure(options.model.resolve(), options.messages)
    except (BenchmarkError, httpx.HTTPError) as error:
        console.print(f"{type(error).__name__}: {error}", style="red", markup=False)
        return 1
    write(rows, on, options.out)
    table = Table("assistant", "until", "p50", "p95", "longest", "cards")
    for row in rows:
        table.add_row(*cells(row))
    console.print(table)
    return 0 if all(row.cards == row.messages for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
