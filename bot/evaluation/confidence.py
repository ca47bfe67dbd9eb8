"""Whether the confidence means something: right against wrong answers, and what rejecting buys.

The area under the curve of accuracy over coverage is the measure of selective classification:
R. El-Yaniv and Y. Wiener, "On the foundations of noise-free selective classification", Journal of
Machine Learning Research 11 (2010); the comparison with the best possible order is the excess
area of Y. Geifman, G. Uziel and R. El-Yaniv, "Bias-reduced uncertainty estimation for deep neural
classifiers", ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from bot.evaluation.judging import Judged

BINS = 10


@dataclass(frozen=True)
class Histogram:
    """Messages by the confidence of the topic answered: how many right, how many wrong.

    `right[i]` and `wrong[i]` count confidences from i/n up to (i+1)/n; 1.0 is in the last.
    """

    right: tuple[int, ...]
    wrong: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        """Both rows of counts."""
        return {"bins": len(self.right), "right": self.right, "wrong": self.wrong}


@dataclass(frozen=True)
class Point:
    """At a threshold: how many messages would be answered, and how many of those rightly."""

    threshold: float
    coverage: float
    accuracy: float


@dataclass(frozen=True)
class Rejection:
    """The curve of accuracy over coverage, the area under it, and the best area possible."""

    points: tuple[Point, ...]
    area: float | None
    best: float | None

    @property
    def excerpt(self) -> tuple[Point, ...]:
        """About 25 points spread over the curve, the last among them, for a table."""
        step = max(1, len(self.points) // 25)
        return tuple(self.points[::-1][::step][::-1])

    def as_json(self) -> dict[str, Any]:
        """Points and areas, rounded to four places."""
        return {
            "area": None if self.area is None else round(self.area, 4),
            "best_possible_area": None if self.best is None else round(self.best, 4),
            "points": [
                {
                    "threshold": round(point.threshold, 4),
                    "coverage": round(point.coverage, 4),
                    "accuracy": round(point.accuracy, 4),
                }
                for point in self.points
            ],
        }


def histogram(judged: Sequence[Judged], bins: int = BINS) -> Histogram:
    """Right and wrong among the messages that were answered with a topic."""
    right, wrong = [0] * bins, [0] * bins
    for j in judged:
        if j.answered:
            place = min(int(j.confidence * bins), bins - 1)
            (right if j.right else wrong)[place] += 1
    return Histogram(tuple(right), tuple(wrong))


def rejection(judged: Sequence[Judged]) -> Rejection:
    """What a threshold on confidence would do if the best topic of each message were answered.

    Messages that no topic answers belong in: answering them is wrong at every threshold, and a
    good confidence puts them last. Equal confidences are taken in together.
    """
    total = len(judged)
    if not total:
        return Rejection((), None, None)
    points, area, taken, right = [], 0.0, 0, 0
    ordered = sorted(judged, key=lambda j: -j.confidence)
    for threshold, members in groupby(ordered, key=lambda j: j.confidence):
        group = [j.guess_right for j in members]
        taken, right = taken + len(group), right + sum(group)
        area += len(group) / total * right / taken
        points.append(Point(threshold, taken / total, right / taken))
    return Rejection(tuple(points), area, _best_area(right, total))


def _best_area(right: int, total: int) -> float:
    """The area when every right guess is surer than every wrong one."""
    return sum(min(right, taken) / taken for taken in range(1, total + 1)) / total
