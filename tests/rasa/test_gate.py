"""The gate: answer, ask back, or say that this is not covered."""

from __future__ import annotations

from bot.rasa.gate import Gate
from bot.rasa.readings import Reading

GATE = Gate(
    clear=0.3,
    tie=0.12,
    part=0.5,
    own=0.65,
    second=0.6,
    refuse=0.5,
    one_answer=[["timeline", "feel_normal"]],
)
WHOLE = Reading("whole", "x")


def ranking(**sure: float):
    rows = [{"name": name, "confidence": value} for name, value in sure.items()]
    return sorted(rows, key=lambda row: -row["confidence"])


def decide(*read):
    return GATE.decide([reading for reading, _ in read], [ranks for _, ranks in read])


def top(decision) -> str:
    return decision.ranking[0]["name"]


def test_gate_answers_what_is_sure() -> None:
    decision = decide((WHOLE, ranking(tapering=0.8, signs=0.1)))
    assert (decision.kind, top(decision), decision.also) == ("clear", "tapering", [])


def test_gate_asks_back_between_near_answers() -> None:
    decision = decide((WHOLE, ranking(tapering=0.2, signs=0.15)))
    assert decision.kind == "tie"
    assert [row["name"] for row in decision.ranking] == ["tapering", "signs"]


def test_gate_does_not_guess() -> None:
    assert decide((WHOLE, ranking(tapering=0.05, signs=0.04))).kind == "unsure"


def test_gate_stands_exactly_on_its_thresholds() -> None:
    assert decide((WHOLE, ranking(tapering=0.3))).kind == "clear"
    assert decide((WHOLE, ranking(tapering=0.12))).kind == "tie"


def test_gate_adds_up_intents_that_share_an_answer() -> None:
    decision = decide((WHOLE, ranking(timeline=0.2, feel_normal=0.19, signs=0.25)))
    assert (decision.kind, top(decision)) == ("clear", "timeline")
    assert decision.ranking[0]["confidence"] == 0.39


def test_gate_adds_up_refusals_when_together_they_are_sure() -> None:
    several = ranking(out_of_scope_dose=0.3, out_of_scope_pump=0.25, tapering=0.35)
    assert top(decide((WHOLE, several))) == "out_of_scope_dose"
    few = ranking(out_of_scope_dose=0.2, out_of_scope_pump=0.15, tapering=0.35)
    assert top(decide((WHOLE, few))) == "tapering"


def test_gate_never_says_more_than_certain() -> None:
    decision = decide((WHOLE, ranking(timeline=0.7, feel_normal=0.6)))
    assert decision.ranking[0]["confidence"] == 1.0


def test_gate_reads_a_sentence_when_the_whole_is_unsure() -> None:
    part = Reading("part", "y")
    assert top(decide((WHOLE, ranking(a=0.2)), (part, ranking(b=0.7)))) == "b"
    assert top(decide((WHOLE, ranking(a=0.4)), (part, ranking(b=0.7)))) == "a"


def test_gate_reads_a_fragment_in_the_light_of_the_turn_before() -> None:
    follow_up = Reading("follow_up", "y")
    assert top(decide((WHOLE, ranking(a=0.4)), (follow_up, ranking(b=0.5)))) == "b"
    assert top(decide((WHOLE, ranking(a=0.9)), (follow_up, ranking(b=0.95)))) == "a"


def test_gate_never_takes_a_bare_why_for_itself() -> None:
    bare, follow_up = Reading("bare", "why"), Reading("follow_up", "why is it addictive")
    assert top(decide((bare, ranking(a=0.99)), (follow_up, ranking(b=0.4)))) == "b"


def two(first, second, asks: bool = True):
    parts = (Reading("part", "y", asks), Reading("part", "z", asks))
    return decide((WHOLE, ranking(a=0.5)), (parts[0], first), (parts[1], second))


def test_gate_gives_both_answers_to_two_clear_questions() -> None:
    decision = two(ranking(a=0.9), ranking(b=0.8))
    assert (decision.kind, top(decision), decision.also) == ("clear", "a", ["b"])


def test_gate_gives_one_answer_when_the_second_is_not_clear() -> None:
    assert two(ranking(a=0.9), ranking(b=0.4)).also == []


def test_gate_gives_one_answer_to_the_same_question_asked_twice() -> None:
    assert two(ranking(a=0.9), ranking(a=0.8)).also == []
    assert two(ranking(timeline=0.9), ranking(feel_normal=0.9)).also == []


def test_gate_takes_a_story_for_no_second_question() -> None:
    assert two(ranking(a=0.9), ranking(b=0.9), asks=False).also == []


def test_gate_adds_no_refusal_to_an_answer() -> None:
    assert two(ranking(a=0.9), ranking(out_of_scope_dose=0.9)).also == []
