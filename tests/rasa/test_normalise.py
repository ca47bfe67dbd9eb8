"""One spelling for what people type."""

from __future__ import annotations

import pytest

from bot.rasa.normalise import MAX_CHARACTERS, normalise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is Baclofen?", "what is baclofen?"),
        ("WHATS  Baclofin doing to me????", "what is baclofen doing to me??"),
        ("what's lioresal", "what is baclofen"),
        ("i can’t stop", "i cannot stop"),
        ("sooooo sleepy", "soo sleepy"),
        ("pls help ppl", "please help people"),
        ("bac\u200blo\u00adfen", "baclofen"),
        ("baclofen\x00and\nalcohol", "baclofen and alcohol"),
        ("lone \ud800 half", "lone half"),
        ("ｂａｃｌｏｆｅｎ", "baclofen"),
        ("", ""),
        (" \t\n", ""),
    ],
)
def test_normalise_undoes_what_says_nothing_about_meaning(text: str, expected: str) -> None:
    assert normalise(text) == expected


def test_normalise_leaves_words_alone_that_only_hold_an_abbreviation() -> None:
    """ "back", "bach" and "tyre" are words, not "bac" and "ty"."""
    assert normalise("my back hurts in your tyre shop") == "my back hurts in your tyre shop"


@pytest.mark.parametrize("text", ["a" * 100_000, "ﷺ" * 20_000, "é" * 9_000, "why? " * 9_000])
def test_normalise_is_bounded(text: str) -> None:
    assert len(normalise(text)) <= MAX_CHARACTERS * 2


@pytest.mark.parametrize("text", ["WHATS baclofin", "i dont know pls", "sooo what's ur plan"])
def test_normalise_twice_changes_nothing_more(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
