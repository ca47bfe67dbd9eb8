"""What the assistant's second vote may do: raise a level that the screen missed, never lower one.

The screen has decided before the assistant is asked, and every promise about cards holds without
this. docs/decisions/0008-second-vote.md has the trade-off that the thresholds were read from.
"""

from __future__ import annotations

from dataclasses import replace

from bot.assistant import Heard
from bot.safety import Assessment, Level

#: How sure of danger the vote must be for a card, and for the one-line reminder.
CARD = 0.8
CAUTION = 0.4
#: For a card where the screen saw signs and understood them as past, supposed or denied.
CARD_AGAINST_CONTEXT = 0.97


def raised_by_vote(assessment: Assessment, heard: Heard | None) -> Assessment:
    """The assessment, with a higher level where the vote is sure enough."""
    vote = heard.understood.danger if heard is not None else None
    if vote is None or assessment.level.calls_for_card or assessment.asks_back:
        return assessment
    if assessment.taken_back or vote.level not in Level.__members__:
        return assessment
    needed = CARD_AGAINST_CONTEXT if assessment.signs else CARD
    if vote.confidence >= needed and Level(vote.level).calls_for_card:
        level = Level(vote.level)
        note = f"second vote: {level} {vote.confidence:.2f}"
        explanation = f"{assessment.explanation} ({note})".strip()
        return replace(
            assessment, level=level, card_id=str(level), time="present", explanation=explanation
        )
    if vote.confidence >= CAUTION and assessment.level is Level.none:
        return replace(assessment, level=Level.caution)
    return assessment
