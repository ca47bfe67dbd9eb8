"""Writes results.md, results.json and results.svg from the figures of one run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib as mpl
from figures import (
    BY_KEY,
    LIMITS,
    METRICS,
    OURS,
    STOCK,
    THROUGHPUT_LIMIT,
    Figures,
    as_json,
    targets,
)
from material import KINDS

mpl.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes

#: Okabe and Ito's colours, which keep apart in every common colour blindness.
BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#555555"

#: The bars of the picture, top down. Throughput is drawn as time per turn under load.
BARS = ("training_wall", "start", "memory", "turn_1", "turn_50", "turn_200", "throughput")


def write(figures: Figures, folder: Path) -> None:
    """Write the three files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(as_json(figures), indent=1, sort_keys=True)
    (folder / "results.json").write_text(text + "\n", encoding="utf-8")
    (folder / "results.md").write_text(markdown(figures), encoding="utf-8")
    draw(figures, folder / "results.svg")


# Words


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; columns after the first are set right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def shown(value: float | None) -> str:
    """A ratio for people."""
    return "-" if value is None else f"{value:.3g} x"


def metric_rows(figures: Figures) -> list[list[str]]:
    """Title, ours, stock, ratio of every metric."""
    rows = []
    for metric in METRICS:
        both = [figures.get(metric.key, side) for side in (OURS, STOCK)]
        words = ["-" if value is None else metric.form(value) for value in both]
        rows.append([metric.title, *words, shown(figures.ratio(metric.key))])
    return rows


def target_rows(figures: Figures) -> list[list[str]]:
    """Title, wanted, found, reached of every target."""
    return [[t.title, t.wanted, shown(t.found), t.verdict] for t in targets(figures)]


def accuracy_rows(figures: Figures) -> list[list[str]]:
    """By kind: how many, and the shares of each side."""
    rows = []
    for kind in (*KINDS, "all"):
        counts = {side: figures.accuracy[side][kind] for side in (OURS, STOCK)}
        total = counts[OURS]["total"]
        cells = [
            f"{counts[side][key] / total:.1%}"
            for key in ("right", "exact", "served", "wrong")
            for side in (OURS, STOCK)
        ]
        rows.append([f"{kind} ({total})", *cells])
    return rows


ACCURACY_HEAD = (
    "messages",
    "right: ours",
    "stock",
    "exact: ours",
    "stock",
    "served: ours",
    "stock",
    "wrong answer: ours",
    "stock",
)

INTRO = """# Compared with Rasa's default pipeline

Written by `benchmarks/compare.py`; how it measures, and what is and is not fair about it, is in
[README.md](README.md). Same domain, same training data, same messages, one machine, one run.

![The share of the default pipeline's cost that this project needs](results.svg)
"""

ACCURACY_NOTE = """*Right*: the best intent, fallback undone on both sides, leads to an answer that
is fair for the message. *Exact*: the same by intent, answers that are shared not counted as one.
*Served*: with each side's own fallback in force, the right answer was given; a message out of
scope is served when it is refused. *Wrong answer*: a wrong one was given, not a fallback."""

WEB_NOTE = """Through the helper's own web API (screen, store, encryption, limits and the same
assistant behind it), as a browser reaches it. Start and memory are the helper's own, beside an
assistant that runs already:"""


def markdown(figures: Figures) -> str:
    """The whole page."""
    parts = [
        INTRO,
        table(("measured", "ours", "stock", "ours / stock"), metric_rows(figures)),
        "\n## Targets\n",
        table(("target", "wanted", "found", "reached"), target_rows(figures)),
        "\n## Accuracy by kind of message\n",
        table(ACCURACY_HEAD, accuracy_rows(figures)),
        "\n" + ACCURACY_NOTE,
        _pairs(figures),
        "\n## Through the helper's web API\n",
        WEB_NOTE + "\n",
        table(("measured", "helper"), web_rows(figures)),
        "\n## Made on\n",
        *(f"- {name}: {value}" for name, value in figures.about.items()),
    ]
    return "\n".join(parts) + "\n"


def _pairs(figures: Figures) -> str:
    ours, stock = figures.only_right[OURS], figures.only_right[STOCK]
    return f"\nOf the messages that one side alone got right, ours had {ours} and stock {stock}."


def web_rows(figures: Figures) -> list[list[str]]:
    """Turn times and throughput of the web API."""
    return [[BY_KEY[key].title, BY_KEY[key].form(value)] for key, value in figures.web.items()]


# Picture


def share(figures: Figures, key: str) -> float | None:
    """Our part of stock's cost: the ratio, turned over where more is better."""
    ratio = figures.ratio(key)
    return 1 / ratio if ratio and BY_KEY[key].more_is_better else ratio


def _limit(key: str) -> float | None:
    return 1 / THROUGHPUT_LIMIT if key == "throughput" else LIMITS.get(key)


def draw(figures: Figures, path: Path) -> None:
    """Two panels: what it costs by stock, and how much is right by kind."""
    mpl.rc("svg", fonttype="path", hashsalt="benchmark")
    picture, (left, right) = pyplot.subplots(
        1, 2, figsize=(11, 4.6), width_ratios=(3, 2), layout="constrained"
    )
    _draw_costs(figures, left)
    _draw_accuracy(figures, right)
    picture.savefig(path, metadata={"Date": None, "Title": "Ours compared with stock Rasa"})
    pyplot.close(picture)


def _bar_title(key: str) -> str:
    return "Time a turn, 8 clients" if key == "throughput" else BY_KEY[key].title


def _draw_costs(figures: Figures, axes: Axes) -> None:
    keys = [key for key in BARS if share(figures, key) is not None]
    values = [share(figures, key) or 0.0 for key in keys]
    bars = axes.barh([_bar_title(key) for key in keys], values, color=BLUE, height=0.6)
    clear = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    axes.bar_label(bars, [f"{value:.2f}" for value in values], padding=5, bbox=clear, zorder=4)
    for place, key in enumerate(keys):
        limit = _limit(key)
        if limit is not None:
            axes.plot([limit, limit], [place - 0.42, place + 0.42], color=ORANGE, linewidth=3)
    axes.plot([], [], color=ORANGE, linewidth=3, label="target: no more than this")
    axes.axvline(1, color=GREY, linestyle="--", linewidth=1, label="Rasa's default pipeline = 1")
    axes.invert_yaxis()
    axes.set_xlim(0, max(1.15, *(value * 1.15 for value in values), 0))
    axes.set_title("Share of the default pipeline's cost (shorter is better)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, frameon=False)
    _open_frame(axes)


def _draw_accuracy(figures: Figures, axes: Axes) -> None:
    kinds = (*KINDS, "all")
    looks = ((OURS, "this project", BLUE, ""), (STOCK, "default pipeline", ORANGE, "//"))
    for offset, (side, label, colour, hatch) in zip((-0.2, 0.2), looks, strict=True):
        counts = [figures.accuracy[side][kind] for kind in kinds]
        values = [100 * count["right"] / max(count["total"], 1) for count in counts]
        places = [place + offset for place in range(len(kinds))]
        bars = axes.bar(
            places, values, 0.38, color=colour, hatch=hatch, edgecolor="white", label=label
        )
        axes.bar_label(bars, [f"{value:.0f}" for value in values])
    axes.set_xticks(range(len(kinds)), [kind.replace(" ", "\n", 1) for kind in kinds])
    axes.set_ylim(0, 108)
    axes.set_title("Held-out messages understood, %")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, frameon=False)
    _open_frame(axes)


def _open_frame(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
