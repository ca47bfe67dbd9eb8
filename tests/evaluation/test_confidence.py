"""Histogram and rejection curve, worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.evaluation.confidence import Point, Rejection, histogram, rejection
from bot.evaluation.judging import Judged

Judge = Callable[..., Judged]


def test_histogram_parts_right_from_wrong_answers(judged: Judge) -> None:
    messages = [
        judged("tapering", topic="tapering", topics=(("tapering", 1.0),)),
        judged("tapering", topic="tapering", topics=(("tapering", 0.31),)),
        judged("tapering", topic="expiry_check", topics=(("expiry_check", 0.35),)),
        judged("out_of_scope_dose", outcome="out_of_scope", topics=(("tapering", 0.2),)),
    ]
    counted = histogram(messages)
    assert counted.right == (0, 0, 0, 1, 0, 0, 0, 0, 0, 1)
    assert counted.wrong == (0, 0, 0, 1, 0, 0, 0, 0, 0, 0)


def test_rejection_follows_the_messages_from_the_surest(judged: Judge) -> None:
    messages = [
        judged("tapering", topic="tapering", topics=(("tapering", 0.9),)),
        judged("expired_risks", topic="expiry_check", topics=(("expiry_check", 0.5),)),
        judged("tapering", topic="expiry_check", topics=(("expiry_check", 0.5),)),
        judged("out_of_scope_dose", outcome="out_of_scope"),
    ]
    curve = rejection(messages)
    assert curve.points == (
        Point(0.9, 0.25, 1.0),
        Point(0.5, 0.75, pytest.approx(2 / 3)),
        Point(0.0, 1.0, 0.5),
    )
    assert curve.area == pytest.approx((1 + 2 / 3 + 2 / 3 + 0.5) / 4)
    assert curve.best == pytest.approx((1 + 1 + 2 / 3 + 0.5) / 4)


def test_rejection_is_best_when_every_right_guess_is_surer(judged: Judge) -> None:
    messages = [
        judged("tapering", topic="tapering", topics=(("tapering", 0.9),)),
        judged("tapering", topic="expiry_check", topics=(("expiry_check", 0.1),)),
    ]
    curve = rejection(messages)
    assert curve.area == curve.best


def test_rejection_of_nothing_has_no_area() -> None:
    assert rejection([]).area is None


def test_rejection_table_is_short_and_ends_with_all_messages() -> None:
    points = tuple(Point(1 - i / 100, i / 100, 1.0) for i in range(1, 101))
    excerpt = Rejection(points, 1.0, 1.0).excerpt
    assert len(excerpt) == 25
    assert excerpt[-1] == points[-1]
    assert list(excerpt) == sorted(excerpt, key=lambda point: point.coverage)
