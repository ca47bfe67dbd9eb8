"""The ways a message can be read."""

from __future__ import annotations

import pytest

from bot.rasa.readings import MAX_PARTS, asks, follow_ups, is_fragment, parts, read

CONTEXT = {"subject": "baclofen withdrawal", "previous": "what is withdrawal like"}


def kinds(text: str, context=None):
    return [reading.kind for reading in read(text, context)]


@pytest.mark.parametrize(
    "text",
    ["and with alcohol?", "why", "how long does that last", "what about my mom", "tell me more"],
)
def test_fragment_leans_on_the_turn_before(text: str) -> None:
    assert is_fragment(text)
    assert "follow_up" in kinds(text, CONTEXT)


@pytest.mark.parametrize(
    "text",
    [
        "what are the side effects of baclofen",
        "can you overdose on baclofen if you take it with alcohol every day for years on end",
    ],
)
def test_whole_question_leans_on_nothing(text: str) -> None:
    assert not is_fragment(text)
    assert kinds(text, CONTEXT) == ["whole"]


def test_fragment_without_a_turn_before_is_read_alone() -> None:
    assert "follow_up" not in kinds("why", None)
    assert "follow_up" not in kinds("why", {})


def test_follow_up_puts_the_subject_where_the_pronoun_was() -> None:
    assert follow_ups("how long does that last", "baclofen withdrawal", None) == [
        "how long does baclofen withdrawal last"
    ]


def test_follow_up_asks_the_question_before_once_more() -> None:
    found = follow_ups("what about my mom", None, "is it addictive?")
    assert found == ["is it addictive what about my mom"]


@pytest.mark.parametrize(
    "context", [{"subject": 5, "previous": ["x"]}, {"subject": None}, {"x": 1}]
)
def test_context_of_the_wrong_shape_is_ignored(context) -> None:
    assert read("why", context)[0].text == "why"


def test_message_with_two_questions_is_cut_in_two() -> None:
    found = read("What are the side effects? And is it an opioid?")
    assert [reading.kind for reading in found] == ["whole", "part", "part"]
    assert [reading.asks for reading in found[1:]] == [True, True]


def test_story_before_a_question_is_no_question() -> None:
    assert not asks("my son takes it for his legs")
    assert asks("is it dangerous")


def test_message_is_not_cut_into_endless_parts() -> None:
    assert len(parts("what is it called? " * 50)) == MAX_PARTS
    assert parts("what is baclofen") == []


@pytest.mark.parametrize("text", ["", " ", "?", "\x00", "...", "and", "\ud800"])
def test_read_always_has_the_whole_first(text: str) -> None:
    found = read(text, CONTEXT)
    assert found[0].kind in {"whole", "bare"}


def test_read_mends_spelling_before_anything_else() -> None:
    assert read("is it adicitve", None, lambda t: t.replace("adicitve", "addictive"))[0].text == (
        "is it addictive"
    )
