"""Shares with their uncertainty: a share without its interval says more than is known.

Wilson's score interval: E. B. Wilson, "Probable inference, the law of succession, and statistical
inference", Journal of the American Statistical Association 22 (1927), 209-212. It keeps inside 0
to 1 and stays honest near 1, where the usual "plus or minus" does not (L. D. Brown, T. T. Cai,
A. DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16 (2001)).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

#: The normal quantile of a 95 % interval.
Z_95 = 1.959964


def wilson(right: int, of: int, z: float = Z_95) -> tuple[float, float]:
    """The lower and upper end of the interval for a share, 0 to 1; (0, 1) when nothing was counted.

    Raises:
        ValueError: `right` is not between 0 and `of`.

    >>> tuple(round(end, 4) for end in wilson(80, 80))
    (0.9542, 1.0)
    """
    if not 0 <= right <= of:
        raise ValueError(f"{right} of {of} is not a share.")
    if of == 0:
        return 0.0, 1.0
    share = right / of
    middle = share + z * z / (2 * of)
    half = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def percent(value: float | None) -> str:
    """A share for people; a dash when nothing was counted.

    >>> percent(0.9375), percent(None)
    ('93.8 %', '-')
    """
    return "-" if value is None else f"{100 * value:.1f} %"


@dataclass(frozen=True)
class Share:
    """How many of how many; `value` is None when nothing was counted."""

    right: int
    of: int

    @classmethod
    def count(cls, verdicts: Iterable[bool]) -> Share:
        """The share of true verdicts."""
        seen = list(verdicts)
        return cls(sum(seen), len(seen))

    @property
    def value(self) -> float | None:
        """The share, 0 to 1."""
        return self.right / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval."""
        return wilson(self.right, self.of)

    def as_json(self) -> dict[str, float | int | None]:
        """Counts, share and interval, rounded to four places."""
        low, high = self.interval
        share = None if self.value is None else round(self.value, 4)
        return {
            "right": self.right,
            "of": self.of,
            "share": share,
            "low": round(low, 4),
            "high": round(high, 4),
        }


@dataclass(frozen=True)
class Target:
    """What a share should reach: at least `bound`, or at most."""

    bound: float
    at_least: bool = True

    def reached(self, share: Share) -> bool | None:
        """Whether the share itself (not its interval) reaches it; None when nothing was counted."""
        if share.value is None:
            return None
        return share.value >= self.bound if self.at_least else share.value <= self.bound

    def __str__(self) -> str:
        """The target for people.

        >>> str(Target(0.04, at_least=False))
        '≤ 0.040'
        """
        return f"{'≥' if self.at_least else '≤'} {self.bound:.3f}"


@dataclass(frozen=True)
class Figure:
    """A share with a name for people and, where one was set, its target."""

    label: str
    share: Share
    target: Target | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without target or without data."""
        return None if self.target is None else self.target.reached(self.share)

    def as_json(self) -> dict[str, object]:
        """The figure with its counts and target."""
        return {
            "label": self.label,
            **self.share.as_json(),
            "target": None if self.target is None else str(self.target),
            "reached": self.reached,
        }
