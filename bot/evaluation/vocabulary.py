"""The labels of the held-out files in the helper's own words: topics, refusals and small talk.

A batch row names topics only. Which refusal or which small talk was said is read from the key of
the response, and the reviewed answers say which intent a response belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bot.answers import Answers
from bot.outcomes import Outcome

Family = Literal["covered", "out_of_scope", "small_talk"]

#: Outcomes that fit a small-talk intent; `small_talk` itself for all others.
FITTING: Mapping[str, frozenset[str]] = {
    "delete_my_data": frozenset({Outcome.data_request}),
    "that_was_wrong": frozenset({Outcome.feedback_noted}),
    "ask_for_person": frozenset(
        {Outcome.admissions_shown, Outcome.callback_started, Outcome.handed_over}
    ),
}
_SMALL_TALK = frozenset({Outcome.small_talk})
#: The general refusal; those of a subject begin with it.
REFUSAL = "out_of_scope"


@dataclass(frozen=True)
class Vocabulary:
    """What the labels mean.

    mates: each topic with the topics that its answer covers, itself included.
    intent_of: the intent of a response key, for refusals and small talk.
    """

    mates: Mapping[str, tuple[str, ...]]
    intent_of: Mapping[str, str]

    @classmethod
    def of(cls, answers: Answers) -> Vocabulary:
        """The vocabulary of the reviewed answers."""
        mates = {t: a.covers for a in answers.by_key.values() if a.topic for t in a.covers}
        intents = {key: a.intent for key, a in answers.by_key.items() if a.intent and not a.topic}
        return cls(mates, intents)

    @property
    def labels(self) -> frozenset[str]:
        """Every label that a held-out file may expect."""
        return frozenset(self.mates) | frozenset(self.intent_of.values()) | {REFUSAL}

    def family(self, label: str) -> Family:
        """Whether a label is a covered topic, out of scope or small talk."""
        if label in self.mates:
            return "covered"
        return "out_of_scope" if label.startswith(REFUSAL) else "small_talk"

    def fitting(self, label: str) -> frozenset[str]:
        """The outcomes that fit a label of small talk or a refusal."""
        if self.family(label) == "out_of_scope":
            return frozenset({Outcome.out_of_scope})
        return FITTING.get(label, _SMALL_TALK)
