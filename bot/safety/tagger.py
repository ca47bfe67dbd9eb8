"""Marks every concept in a message with one pass of spaCy's PhraseMatcher.

The spaCy vocabulary only ever holds the words of the rules: what a visitor types beyond them is
passed as one placeholder. So memory does not grow, no visitor's word outlives its message, and
threads may share the matcher.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc
from spacy.vocab import Vocab

from bot.safety.normalise import UNKNOWN


class Tagger:
    """Finds the phrases of every concept."""

    def __init__(
        self, phrases: Mapping[str, set[str]], split: Callable[[str], tuple[str, ...]]
    ) -> None:
        self._vocab = Vocab()
        self._matcher = PhraseMatcher(self._vocab, attr="ORTH")
        self._concepts: dict[int, tuple[str, ...]] = {}
        by_words: dict[tuple[str, ...], list[str]] = {}
        for concept, entries in phrases.items():
            for entry in entries:
                words = split(entry)
                if words and concept not in by_words.setdefault(words, []):
                    by_words[words].append(concept)
        self._known = {word for words in by_words for word in words} | {UNKNOWN}
        for number, (words, concepts) in enumerate(by_words.items()):
            name = f"p{number}"
            self._matcher.add(name, [Doc(self._vocab, words=list(words))])
            self._concepts[self._vocab.strings[name]] = tuple(concepts)

    @property
    def known(self) -> frozenset[str]:
        """Every word of every phrase."""
        return frozenset(self._known)

    def tag(self, words: Sequence[str]) -> dict[str, dict[int, list[int]]]:
        """concept -> first word -> ends of its phrases."""
        known = self._known
        doc = Doc(self._vocab, words=[w if w in known else UNKNOWN for w in words])
        found: dict[str, dict[int, list[int]]] = {}
        for key, start, end in self._matcher(doc):
            for concept in self._concepts[key]:
                found.setdefault(concept, {}).setdefault(start, []).append(end)
        return found
