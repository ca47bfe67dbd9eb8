"""Turns what people type in a hurry into plain words, keeping the way back to the original text.

Steps, in order: fold (NFKD, accents, zero-width, homoglyphs, emoji to words, lower case), cut into
tokens, then settle every token that the rules do not know: contractions and text-speak, stretched
letters, leet, censored letters, spelling (a short list of critical words only), glued words;
spaced-out letters are joined. No step guesses about ordinary words, so a question about dose stays
a question about dose.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from bot.safety.spelling import Speller

UNKNOWN = "\u00b7"
"""Stands for every word the rules do not know, so that no visitor's word is kept in a shared
vocabulary."""

_HOMOGLYPHS = str.maketrans("аеорсухіјѕһԁɡɑοενικτ’‘ʼ´`＇ʹ′", "aeopcyxijshdgaoevikt''''''''")
_TOKEN = re.compile(
    r"\d+[.,]\d+[^\W_]*|[^\W_]+(?:[@$*'!][^\W_]+)*|@[^\W_]+|\$[^\W_]+|\.{2,}|\n\s*\n|\S|\n"
)
_ELISION = re.compile(r"^(j|n|l|d|s|t|m|c|qu|jusqu|lorsqu|puisqu)'(.+)$")
_RUN = re.compile(r"(.)\1+")
_LONG_RUN = re.compile(r"(.)\1{2,}")
_ALNUM_SPLIT = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_LEET_ONE = str.maketrans("013457890@$!", "oieastbgoasi")
_LEET_TWO = str.maketrans("013457890@$!", "oleastbgoasi")
_SENTENCE_END = frozenset(".!?;")
_CLAUSE_END = frozenset(',:()\n"/-–—')
_MAX_APOSTROPHES = 3
_MAX_GLUED = 160
_MAX_PIECE = 18


@dataclass(slots=True)
class Words:
    """A message as normalised words with their place in the original text.

    `sentence` and `clause` number the part of the message each word stands in (same length as
    `words`).
    """

    words: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    sentence: list[int] = field(default_factory=list)
    clause: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.words)


@lru_cache(maxsize=8192)
def _fold_character(character: str) -> str:
    """Lower-case plain form of one character; '' drops it, ' ' separates words."""
    category = unicodedata.category(character)
    if category in {"Cf", "Mn", "Me"}:
        return ""
    if category in {"Cs", "Cn", "Co"} or (category == "Cc" and character not in "\n\t\r"):
        return " " if category != "Cc" else ""
    plain = unicodedata.normalize("NFKD", character)
    plain = "".join(c for c in plain if unicodedata.category(c) not in {"Mn", "Me", "Cf"})
    plain = plain.casefold().translate(_HOMOGLYPHS)
    if category in {"So", "Sk"} and plain == character:
        return " "
    return plain


def fold(text: str, emoji: Mapping[str, str]) -> tuple[str, list[int] | None]:
    """Fold `text`; the second value maps each folded character to its original offset (None: the
    same).

    Example: "Ｏ\\u200bVERDOSE 💊" becomes "overdose  pill ".
    """
    if text.isascii() and "\x00" not in text:
        return text.lower(), None
    out: list[str] = []
    offsets: list[int] = []
    for position, character in enumerate(text):
        if character in emoji:
            piece = f" {emoji[character]} "
        elif character < "\x80" and character != "\x00":
            piece = character.lower()
        else:
            piece = _fold_character(character)
        out.append(piece)
        offsets.extend([position] * len(piece))
    return "".join(out), offsets


class Normaliser:
    """Settles words against the vocabulary of the rules.

    `vocabulary` are the words the rules know, `expansions` map contractions and text-speak to
    words, `critical` is the short list that may be reached by edit distance, `emoji` maps one
    character to a word.
    """

    def __init__(
        self,
        vocabulary: Iterable[str],
        expansions: Mapping[str, str],
        critical: Iterable[str],
        lookalikes: Iterable[str],
        emoji: Mapping[str, str],
    ) -> None:
        self._expansions = {word: tuple(value.split()) for word, value in expansions.items()}
        pieces = {piece for value in self._expansions.values() for piece in value}
        self._vocabulary = frozenset(vocabulary) | pieces
        self._speller = Speller(critical, lookalikes)
        self._critical = frozenset(critical)
        self._lookalikes = frozenset(lookalikes)
        self._splittable = frozenset(
            word
            for word in (*self._vocabulary, *self._expansions)
            if word.isalpha() and (len(word) > 1 or word in {"i", "a"})
        )
        self._emoji = dict(emoji)

    @property
    def vocabulary(self) -> frozenset[str]:
        """Every word that a settled message may hold besides numbers."""
        return self._vocabulary

    def words(self, text: str) -> Words:
        """Normalise a message. Linear in its length; unknown words are kept as typed (folded)."""
        folded, offsets = fold(text, self._emoji)
        result = Words()
        memo: dict[str, tuple[str, ...]] = {}
        sentence = clause = 0
        tokens = _join_spaced([(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(folded)])
        for token, start, end in tokens:
            if not token[0].isalnum() and token[0] not in "@$":
                if token[0] in _SENTENCE_END and len(token) == 1:
                    sentence += 1
                    clause += 1
                elif token[0] in _CLAUSE_END or token[0] == ".":
                    clause += 1
                    sentence += token.count("\n") > 1
                continue
            settled = memo.get(token)
            if settled is None:
                settled = memo[token] = self._settle(token)
            first = start if offsets is None else offsets[start]
            last = end if offsets is None else offsets[end - 1] + 1
            for word in settled:
                result.words.append(word)
                result.starts.append(first)
                result.ends.append(last)
                result.sentence.append(sentence)
                result.clause.append(clause)
        return result

    def phrase(self, text: str) -> tuple[str, ...]:
        """Words of a lexicon phrase: folded and expanded, never corrected."""
        folded, _ = fold(text, self._emoji)
        found: list[str] = []
        for match in _TOKEN.finditer(folded):
            token = match.group()
            if token[0].isalnum():
                found.extend(self._expand(token) or (token,))
        return tuple(found)

    def _expand(self, token: str) -> tuple[str, ...] | None:
        """Words of a contraction or of text-speak, None when the token is neither."""
        if token in self._expansions:
            return self._expansions[token]
        if "'" not in token:
            return None
        if token.count("'") > _MAX_APOSTROPHES:
            return tuple(part for part in token.split("'") if part)
        bare = token.replace("'", "")
        if bare in self._expansions:
            return self._expansions[bare]
        elided = _ELISION.match(token)
        if elided:
            return (elided.group(1), *(self._expand(elided.group(2)) or (elided.group(2),)))
        head, _, tail = token.partition("'")
        if tail == "s":
            return (head + "s",) if head + "s" in self._vocabulary else (head, "s")
        if tail == "re":
            return (head, "are")
        if tail == "ve":
            return (head, "have")
        if tail == "ll":
            return (head, "will")
        if tail in {"d", "m", "t"}:
            return (head, {"d": "would", "m": "am", "t": "not"}[tail])
        return tuple(part for part in token.split("'") if part)

    def _settle(self, token: str) -> tuple[str, ...]:
        if token[0].isdigit() and token[-1] == "s" and token[:-1].isdigit():
            return (token[:-1], "s")
        if token in self._expansions:
            return self._expansions[token]
        if token in self._vocabulary:
            return (token,)
        if "'" in token:
            parts = self._expand(token) or (token,)
            return tuple(word for part in parts for word in self._settle_plain(part))
        return self._settle_plain(token)

    def _settle_plain(self, token: str) -> tuple[str, ...]:
        if token in self._expansions:
            return self._expansions[token]
        if token in self._vocabulary or token in self._lookalikes or token.isdigit():
            return (token,)
        if not token.isalpha():
            return self._settle_mixed(token)
        return self._unstretch(token) or self._spell(token) or self._unglue(token) or (token,)

    def _settle_mixed(self, token: str) -> tuple[str, ...]:
        """Digits or signs inside a word: an amount ("20mg"), leet ("0verd0se") or a censored
        letter."""
        if "*" in token:
            return self._uncensor(token)
        if sum(c.isalpha() for c in token) >= 2 and not re.fullmatch(r"\d+[a-z]{1,3}", token):
            for table in (_LEET_ONE, _LEET_TWO):
                plain = token.translate(table)
                if plain in self._expansions:
                    return self._expansions[plain]
                if len(plain) > 2 and plain in self._vocabulary:
                    return (plain,)
                stretched = self._unstretch(plain) if plain.isalpha() else None
                if stretched:
                    return stretched
                if plain in self._critical or (plain.isalpha() and self._speller.correct(plain)):
                    return self._spell(plain) or (plain,)
        found: list[str] = []
        for part in _ALNUM_SPLIT.findall(token):
            found.extend(self._settle_plain(part) if part.isalpha() else (part,))
        return tuple(found) or (token,)

    def _uncensor(self, token: str) -> tuple[str, ...]:
        pattern = re.compile("".join("." if c == "*" else re.escape(c) for c in token[:30]))
        for word in sorted(self._critical):
            if pattern.fullmatch(word):
                return (word,)
        return tuple(part for part in token.split("*") if part) or (token,)

    def _unstretch(self, token: str) -> tuple[str, ...] | None:
        """Stretched letters: "heeeelp" is help, "breathinggg" is breathing."""
        if not _LONG_RUN.search(token) and not _RUN.search(token[-2:]):
            return None
        for candidate in (
            _LONG_RUN.sub(r"\1\1", token),
            _LONG_RUN.sub(r"\1", token),
            _RUN.sub(r"\1", token),
        ):
            if candidate in self._expansions:
                return self._expansions[candidate]
            if candidate in self._vocabulary:
                return (candidate,)
            corrected = self._speller.correct(candidate) if len(token) > len(candidate) else None
            if corrected:
                return (corrected,)
        return None

    def _spell(self, token: str) -> tuple[str, ...] | None:
        corrected = self._speller.correct(token)
        if corrected is None:
            return None
        return self._expansions.get(corrected, (corrected,))

    def _unglue(self, token: str) -> tuple[str, ...] | None:
        """Words without spaces: "hesnotbreathing". Fewest pieces win; every piece must be known."""
        size = len(token)
        if size < 8 or size > _MAX_GLUED:
            return None
        best: list[tuple[int, int] | None] = [None] * (size + 1)
        best[0] = (0, 0)
        for end in range(1, size + 1):
            for start in range(max(0, end - _MAX_PIECE), end):
                before = best[start]
                if before is None or token[start:end] not in self._splittable:
                    continue
                cost = before[0] + 1 + 2 * (end - start == 1)
                current = best[end]
                if current is None or cost < current[0]:
                    best[end] = (cost, start)
        if best[size] is None:
            return None
        pieces: list[str] = []
        end = size
        while end > 0:
            step = best[end]
            assert step is not None
            pieces.append(token[step[1] : end])
            end = step[1]
        if len(pieces) > max(2, size // 2):
            return None
        return tuple(w for piece in reversed(pieces) for w in self._expansions.get(piece, (piece,)))


def _join_spaced(tokens: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Join spaced-out letters: "o v e r d o s e", "o.d.", "n-o-t". Needs at least four letters, or
    o.d."""
    joined: list[tuple[str, int, int]] = []
    position = 0
    while position < len(tokens):
        letters: list[tuple[str, int, int]] = []
        ahead = position
        while ahead < len(tokens) and _is_letter(tokens[ahead][0]):
            letters.append(tokens[ahead])
            ahead += 1
            if (
                ahead + 1 < len(tokens)
                and tokens[ahead][0] in ".-_*"
                and _is_letter(tokens[ahead + 1][0])
            ):
                ahead += 1
        if len(letters) >= 4:
            word = "".join(letter for letter, _, _ in letters)
            joined.append((word, letters[0][1], letters[-1][2]))
            position = ahead
        elif len(letters) == 2 and [t[0] for t in letters] == ["o", "d"]:
            joined.append(("od", letters[0][1], letters[-1][2]))
            position = ahead
        else:
            joined.append(tokens[position])
            position += 1
    return joined


def _is_letter(token: str) -> bool:
    return len(token) == 1 and (token.isalpha() or token in "013")
