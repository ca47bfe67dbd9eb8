"""Patterns over concepts, the language in which danger signs are written.

A pattern is a row of elements: `{concept}` is any phrase of that concept, a plain word is itself, `a|b` either (`can_not` is the
two words can not),
`..3` lets up to three words stand between (never across the end of a sentence), a trailing `?` makes an element
optional. "{not} ..3 {breathe}" reads: a word of negation and, at most three words on, a word of breathing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Occurrences = Mapping[str, Mapping[int, Sequence[int]]]
"""concept -> first word -> ends (exclusive) of its phrases."""

_ELEMENT = re.compile(r"^(?P<options>[^\s?]+?)(?P<optional>\?)?$")
_OPTION = re.compile(r"^(\{[#\w]+\}|\w+)$")


class PatternError(ValueError):
    """A pattern cannot be read."""


@dataclass(frozen=True, slots=True)
class Element:
    """One place of a pattern: any of `options`, at most `gap` words after the place before."""

    options: tuple[str, ...]
    gap: int
    optional: bool


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern. `anchor` are the options of its most telling element."""

    source: str
    elements: tuple[Element, ...]
    anchor: tuple[str, ...]

    def find(self, occurrences: Occurrences, sentence: Sequence[int]) -> Iterator[tuple[int, int]]:
        """All (first word, end) places where the pattern holds, one shortest per first word."""
        for element in self.elements:
            if not element.optional and not any(o in occurrences for o in element.options):
                return
        first = self.elements[0]
        seen: set[int] = set()
        for option in first.options:
            for start, ends in occurrences.get(option, {}).items():
                if start in seen:
                    continue
                stops = self._follow(1, set(ends), occurrences, sentence)
                if stops:
                    seen.add(start)
                    yield start, min(stops)

    def _follow(
        self, index: int, ends: set[int], occurrences: Occurrences, sentence: Sequence[int]
    ) -> set[int]:
        gap = 0
        for element in self.elements[index:]:
            gap += element.gap
            reached: set[int] = set()
            tables = [occurrences[o] for o in element.options if o in occurrences]
            for end in ends:
                here = sentence[end - 1]
                for place in range(end, min(end + gap + 1, len(sentence))):
                    if sentence[place] != here:
                        break
                    for table in tables:
                        reached.update(table.get(place, ()))
            if element.optional:
                reached |= ends
            if not reached:
                return reached
            ends = reached
            gap = 0
        return ends


def compile_pattern(
    source: str, resolve: Callable[[str], str], weight: Callable[[str], int]
) -> Pattern:
    """Compile a pattern. `resolve` maps an option as written to a concept key and raises KeyError when it is
    unknown; `weight` ranks concepts by how common they are (the least common anchors the search)."""
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
        elements.append(Element(tuple(options), gap, match["optional"] is not None))
        gap = 0
    if not elements or elements[0].optional:
        raise PatternError(f"'{source}' must begin with an element that is not optional")
    required = [e for e in elements if not e.optional]
    anchor = min(required, key=lambda e: max(weight(o) for o in e.options))
    return Pattern(source, tuple(elements), anchor.options)
