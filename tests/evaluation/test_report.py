"""Reports are one file, hold every number, and show messages only on request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from bot.evaluation.cross_validation import CrossValidation
from bot.evaluation.heldout import Case, Measured
from bot.evaluation.intervals import Share, percent
from bot.evaluation.judging import Judged
from bot.evaluation.report import breakable, write_safety, write_understanding
from bot.evaluation.safety import Screened, safety
from bot.evaluation.understanding import understanding

MEASURED = Measured(date(2026, 1, 2), {"questions.jsonl": "abc123"}, "feed")
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def questions(judged: Callable[..., Judged]) -> list[Judged]:
    """One right, one missed."""
    return [
        judged("tapering", topic="tapering", topics=(("tapering", 0.9),)),
        judged("tapering", topic="expiry_check", text=HOSTILE),
    ]


def test_report_on_understanding_is_one_file_without_outside_resources(
    questions: list[Judged], tmp_path: Path
) -> None:
    folds = CrossValidation(5, Share(7, 8), Share(0, 8), 0.87, (), ())
    page, data = write_understanding(understanding(questions, [], [], folds), MEASURED, tmp_path)
    html = page.read_text()
    assert not re.search(r'(src|href)="(?!#)|@import|<link', html)
    assert html.count("<svg") == 4
    assert "Best topic right" in html
    assert "In 5 folds 7 of 8" in html
    content = json.loads(data.read_text())
    assert content["measured"]["on"] == "2026-01-02"
    assert content["sections"][0]["figures"][0]["share"] == 0.5
    assert content["cross_validation"]["accuracy"]["share"] == 0.875


def test_report_shows_missed_messages_only_on_request(
    questions: list[Judged], tmp_path: Path
) -> None:
    result = understanding(questions, [], [])
    page, data = write_understanding(result, MEASURED, tmp_path)
    assert "alert(1)" not in page.read_text() + data.read_text()
    page, data = write_understanding(result, MEASURED, tmp_path, show_misses=True)
    assert "&lt;script&gt;alert(1)" in page.read_text()
    assert HOSTILE not in page.read_text()
    assert "alert(1)" not in data.read_text()


def test_report_on_safety_shows_slices_and_hides_messages(tmp_path: Path) -> None:
    missed = Screened(Case("s1", (HOSTILE,), (("emergency",),), "pump"), 1, "none")
    result = safety([missed], [], [missed], {"s1": 0.5})
    page, data = write_safety(result, MEASURED, tmp_path)
    assert "Weakest slice (pump)" in page.read_text()
    assert "What a second vote would bring" in page.read_text()
    assert "alert(1)" not in page.read_text() + data.read_text()
    page, data = write_safety(result, MEASURED, tmp_path, show_misses=True)
    assert page.read_text().count("&lt;script&gt;alert(1)") == 2
    assert json.loads(data.read_text())["slices"][0]["slice"] == "pump"


def test_report_of_nothing_is_still_a_page(tmp_path: Path) -> None:
    page, _ = write_understanding(understanding([], [], []), MEASURED, tmp_path / "new")
    assert "not measured" in page.read_text()
    page, _ = write_safety(safety([], [], []), MEASURED, tmp_path / "new")
    assert "not measured" in page.read_text()


def test_breakable_escapes_and_breaks_after_underscores() -> None:
    assert breakable("a_b<c") == "a_<wbr>b&lt;c"


def test_percent_is_for_people() -> None:
    assert percent(1.0) == "100.0 %"
    assert percent(None) == "-"
