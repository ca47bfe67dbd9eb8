"""What counts as right, offered, refused: one made-up turn at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.evaluation.heldout import Case, EvaluationError
from bot.evaluation.judging import ASKED_BACK, CARD, FALLBACK, Judged, judge_all
from bot.evaluation.vocabulary import Vocabulary

Judge = Callable[..., Judged]


def test_judging_takes_the_topic_as_right(judged: Judge) -> None:
    assert judged("tapering", topic="tapering").right
    assert not judged("tapering", topic="expiry_check").right


def test_judging_counts_a_topic_that_shares_the_answer(judged: Judge) -> None:
    j = judged("expired_risks", topic="expiry_check", covers=("expiry_check", "expired_risks"))
    assert j.right
    assert j.matched == "expired_risks"


def test_judging_takes_any_accepted_label_and_reports_the_strict_score(judged: Judge) -> None:
    j = judged(("expiry_check", "tapering"), topic="tapering")
    assert (j.right, j.strict, j.matched) == (True, False, "tapering")


def test_judging_counts_as_offered_what_stands_on_a_button(judged: Judge) -> None:
    fields = {"outcome": "clarified", "topics": (("tapering", 0.2), ("expired_risks", 0.1))}
    assert judged("tapering", buttons=("tapering",), **fields).offered
    hidden = judged("tapering", **fields)
    assert (hidden.offered, hidden.listed) == (False, True)
    assert judged("expired_risks", buttons=("expiry_check",), **fields).offered


def test_judging_does_not_count_a_related_button_as_an_offer(judged: Judge) -> None:
    j = judged("tapering", topic="expiry_check", buttons=("tapering",))
    assert not j.offered


def test_judging_accepts_a_refusal_of_another_subject_in_kind_only(judged: Judge) -> None:
    j = judged("out_of_scope_dose", outcome="out_of_scope", key="utter_price")
    assert (j.right, j.exact, j.said) == (True, False, "out_of_scope_price")
    exact = judged("out_of_scope_dose", outcome="out_of_scope", key="utter_dose")
    assert exact.exact


def test_judging_takes_a_refusal_without_subject_as_the_general_one(judged: Judge) -> None:
    assert judged("out_of_scope", outcome="out_of_scope", key="utter_default").exact


def test_judging_wants_the_outcome_that_fits_small_talk(judged: Judge) -> None:
    assert judged("greet", outcome="small_talk", key="utter_greet").exact
    assert judged("delete_my_data", outcome="data_request", key="utter_delete").right
    assert not judged("delete_my_data", outcome="small_talk", key="utter_greet").right
    assert not judged("greet", topic="tapering").right


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("clarified", ASKED_BACK),
        ("emergency_shown", CARD),
        ("pet_line_shown", CARD),
        ("error_reply", FALLBACK),
        ("out_of_scope", "out_of_scope"),
    ],
)
def test_judging_names_replies_without_an_intent(judged: Judge, outcome: str, said: str) -> None:
    j = judged("tapering", outcome=outcome)
    assert (j.said, j.right) == (said, False)


def test_judging_counts_an_answer_behind_a_card(judged: Judge) -> None:
    j = judged("tapering", outcome="emergency_shown", topic="tapering")
    assert (j.right, j.card) == (True, True)


def test_judging_keeps_rows_and_turns_together(
    vocabulary: Vocabulary, row: Callable[..., dict[str, object]]
) -> None:
    case = Case("d1", ("a", "b"), (("tapering",), ("greet",)))
    rows = [{**row(topic="tapering"), "id": "d1", "turn": 1}]
    rows.append({**row("small_talk", key="utter_greet"), "id": "d1", "turn": 2})
    assert [j.right for j in judge_all([case], rows, vocabulary)] == [True, True]
    with pytest.raises(EvaluationError, match="from d1 on"):
        judge_all([case], rows[::-1], vocabulary)
    with pytest.raises(EvaluationError, match="more rows"):
        judge_all([case], [*rows, rows[0]], vocabulary)
