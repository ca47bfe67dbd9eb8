"""What is taken for what: precision, recall and F1 for each label, and the pairs mixed up most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.evaluation.intervals import Share
from bot.evaluation.judging import Judged

#: Labels that the confusion picture shows at most.
SHOWN = 12


@dataclass(frozen=True)
class LabelScore:
    """One label: of what was taken for it, how much was right; of what was it, how much was found.

    `support` is the number of messages whose right label it is. A message with several right
    labels counts for the one that the reply fits.
    """

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    recall_share: Share

    def as_json(self) -> dict[str, Any]:
        """All figures, rounded to four places; null where nothing was counted."""
        low, high = self.recall_share.interval
        return {
            "label": self.label,
            "precision": _rounded(self.precision),
            "recall": _rounded(self.recall),
            "recall_low": round(low, 4),
            "recall_high": round(high, 4),
            "f1": _rounded(self.f1),
            "support": self.support,
        }


@dataclass(frozen=True)
class Pair:
    """How often messages of one label were taken for another."""

    expected: str
    got: str
    count: int
    of: int

    def as_json(self) -> dict[str, Any]:
        """The pair and its counts."""
        return {"expected": self.expected, "got": self.got, "count": self.count, "of": self.of}


@dataclass(frozen=True)
class Matrix:
    """Counts of what labels (rows) were taken for (columns); the last column is all the rest."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    def as_json(self) -> dict[str, Any]:
        """Rows, columns and counts."""
        return {"rows": self.rows, "columns": self.columns, "counts": self.counts}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _seen(judged: Sequence[Judged]) -> list[tuple[str, str]]:
    """For each message the right label and what it was taken for; equal when it was right."""
    return [(j.matched or j.expected, j.matched or j.said) for j in judged]


def label_scores(judged: Sequence[Judged]) -> list[LabelScore]:
    """A score for each label that is right somewhere, in alphabetical order."""
    seen = _seen(judged)
    support = Counter(expected for expected, _ in seen)
    taken = Counter(got for _, got in seen)
    right = Counter(expected for expected, got in seen if expected == got)
    return [_score(label, right[label], taken[label], support[label]) for label in sorted(support)]


def _score(label: str, right: int, taken: int, support: int) -> LabelScore:
    recall = Share(right, support)
    return LabelScore(
        label=label,
        precision=right / taken if taken else None,
        recall=recall.value,
        f1=2 * right / (taken + support) if taken + support else None,
        support=support,
        recall_share=recall,
    )


def pairs(judged: Sequence[Judged]) -> list[Pair]:
    """The pairs that were mixed up, most often first."""
    seen = _seen(judged)
    support = Counter(expected for expected, _ in seen)
    mixed = Counter((e, got) for e, got in seen if e != got)
    ordered = sorted(mixed.items(), key=lambda item: (-item[1], item[0]))
    return [Pair(e, got, count, support[e]) for (e, got), count in ordered]


def matrix(judged: Sequence[Judged], found: Sequence[Pair], shown: int = SHOWN) -> Matrix:
    """The labels of the most confused pairs against each other, all others in one column."""
    labels: list[str] = []
    for pair in found:
        new = [name for name in (pair.expected, pair.got) if name not in labels]
        if len(labels) + len(new) <= shown:
            labels += new
    seen = Counter(_seen(judged))
    rows = [label for label in labels if any(expected == label for expected, _ in seen)]
    counts = []
    for row in rows:
        line = [seen[row, column] for column in labels]
        total = sum(count for (expected, _), count in seen.items() if expected == row)
        counts.append((*line, total - sum(line)))
    return Matrix(tuple(rows), (*labels, "anything else"), tuple(counts))
