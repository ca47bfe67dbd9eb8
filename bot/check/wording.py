"""Checks of how answers are worded: short, plain, without amounts, numbers to call or promises."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from bot.answers import Answer
from bot.check.content import Content, Finding, Row, read, where
from bot.check.reading import grades_of

RULES = Path(__file__).with_name("wording.yml")
MOST_WORDS = 120
#: Words counted for the fixed safety line that is shown above a severe answer.
SAFETY_LINE_WORDS = 25
MOST_LETTERS = 40
HARDEST_GRADE = 8.0
FIRST_SENTENCE = range(4, 31)


class _Word(Row):
    pattern: re.Pattern[str]
    because: str


class Wording(Row):
    """wording.yml: the patterns that texts for visitors may not hold."""

    never: tuple[_Word, ...]
    allowed_figures: tuple[re.Pattern[str], ...]
    amounts: tuple[re.Pattern[str], ...]
    telephone: tuple[re.Pattern[str], ...]


@cache
def wording() -> Wording:
    """The wording rules, read once."""
    return read(Wording, RULES)


def _search(pattern: re.Pattern[str], text: str) -> str | None:
    found = re.search(pattern.pattern, text, re.IGNORECASE)
    return found.group() if found else None


def telephone_in(text: str) -> str | None:
    """The first number to call in a text, emergency numbers included."""
    return next((n for p in wording().telephone if (n := _search(p, text))), None)


def count_words(text: str) -> int:
    """Words of a text; bullets and signs are none."""
    return sum(any(c.isalnum() for c in word) for word in text.split())


def titles_are_short_and_unique(content: Content) -> Iterator[Finding]:
    """Each title fits a button, and no two answers bear the same."""
    bearers: defaultdict[str, list[Answer]] = defaultdict(list)
    for answer in content.answers.by_key.values():
        bearers[answer.title.casefold().strip()].append(answer)
        if not 0 < len(answer.title.strip()) <= MOST_LETTERS:
            what = f"title has {len(answer.title)} letters"
            yield Finding("error", where(answer), what, f"Use 1 to {MOST_LETTERS}.")
    for first, *others in bearers.values():
        for answer in others:
            what = f"has the same title as {first.key}"
            yield Finding("error", where(answer), what, "Give each its own.")


def answers_are_short(content: Content) -> Iterator[Finding]:
    """No reply is longer than a reader will read, its safety line included."""
    for answer in content.answers.by_key.values():
        words = count_words(answer.text) + (SAFETY_LINE_WORDS if answer.safety_line else 0)
        if words > MOST_WORDS:
            what = f"{words} words, safety line included"
            yield Finding("error", where(answer), what, f"Cut it to {MOST_WORDS}.")


def first_sentences_answer(content: Content) -> Iterator[Finding]:
    """The answer of a topic begins with a whole sentence of its own, no list and no "include:"."""
    for answer in content.topic_answers:
        first = re.match(r"[^\n]*?[.!?](?=\s|$)", answer.text)
        if first is None or count_words(first.group()) not in FIRST_SENTENCE:
            todo = "Begin with one short sentence that answers."
            yield Finding("error", where(answer), "has no first sentence", todo)


def answers_give_no_amounts(content: Content) -> Iterator[Finding]:
    """No dose, threshold or taper: no figure but years, dates and the first 48 hours."""
    for answer in content.answers.by_key.values():
        for text in (answer.text, answer.title):
            amounts = [found for p in wording().amounts if (found := _search(p, text))]
            for amount in (*amounts, *_figures(text)):
                what = f"gives an amount: {amount!r}"
                todo = "Leave it out: the prescriber knows the amount."
                yield Finding("error", where(answer), what, todo)


def _figures(text: str) -> list[str]:
    for pattern in wording().allowed_figures:
        text = re.sub(pattern.pattern, " ", text, flags=re.IGNORECASE)
    return re.findall(r"\S*\d\S*", text)


def texts_give_no_telephone_numbers(content: Content) -> Iterator[Finding]:
    """Numbers to call stand with the safety texts and the centre, nowhere else."""
    for place, text in _all_texts(content):
        if number := telephone_in(text):
            what = f"gives a number to call: {number!r}"
            todo = "Numbers belong in bot/safety/contacts.yml or the centre's file."
            yield Finding("error", place, what, todo)


def texts_avoid_forbidden_words(content: Content) -> Iterator[Finding]:
    """No promise of safety, and nobody is named by a problem."""
    for place, text in _all_texts(content):
        for word in wording().never:
            if found := _search(word.pattern, text):
                yield Finding("error", place, f"says {found!r}", f"Not so: {word.because}.")


def _all_texts(content: Content) -> Iterator[tuple[str, str]]:
    for answer in content.answers.by_key.values():
        yield where(answer), f"{answer.title}\n{answer.text}"
    yield from content.texts.items()


def answers_read_easily(content: Content) -> Iterator[Finding]:
    """Every answer reads at the eighth grade or below, exempt terms apart (reading.yml)."""
    for key, grade in grades_of(content.answers).items():
        if grade > HARDEST_GRADE:
            what = f"reads at grade {grade:.1f}"
            todo = f"Shorten its sentences and words to grade {HARDEST_GRADE:g}."
            yield Finding("error", where(content.answers.by_key[key]), what, todo)
