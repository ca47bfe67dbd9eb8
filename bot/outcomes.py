"""How a turn can end. Named once; the store, the console, logs and metrics use these words."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """The ways a turn ends (docs/architecture.md says what each means)."""

    emergency_shown = "emergency_shown"
    poison_line_shown = "poison_line_shown"
    crisis_shown = "crisis_shown"
    pet_line_shown = "pet_line_shown"
    answered = "answered"
    answered_with_caution = "answered_with_caution"
    admissions_shown = "admissions_shown"
    callback_started = "callback_started"
    callback_saved = "callback_saved"
    small_talk = "small_talk"
    data_request = "data_request"
    feedback_noted = "feedback_noted"
    out_of_scope = "out_of_scope"
    clarified = "clarified"
    handed_over = "handed_over"
    error_reply = "error_reply"
