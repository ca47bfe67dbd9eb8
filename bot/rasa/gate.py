"""What to do with the rankings: answer, ask back, or say that this is not covered.

- `clear`: one answer is sure enough; `also` names a second intent when the message asks two things.
- `tie`: two or three answers are plausible; the helper asks "Did you mean ...?".
- `unsure`: nothing is near; the message is not answered with a guess.

For `tie` and `unsure` the intent becomes Rasa's `nlu_fallback` (the ranking stays), which Rasa's
own evaluation knows how to undo, so the pipeline can be measured on any data set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Sequence, Text

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.nlu.constants import INTENT
from rasa.shared.nlu.training_data.message import Message

from bot.rasa.intent_classifier import RANKING_LENGTH, READING_RANKINGS
from bot.rasa.readings import READINGS, Reading

Ranking = List[Dict[Text, Any]]


@dataclass(frozen=True)
class Decision:
    """What the gate says of a message; the ranking is the one it was decided on."""

    kind: str
    ranking: Ranking
    also: List[str]


@dataclass(frozen=True)
class Gate:
    """Thresholds on confidence, 0 to 1.

    clear: an answer at least this sure is given.
    tie: below `clear`, one at least this sure is offered.
    part: a sentence or follow-up reading must be this sure to replace an unsure whole.
    second: how sure both parts of a message must be for two answers.
    refusal_prefix: intents that begin so are honest refusals; their confidences are added, and
        together they must reach `refuse` and beat every answer.
    """

    clear: float = 0.3
    tie: float = 0.12
    part: float = 0.5
    second: float = 0.6
    refuse: float = 0.5
    refusal_prefix: str = "out_of_scope"
    one_answer: Sequence[Sequence[str]] = ()

    def decide(self, readings: Sequence[Reading], rankings: Sequence[Ranking]) -> Decision:
        """The decision on a message with its readings, the whole first."""
        merged = [self._merged(ranking) for ranking in rankings]
        best = self._best(readings, merged)
        also = self._also(readings, merged, best)
        sure = best[0]["confidence"]
        kind = "clear" if sure >= self.clear else "tie" if sure >= self.tie else "unsure"
        return Decision(kind, best, also if kind == "clear" else [])

    def _merged(self, ranking: Ranking) -> Ranking:
        """The ranking with choices that are one choice added up."""
        sure = {row["name"]: row["confidence"] for row in ranking}
        for names in self.one_answer:
            known = [name for name in names if name in sure]
            if len(known) > 1:
                total = sum(sure[name] for name in known)
                first = max(known, key=lambda name: sure[name])
                sure[first] = total
        refusals = [name for name in sure if name.startswith(self.refusal_prefix)]
        if refusals:
            total = sum(sure[name] for name in refusals)
            first = max(refusals, key=lambda name: sure[name])
            if total >= self.refuse:
                sure[first] = total
        order = sorted(sure, key=lambda name: -sure[name])
        return [{"name": name, "confidence": min(1.0, sure[name])} for name in order]

    def _best(self, readings: Sequence[Reading], merged: Sequence[Ranking]) -> Ranking:
        """The whole, unless it is unsure and another reading is sure.

        A follow-up counts when it is surer than the whole: a fragment means little on its own.
        """
        best = merged[0]
        for reading, ranking in zip(readings[1:], merged[1:]):
            sure = ranking[0]["confidence"]
            if reading.kind == "follow_up" and sure >= self.clear:
                better = sure > best[0]["confidence"]
            else:
                better = best[0]["confidence"] < self.clear and sure >= self.part
            if better and sure > best[0]["confidence"]:
                best = ranking
        return best

    def _also(
        self, readings: Sequence[Reading], merged: Sequence[Ranking], best: Ranking
    ) -> List[str]:
        """A second intent that another part of the message asks for clearly."""
        parts = [
            ranking[0]
            for reading, ranking in zip(readings, merged)
            if reading.kind == "part" and ranking[0]["confidence"] >= self.second
        ]
        answers = [row for row in parts if not row["name"].startswith(self.refusal_prefix)]
        names = list(dict.fromkeys(row["name"] for row in answers))
        if best[0]["name"] not in names or len(names) != 2:
            return []
        return [name for name in names if name != best[0]["name"]]


@DefaultV1Recipe.register(
    DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False
)
class CoverageGate(GraphComponent):
    """Sets the final intent, `decision` and `also` of a message."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """The fields of `Gate`."""
        return {
            "clear": Gate.clear,
            "tie": Gate.tie,
            "part": Gate.part,
            "second": Gate.second,
            "refuse": Gate.refuse,
            "refusal_prefix": Gate.refusal_prefix,
            "one_answer": [],
        }

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> CoverageGate:
        """Creates the component (see the parent class)."""
        fields = {name: config[name] for name in cls.get_default_config()}
        return cls(Gate(**fields))

    def __init__(self, gate: Gate) -> None:
        """Keeps the thresholds."""
        self._gate = gate

    def process(self, messages: List[Message]) -> List[Message]:
        """Decides on each message."""
        for message in messages:
            decision = self._gate.decide(message.get(READINGS), message.get(READING_RANKINGS))
            ranking = decision.ranking[:RANKING_LENGTH]
            if decision.kind != "clear":
                sure = 1.0 - ranking[0]["confidence"]
                fallback = {"name": DEFAULT_NLU_FALLBACK_INTENT_NAME, "confidence": sure}
                ranking = [fallback, *ranking]
            message.set(INTENT, ranking[0], add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
            message.set("decision", decision.kind, add_to_output=True)
            message.set("also", decision.also, add_to_output=True)
        return messages
