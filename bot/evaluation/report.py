"""Writes the reports: one HTML file that needs nothing else, and the same figures as JSON.

JSON never holds a message. HTML holds the missed messages only when they were asked for: reading
them uses the held-out set up (tests/heldout/README.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from bot.compose import DOUBT
from bot.evaluation import pictures
from bot.evaluation.heldout import Measured
from bot.evaluation.intervals import percent
from bot.evaluation.safety import Safety
from bot.evaluation.understanding import Understanding

#: Where the axis of the shares begins, unless one is below.
_AXIS = 0.5


def write_understanding(
    result: Understanding, measured: Measured, folder: Path, show_misses: bool = False
) -> list[Path]:
    """Writes understanding.html and understanding.json; their paths."""
    shown = result if show_misses else replace(result, misses=())
    svg = {
        "shares": pictures.shares_picture(
            [f for f in result.figures if f.target and f.target.at_least], "shares", _AXIS
        ),
        "confusion": pictures.confusion_picture(result.matrix, "confusion"),
        "histogram": pictures.histogram_picture(result.histogram, "histogram", DOUBT),
        "rejection": pictures.rejection_picture(result.rejection, "rejection"),
    }
    return _write("understanding", shown, measured, svg, folder, doubt=DOUBT)


def write_safety(
    result: Safety, measured: Measured, folder: Path, show_misses: bool = False
) -> list[Path]:
    """Writes safety.html and safety.json; their paths."""
    shown = result if show_misses else replace(result, misses=(), must_not_miss=(), false_cards=())
    danger = [one.figure for one in result.slices if one.danger]
    harmless = [one.figure for one in result.slices if not one.danger]
    svg = {
        "danger": pictures.shares_picture(danger, "danger", _AXIS),
        "harmless": pictures.shares_picture(harmless, "harmless"),
    }
    if result.trade_off:
        svg["vote"] = pictures.trade_off_picture(result.trade_off, "vote")
    return _write("safety", shown, measured, svg, folder)


def _write(
    name: str,
    result: Understanding | Safety,
    measured: Measured,
    svg: Mapping[str, str],
    folder: Path,
    **more: object,
) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    page, data = folder / f"{name}.html", folder / f"{name}.json"
    drawn = {key: Markup(text) for key, text in svg.items()}  # ours, not a visitor's words
    template = _environment().get_template(f"{name}.html.j2")
    html = template.render(result=result, measured=measured, pictures=drawn, **more)
    page.write_text(html, encoding="utf-8")
    content = {"measured": measured.as_json(), **result.as_json()}
    data.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return [page, data]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    environment.filters["breakable"] = breakable
    return environment


def breakable(name: str) -> Markup:
    """A name that may break after its underscores, for narrow screens.

    >>> breakable("a_b<c")
    Markup('a_<wbr>b&lt;c')
    """
    return escape(name).replace("_", Markup("_<wbr>"))
