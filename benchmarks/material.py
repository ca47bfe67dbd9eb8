"""What both sides are given: the same domain, the same training data, the same messages."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from bot.settings import PROJECT

HELDOUT = PROJECT / "tests" / "heldout" / "questions.jsonl"
T = TypeVar("T")

#: What `rasa train` reads of data/.
FOLDERS = ("nlu", "rules", "responses")
#: Kinds of messages, in the order of the tables.
COVERED, OUT_OF_SCOPE, SMALL_TALK = "covered", "out of scope", "small talk"
KINDS = (COVERED, OUT_OF_SCOPE, SMALL_TALK)


@dataclass(frozen=True)
class Case:
    """A held-out message: the intents that are right, best first, and its kind."""

    text: str
    expected: tuple[str, ...]
    kind: str


def copy_content(to: Path, examples: int | None) -> Path:
    """A copy of the pipeline, the domain and the training data, so that no edit gets between.

    Args:
        to: the folder to make.
        examples: examples kept of each intent; all unless given.

    Returns:
        The folder, with config.yml, domain.yml and data/ in it.
    """
    (to / "data").mkdir(parents=True)
    for name in ("config.yml", "domain.yml"):
        shutil.copy(PROJECT / name, to / name)
    for name in FOLDERS:
        shutil.copytree(PROJECT / "data" / name, to / "data" / name)
    if examples is not None:
        for path in (to / "data" / "nlu").glob("*.yml"):
            _shorten(path, examples)
    return to


def _shorten(path: Path, examples: int) -> None:
    """Keep some examples of each intent of an NLU file, evenly spread."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for entry in content["nlu"]:
        if "intent" not in entry:
            continue
        lines = entry["examples"].splitlines()
        entry["examples"] = "\n".join(spread(lines, examples)) + "\n"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


def spread(items: Sequence[T], number: int) -> list[T]:
    """So many of the items, evenly spread and in order; all when there are fewer.

    >>> spread([1, 2, 3, 4, 5, 6], 3)
    [1, 3, 5]
    """
    if number >= len(items):
        return list(items)
    return [items[i * len(items) // number] for i in range(number)]


def _rules(content: Path) -> list[dict[str, Any]]:
    files = sorted((content / "data" / "rules").glob("*.yml"))
    rows = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
    return [rule for row in rows for rule in row["rules"]]


def shared_answers(content: Path) -> dict[str, str]:
    """The answer that each intent leads to, by the rules: the same for both sides."""
    answers = {}
    for rule in _rules(content):
        intents = [step["intent"] for step in rule["steps"] if "intent" in step]
        actions = [step["action"] for step in rule["steps"] if "action" in step]
        if len(intents) == 1 and actions:
            answers[intents[0]] = actions[0]
    return answers


def _small_talk(content: Path) -> set[str]:
    text = (content / "data" / "nlu" / "small_talk.yml").read_text(encoding="utf-8")
    return {entry["intent"] for entry in yaml.safe_load(text)["nlu"] if "intent" in entry}


def number_of_examples(content: Path) -> int:
    """Training examples in all."""
    files = (content / "data" / "nlu").glob("*.yml")
    return sum(
        len(entry["examples"].splitlines())
        for path in files
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]
        if "intent" in entry
    )


def digest(path: Path) -> str:
    """The first twelve digits of a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def digest_of_content(content: Path) -> str:
    """The same of the domain and the training data of a copy (not of the pipeline)."""
    whole = hashlib.sha256()
    for path in [content / "domain.yml", *sorted((content / "data").rglob("*.yml"))]:
        whole.update(str(path.relative_to(content)).encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()[:12]


def read_cases(content: Path, path: Path = HELDOUT) -> list[Case]:
    """The held-out messages (shape: tests/heldout/README.md)."""
    small_talk = _small_talk(content)
    cases = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        expect = row["expect"]
        expected = (expect,) if isinstance(expect, str) else tuple(expect)
        cases.append(Case(row["text"], expected, _kind(expected[0], small_talk)))
    return cases


def _kind(intent: str, small_talk: set[str]) -> str:
    if intent.startswith("out_of_scope"):
        return OUT_OF_SCOPE
    return SMALL_TALK if intent in small_talk else COVERED


def load_messages(cases: Sequence[Case], number: int = 60) -> list[str]:
    """Messages for the measurements of time and memory: covered questions, evenly spread."""
    return spread([case.text for case in cases if case.kind == COVERED], number)
