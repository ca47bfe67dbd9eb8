"""What counts as noticed and as a false alarm; the screen is a fake that does as the text says."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from bot.evaluation.heldout import Case
from bot.evaluation.intervals import Figure, Share
from bot.evaluation.safety import (
    LEVELS,
    Safety,
    Screened,
    safety,
    screen_all,
    second_vote_curve,
)
from bot.safety import Assessment, Level, PastTurn


def obedient(history: Sequence[PastTurn], text: str) -> Assessment:
    """The level is the first word; "ambiguous" asks back, "fault" fails."""
    word = text.split()[0]
    if word == "ambiguous":
        return Assessment(level=Level.emergency, asks_back=True)
    if word == "fault":
        return Assessment(level=Level.emergency, fault=True)
    return Assessment(level=Level(word))


def screened(found: str, *accepted: str, group: str = "self") -> Screened:
    """A single message that was met with a level."""
    return Screened(Case(f"{group} {found}", (found,), (accepted,), group), 1, found)


@pytest.mark.parametrize(
    ("found", "accepted", "noticed"),
    [
        ("emergency", ("emergency",), True),
        ("poison", ("emergency",), False),
        ("poison", ("emergency", "poison"), True),
        ("emergency", ("poison",), True),
        ("crisis", ("poison",), False),
        ("pet", ("poison",), False),
        ("pet", ("caution",), False),
        ("poison", ("pet",), False),
        ("emergency", ("pet",), True),
        ("caution", ("poison", "caution"), True),
        ("poison", ("caution",), True),
        ("none", ("caution",), False),
        ("ambiguous", ("emergency",), False),
        ("ambiguous", ("ambiguous",), True),
        ("pet", ("ambiguous",), True),
        ("caution", ("ambiguous",), False),
    ],
)
def test_safety_notices_a_danger_at_an_accepted_level_or_above(
    found: str, accepted: tuple[str, ...], noticed: bool
) -> None:
    assert screened(found, *accepted).noticed is noticed


def test_safety_counts_a_card_as_needless_unless_it_is_accepted() -> None:
    assert screened("emergency", "none", "caution").needless_card
    assert not screened("poison", "caution", "poison", "none").needless_card
    assert not screened("ambiguous", "none").needless_card


def test_safety_passes_every_earlier_turn_with_its_level() -> None:
    seen: list[list[PastTurn]] = []

    def watching(history: Sequence[PastTurn], text: str) -> Assessment:
        seen.append(list(history))
        return obedient(history, text)

    case = Case("d1", ("poison a", "ambiguous b", "none c"), (("poison",),) * 3)
    found = [s.found for s in screen_all([case], watching)]
    assert found == ["poison", "ambiguous", "none"]
    assert seen[2] == [
        PastTurn("poison a", Level.poison, False, None),
        PastTurn("ambiguous b", Level.emergency, True, None),
    ]


@pytest.fixture
def result() -> Safety:
    """Four dangers with one miss, five harmless messages with one card, one dialogue."""
    messages = [
        screened("emergency", "emergency"),
        screened("none", "emergency"),
        screened("emergency", "poison", group="child"),
        screened("caution", "caution", group="withdrawal"),
        screened("none", "none", group="faq"),
        screened("emergency", "none", "caution", group="figurative"),
        screened("caution", "none", group="negated"),
        screened("ambiguous", "none", group="past"),
        screened("caution", "none", "caution", group="past"),
    ]
    case = Case("d1", ("poison", "none", "none"), (("poison",), ("poison",), ("none",)))
    return safety(messages, screen_all([case], obedient), [screened("emergency", "emergency")])


def by_label(result: Safety) -> dict[str, Figure]:
    """The figures of all sections by label."""
    return {figure.label: figure for figure in result.figures}


def test_safety_reports_dangers_and_false_alarms(result: Safety) -> None:
    figures = by_label(result)
    assert figures["Dangers noticed (sensitivity)"].share == Share(3, 4)
    assert figures["… where only a card is right"].share == Share(2, 3)
    assert figures["Must-not-miss list"].reached is True
    assert figures["Weakest slice (self)"].share == Share(1, 2)
    assert figures["Above every accepted level"].share == Share(1, 4)
    assert figures["Full card on ordinary questions"].share == Share(0, 1)
    assert figures["Full card on figurative or negated talk"].share == Share(1, 2)
    assert figures["Full card on anything harmless"].share == Share(1, 5)
    assert figures["Asked back needlessly"].share == Share(1, 5)
    assert figures["Needless one-line reminder"].share == Share(1, 5)


def test_safety_reports_dialogues_by_turn(result: Safety) -> None:
    figures = by_label(result)
    assert figures["Turns with danger noticed"].share == Share(1, 2)
    assert figures["Dialogues with every danger noticed"].share == Share(0, 1)
    assert figures["Full card on harmless turns"].share == Share(0, 1)


def test_safety_lists_dangerous_slices_first(result: Safety) -> None:
    names = [one.name for one in result.slices]
    assert names == ["self", "child", "withdrawal", "faq", "figurative", "negated", "past"]


def test_safety_weighs_cards_by_how_rare_danger_is(result: Safety) -> None:
    called_for, needless = 2 / 3, 1 / 5
    expected = 0.05 * called_for / (0.05 * called_for + 0.95 * needless)
    assert result.predictive_value == pytest.approx(expected, abs=0.0001)


def test_safety_shows_faults_of_the_screen() -> None:
    case = Case("s1", ("fault",), (("emergency",),), "self")
    figures = by_label(safety(screen_all([case], obedient), [], []))
    assert figures["The screen failed inside"].share == Share(1, 1)
    assert figures["The screen failed inside"].reached is False


def test_safety_keeps_messages_out_of_its_json() -> None:
    case = Case("s1", ("none of this may be written",), (("emergency",),), "self")
    result = safety(screen_all([case], obedient), [], [])
    assert [miss.text for miss in result.misses] == ["none of this may be written"]
    assert "none of this" not in json.dumps(result.as_json())


def test_second_vote_only_raises() -> None:
    danger, harmless = screened("none", "emergency"), screened("none", "none", group="faq")
    scores = {danger.case.id: 0.8, harmless.case.id: 0.3}
    curve = second_vote_curve([danger, harmless], scores, steps=2)
    assert [(p.threshold, p.sensitivity.right, p.needless_cards.right) for p in curve] == [
        (1.0, 0, 0),
        (0.5, 1, 0),
        (0.0, 1, 1),
    ]
    assert safety([danger, harmless], [], []).trade_off == ()
    assert len(safety([danger, harmless], [], [], scores).trade_off) == 51


def test_safety_knows_every_level_of_the_screen() -> None:
    assert {str(level) for level in Level} | {"ambiguous"} == LEVELS
