"""The pictures of the reports: SVG that stands inside the page and follows its colours.

Colours are the colour-blind safe ones of M. Okabe and K. Ito, "Color universal design" (2008), and
never the only sign: shape, hatching or a label says the same. They are written as CSS variables,
so that one picture serves a light and a dark page.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle

from bot.evaluation.confidence import Histogram, Rejection
from bot.evaluation.confusion import Matrix
from bot.evaluation.intervals import Figure
from bot.evaluation.safety import TradeOff

#: Stand-ins while drawing; each becomes the CSS variable beside it.
_INK, _BLUE, _ORANGE, _GRID = "#010203", "#0072b2", "#d55e00", "#c0c1c2"
_VARIABLES = {
    _INK: "currentColor",
    _BLUE: "var(--blue)",
    _ORANGE: "var(--orange)",
    _GRID: "var(--grid)",
}
#: Inches; narrow, so that the words stay readable on a phone.
_WIDTH = 4.6
#: Shares that all lie below this get an axis of their own length.
_SMALL = 0.5
_STYLE: Any = {  # matplotlib types its settings by name, one by one
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "hatch.color": _INK,
    "hatch.linewidth": 0.6,
}


def _canvas(height: float) -> tuple[Canvas, Axes]:
    canvas = Canvas(figsize=(_WIDTH, height), layout="constrained")
    return canvas, canvas.subplots()


def _svg(canvas: Canvas, name: str) -> str:
    """The picture as an `<svg>` element whose ids begin with its name."""
    out = io.StringIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        canvas.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r'^<svg ([^>]*?)height="[\d.]+pt"', r"<svg \1", text)
    text = re.sub(r'^<svg ([^>]*?) width="[\d.]+pt"', r'<svg aria-hidden="true" \1', text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    # Text without a colour of its own is black in SVG.
    return re.sub(
        r"<text (?![^>]*fill:)([^>]*)style=\"", r'<text \1style="fill: currentColor; ', text
    )


def shares_picture(figures: Sequence[Figure], name: str, least: float = 0.0) -> str:
    """A dot with its interval for each share, and a line where its target is.

    Args:
        figures: from top to bottom; those without data are left out.
        name: begins the ids of the picture.
        least: where the axis begins; an interval below it moves it to 0. It ends at 1, or where
            all intervals have ended when all are small.
    """
    shown = [figure for figure in figures if figure.share.of]
    low = min((figure.share.interval[0] for figure in shown), default=0.0)
    high = max((figure.share.interval[1] for figure in shown), default=1.0)
    start = least if low >= least else 0.0
    end = 1.0 if high > _SMALL else high
    with matplotlib.rc_context(_STYLE):
        canvas, axes = _canvas(0.7 + 0.3 * len(shown))
        for place, figure in enumerate(shown):
            _share(axes, place, figure)
        labels = [f"{_short(figure.label)} ({figure.share.of})" for figure in shown]
        axes.set_yticks(range(len(shown)), labels)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(start, end + 0.02 * (end - start))
        axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
        axes.grid(axis="x", linewidth=0.6)
        axes.set_axisbelow(True)
    return _svg(canvas, name)


def _share(axes: Axes, place: int, figure: Figure) -> None:
    low, high = figure.share.interval
    fine = figure.reached is not False
    colour = _BLUE if fine else _ORANGE
    axes.plot([low, high], [place, place], color=colour, linewidth=2.5, solid_capstyle="butt")
    marker = "o" if fine else "D"
    axes.plot(figure.share.value or 0.0, place, marker, color=colour, markersize=6.5, clip_on=False)
    if figure.target is not None:
        bound = figure.target.bound
        axes.plot([bound, bound], [place - 0.36, place + 0.36], color=_INK, linewidth=1.4)


def _short(label: str, longest: int = 34) -> str:
    return label if len(label) <= longest else label[: longest - 1].rstrip() + "…"


def histogram_picture(histogram: Histogram, name: str, threshold: float | None = None) -> str:
    """Right and wrong answers side by side for each step of confidence."""
    bins = len(histogram.right)
    with matplotlib.rc_context(_STYLE):
        canvas, axes = _canvas(2.7)
        places = [step / bins for step in range(bins)]
        width = 0.42 / bins
        for counts, shift, colour, hatch, label in (
            (histogram.right, 0.07, _BLUE, "", "right"),
            (histogram.wrong, 0.51, _ORANGE, "////", "wrong"),
        ):
            left = [place + shift / bins for place in places]
            bars = axes.bar(
                left, counts, width, align="edge", color=colour, hatch=hatch, label=label
            )
            axes.bar_label(bars, [str(n) if n else "" for n in counts], fontsize=7, padding=1)
        if threshold is not None:
            axes.axvline(threshold, color=_INK, linewidth=1.2, linestyle="--", zorder=0)
        axes.set_xlim(0, 1)
        axes.set_xlabel("confidence of the answer")
        axes.set_ylabel("messages")
        axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, integer=True))
        axes.legend(loc="upper left")
    return _svg(canvas, name)


def rejection_picture(rejection: Rejection, name: str) -> str:
    """How right the surest messages are, from the surest few to all."""
    with matplotlib.rc_context(_STYLE):
        canvas, axes = _canvas(2.7)
        axes.plot(
            [point.coverage for point in rejection.points],
            [point.accuracy for point in rejection.points],
            color=_BLUE,
            linewidth=2,
        )
        axes.set_xlim(0, 1)
        axes.set_ylim(min([0.5, *(point.accuracy for point in rejection.points)]), 1.01)
        axes.set_xlabel("share of messages answered, surest first")
        axes.set_ylabel("right among them")
        axes.grid(linewidth=0.6)
    return _svg(canvas, name)


def confusion_picture(matrix: Matrix, name: str) -> str:
    """What the most confused labels were taken for; each row is shaded by its own share."""
    rows, columns = len(matrix.rows), len(matrix.columns)
    with matplotlib.rc_context(_STYLE):
        canvas, axes = _canvas(1.0 + 0.24 * rows)
        for y, counts in enumerate(matrix.counts):
            for x, count in enumerate(counts):
                if count:
                    right = matrix.columns[x] == matrix.rows[y]
                    _cell(axes, x, y, count, sum(counts), right)
        numbers = {label: number for number, label in enumerate(matrix.columns, start=1)}
        names = [f"{_short(label, 29)}  {numbers[label]}" for label in matrix.rows]
        axes.set_yticks(range(rows), names, fontsize=8)
        heads = [str(number) for number in range(1, columns)] + ["else"]
        axes.set_xticks(range(columns), heads if columns else [], fontsize=8)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.set_xlim(-0.5, max(columns, 1) - 0.5)
        axes.set_ylim(max(rows, 1) - 0.5, -0.5)
        axes.spines[:].set_visible(False)
    return _svg(canvas, name)


def _cell(axes: Axes, x: int, y: int, count: int, total: int, right: bool) -> None:
    """A shaded cell with its count; a right one has a frame."""
    colour = _BLUE if right else _ORANGE
    shade = 0.15 + 0.6 * count / total
    axes.add_patch(Rectangle((x - 0.47, y - 0.45), 0.94, 0.9, facecolor=colour, alpha=shade))
    if right:
        frame = Rectangle((x - 0.47, y - 0.45), 0.94, 0.9, fill=False, edgecolor=_INK)
        axes.add_patch(frame)
    axes.text(x, y, str(count), ha="center", va="center", fontsize=7.5)


def trade_off_picture(points: Sequence[TradeOff], name: str) -> str:
    """Dangers noticed over needless cards, for every threshold of the second vote."""
    with matplotlib.rc_context(_STYLE):
        canvas, axes = _canvas(2.7)
        axes.plot(
            [point.needless_cards.value or 0.0 for point in points],
            [point.sensitivity.value or 0.0 for point in points],
            marker="o",
            markersize=3,
            color=_BLUE,
        )
        axes.set_xlabel("harmless messages met with a card")
        axes.set_ylabel("dangers noticed")
        axes.grid(linewidth=0.6)
    return _svg(canvas, name)
