"""Precision, recall and mixed-up pairs, counted by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.evaluation.confusion import label_scores, matrix, pairs
from bot.evaluation.judging import CARD, Judged


@pytest.fixture
def mixed(judged: Callable[..., Judged]) -> list[Judged]:
    """Tapering: 3 messages, 2 found. Expiry: 2 messages, 1 found, 1 met with a card."""
    return [
        judged("tapering", topic="tapering"),
        judged("tapering", topic="tapering"),
        judged("tapering", topic="expiry_check"),
        judged("expiry_check", topic="expiry_check"),
        judged("expiry_check", outcome="emergency_shown"),
    ]


def test_confusion_scores_each_label(mixed: list[Judged]) -> None:
    expiry, tapering = label_scores(mixed)
    assert (expiry.label, tapering.label) == ("expiry_check", "tapering")
    assert (expiry.precision, expiry.recall, expiry.support) == (0.5, 0.5, 2)
    assert (tapering.precision, tapering.support) == (1.0, 3)
    assert tapering.recall == pytest.approx(2 / 3)
    assert tapering.f1 == pytest.approx(0.8)


def test_confusion_has_no_precision_for_a_label_that_was_never_said(
    judged: Callable[..., Judged],
) -> None:
    (score,) = label_scores([judged("tapering", outcome="clarified")])
    assert (score.precision, score.recall, score.f1) == (None, 0.0, 0.0)


def test_confusion_orders_pairs_by_count(
    mixed: list[Judged], judged: Callable[..., Judged]
) -> None:
    again = [*mixed, judged("tapering", topic="expiry_check")]
    found = [(pair.expected, pair.got, pair.count, pair.of) for pair in pairs(again)]
    assert found == [("tapering", "expiry_check", 2, 4), ("expiry_check", CARD, 1, 2)]


def test_confusion_matrix_rows_add_up_to_the_support(mixed: list[Judged]) -> None:
    table = matrix(mixed, pairs(mixed))
    assert table.rows == ("expiry_check", "tapering")
    assert table.columns == ("expiry_check", CARD, "tapering", "anything else")
    assert table.counts == ((1, 1, 0, 0), (1, 0, 2, 0))


def test_confusion_matrix_keeps_to_its_size(mixed: list[Judged]) -> None:
    table = matrix(mixed, pairs(mixed), shown=2)
    assert table.columns == ("expiry_check", CARD, "anything else")
    assert table.counts == ((1, 1, 0),)


def test_confusion_of_perfect_understanding_is_empty(judged: Callable[..., Judged]) -> None:
    fine = [judged("tapering", topic="tapering")]
    assert pairs(fine) == []
    assert matrix(fine, []).counts == ()
