"""The reading grade of answers: Flesch-Kincaid, with the terms that cannot be avoided made short.

J. P. Kincaid and others, Derivation of New Readability Formulas (1975), as textstat counts it.
"""

from __future__ import annotations

import re
import warnings
from functools import cache
from pathlib import Path

from bot.answers import Answers, load_answers
from bot.check.content import Row, read

RULES = Path(__file__).with_name("reading.yml")


class _Reading(Row):
    exempt: dict[str, str]


@cache
def _exempt() -> tuple[tuple[re.Pattern[str], str], ...]:
    terms = sorted(read(_Reading, RULES).exempt.items(), key=lambda row: -len(row[0]))
    return tuple((re.compile(rf"\b{re.escape(t)}\b", re.IGNORECASE), short) for t, short in terms)


def _sentences(text: str) -> str:
    """Plain sentences: each list item and each line that leads to a list ends with a full stop."""
    lines = [line.strip().removeprefix("- ").rstrip(",;:") for line in text.splitlines()]
    text = " ".join(
        line if line.endswith((".", "!", "?")) else f"{line}." for line in lines if line
    )
    return re.sub(r"\bDr\.", "Dr", text)


@cache
def reading_grade(text: str) -> float:
    """The US school grade a text reads at; exempt terms count as their short stand-ins."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # textstat imports pkg_resources, which warns
        import textstat

    for pattern, short in _exempt():
        text = pattern.sub(short, text)
    return float(textstat.flesch_kincaid_grade(_sentences(text)))


def grades_of(answers: Answers) -> dict[str, float]:
    """The grade of each of these answers, by response key."""
    return {key: reading_grade(answer.text) for key, answer in answers.by_key.items()}


def grades() -> dict[str, float]:
    """The grade of every answer of the project, by response key."""
    return grades_of(load_answers())
