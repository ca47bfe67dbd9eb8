"""The composer: order of the parts, and the outcome, for every situation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fakes import heard
from support import CENTRE_WORDS, texts_of

from bot.answers import Answers, load_answers
from bot.assistant import Heard
from bot.centre import Centre
from bot.compose import DOUBT, Composed, Composer, Situation
from bot.outcomes import Outcome
from bot.safety import BUTTONS, Assessment, Level
from bot.texts import load_texts

CENTRE = Centre(
    configured=True,
    name="Maple Test Centre",
    operator="Maple Testing Ltd",
    telephone="+1 555 010 0199",
    email="hello@maple.example",
    web="https://maple.example",
    hours="Every day",
)
NOWHERE = Centre(False, "", "", "", "", "", "")


@pytest.fixture(scope="module")
def answers() -> Answers:
    return load_answers()


@pytest.fixture
def composer(answers: Answers) -> Composer:
    return Composer(answers, load_texts("en"), CENTRE)


def situation(level: Level = Level.none, **fields: Any) -> Situation:
    understood = fields.pop("heard", None)
    card = str(level) if level.calls_for_card else None
    return Situation(
        Assessment(level=level, card_id=card),
        "unknown",
        heard=Heard.model_validate(understood) if understood else None,
        **fields,
    )


def kinds(composed: Composed) -> list[str]:
    return [part.kind for part in composed.parts]


def read(composed: Composed) -> str:
    return texts_of([part.as_json() for part in composed.parts])


# Every answer


def test_composer_answers_every_topic_with_sources_and_its_own_id(composer: Composer) -> None:
    for name, answer in composer.answers.by_intent.items():
        if not answer.topic:
            continue
        composed = composer.compose(situation(heard=heard(name, response=answer.key)))
        assert composed.parts[0].kind == "answer", name
        assert composed.parts[0].sources, name
        assert name in composed.covers, name
        assert composed.outcome in {Outcome.answered, Outcome.admissions_shown}, name


def test_composer_refuses_every_out_of_scope_intent_and_says_who_knows(composer: Composer) -> None:
    refusals = [name for name in composer.answers.by_intent if name.startswith("out_of_scope")]
    assert len(refusals) >= 15
    for name in refusals:
        composed = composer.compose(situation(heard=heard(name)))
        assert composed.outcome is Outcome.out_of_scope, name
        assert composed.topic is None, name
        contacts = composer.answers.by_intent[name].contacts
        assert ("contact" in kinds(composed)) == bool(contacts), name


def test_composer_issues_no_button_that_it_cannot_answer(composer: Composer) -> None:
    for name in composer.answers.by_intent:
        composed = composer.compose(situation(heard=heard(name)))
        for part in composed.parts:
            for button in part.buttons:
                assert button.label.strip(), name
                topic = button.id.removeprefix("topic:")
                again = composer.compose(situation(pressed=topic))
                assert again.parts[0].text.strip(), button.id


@pytest.mark.parametrize(
    ("intent", "outcome"),
    [
        ("greet", Outcome.small_talk),
        ("delete_my_data", Outcome.data_request),
        ("that_was_wrong", Outcome.feedback_noted),
        ("ask_for_person", Outcome.admissions_shown),
        ("centre_admissions", Outcome.admissions_shown),
        ("tapering", Outcome.answered),
        ("out_of_scope_dose", Outcome.out_of_scope),
    ],
)
def test_composer_names_the_outcome(composer: Composer, intent: str, outcome: Outcome) -> None:
    assert composer.compose(situation(heard=heard(intent))).outcome is outcome


# The centre


def test_composer_shows_the_centres_own_contact(composer: Composer) -> None:
    composed = composer.compose(situation(heard=heard("centre_admissions")))
    contact = composed.parts[-1]
    assert contact.kind == "contact"
    assert "+1 555 010 0199" in contact.text
    assert contact.links[0].href == "tel:+15550100199"


def test_composer_invents_no_contact_for_a_centre_that_is_not_set_up(composer: Composer) -> None:
    bare = replace(composer, centre=NOWHERE)
    composed = bare.compose(situation(heard=heard("centre_admissions")))
    assert composed.parts[-1].kind == "contact"
    assert composed.parts[-1].links == ()
    assert not any(c.isdigit() for c in composed.parts[-1].text)


def test_composer_shows_the_centre_nowhere_but_where_it_is_asked_for(composer: Composer) -> None:
    for name, answer in composer.answers.by_intent.items():
        if answer.contact:
            continue
        found = read(composer.compose(situation(heard=heard(name, response=answer.key))))
        assert not [word for word in CENTRE_WORDS[:3] if word in found], name


# Doubt


def test_composer_offers_what_else_was_meant_when_in_doubt(composer: Composer) -> None:
    other = {"stop_suddenly": 0.3}
    doubtful = heard("tapering", confidence=DOUBT - 0.05, others=other)
    sure = heard("tapering", confidence=DOUBT + 0.05, others=other)
    shown = [composer.compose(situation(heard=h)).parts[0].buttons[0].id for h in (doubtful, sure)]
    assert shown[0] == "topic:stop_suddenly"
    assert shown[1] == f"topic:{composer.answers.by_intent['tapering'].related[0]}"


def test_composer_offers_nothing_twice(composer: Composer) -> None:
    """Topics that share an answer are one choice."""
    tie = heard(
        "mixing_depressants",
        confidence=0.2,
        decision="tie",
        others={"do_not_combine_list": 0.19, "tapering": 0.1},
    )
    composed = composer.compose(situation(heard=tie))
    ids = [button.id for button in composed.parts[0].buttons]
    assert ids == ["topic:mixing_depressants", "topic:tapering"]


def test_composer_never_offers_small_talk(composer: Composer) -> None:
    tie = heard("thank", confidence=0.2, decision="tie", others={"tapering": 0.19})
    composed = composer.compose(situation(heard=tie))
    assert [button.id for button in composed.parts[0].buttons] == ["topic:tapering"]


def test_composer_asks_for_other_words_when_there_is_nothing_to_offer(composer: Composer) -> None:
    tie = heard("greet", confidence=0.2, decision="tie")
    composed = composer.compose(situation(heard=tie))
    assert composed.outcome is Outcome.clarified
    assert composed.parts[0].key == "utter_not_understood"


def test_composer_never_guesses_when_the_assistant_is_unsure(composer: Composer) -> None:
    unsure = heard("tapering", response="utter_default", confidence=0.1, decision="unsure")
    composed = composer.compose(situation(heard=unsure))
    assert composed.topic is None
    assert composed.covers == ()
    assert composed.parts[0].key == "utter_default"


# Safety


@pytest.mark.parametrize("level", [level for level in Level if level.calls_for_card])
@pytest.mark.parametrize("region", ["unknown", "us", "ca", "ca-qc", "uk", "nowhere"])
def test_composer_shows_the_card_of_every_level_in_every_region(composer, level, region) -> None:
    composed = composer.compose(replace(situation(level), region=region))
    assert composed.parts[0].kind == "card"
    assert composed.parts[0].key == str(level)
    assert composed.parts[0].title
    assert composed.parts[0].buttons


@pytest.mark.parametrize("level", list(Level))
def test_composer_is_never_empty(composer: Composer, level: Level) -> None:
    failed = [situation(level), situation(level, heard=heard("greet"))]
    pressed = [situation(level, safety_button=b) for b in BUTTONS if b != "someone_needs_help"]
    for each in (*failed, *pressed):
        composed = composer.compose(each)
        assert composed.parts
        assert all(part.text.strip() for part in composed.parts)
        assert composer.last_resort(each).parts[0].text.strip()


def test_composer_answers_with_caution_and_puts_the_line_first(composer: Composer) -> None:
    composed = composer.compose(situation(Level.caution, heard=heard("overdose_signs")))
    assert kinds(composed) == ["reminder", "answer"]
    assert composed.outcome is Outcome.answered_with_caution


def test_composer_says_the_safety_line_once(composer: Composer) -> None:
    """With a card the line would only repeat it."""
    plain = composer.compose(situation(heard=heard("overdose_signs")))
    carded = composer.compose(situation(Level.emergency, heard=heard("overdose_signs")))
    line = plain.parts[0].text.splitlines()[0]
    assert "call" in line.lower()
    assert line not in carded.parts[1].text


def test_composer_keeps_a_tie_out_of_a_turn_with_a_card(composer: Composer) -> None:
    tie = heard("tapering", confidence=0.2, decision="tie", others={"stop_suddenly": 0.1})
    composed = composer.compose(situation(Level.emergency, heard=tie))
    assert kinds(composed) == ["card"]
    assert composed.outcome is Outcome.emergency_shown


def test_composer_shows_the_reminder_before_everything_but_taking_back(composer: Composer) -> None:
    after = situation(after_card=True, heard=heard("ask_for_person"))
    assert kinds(composer.compose(after))[0] == "reminder"
    taken = Situation(Assessment(taken_back=True), "us", heard=after.heard)
    composed = composer.compose(taken)
    assert composed.parts[0].key == "taken_back"
    assert "reminder" not in kinds(composed)


def test_fallback_is_an_error_reply_with_the_centres_contact(composer: Composer) -> None:
    composed = composer.compose(situation())
    assert composed.outcome is Outcome.error_reply
    assert "Maple Test Centre (+1 555 010 0199" in composed.parts[0].text
    assert composed.parts[0].links[0].href == "tel:+15550100199"
