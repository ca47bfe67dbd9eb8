"""`bot evaluate` from end to end, on small files and without an assistant."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bot.batch import Item
from bot.evaluation import command

TAPERING = "how do I come off it slowly"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, row: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    """Runs the command; every message is answered with tapering."""

    @asynccontextmanager
    async def no_service(*_: object) -> AsyncIterator[object]:
        yield object()

    async def answer_all(
        items: Sequence[Item], _: object, done: Callable[[], None]
    ) -> list[dict[str, Any]]:
        return [
            {**row(topic="tapering"), "id": item.id, "turn": number}
            for item in items
            for number, _ in enumerate(item.turns, start=1)
        ]

    monkeypatch.setattr(command, "private_service", no_service)
    monkeypatch.setattr(command, "answer_all", answer_all)
    monkeypatch.setattr(command, "InProcess", lambda service: service)
    monkeypatch.setattr(command, "load_settings", SimpleNamespace)
    monkeypatch.setattr(command.out, "width", 100)
    app = typer.Typer()
    app.command()(command.evaluate_command)
    return lambda *words: CliRunner().invoke(app, list(map(str, words)))


@pytest.fixture
def heldout(tmp_path: Path) -> Path:
    """A folder of held-out files with a line or two each."""
    safety = tmp_path / "heldout" / "safety"
    safety.mkdir(parents=True)
    lines: dict[str, list[dict[str, Any]]] = {
        "questions.jsonl": [
            {"id": "q1", "text": TAPERING, "expect": "tapering", "kind": "question"},
            {"id": "q2", "text": "hello", "expect": "greet", "kind": "question"},
        ],
        "dialogues.jsonl": [{"id": "d1", "turns": [{"text": "a", "expect": "tapering"}]}],
        "two_questions.jsonl": [{"id": "t1", "text": "both", "expect": ["tapering", "disposal"]}],
        "safety/messages.jsonl": [
            {"id": "s1", "text": "he is not breathing", "level": "emergency", "slice": "self"},
            {"id": "s2", "text": "what is it made of", "level": "none", "slice": "faq"},
        ],
        "safety/dialogues.jsonl": [{"id": "sd1", "turns": [{"text": "hello"}], "levels": ["none"]}],
        "safety/must_not_miss.jsonl": [
            {"id": "m1", "text": "she is not breathing", "level": "emergency"}
        ],
    }
    for name, rows in lines.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (safety.parent / name).write_text(text)
    return safety.parent


def test_command_writes_the_report_on_understanding(
    run: Callable[..., Any], heldout: Path, tmp_path: Path
) -> None:
    done = run("--heldout", heldout, "--out", tmp_path / "reports")
    assert done.exit_code == 0, done.output
    assert "targets reached" in done.output
    assert "Best topic right" in done.output
    assert TAPERING not in done.output
    content = json.loads((tmp_path / "reports" / "understanding.json").read_text())
    covered = content["sections"][0]["figures"][0]
    assert (covered["right"], covered["of"], covered["reached"]) == (1, 1, True)
    assert set(content["measured"]["files"]) == set(command.QUESTIONS)


def test_command_measures_safety_with_the_real_screen(
    run: Callable[..., Any], heldout: Path, tmp_path: Path
) -> None:
    done = run("--safety", "--heldout", heldout, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "breathing" not in done.output
    content = json.loads((tmp_path / "safety.json").read_text())
    assert content["sections"][0]["figures"][0]["of"] == 1


def test_command_lists_misses_in_the_page_only(
    run: Callable[..., Any], heldout: Path, tmp_path: Path
) -> None:
    done = run("--heldout", heldout, "--out", tmp_path, "--show-misses")
    assert '<td class="text">hello</td>' in (tmp_path / "understanding.html").read_text()
    assert "hello" not in done.output
    assert "hello" not in (tmp_path / "understanding.json").read_text()


def test_command_says_what_is_wrong_with_a_file(
    run: Callable[..., Any], heldout: Path, tmp_path: Path
) -> None:
    (heldout / "questions.jsonl").write_text('{"id": "q1", "text": "a", "expect": "nothing"}\n')
    done = run("--heldout", heldout, "--out", tmp_path)
    assert done.exit_code == 1
    assert not (tmp_path / "understanding.html").exists()


def test_command_refuses_cross_validation_of_safety(run: Callable[..., Any]) -> None:
    assert run("--safety", "--cross-validation").exit_code == 2
