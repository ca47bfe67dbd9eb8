"""Shares and intervals, against figures worked out elsewhere."""

from __future__ import annotations

import pytest

from bot.evaluation.intervals import Figure, Share, Target, wilson


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe, Statistics in Medicine 17 (1998), table I
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (300, 300, 0.9874, 1.0),
    ],
)
def test_wilson_agrees_with_published_intervals(
    right: int, of: int, low: float, high: float
) -> None:
    assert wilson(right, of) == pytest.approx((low, high), abs=0.0001)


def test_wilson_knows_nothing_of_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert Share(0, 0).value is None


def test_wilson_refuses_more_than_all() -> None:
    with pytest.raises(ValueError, match="3 of 2"):
        wilson(3, 2)


def test_share_counts_verdicts() -> None:
    assert Share.count([True, False, True]) == Share(2, 3)
    assert Share(2, 4).as_json() == {
        "right": 2,
        "of": 4,
        "share": 0.5,
        "low": 0.15,
        "high": 0.85,
    }


def test_target_is_reached_by_the_share_itself() -> None:
    assert Target(0.9).reached(Share(9, 10)) is True
    assert Target(0.9).reached(Share(8, 10)) is False
    assert Target(0.02, at_least=False).reached(Share(2, 100)) is True
    assert Target(0.02, at_least=False).reached(Share(3, 100)) is False


def test_figure_without_target_or_data_is_neither_reached_nor_missed() -> None:
    assert Figure("a", Share(1, 2)).reached is None
    assert Figure("a", Share(0, 0), Target(0.5)).reached is None
