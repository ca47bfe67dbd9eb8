"""The safety screen: reads a message with the turns before it and says whether a card goes out
first.

Pure and self-contained (spaCy and the data beside it): no model, no network, no database. Method
and targets follow the ConText algorithm (Harkema et al. 2009) with emergency predicates as single
signs.

    >>> assess([], "my husband won't wake up").level
    <Level.emergency: 'emergency'>
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from bot.safety import dialogue
from bot.safety.cards import (
    Card,
    Link,
    button_label,
    card,
    line,
    load_cards,
    waiting_steps,
)
from bot.safety.contacts import Contact, contacts, stale_contacts
from bot.safety.rulebook import Rulebook, load_rulebook
from bot.safety.screen import Screen
from bot.safety.types import (
    BUTTONS,
    Amount,
    Assessment,
    Level,
    PastTurn,
    Sign,
)

_log = logging.getLogger(__name__)
_lock = threading.Lock()
_screen: Screen | None = None
_faults = 0


def load() -> Screen:
    """Read and compile the rules once (also called by the first `assess`). Raises DataError on a
    bad rule."""
    global _screen
    if _screen is None:
        with _lock:
            if _screen is None:
                _screen = Screen(load_rulebook())
    return _screen


def rulebook() -> Rulebook:
    """The rules as data, for tests, the console and `bot screen`."""
    return load().book


def faults() -> int:
    """How many assessments ended in an internal fault since the process started."""
    return _faults


def forget() -> None:
    """Forget what was read of earlier turns; call it when a conversation is deleted."""
    dialogue.forget()


def assess(history: Sequence[PastTurn], text: str) -> Assessment:
    """Assess one message in the light of the turns before it. Never raises.

    A fault inside counts as danger: the assessment is an emergency with `fault=True`, and
    `faults()` grows.
    """
    try:
        return dialogue.assess(load(), history, text)
    except Exception as error:  # noqa: BLE001  whatever breaks, the visitor gets the card
        _count_fault(error)
        return Assessment(
            level=Level.emergency,
            explanation="The screen failed inside; this is treated as danger.",
            card_id="emergency",
            fault=True,
        )


def _count_fault(error: Exception) -> None:
    """Count and log a fault by its type only: its text could hold the visitor's words."""
    global _faults
    with _lock:
        _faults += 1
    _log.error("safety screen fault: %s", type(error).__name__)


__all__ = [
    "BUTTONS",
    "Amount",
    "Assessment",
    "Card",
    "Contact",
    "Level",
    "Link",
    "PastTurn",
    "Rulebook",
    "Screen",
    "Sign",
    "assess",
    "button_label",
    "card",
    "contacts",
    "faults",
    "forget",
    "line",
    "load",
    "load_cards",
    "rulebook",
    "stale_contacts",
    "waiting_steps",
]
