"""A small world to evaluate: three covered topics, refusals and small talk, rows made by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.evaluation.heldout import Case
from bot.evaluation.judging import Judged, judge
from bot.evaluation.vocabulary import Vocabulary

Row = dict[str, Any]


@pytest.fixture
def vocabulary() -> Vocabulary:
    """Expiry and its risks share one answer; tapering stands alone."""
    shared = ("expiry_check", "expired_risks")
    return Vocabulary(
        mates={"expiry_check": shared, "expired_risks": shared, "tapering": ("tapering",)},
        intent_of={
            "utter_dose": "out_of_scope_dose",
            "utter_price": "out_of_scope_price",
            "utter_greet": "greet",
            "utter_delete": "delete_my_data",
            "utter_person": "ask_for_person",
        },
    )


@pytest.fixture
def row() -> Callable[..., Row]:
    """Makes a batch row: `topics` as (topic, confidence), `buttons` as topics to press."""

    def make(
        outcome: str = "answered",
        topic: str | None = None,
        covers: tuple[str, ...] = (),
        topics: tuple[tuple[str, float], ...] = (),
        buttons: tuple[str, ...] = (),
        key: str | None = None,
    ) -> Row:
        pressed = [{"id": f"topic:{name}", "label": name} for name in buttons]
        return {
            "outcome": outcome,
            "topic": topic,
            "covers": list(covers or ((topic,) if topic else ())),
            "topics": [{"topic": name, "confidence": sure} for name, sure in topics],
            "reply": [{"kind": "text", "key": key, "text": "...", "buttons": pressed}],
            "ms": 12,
        }

    return make


@pytest.fixture
def judged(vocabulary: Vocabulary, row: Callable[..., Row]) -> Callable[..., Judged]:
    """Judges one made-up message: what was right, then the fields of its row."""

    def make(accepted: str | tuple[str, ...], text: str = "made up", **fields: Any) -> Judged:
        names = (accepted,) if isinstance(accepted, str) else accepted
        case = Case("q1", (text,), (names,), group="question")
        return judge(case, 1, row(**fields), vocabulary)

    return make
