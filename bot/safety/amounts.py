"""Reads amounts of medicine ("took 20", "6 x 20mg", "ten 20s"), only ever to raise a level.

Nothing here judges an amount safe: severe poisoning is described from 60 mg on (Perry 1998), so
the bounds below only sort a reported dose into "poison line" and "emergency".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.safety.normalise import Words
from bot.safety.types import Amount

ASSUMED_STRENGTH_MG = 20.0
MANY_TABLETS = 5.0
SEVERAL_TABLETS = 3.0
MANY_MG = 100.0
SEVERAL_MG = 60.0
_MG_PER_ML = 5.0
_MANY_OF_OTHER_DRUG = 8.0
_STRENGTHS = frozenset({5.0, 10.0, 15.0, 20.0, 25.0})
_RANGE = frozenset({"to", "or", "maybe", "a", "ou", "o"})
_RATE_LINKS = frozenset(
    [
        "times",
        "time",
        "once",
        "twice",
        "thrice",
        "x",
        "tablet",
        "tablets",
        "pill",
        "pills",
        "mg",
        "fois",
        "veces",
        "comprimes",
        "pastillas",
    ]
)
_LOOK_AHEAD = 3
_RATE_AHEAD = 3


@dataclass(frozen=True, slots=True)
class AmountWords:
    """The words around numbers, from words.yml."""

    numbers: Mapping[str, float]
    pills: frozenset[str]
    milligrams: frozenset[str]
    grams: frozenset[str]
    millilitres: frozenset[str]
    times: frozenset[str]
    fillers: frozenset[str]
    after_bare: frozenset[str]
    before_not: frozenset[str]
    other_drugs: frozenset[str]
    rate: frozenset[str]


@dataclass(frozen=True, slots=True)
class Found:
    """An amount with its place in words and the pattern concept it counts as."""

    amount: Amount
    start: int
    end: int
    concept: str
    multiplied: bool = False


class AmountReader:
    """Finds amounts in a normalised message."""

    def __init__(self, vocabulary: AmountWords) -> None:
        self._v = vocabulary

    def read(self, message: Words, text: str) -> list[Found]:
        """All amounts, left to right, none overlapping."""
        found: list[Found] = []
        position = 0
        size = len(message)
        while position < size:
            value, after = self._number(message, position)
            if value is None:
                position += 1
                continue
            amount = self._amount(message, position, after, value, text)
            if amount is None:
                position = after
                continue
            found.append(amount)
            position = max(after, amount.end)
        return found

    def _number(self, message: Words, position: int) -> tuple[float | None, int]:
        """Value of the number that begins here and the word after it."""
        first = self._value(message.words[position])
        if first is None:
            return None, position + 1
        after = position + 1
        if first >= 20 and first % 10 == 0 and first < 100 and message.words[position].isalpha():
            if after < len(message) and message.words[after] in {"y"}:
                after += 1
            follow = self._value(message.words[after]) if after < len(message) else None
            if follow is not None and follow < 10 and message.words[after].isalpha():
                return first + follow, after + 1
            after = position + 1
        if after < len(message) and message.words[after] in {"hundred", "cents", "cent"}:
            return first * 100, after + 1
        return first, after

    def _value(self, word: str) -> float | None:
        if word[0].isdigit():
            return _decimal(word)
        return self._v.numbers.get(word)

    def _amount(
        self, message: Words, start: int, after: int, value: float, text: str
    ) -> Found | None:
        words = message.words
        if (start and words[start - 1] in self._v.before_not) or 1900 <= value <= 2100:
            return None
        stop = after
        while (
            stop < min(after + 8, len(words)) and message.sentence[stop] == message.sentence[start]
        ):
            stop += 1
        rest = words[after:stop]
        count, strength, total, used = self._measure(rest, value)
        if used < 0:
            return None
        end = after + used
        if count is not None and strength is None:
            strength, end = self._strength_after(words, end)
        if count is not None and strength is not None:
            total = count * strength
        other = any(w in self._v.other_drugs for w in words[after : end + _LOOK_AHEAD])
        concept = _concept(count, total, other)
        if self._is_rate(message, end):
            concept = "#rate"
        first, last = message.starts[start], message.ends[min(end, len(words)) - 1]
        if count is not None and total is None:
            total = count * ASSUMED_STRENGTH_MG
        return Found(
            Amount(first, last, text[first:last], count, strength, total),
            start,
            end,
            concept,
            count is not None and strength is not None and concept != "#rate",
        )

    def _measure(
        self, rest: Sequence[str], value: float
    ) -> tuple[float | None, float | None, float | None, int]:
        """(count, strength, total, words used); used is -1 when the number is no amount."""
        v = self._v
        if not rest:
            return _bare(value)
        head = rest[0]
        if head in v.milligrams:
            times = self._times_after(rest[1:])
            if times is not None:
                return times[0], value, value * times[0], 1 + times[1]
            return None, value, value, 1
        if head in v.grams:
            return None, None, value * 1000, 1
        if head in v.millilitres:
            return None, None, value * _MG_PER_ML, 1
        if head in v.times and len(rest) > 1:
            second = self._value(rest[1])
            if second is not None:
                return (
                    value,
                    second,
                    value * second,
                    3 if rest[2:3] and rest[2] in v.milligrams else 2,
                )
        if head in _RANGE and len(rest) > 1:
            upper = self._value(rest[1])
            if upper is not None:
                count, strength, total, used = self._measure(rest[2:], upper)
                return count, strength, total, used + 2 if used >= 0 else -1
        second = self._value(head)
        if second is not None and (rest[1:2] and (rest[1] in v.milligrams or rest[1] == "s")):
            return value, second, value * second, 2
        if head == "s" and value in _STRENGTHS:
            return None, value, None, -1
        for ahead in range(min(len(rest), 5)):
            if rest[ahead] in v.pills:
                return value, None, None, ahead + 1
            if rest[ahead] not in v.fillers:
                break
        if head in v.after_bare or head in v.fillers:
            return _bare(value)
        return None, None, None, -1

    def _times_after(self, rest: Sequence[str]) -> tuple[float, int] | None:
        if len(rest) >= 2 and rest[0] in self._v.times:
            value = self._value(rest[1])
            return (value, 2) if value is not None else None
        if len(rest) >= 2 and rest[1] in self._v.times:
            value = self._value(rest[0])
            return (value, 2) if value is not None else None
        return None

    def _strength_after(self, words: Sequence[str], end: int) -> tuple[float | None, int]:
        """Strength said after the count: "6 tablets of 20 mg"."""
        for place in range(end, min(end + _LOOK_AHEAD + 1, len(words) - 1)):
            value = self._value(words[place])
            if value is not None:
                return (value, place + 2) if words[place + 1] in self._v.milligrams else (None, end)
        return None, end

    def _links(self, word: str) -> bool:
        """True for words between an amount and its rate: "three times", "tablets"."""
        return word in _RATE_LINKS or word.isdigit() or word in self._v.numbers

    def _is_rate(self, message: Words, end: int) -> bool:
        """True for "20 mg a day", "3 pills daily", "10 mg three times a day"."""
        words = message.words
        for place in range(end, min(end + _RATE_AHEAD, len(words))):
            if message.sentence[place] != message.sentence[end - 1]:
                return False
            if place > end and not self._links(words[place - 1]):
                return False
            if words[place] in self._v.rate:
                return True
            pair = " ".join(words[place : place + 2])
            if pair in self._v.rate:
                return True
        return False


def _bare(value: float) -> tuple[float | None, float | None, float | None, int]:
    if not 2 <= value < 1e9 or 1900 <= value <= 2100 or value != int(value):
        return None, None, None, -1
    return value, None, None, 0


def _concept(count: float | None, total: float | None, other: bool) -> str:
    if other:
        return "#many" if count is not None and count >= _MANY_OF_OTHER_DRUG else "#one"
    if (count or 0) >= MANY_TABLETS or (total or 0) >= MANY_MG:
        return "#many"
    if (count or 0) >= SEVERAL_TABLETS or (total or 0) >= SEVERAL_MG:
        return "#several"
    if count is None:
        return "#mg"
    return "#two" if count >= 2 else "#one"


def _decimal(word: str) -> float | None:
    try:
        return float(word.replace(",", "." if len(word.partition(",")[2]) != 3 else ""))
    except ValueError:
        return None
