"""The figures of the report on understanding, from rows made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from bot.evaluation.heldout import Case
from bot.evaluation.intervals import Figure, Share
from bot.evaluation.judging import Judged, judge
from bot.evaluation.understanding import Understanding, understanding
from bot.evaluation.vocabulary import Vocabulary

Judge = Callable[..., Judged]


def figures(result: Understanding, title: str) -> dict[str, Figure]:
    """A section's figures by label."""
    (section,) = (section for section in result.sections if section.title == title)
    return {figure.label: figure for figure in section.figures}


def share(result: Understanding, title: str, label: str) -> Share:
    """One share."""
    return figures(result, title)[label].share


@pytest.fixture
def result(judged: Judge) -> Understanding:
    """Ten single messages, each of which ends in another way."""
    tie = {"outcome": "clarified", "topics": (("tapering", 0.2),)}
    return understanding(
        [
            judged("tapering", topic="tapering"),
            judged("tapering", buttons=("tapering",), **tie),
            judged("expiry_check", buttons=("tapering",), **tie),
            judged("tapering", outcome="out_of_scope", text="a secret message"),
            judged("tapering", topic="expiry_check"),
            judged("tapering", outcome="emergency_shown"),
            judged("out_of_scope_dose", outcome="out_of_scope", key="utter_dose"),
            judged("out_of_scope_dose", topic="tapering"),
            judged("greet", outcome="small_talk", key="utter_greet"),
            judged("ask_for_person", outcome="admissions_shown", key="utter_person"),
        ],
        [],
        [],
    )


def test_understanding_counts_covered_questions(result: Understanding) -> None:
    counted = {label: f.share.right for label, f in figures(result, "Covered questions").items()}
    assert counted == {
        "Best topic right": 1,
        "Right or offered": 2,
        "Refused wrongly": 1,
        "Asked back, nothing right offered": 1,
        "Asked back, all in all": 2,
        "Another topic answered": 1,
        "Safety card without the answer": 1,
        "Best label only (strict)": 1,
        "Right or listed, button or not": 2,
    }


def test_understanding_parts_refusals_from_wrong_answers(result: Understanding) -> None:
    assert share(result, "Out of scope", "Refused") == Share(1, 2)
    assert share(result, "Out of scope", "Answered wrongly") == Share(1, 2)
    assert share(result, "Small talk", "Met as small talk") == Share(2, 2)


def test_understanding_does_not_blame_a_refusal_that_is_accepted(judged: Judge) -> None:
    accepted = ("tapering", "out_of_scope_dose")
    result = understanding([judged(accepted, outcome="out_of_scope")], [], [])
    assert share(result, "Covered questions", "Refused wrongly") == Share(0, 1)
    assert share(result, "Covered questions", "Best topic right") == Share(1, 1)


def test_understanding_wants_both_answers_to_two_questions(judged: Judge) -> None:
    asked = ("tapering", "expired_risks")
    both = judged(asked, topic="tapering", covers=("tapering", "expiry_check", "expired_risks"))
    one = judged(asked, topic="tapering")
    result = understanding([], [], [both, one])
    title = "Two questions in one message"
    assert share(result, title, "Both answered") == Share(1, 2)
    assert share(result, title, "At least one answered") == Share(2, 2)
    assert [miss.expected for miss in result.misses] == ["tapering and expired_risks"]


def test_understanding_counts_dialogues_by_turn_and_whole(
    vocabulary: Vocabulary, row: Callable[..., dict[str, object]]
) -> None:
    good = Case("d1", ("a", "b"), (("tapering",), ("tapering",)))
    bad = Case("d2", ("a", "b"), (("tapering",), ("greet",)))
    turns = [
        judge(case, n, row(topic="tapering"), vocabulary) for case in (good, bad) for n in (1, 2)
    ]
    result = understanding([], turns, [])
    assert share(result, "Dialogues", "Turns right") == Share(3, 4)
    assert share(result, "Dialogues", "First turns right") == Share(2, 2)
    assert share(result, "Dialogues", "Later turns right") == Share(1, 2)
    assert share(result, "Dialogues", "Whole dialogues right") == Share(1, 2)


def test_understanding_shows_when_the_assistant_gave_nothing(judged: Judge) -> None:
    result = understanding([judged("tapering", outcome="error_reply")], [], [])
    (figure,) = figures(result, "The measurement itself").values()
    assert (figure.share, figure.reached) == (Share(1, 1), False)


def test_understanding_keeps_messages_out_of_its_json(result: Understanding) -> None:
    assert any(miss.text == "a secret message" for miss in result.misses)
    assert "a secret message" not in json.dumps(result.as_json())


def test_understanding_of_nothing_has_no_shares() -> None:
    result = understanding([], [], [])
    assert all(figure.reached is None for figure in result.figures)
    assert result.milliseconds == {}
