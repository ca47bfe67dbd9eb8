"""Single messages: levels, people, amounts, spans, faults, and what must never change the
result."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bot.safety as safety
from bot.safety import Level, assess

_DEV = Path(__file__).parent / "dev"
_ROWS = [
    json.loads(line)["text"]
    for name in ("danger.jsonl", "harmless.jsonl")
    for line in (_DEV / name).read_text("utf-8").splitlines()
]


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("my husband won't wake up", Level.emergency),
        ("i doubled my dose by accident", Level.poison),
        ("my toddler ate one of my pills", Level.poison),
        ("my toddler ate one of my pills and is limp", Level.emergency),
        ("my dog ate my baclofen", Level.pet),
        ("i don't want to be here anymore", Level.crisis),
        ("i want to die and took 15 pills", Level.emergency),
        ("how many baclofen to die", Level.crisis),
        ("i ran out yesterday", Level.caution),
        ("what are the signs of an overdose", Level.caution),
        ("can you die from 200mg", Level.caution),
        ("i overdosed in 2019", Level.caution),
        ("what is baclofen", Level.none),
        ("mon mari ne se réveille pas", Level.emergency),
        ("me quiero morir", Level.crisis),
    ],
)
def test_screen_gives_the_level(text: str, level: Level) -> None:
    assert assess([], text).level is level


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("i took 20 pills", "self"),
        ("my husband won't wake up", "adult"),
        ("my toddler ate one of my pills", "child"),
        ("my dog ate my baclofen", "pet"),
    ],
)
def test_screen_says_who(text: str, person: str) -> None:
    assert assess([], text).person == person


@pytest.mark.parametrize(
    ("text", "count", "total"),
    [
        ("took 6 x 20mg", 6, 120),
        ("took 6x20mg", 6, 120),
        ("took ten 20 mg tablets", 10, 200),
        ("i had 10 20s", 10, 200),
        ("i swallowed twenty pills", 20, 400),
        ("took 200 mgs", None, 200),
        ("took a dozen tablets", 12, 240),
        ("i took twenty five pills", 25, 500),
    ],
)
def test_screen_reads_amounts(text: str, count: float | None, total: float) -> None:
    amount = assess([], text).amounts[0]
    assert (amount.count, amount.total_mg) == (count, total)


def test_screen_spans_point_into_the_original() -> None:
    text = "Hi 👋 — my wife isn’t   breathing!!"
    sign = next(s for s in assess([], text).signs if s.category == "breathing")
    assert text[sign.start : sign.end] == sign.text
    assert "isn’t   breathing" in sign.text


def test_screen_treats_a_fault_as_danger(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(safety.dialogue, "assess", broken)
    before = safety.faults()
    assessment = assess([], "hello")
    assert assessment.level is Level.emergency and assessment.fault
    assert safety.faults() == before + 1


def test_screen_serves_threads_alike() -> None:
    texts = _ROWS[:60] * 2
    expected = [assess([], t).level for t in texts]
    results: dict[int, list[Level]] = {}

    def work(number: int) -> None:
        results[number] = [assess([], t).level for t in texts]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result == expected for result in results.values())


@pytest.mark.parametrize("filler", ["a", "😀", "\u202e", "I feel fine today. ", "no ", "x1"])
def test_screen_finds_danger_at_the_end_of_a_long_message(filler: str) -> None:
    text = filler * (20_000 // len(filler)) + " . my son took 20 pills and he is not breathing"
    assert assess([], text).level is Level.emergency


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=400))
def test_screen_never_faults_on_any_text(text: str) -> None:
    assert not assess([], text).fault


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\x00",
        "\ud800\udfff",
        "\u202eabc",
        "💊" * 500,
        "²³ 1e999",
        "\n\n",
        "j'" * 3000,
        "a*" * 3000,
    ],
)
def test_screen_never_faults_on_odd_text(text: str) -> None:
    assert not assess([], text).fault


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(_ROWS),
    st.sampled_from(
        [
            str.upper,
            str.title,
            lambda t: t.replace(" ", "  "),
            lambda t: f"  {t} ",
            lambda t: t + "!!!",
            lambda t: t + "...",
            lambda t: t + "?",
            lambda t: t.replace("a", "a\u200b"),
            lambda t: t + " 🙂",
        ]
    ),
)
def test_screen_is_stable_under_typing_habits(text: str, change: object) -> None:
    changed = change(text)  # type: ignore[operator]
    assert assess([], changed).level is assess([], text).level
