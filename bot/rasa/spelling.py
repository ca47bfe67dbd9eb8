"""Mends misspelt words by the words of the training examples ("adicitve" -> "addictive").

A word is left alone when the sentence encoder knows it as a whole or an example holds it; anything
else becomes the nearest common training word within one or two edits (Damerau 1964; rapidfuzz).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Dict, FrozenSet, Iterable, List

from rapidfuzz import process
from rapidfuzz.distance import OSA

#: A training word is a candidate when this many examples hold it.
COMMON = 4
#: Shorter words are left alone: too much is near them.
SHORTEST = 5
#: From this length on, two edits are mended.
LONG = 8
#: A training word that this many examples hold is no mistake.
SEEN = 2

_WORD = re.compile(r"[a-z]+")


@lru_cache(maxsize=2)
def encoder_words(tokenizer: Path) -> FrozenSet[str]:
    """Whole words of the encoder's vocabulary (its pieces begin with ##)."""
    vocabulary: Dict[str, int] = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    return frozenset(word for word in vocabulary if _WORD.fullmatch(word))


class Spelling:
    """Knows the words of the examples and of the encoder."""

    def __init__(
        self, common: Dict[str, int], seen: Iterable[str], known: FrozenSet[str] = frozenset()
    ) -> None:
        """`common` are candidates with the number of examples that hold them.

        `seen` are training words that are no mistakes, `known` the encoder's words.
        """
        self.common = common
        self.seen = frozenset(seen)
        self._known = known
        self._candidates: List[str] = sorted(common)
        self._mended: Dict[str, str] = {}

    @classmethod
    def learn(cls, texts: Iterable[str], known: FrozenSet[str]) -> Spelling:
        """From normalised training examples and words that are known anyway."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(set(_WORD.findall(text)))
        common = {w: n for w, n in counts.items() if n >= COMMON and len(w) >= SHORTEST - 1}
        seen = {word for word, number in counts.items() if number >= SEEN}
        return cls(common, seen, known)

    def mend(self, text: str) -> str:
        """A normalised text with its unknown words mended.

        >>> Spelling({"addictive": 9}, {"it", "is"}).mend("is it adicitve")
        'is it addictive'
        """
        return _WORD.sub(lambda match: self._word(match.group()), text)

    def _word(self, word: str) -> str:
        if len(word) < SHORTEST or word in self.seen or word in self._known or word in self.common:
            return word
        if word not in self._mended:
            if len(self._mended) > 10_000:
                self._mended.clear()
            self._mended[word] = self._nearest(word)
        return self._mended[word]

    def _nearest(self, word: str) -> str:
        """People get the first letter right; another one is another word ("untreated")."""
        most = 2 if len(word) >= LONG else 1
        near = process.extract(
            word, self._candidates, scorer=OSA.distance, score_cutoff=most, limit=8
        )
        near = [row for row in near if row[0][0] == word[0]]
        if not near:
            return word
        return min(near, key=lambda row: (row[1], -self.common[row[0]]))[0]

    def save(self, path: Path) -> None:
        """Write what was learned; the encoder's words are read from the encoder."""
        content = {"common": self.common, "seen": sorted(self.seen)}
        path.write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def load(cls, path: Path, known: FrozenSet[str]) -> Spelling:
        """Read what `save` wrote."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(content["common"], content["seen"], known)
