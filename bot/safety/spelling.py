"""Spelling of a short list of critical words by edit distance.

Only words whose misreading costs a life are on the list ("breathing", "overdose", "swallowed"),
and real words that lie close to them are excepted, because "dose" must never become "does". Lookup
is by shared deletions (Garbe's symmetric delete), so the time for a word does not grow with the
list.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

_LONGEST = 22


def allowed_distance(word: str) -> int:
    """Edits granted to a critical word: none below five letters, one to seven, two from eight
    on."""
    if len(word) < 5:
        return 0
    return 1 if len(word) < 8 else 2


def distance(left: str, right: str, limit: int) -> int:
    """Damerau-Levenshtein distance (adjacent swaps count one); `limit + 1` when it is larger."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    previous = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        current = [i]
        for j, b in enumerate(right, 1):
            cost = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        before, previous = previous, current
    return previous[-1]


def _deletions(word: str, count: int) -> set[str]:
    found = {word}
    for size in range(1, count + 1):
        for places in combinations(range(len(word)), size):
            dropped = set(places)
            found.add("".join(c for i, c in enumerate(word) if i not in dropped))
    return found


class Speller:
    """Finds the critical word a misspelt word stands for."""

    def __init__(self, critical: Iterable[str], lookalikes: Iterable[str]) -> None:
        self._critical = frozenset(critical)
        self._lookalikes = frozenset(lookalikes)
        self._index: dict[str, list[str]] = {}
        for word in sorted(self._critical):
            for form in _deletions(word, allowed_distance(word)):
                self._index.setdefault(form, []).append(word)

    def correct(self, token: str) -> str | None:
        """The critical word, or None: "brething" is breathing, "breeding" is left alone."""
        if token in self._critical:
            return token
        if not 4 <= len(token) <= _LONGEST or token in self._lookalikes:
            return None
        best: tuple[int, bool, bool, str] | None = None
        for form in _deletions(token, 2 if len(token) >= 7 else 1):
            for word in self._index.get(form, ()):
                limit = allowed_distance(word)
                edits = distance(token, word, limit)
                if edits > limit or (edits == 2 and token[0] != word[0]):
                    continue
                candidate = (edits, token[0] != word[0], token[-1] != word[-1], word)
                if best is None or candidate < best:
                    best = candidate
        return best[3] if best else None
