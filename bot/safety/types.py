"""The words of the safety screen: what goes in (turns) and what comes out (an assessment).

Levels and categories follow the project's table of dangers (E1-E11, A1, H, P, Q, N). An assessment
never holds advice: it says what was found and which fixed card answers it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """What the screen found, from the most to the least urgent."""

    emergency = "emergency"
    poison = "poison"
    crisis = "crisis"
    pet = "pet"
    caution = "caution"
    none = "none"

    @property
    def calls_for_card(self) -> bool:
        """True when a fixed safety card goes out before anything else."""
        return self in _CARD_LEVELS

    @property
    def urgency(self) -> int:
        """Rank for comparing levels: 0 is none, 5 is emergency."""
        return _URGENCY[self]


_CARD_LEVELS = frozenset({Level.emergency, Level.poison, Level.crisis, Level.pet})
_URGENCY = {
    Level.none: 0,
    Level.caution: 1,
    Level.pet: 2,
    Level.poison: 3,
    Level.crisis: 4,
    Level.emergency: 5,
}

SOMEONE_NEEDS_HELP = "someone_needs_help"
HAVE_A_QUESTION = "have_a_question"
NOT_HAPPENING = "not_happening"
HAVE_CALLED = "have_called"
WHILE_WAITING = "while_waiting"

BUTTONS: tuple[str, ...] = (
    SOMEONE_NEEDS_HELP,
    HAVE_A_QUESTION,
    NOT_HAPPENING,
    HAVE_CALLED,
    WHILE_WAITING,
)
"""Ids of the buttons that a card or an ask-back may carry."""


@dataclass(frozen=True, slots=True)
class PastTurn:
    """One earlier turn of the visitor, oldest first in a history.

    `button` is the id (one of BUTTONS) when the visitor pressed a button instead of typing.
    """

    text: str
    level: Level = Level.none
    asked_back: bool = False
    button: str | None = None


@dataclass(frozen=True, slots=True)
class Sign:
    """A danger sign found in the message. `start` and `end` are offsets into the original text.

    `status` says whether it counts: affirmed, or why not (negated, past, hypothetical, information,
    figurative, quoted).
    """

    category: str
    rule_id: str
    start: int
    end: int
    text: str
    status: str = "affirmed"


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity of medicine read from the message; only ever used to raise a level.

    `total_mg` assumes 20 mg a tablet when no strength is given. None means that it was not said.
    """

    start: int
    end: int
    text: str
    count: float | None = None
    strength_mg: float | None = None
    total_mg: float | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the screen says about one message in the light of the turns before it."""

    level: Level = Level.none
    signs: tuple[Sign, ...] = ()
    person: str = "unknown"
    time: str = "unknown"
    substances: tuple[str, ...] = ()
    amounts: tuple[Amount, ...] = ()
    explanation: str = ""
    asks_back: bool = False
    region_hint: str | None = None
    language: str = "en"
    card_id: str | None = None
    fault: bool = False
    taken_back: bool = False
