"""A turn: what always holds, whatever the assistant does (docs/architecture.md)."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta

import pytest
from fakes import (
    NOT_BREATHING,
    QUESTION,
    QUICK_FAULTS,
    SLOW_FAULTS,
    TOOK_TOO_MUCH,
    WANTS_TO_DIE,
    WRONG_SHAPES,
    heard,
)
from support import CENTRE_WORDS, Here, Open, kinds_of, texts_of

from bot.assistant import FAILURES_TO_OPEN, NOT_A_COMMAND
from bot.record import LOOK_BACK, NoSuchConversation
from bot.replies import Part
from bot.settings import Settings
from bot.turn import Message

#: Seconds within which every message must have its reply.
PATIENCE = 4.0


async def timed(here: Here, conversation: str, text: str, **fields):
    started = time.perf_counter()
    turn = await here.say(conversation, text, **fields)
    return turn, time.perf_counter() - started


def assert_honest(turn) -> None:
    """A fallback that says who to ask instead."""
    assert turn.outcome == "error_reply"
    assert "maple test centre (+1 555 010 0199" in texts_of(turn.parts)
    assert all(part["text"].strip() for part in turn.parts)


# The assistant works


async def test_turn_answers_a_question_with_its_sources(here: Here) -> None:
    turn = await here.say(await here.begin(), "What is baclofen?")
    assert (turn.outcome, turn.topic, turn.level) == ("answered", "what_is_baclofen", "none")
    assert turn.covers == ("what_is_baclofen",)
    assert kinds_of(turn) == ["answer"]
    assert turn.parts[0]["sources"][0]["title"]


async def test_turn_never_shows_words_that_the_assistant_made_up(here: Here) -> None:
    turn = await here.say(await here.begin(), QUESTION)
    assert "not for visitors" not in texts_of(turn.parts)


async def test_turn_ignores_a_response_that_the_helper_has_no_words_for(here: Here) -> None:
    here.assistant.answer = lambda call: heard("invented_topic", response="utter_invented")
    turn = await here.say(await here.begin(), QUESTION)
    assert turn.outcome == "out_of_scope"
    assert turn.parts[0]["key"] == "utter_default"
    assert turn.topics == ()


async def test_turn_gives_both_answers_to_a_message_with_two_questions(here: Here) -> None:
    here.assistant.answer = lambda call: heard("overdose_signs", also=("tapering",))
    turn = await here.say(await here.begin(), "what happens then, and how does tapering work?")
    assert [part["topic"] for part in turn.parts] == ["overdose_signs", "tapering"]
    assert turn.covers == ("overdose_signs", "tapering")
    assert turn.topic == "overdose_signs"


async def test_turn_asks_back_with_buttons_when_two_topics_tie(here: Here) -> None:
    here.assistant.answer = lambda call: heard(
        "tapering", confidence=0.24, decision="tie", others={"stop_suddenly": 0.2}
    )
    turn = await here.say(await here.begin(), "something about the end of it")
    assert turn.outcome == "clarified"
    assert turn.parts[0]["key"] == "utter_did_you_mean"
    assert [b["id"] for b in turn.parts[0]["buttons"]] == ["topic:tapering", "topic:stop_suddenly"]
    assert [row["topic"] for row in turn.topics] == ["tapering", "stop_suddenly"]
    assert turn.topic is None


async def test_turn_passes_on_what_the_turn_before_was_about(here: Here) -> None:
    here.assistant.knows["how long does withdrawal last"] = heard("withdrawal_timeline")
    conversation = await here.begin()
    await here.say(conversation, "how long does withdrawal last")
    await here.say(conversation, "and for my mom?")
    first, second = here.assistant.calls
    assert first["context"] == {}
    assert second["context"]["subject"] == "the withdrawal timeline"
    assert second["context"]["previous"] == "how long does withdrawal last"


async def test_turn_remembers_the_subject_across_a_thank_you(here: Here) -> None:
    here.assistant.knows["thanks"] = heard("thank")
    conversation = await here.begin()
    for text in (QUESTION, "thanks", "and for my mom?"):
        await here.say(conversation, text)
    assert here.assistant.calls[-1]["context"]["previous"] == QUESTION


@pytest.mark.parametrize("text", ["/restart", "  /restart", '/greet{"name": "x"}', "//", "/"])
async def test_turn_makes_a_typed_slash_harmless(here: Here, text: str) -> None:
    turn = await here.say(await here.begin(), text)
    assert here.assistant.calls[0]["text"].startswith(NOT_A_COMMAND)
    assert turn.parts[0]["text"].strip()


async def test_turn_makes_a_slash_in_the_context_harmless(here: Here) -> None:
    here.assistant.knows[f"{NOT_A_COMMAND}what is baclofen"] = heard("what_is_baclofen")
    conversation = await here.begin()
    await here.say(conversation, "/what is baclofen")
    await here.say(conversation, "and for my mom?")
    assert here.assistant.calls[-1]["context"]["previous"] == f"{NOT_A_COMMAND}what is baclofen"


# Buttons


async def test_button_of_a_topic_is_answered_without_the_assistant(here: Here) -> None:
    turn = await here.say(await here.begin(), "", button="topic:tapering")
    assert (turn.outcome, turn.topic) == ("answered", "tapering")
    assert turn.topics[0] == {"topic": "tapering", "confidence": 1.0}
    assert here.assistant.calls == []


@pytest.mark.parametrize(
    "button", ["topic:no_such_topic", "topic:", "utter_tapering", "/tapering", "card:emergency"]
)
async def test_button_that_was_never_issued_is_ignored(here: Here, button: str) -> None:
    turn = await here.say(await here.begin(), "", button=button)
    assert turn.topic is None
    assert turn.outcome == "clarified"
    assert turn.parts[0]["key"] == "empty"
    with_text = await here.say(await here.begin(), QUESTION, button=button)
    assert with_text.topic == "what_is_baclofen"


async def test_button_that_was_never_issued_does_not_lift_the_length_limit(here: Here) -> None:
    turn = await here.say(await here.begin(), "why " * 2_000, button="made-up")
    assert turn.parts[0]["key"] == "too_long"
    assert here.assistant.calls == []


async def test_button_someone_needs_help_brings_the_card(here: Here) -> None:
    turn = await here.say(await here.begin(), "", button="someone_needs_help")
    assert turn.outcome == "emergency_shown"
    assert kinds_of(turn)[0] == "card"


async def test_button_does_not_hide_a_danger_that_was_typed_with_it(here: Here) -> None:
    turn = await here.say(await here.begin(), NOT_BREATHING, button="have_called")
    assert turn.outcome == "emergency_shown"
    assert turn.parts[0]["key"] == "emergency"


async def test_buttons_of_the_card_give_the_waiting_steps_one_at_a_time(here: Here) -> None:
    conversation = await here.begin()
    card = (await here.say(conversation, NOT_BREATHING)).parts[0]
    assert {b["id"] for b in card["buttons"]} == {"have_called", "while_waiting", "not_happening"}
    steps = [
        (await here.say(conversation, "", button="while_waiting")).parts[0]["text"]
        for _ in range(10)
    ]
    assert len(set(steps[:7])) == 7
    assert steps[-1] == steps[-2] == steps[-3], "after the last step: go on watching"
    assert here.assistant.calls == [] or here.assistant.calls[0]["text"] == NOT_BREATHING


# Cards


@pytest.mark.parametrize(
    ("text", "outcome", "level"),
    [
        (NOT_BREATHING, "emergency_shown", "emergency"),
        (WANTS_TO_DIE, "crisis_shown", "crisis"),
        ("my dog ate baclofen", "pet_line_shown", "pet"),
    ],
)
async def test_card_comes_first_with_its_outcome(here, text, outcome, level) -> None:
    turn = await here.say(await here.begin(), text)
    assert (turn.outcome, turn.level) == (outcome, level)
    assert kinds_of(turn)[0] == "card"
    assert turn.parts[0]["links"][0]["href"].startswith("tel:")


async def test_card_is_sent_before_the_assistant_is_asked(here: Here) -> None:
    asked_at_the_time = []

    async def early(part: Part) -> None:
        asked_at_the_time.append((part.kind, len(here.assistant.calls)))

    message = Message(await here.begin(), NOT_BREATHING)
    turn = await here.service.helper.turn(message, early)
    assert asked_at_the_time == [("card", 0)]
    assert turn.parts[0]["kind"] == "card"


async def test_card_does_not_wait_for_a_slow_assistant(here: Here) -> None:
    here.assistant.behaviour = "slow"
    turn, seconds = await timed(here, await here.begin(), NOT_BREATHING)
    assert turn.outcome == "emergency_shown"
    assert seconds < 1.0


async def test_card_is_followed_by_an_answer_that_is_clear(here: Here) -> None:
    here.assistant.answer = lambda call: heard("overdose_what_to_do")
    turn = await here.say(await here.begin(), f"{NOT_BREATHING}, what do I do")
    assert kinds_of(turn) == ["card", "answer"]
    assert turn.outcome == "emergency_shown"
    assert turn.covers == ("overdose_what_to_do",)
    assert turn.parts[1]["buttons"] == [], "only the card's own buttons stand beside a card"


@pytest.mark.parametrize("text", [NOT_BREATHING, WANTS_TO_DIE])
@pytest.mark.parametrize(
    "intent", ["centre_admissions", "ask_for_person", "seeking_help_rehab", "distress", "greet"]
)
async def test_card_never_stands_beside_the_centres_contact(here, intent, text) -> None:
    here.assistant.answer = lambda call: heard(intent)
    turn = await here.say(await here.begin(), text)
    assert kinds_of(turn)[0] == "card"
    assert "contact" not in kinds_of(turn)
    found = texts_of(turn.parts)
    assert [word for word in CENTRE_WORDS if word in found] == []


async def test_card_beside_no_topic_leads_to_admissions(here: Here) -> None:
    """Whatever the assistant hears in a message with danger."""
    for intent in here.service.helper.answers.by_intent:
        here.assistant.answer = lambda call, intent=intent: heard(intent)
        turn = await here.say(await here.begin(), NOT_BREATHING)
        found = texts_of(turn.parts)
        assert turn.parts[0]["kind"] == "card", intent
        assert "contact" not in kinds_of(turn), intent
        assert [word for word in CENTRE_WORDS if word in found] == [], intent


async def test_fallback_of_a_card_turn_is_the_card_alone(here: Here) -> None:
    await here.assistant.stop()
    turn = await here.say(await here.begin(), NOT_BREATHING)
    assert kinds_of(turn) == ["card"]
    assert [word for word in CENTRE_WORDS if word in texts_of(turn.parts)] == []


async def test_reminder_stays_after_a_card_until_it_is_taken_back(here: Here) -> None:
    conversation = await here.begin()
    assert "reminder" not in kinds_of(await here.say(conversation, QUESTION))
    await here.say(conversation, NOT_BREATHING)
    for text in (QUESTION, "thanks", "what are the side effects"):
        turn = await here.say(conversation, text)
        assert kinds_of(turn)[0] == "reminder", text
    back = await here.say(conversation, "", button="not_happening")
    assert back.parts[0]["key"] == "taken_back"
    assert "reminder" not in kinds_of(await here.say(conversation, QUESTION))


async def test_reminder_comes_with_the_fallback_too(here: Here) -> None:
    conversation = await here.begin()
    await here.say(conversation, NOT_BREATHING)
    await here.assistant.stop()
    turn = await here.say(conversation, QUESTION)
    assert kinds_of(turn)[0] == "reminder"
    assert turn.outcome == "error_reply"


async def test_danger_in_pieces_is_seen_across_turns(here: Here) -> None:
    conversation = await here.begin()
    await here.say(conversation, TOOK_TOO_MUCH)
    for text in (QUESTION, "thanks"):
        await here.say(conversation, text)
    turn = await here.say(conversation, "now I can't stay awake")
    assert turn.outcome == "emergency_shown"


async def test_one_word_of_danger_asks_back_and_silence_about_it_is_danger(here: Here) -> None:
    conversation = await here.begin()
    turn = await here.say(conversation, "overdose")
    assert turn.outcome == "clarified"
    ids = [button["id"] for button in turn.parts[0]["buttons"]]
    assert ids == ["someone_needs_help", "have_a_question"]
    assert (await here.say(conversation, "idk")).outcome == "emergency_shown"


async def test_card_is_counted_as_a_safety_event_without_text(here: Here) -> None:
    await here.say(await here.begin(), NOT_BREATHING)
    store = here.service.helper.record.store
    (event,) = store.safety_events(datetime.now(UTC) - timedelta(minutes=1))
    assert event.level == "emergency"
    assert event.rule_ids
    assert "husband" not in repr(event)


# The assistant is broken


@pytest.mark.parametrize("fault", QUICK_FAULTS)
async def test_assistant_that_fails_gets_the_honest_fallback(here: Here, fault: str) -> None:
    here.assistant.behaviour = fault
    turn, seconds = await timed(here, await here.begin(), QUESTION)
    assert_honest(turn)
    assert seconds < PATIENCE
    assert here.counts["outcome_error_reply"] == 1
    assert sum(n for name, n in here.counts.items() if name.startswith("assistant_")) == 1


@pytest.mark.parametrize("shape", WRONG_SHAPES.values(), ids=list(WRONG_SHAPES))
async def test_assistant_that_is_garbled_gets_the_honest_fallback(here: Here, shape) -> None:
    here.assistant.behaviour, here.assistant.shape = "wrong_shape", shape
    turn, seconds = await timed(here, await here.begin(), QUESTION)
    assert_honest(turn)
    assert seconds < PATIENCE
    assert here.counts["assistant_garbled"] == 1


@pytest.mark.parametrize("fault", SLOW_FAULTS)
async def test_assistant_that_is_silent_is_given_up_within_four_seconds(here, fault) -> None:
    """With the deadline that the helper is shipped with."""
    here.assistant.behaviour = fault
    turn, seconds = await timed(here, await here.begin(), QUESTION)
    assert_honest(turn)
    assert seconds < PATIENCE
    assert here.counts["assistant_slow"] == 1


async def test_assistant_that_is_dead_gets_the_honest_fallback_at_once(here: Here) -> None:
    await here.assistant.stop()
    turn, seconds = await timed(here, await here.begin(), QUESTION)
    assert_honest(turn)
    assert seconds < 1.0
    assert here.counts["assistant_dead"] == 1


@pytest.mark.parametrize("fault", [*QUICK_FAULTS, *SLOW_FAULTS, "dead"])
async def test_card_arrives_whatever_the_assistant_does(here: Here, fault: str) -> None:
    if fault == "dead":
        await here.assistant.stop()
    here.assistant.behaviour = fault
    turn, seconds = await timed(here, await here.begin(), NOT_BREATHING)
    assert turn.outcome == "emergency_shown"
    assert turn.parts[0]["kind"] == "card"
    assert seconds < PATIENCE


async def test_fallback_without_a_centre_names_who_else_to_ask(open_here: Open) -> None:
    here = await open_here(centre_file=Settings().centre_file)
    await here.assistant.stop()
    turn = await here.say(await here.begin(), QUESTION)
    assert turn.outcome == "error_reply"
    assert "pharmacist" in texts_of(turn.parts)


async def test_topic_buttons_are_answered_while_the_assistant_is_dead(here: Here) -> None:
    await here.assistant.stop()
    turn = await here.say(await here.begin(), "", button="topic:overdose_signs")
    assert turn.outcome == "answered"


async def test_circuit_opens_after_failures_and_closes_again(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.assistant.OPEN_SECONDS", 0.3)
    conversation = await here.begin()
    here.assistant.behaviour = "status_500"
    for _ in range(FAILURES_TO_OPEN + 2):
        assert_honest(await here.say(conversation, QUESTION))
    assert len(here.assistant.calls) == FAILURES_TO_OPEN, "an open circuit asks nobody"
    assert here.counts["assistant_circuit_open"] == 2
    here.assistant.behaviour = "answers"
    await asyncio.sleep(0.35)
    for _ in range(2):
        assert (await here.say(conversation, QUESTION)).outcome == "answered"


async def test_circuit_stays_closed_when_an_answer_is_too_late_for_a_card(here: Here) -> None:
    """A card leaves the assistant a third of a second; that says nothing about its health."""
    here.assistant.delay = 0.5
    conversation = await here.begin()
    for _ in range(FAILURES_TO_OPEN):
        assert (await here.say(conversation, NOT_BREATHING)).parts[0]["kind"] == "card"
    assert (await here.say(conversation, QUESTION)).outcome == "answered"


async def test_many_visitors_at_once_all_get_a_reply_from_a_hung_assistant(here: Here) -> None:
    here.assistant.behaviour = "hangs"
    conversations = [await here.begin() for _ in range(40)]
    texts = [NOT_BREATHING if n % 4 == 0 else QUESTION for n in range(40)]
    started = time.perf_counter()
    turns = await asyncio.gather(*map(here.say, conversations, texts))
    assert time.perf_counter() - started < PATIENCE + 1, "all of them at once"
    for text, turn in zip(texts, turns, strict=True):
        wanted = "emergency_shown" if text == NOT_BREATHING else "error_reply"
        assert turn.outcome == wanted


async def test_turn_survives_a_fault_in_its_own_steps(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **kwargs: object) -> None:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(here.service.helper.composer, "compose", fails)
    conversation = await here.begin()
    assert_honest(await here.say(conversation, QUESTION))
    assert (await here.say(conversation, NOT_BREATHING)).outcome == "emergency_shown"
    assert here.counts["compose_faults"] == 2


async def test_readiness_asks_for_understanding_not_for_a_status(here: Here) -> None:
    assert await here.service.helper.assistant_ready()
    here.assistant.answer = lambda call: heard("greet")
    assert not await here.service.helper.assistant_ready()


# Length, emptiness, repetition


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u200b \u200b", "\x00"])
async def test_empty_message_is_asked_for_a_question(here: Here, text: str) -> None:
    turn = await here.say(await here.begin(), text)
    assert turn.parts
    assert turn.parts[0]["text"].strip()


async def test_long_message_is_refused_politely(here: Here) -> None:
    turn = await here.say(await here.begin(), "I would like to know more. " * 100)
    assert turn.outcome == "clarified"
    assert turn.parts[0]["key"] == "too_long"
    assert here.assistant.calls == []


@pytest.mark.parametrize("length", [3_000, 100_000])
async def test_long_message_is_screened_whole(here: Here, length: int) -> None:
    text = "Hello there, and good day. " * (length // 27) + f"\n{NOT_BREATHING}"
    turn, seconds = await timed(here, await here.begin(), text)
    assert turn.outcome == "emergency_shown"
    assert seconds < PATIENCE


async def test_same_idempotency_key_gives_the_same_reply_once(here: Here) -> None:
    conversation = await here.begin()
    first = await here.say(conversation, QUESTION, key="once")
    here.assistant.answer = lambda call: heard("greet")
    again = await here.say(conversation, QUESTION, key="once")
    assert again == first
    assert len(here.assistant.calls) == 1
    assert len(await here.service.helper.record.turns(conversation)) == 1


async def test_idempotency_key_of_another_conversation_is_not_the_same(here: Here) -> None:
    await here.say(await here.begin(), QUESTION, key="once")
    turn = await here.say(await here.begin(), "hello?", key="once")
    assert turn.topic is None


async def test_card_is_repeated_for_its_idempotency_key(here: Here) -> None:
    conversation = await here.begin()
    await here.say(conversation, NOT_BREATHING, key="once")
    again = await here.say(conversation, NOT_BREATHING, key="once")
    assert again.parts[0]["kind"] == "card"


async def test_unknown_conversation_is_said_to_be_unknown(here: Here) -> None:
    with pytest.raises(NoSuchConversation):
        await here.say("11111111-1111-1111-1111-111111111111", QUESTION)


# Nothing grows, nothing leaks


async def test_turn_two_hundred_costs_what_turn_forty_costs(here: Here) -> None:
    """From turn 31 on the screen looks back at as many turns as it ever does."""
    costs = []
    for earlier in (LOOK_BACK + 1, 190):
        conversation = await here.begin()
        already_said(here, conversation, earlier)
        seconds = sorted([(await timed(here, conversation, QUESTION))[1] for _ in range(10)])
        costs.append(seconds[5])
        assert len(here.service.helper.record._memory[conversation]) <= LOOK_BACK
    assert costs[1] < 2 * costs[0] + 0.02
    sizes = {len(call["text"]) + len(str(call["context"])) for call in here.assistant.calls[1:]}
    assert max(sizes) < 200, "the assistant is told of the turn before only"


def already_said(here: Here, conversation: str, turns: int) -> None:
    store = here.service.helper.record.store
    for number in range(turns):
        turn = store.record_message(conversation, f"{QUESTION} {number}")
        store.finish_turn(
            turn.id,
            level="none",
            outcome="answered",
            topic="what_is_baclofen",
            covers=["what_is_baclofen"],
            topics=[],
            replies=[{"kind": "answer", "text": "An answer.", "key": "utter_what_is_baclofen"}],
            asks_back=False,
            taken_back=False,
            assessment={},
            sent_ms=1,
        )


async def test_no_log_line_holds_a_visitors_words(
    open_here: Open, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    here = await open_here(assistant_deadline=0.3)
    secret = "zanzibar"
    for behaviour in ("answers", "status_500", "garbage", "slow", "closes"):
        here.assistant.behaviour = behaviour
        conversation = await here.begin()
        for text in (f"{secret} {QUESTION}", f"{secret} {NOT_BREATHING}", f"/{secret}{{}}"):
            await here.say(conversation, text)
        await here.say(conversation, "", button=f"topic:{secret}")
    monkeypatch.setattr(
        here.service.helper.composer,
        "compose",
        lambda situation: (_ for _ in ()).throw(ValueError(secret)),
    )
    await here.say(await here.begin(), f"{secret} again")
    await here.service.helper.record.delete(conversation)
    assert len(caplog.records) > 20, "the log was listened to"
    assert not [r.name for r in caplog.records if secret in r.getMessage() + str(r.exc_info)]
    assert secret not in str(here.counts)
