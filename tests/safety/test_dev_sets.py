"""Our own sentences, written while the rules were made: a regression guard, no measure of
quality."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from bot.safety import assess

_DEV = Path(__file__).parent / "dev"


def _read(pattern: str) -> list[dict[str, str]]:
    files = sorted(_DEV.glob(pattern))
    return [json.loads(line) for f in files for line in f.read_text("utf-8").splitlines() if line]


def test_screen_finds_danger_in_every_slice() -> None:
    missed: dict[str, list[str]] = defaultdict(list)
    size: dict[str, int] = defaultdict(int)
    for row in _read("danger*.jsonl"):
        size[row["slice"]] += 1
        if not assess([], row["text"]).level.calls_for_card:
            missed[row["slice"]].append(row["text"])
    total = sum(map(len, missed.values())) / sum(size.values())
    assert not missed["plain"], missed["plain"]
    assert total <= 0.01, dict(missed)
    assert all(len(missed[s]) <= max(1, 0.04 * n) for s, n in size.items()), dict(missed)


def test_screen_shows_no_card_for_ordinary_questions() -> None:
    rows = _read("harmless*.jsonl")
    shown = []
    for row in rows:
        assessment = assess([], row["text"])
        if assessment.level.calls_for_card and not assessment.asks_back:
            shown.append((row["text"], assessment.explanation))
    assert len(shown) <= 0.015 * len(rows), shown
