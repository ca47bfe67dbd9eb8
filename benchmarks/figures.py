"""The figures of one run, their ratios, and whether each target was reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

OURS, STOCK = "ours", "stock"


@dataclass(frozen=True)
class Metric:
    """One thing that is measured: its name, its unit for people, and how to print it."""

    key: str
    title: str
    form: Callable[[float], str]
    more_is_better: bool = False


def _seconds(value: float) -> str:
    return f"{value:,.1f} s"


def _milliseconds(value: float) -> str:
    return f"{value * 1000:,.1f} ms"


def _mebibytes(value: float) -> str:
    return f"{value / 2**20:,.0f} MiB"


def _per_second(value: float) -> str:
    return f"{value:,.1f} /s"


def _percent(value: float) -> str:
    return f"{value:.1%}"


METRICS = (
    Metric("accuracy", "Accuracy on the held-out set", _percent, more_is_better=True),
    Metric("training_wall", "Training, wall time", _seconds),
    Metric("training_cpu", "Training, CPU time", _seconds),
    Metric("start", "Start to first answer", _seconds),
    Metric("memory", "Resident memory after 20 messages", _mebibytes),
    Metric("turn_1", "Time of turn 1", _milliseconds),
    Metric("turn_50", "Time of turn 50", _milliseconds),
    Metric("turn_200", "Time of turn 200", _milliseconds),
    Metric("throughput", "Turns a second, 8 clients", _per_second, more_is_better=True),
)
BY_KEY = {metric.key: metric for metric in METRICS}


@dataclass
class Figures:
    """What was measured: by metric and side, and everything the reports also show."""

    values: dict[str, dict[str, float]] = field(default_factory=dict)
    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    accuracy: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    only_right: dict[str, int] = field(default_factory=dict)
    web: dict[str, float] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    def put(self, key: str, side: str, value: float, samples: list[float] | None = None) -> None:
        """Keep a figure, and what it is the median of."""
        self.values.setdefault(key, {})[side] = value
        if samples is not None:
            self.samples.setdefault(key, {})[side] = samples

    def get(self, key: str, side: str) -> float | None:
        """A figure, None when it was not measured."""
        return self.values.get(key, {}).get(side)

    def ratio(self, key: str) -> float | None:
        """Ours divided by stock, None when one is missing."""
        return _divided(self.get(key, OURS), self.get(key, STOCK))

    def growth(self) -> float | None:
        """Our turn 200 divided by our turn 1."""
        return _divided(self.get("turn_200", OURS), self.get("turn_1", OURS))


def _divided(first: float | None, second: float | None) -> float | None:
    return first / second if first is not None and second else None


@dataclass(frozen=True)
class Target:
    """What was to be reached, and what was."""

    title: str
    wanted: str
    found: float | None
    reached: bool | None

    @property
    def verdict(self) -> str:
        """In words."""
        return "not measured" if self.reached is None else "yes" if self.reached else "**no**"


def _at_most(title: str, found: float | None, limit: float) -> Target:
    return Target(title, f"<= {limit:g} x", found, None if found is None else found <= limit)


#: Limits of ours divided by stock, less is better.
LIMITS = {
    "training_wall": 0.2,
    "start": 0.5,
    "memory": 0.7,
    "turn_1": 0.6,
    "turn_200": 0.15,
}
GROWTH_LIMIT = 1.3
THROUGHPUT_LIMIT = 3.0


def targets(figures: Figures) -> list[Target]:
    """Every target with what was found."""
    accuracy, turns = figures.ratio("accuracy"), figures.ratio("throughput")
    higher = None if accuracy is None else accuracy > 1
    faster = None if turns is None else turns >= THROUGHPUT_LIMIT
    rows = [Target(BY_KEY["accuracy"].title, "> 1 x", accuracy, higher)]
    rows += [_at_most(BY_KEY[k].title, figures.ratio(k), limit) for k, limit in LIMITS.items()]
    rows.append(_at_most("Our turn 200, by our turn 1", figures.growth(), GROWTH_LIMIT))
    wanted = f">= {THROUGHPUT_LIMIT:g} x"
    return [*rows, Target(BY_KEY["throughput"].title, wanted, turns, faster)]


def as_json(figures: Figures) -> dict[str, Any]:
    """Everything, for machines."""
    return {
        **asdict(figures),
        "ratios": {metric.key: figures.ratio(metric.key) for metric in METRICS},
        "targets": [asdict(target) for target in targets(figures)],
    }
