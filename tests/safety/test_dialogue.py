"""Several turns: what was reported stays reported, a change of topic clears nothing and repeats
nothing."""

from __future__ import annotations

import pytest

from bot.safety import BUTTONS, Assessment, Level, PastTurn, assess


def _talk(*texts: str) -> list[Assessment]:
    """Assess each message in turn with the history the helper would keep."""
    history: list[PastTurn] = []
    found: list[Assessment] = []
    for text in texts:
        assessment = assess(history, text)
        found.append(assessment)
        button = text if text in BUTTONS else None
        history.append(PastTurn(text, assessment.level, assessment.asks_back, button))
    return found


@pytest.mark.parametrize(
    "texts",
    [
        ("i took 15 tonight", "what is baclofen used for", "ok thanks", "kinda sleepy"),
        ("i took a double dose", "can i drive", "im feeling really dizzy"),
        ("overdose", "yes"),
        ("overdose", "idk"),
        ("overdose", "someone_needs_help"),
        ("help", "hello?"),
        ("my son got into my pills", "about 6 of them"),
        ("i stopped my baclofen two days ago", "how long does withdrawal last", "i have a fever"),
        ("my pump refill was due", "he has a baclofen pump", "he is really confused"),
        ("my name is Ann", "416 555 0199 he isnt breathing"),
        ("i took four baclofen", "i also had some vodka"),
        ("my mom took her pills", "she's hard to wake"),
        ("he's not breathing", "false alarm he is fine now", "wait he is not breathing again"),
        ("he's not breathing", "he's fine now but he won't wake up"),
        ("j'ai pris 4 comprimés", "je suis étourdi"),
        ("tomé 4 pastillas", "estoy muy mareado"),
    ],
)
def test_dialogue_ends_in_emergency(texts: tuple[str, ...]) -> None:
    assert _talk(*texts)[-1].level is Level.emergency


@pytest.mark.parametrize(
    "texts",
    [
        ("he is not breathing", "what are the side effects of baclofen"),
        ("i took 20 pills", "not_happening", "i feel sleepy on baclofen"),
        ("overdose", "have_a_question"),
        ("overdose", "what are the signs of an overdose"),
        ("overdose", "i just have a question"),
        ("he is not breathing", "false alarm, he's fine"),
        ("i took 20 pills", "have_called"),
        ("i took 20 pills", "do you take insurance"),
        ("i want to die", "thank you"),
    ],
)
def test_dialogue_does_not_show_the_card_again(texts: tuple[str, ...]) -> None:
    assert not _talk(*texts)[-1].level.calls_for_card


def test_dialogue_asks_back_on_one_word() -> None:
    first = _talk("overdose")[0]
    assert first.asks_back and first.card_id == "ask_back"


def test_dialogue_takes_back_only_clearly() -> None:
    assert _talk("he took 20 pills", "false alarm")[-1].taken_back
    assert not _talk("what is baclofen", "false alarm")[-1].taken_back
    assert not _talk("he took 20 pills", "i think he seems better")[-1].taken_back


def test_dialogue_resolves_he_to_the_child() -> None:
    assert _talk("my toddler ate one of my pills", "he is sleepy")[-1].person == "child"


def test_dialogue_remembers_place_and_language() -> None:
    last = _talk("je suis à Montréal", "mon fils ne respire plus")[-1]
    assert (last.region_hint, last.language) == ("ca-qc", "fr")


def test_dialogue_costs_the_same_in_turn_200() -> None:
    history = [PastTurn("what is baclofen used for", Level.none)] * 400
    assert assess(history, "i took 20 pills").level is Level.emergency
