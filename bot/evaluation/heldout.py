"""Reads the held-out files: what was written, and what would be right.

Shapes: tests/heldout/README.md and tests/heldout/safety/README.md. An error names file and line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bot.batch import Item
from bot.settings import PROJECT

HELDOUT = PROJECT / "tests" / "heldout"


class EvaluationError(Exception):
    """A held-out file is missing or wrong, or a measurement failed; says what to do."""


@dataclass(frozen=True)
class Case:
    """One conversation with what is right for each turn.

    `expected` holds, for each turn, the labels (intents or levels) that are right, best first.
    `group` is what the file sorts its messages by: kind or slice.
    """

    id: str
    turns: tuple[str, ...]
    expected: tuple[tuple[str, ...], ...]
    group: str = ""
    language: str = "en"

    @property
    def item(self) -> Item:
        """What the bulk test asks."""
        return Item(self.id, self.turns)


@dataclass(frozen=True)
class Measured:
    """What was measured, and when: date, held-out files with fingerprint, the model's."""

    on: date
    files: Mapping[str, str]
    model: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Date, files and model."""
        return {"on": self.on.isoformat(), "files": dict(self.files), "model": self.model}


def fingerprint(path: Path) -> str:
    """The first twelve digits of a file's SHA-256: tells whether two reports saw one file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def read_cases(path: Path, labels: Collection[str], expect: str = "expect") -> list[Case]:
    """The cases of a JSONL file.

    Args:
        path: the file.
        labels: every label that may be expected.
        expect: the key that holds what is right ("expect" or "level"; dialogues may hold one list
            for all turns under "levels").

    Raises:
        EvaluationError: the file is missing, or names the line that is wrong.
    """
    cases = []
    for where, row in _rows(path):
        try:
            cases.append(_case(row, expect))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise EvaluationError(f"{where}: wrong shape ({error}).") from None
        unknown = {name for turn in cases[-1].expected for name in turn} - set(labels)
        if unknown:
            raise EvaluationError(f"{where}: nobody knows the label {min(unknown)!r}.")
    return cases


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read ({error.strerror}).") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise EvaluationError(f"{path}:{number}: not JSON ({error}).") from None
        if not isinstance(row, dict):
            raise EvaluationError(f"{path}:{number}: wants an object.")
        yield f"{path}:{number}", row


def _case(row: dict[str, Any], expect: str) -> Case:
    turns = row.get("turns") or [{"text": row["text"], expect: row[expect]}]
    levels = row.get("levels") or [turn[expect] for turn in turns]
    if len(levels) != len(turns):
        raise ValueError("as many levels as turns are wanted")
    return Case(
        id=str(row["id"]),
        turns=tuple(_text(turn["text"]) for turn in turns),
        expected=tuple(_accepted(level) for level in levels),
        group=str(row.get("slice") or row.get("kind") or ""),
        language=str(row.get("lang", "en")),
    )


def _text(text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError("text must be a string")
    return text


def _accepted(value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value)
    if not names or not all(isinstance(name, str) for name in names):
        raise TypeError("what is right must be a name or a list of names")
    return names
