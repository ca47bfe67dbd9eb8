"""Patterns over concepts, the language in which danger signs are written.

A pattern is a row of elements: `{concept}` is any phrase of that concept, a plain word is itself,
`a|b` either (`can_not` is the two words can not), `..3` lets up to three words stand between
(never across the end of a sentence), a trailing `?` makes an element optional, a trailing `!`
marks what the pattern is about (else the last element). "{not} ..3 {breathe}" reads: a word of
negation and, at most three words on, a word of breathing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

Occurrences = Mapping[str, Mapping[int, Sequence[int]]]
"""concept -> first word -> ends (exclusive) of its phrases."""

_ELEMENT = re.compile(r"^(?P<options>[^\s?!]+?)(?P<mark>[?!])?$")
_OPTION = re.compile(r"^(\{[#\w]+\}|\w+)$")


class PatternError(ValueError):
    """A pattern cannot be read."""


@dataclass(frozen=True, slots=True)
class Element:
    """One place of a pattern: any of `options`, at most `gap` words after the place before."""

    options: tuple[str, ...]
    gap: int
    optional: bool
    core: bool = False


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern. `anchor` are the options of its most telling element."""

    source: str
    elements: tuple[Element, ...]
    anchor: tuple[str, ...]
    negates: bool = False
    required: tuple[frozenset[str], ...] = ()

    def possible(self, present: AbstractSet[str]) -> bool:
        """True when every element that is not optional occurs in the message."""
        return not any(map(present.isdisjoint, self.required))

    def find(
        self, occurrences: Occurrences, sentence: Sequence[int]
    ) -> Iterator[tuple[int, int, int]]:
        """All (first word, end, core) places where the pattern holds, one shortest per first word.

        The core is the first word of the last element (or of the one marked "!"): what the pattern
        is about.
        """
        if not self.possible(occurrences.keys()):
            return
        first = self.elements[0]
        seen: set[int] = set()
        for option in first.options:
            for start, ends in occurrences.get(option, {}).items():
                if start in seen:
                    continue
                stops = self._follow(dict.fromkeys(ends, start), occurrences, sentence)
                if stops:
                    seen.add(start)
                    end = min(stops) if len(self.elements) > 1 else max(stops)
                    yield start, end, stops[end]

    def _follow(
        self, ends: dict[int, int], occurrences: Occurrences, sentence: Sequence[int]
    ) -> dict[int, int]:
        """Ends reached after all elements, each with the first word of its last element."""
        gap = 0
        fixed = self.elements[0].core
        for element in self.elements[1:]:
            gap += element.gap
            reached: dict[int, int] = {}
            tables = [occurrences[o] for o in element.options if o in occurrences]
            for end, core in ends.items():
                here = sentence[end - 1]
                for place in range(end, min(end + gap + 1, len(sentence))):
                    if sentence[place] != here:
                        break
                    for table in tables:
                        for stop in table.get(place, ()):
                            reached.setdefault(stop, core if fixed else place)
            if element.optional:
                reached = {**ends, **reached}
            if not reached:
                return reached
            ends = reached
            fixed = fixed or element.core
            gap = 0
        return ends


def compile_pattern(
    source: str, resolve: Callable[[str], str], weight: Callable[[str], int]
) -> Pattern:
    """Compile a pattern. `resolve` maps an option as written to a concept key and raises KeyError
    when it is unknown; `weight` ranks concepts by how common they are (the least common anchors
    the search)."""
    elements: list[Element] = []
    gap = 0
    for part in source.split():
        if part.startswith(".."):
            if not part[2:].isdigit() or not elements:
                raise PatternError(f"bad gap '{part}' in '{source}'")
            gap = int(part[2:])
            continue
        match = _ELEMENT.match(part)
        if match is None:
            raise PatternError(f"bad element '{part}' in '{source}'")
        options: list[str] = []
        for option in match["options"].split("|"):
            if not _OPTION.match(option):
                raise PatternError(f"bad word '{option}' in '{source}'")
            try:
                options.append(resolve(option))
            except KeyError:
                raise PatternError(f"unknown concept {option} in '{source}'") from None
        elements.append(Element(tuple(options), gap, match["mark"] == "?", match["mark"] == "!"))
        gap = 0
    if not elements or elements[0].optional:
        raise PatternError(f"'{source}' must begin with an element that is not optional")
    required = [e for e in elements if not e.optional]
    anchor = min(required, key=lambda e: max(weight(o) for o in e.options))
    negates = any(
        option in _NEGATIONS or option.endswith((":not", ":pas"))
        for e in elements
        for option in e.options
    )
    needed = tuple(frozenset(e.options) for e in required)
    return Pattern(source, tuple(elements), anchor.options, negates, needed)


_NEGATIONS = frozenset(
    {"=not", "=no", "=never", "=nothing", "=can not", "=will not", "=is not", "=pas"}
)
