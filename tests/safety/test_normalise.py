"""Normalising: what people type in a hurry becomes words the rules know, with the way back to the
original."""

from __future__ import annotations

import pytest

from bot.safety import load
from bot.safety.normalise import fold
from bot.safety.spelling import Speller, distance


def _plain(text: str) -> str:
    return " ".join(load().normaliser.words(text).words)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("Ｈｅ ｉｓ not breathing", "he is not breathing"),
        ("not brea\u200bthing", "not breathing"),
        ("heeeelp", "help"),
        ("not breathinggggg", "not breathing"),
        ("0verd0se", "overdose"),
        ("k1ll myself", "kill myself"),
        ("he isn't breathing", "he is not breathing"),
        ("he isn’t breathing", "he is not breathing"),
        ("he isnt breathing", "he is not breathing"),
        ("brething", "breathing"),
        ("he is unconcious", "he is unconscious"),
        ("took 20 💊", "took 20 pill"),
        ("hesnotbreathing", "he is not breathing"),
        ("mysonwontwakeup", "my son will not wake up"),
        ("o v e r d o s e", "overdose"),
        ("o.d.", "od"),
        ("su*cide", "suicide"),
        ("il ne respire plus, à l’aide", "il ne respire plus a l aide"),
        ("j'ai avalé", "j ai avale"),
        ("tomé 20mg", "tome 20 mg"),
        ("6x20mg", "6 x 20 mg"),
        ("NOT BREATHING", "not breathing"),
        ("сan't breathe", "can not breathe"),
    ],
)
def test_normalise_settles(typed: str, plain: str) -> None:
    assert _plain(typed) == plain


@pytest.mark.parametrize(
    "word", ["breeding", "does", "dose", "close", "overdue", "leisure", "swallow", "therapist"]
)
def test_normalise_leaves_real_words_alone(word: str) -> None:
    assert _plain(word) == word


def test_normalise_keeps_offsets_to_the_original() -> None:
    text = "😀 He ISN’T  breathinggg!"
    words = load().normaliser.words(text)
    spans = [text[s:e] for s, e in zip(words.starts, words.ends, strict=True)]
    assert spans == ["He", "ISN’T", "ISN’T", "breathinggg"]


def test_fold_maps_every_character() -> None:
    folded, offsets = fold("ﬁ\u0301x", {})
    assert folded == "fix"
    assert offsets == [0, 0, 2]


def test_spelling_counts_a_swap_as_one() -> None:
    assert distance("unconscoius", "unconscious", 2) == 1
    assert distance("abc", "xyz", 2) == 3


def test_spelling_never_touches_short_words() -> None:
    speller = Speller(["dose", "breathing"], ["breeding"])
    assert speller.correct("does") is None
    assert speller.correct("breathin") == "breathing"
    assert speller.correct("breeding") is None
