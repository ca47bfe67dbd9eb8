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
    part: a sentence of the message must be this sure to replace an unsure whole.
    own: a whole this sure means what it says; below it, a surer follow-up reading counts.
    second: how sure the answers to both questions of a message must be for two answers.
    refusal_prefix: intents that begin so are honest refusals; their confidences are added.
    refuse: refusals that together reach this stand as one choice beside the answers.
    refusal_weight: how much more a refusal counts there than an answer: a wrong answer in a
        confident tone does more harm than a refusal that says who knows.
    """

    clear: float = 0.25
    tie: float = 0.12
    part: float = 0.5
    own: float = 0.65
    second: float = 0.6
    refuse: float = 0.25
    refusal_weight: float = 2.0
    refusal_prefix: str = "out_of_scope"
    one_answer: Sequence[Sequence[str]] = ()

    def decide(self, readings: Sequence[Reading], rankings: Sequence[Ranking]) -> Decision:
        """The decision on a message with its readings, the whole first."""
        merged = [self._merged(ranking) for ranking in rankings]
        two = self._two_questions(readings, merged)
        if two:
            return Decision("clear", two[0], [two[1][0]["name"]])
        best = self._best(readings, merged)
        sure = best[0]["confidence"]
        kind = "clear" if sure >= self.clear else "tie" if sure >= self.tie else "unsure"
        return Decision(kind, best, [])

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
                sure[first] = total * self.refusal_weight
        order = sorted(sure, key=lambda name: -sure[name])
        return [{"name": name, "confidence": min(1.0, sure[name])} for name in order]

    def _best(self, readings: Sequence[Reading], merged: Sequence[Ranking]) -> Ranking:
        """The whole, unless another reading says more.

        A fragment means little on its own: a surer follow-up reading counts instead ("why?" alone
        means nothing). A sentence counts when the whole is unsure.
        """
        best = merged[0]
        if readings[0].kind == "bare" and len(merged) > 1:
            return max(merged[1:], key=lambda ranking: float(ranking[0]["confidence"]))
        for reading, ranking in zip(readings[1:], merged[1:]):
            sure, now = ranking[0]["confidence"], best[0]["confidence"]
            limit = self.own if reading.kind == "follow_up" else self.clear
            least = self.clear if reading.kind == "follow_up" else self.part
            if now < limit and sure >= least and sure > now:
                best = ranking
        return best

    def _two_questions(
        self, readings: Sequence[Reading], merged: Sequence[Ranking]
    ) -> Sequence[Ranking]:
        """The rankings of a message's two questions, when both are clear and differ."""
        asked = [
            ranking
            for reading, ranking in zip(readings, merged)
            if reading.kind == "part" and reading.asks
        ]
        if len(asked) < 2:
            return ()
        clear = [*asked, merged[0]]  # the whole stands in for a part that is unclear alone
        clear = [ranking for ranking in clear if ranking[0]["confidence"] >= self.second]
        by_choice: Dict[Text, Ranking] = {}
        for ranking in clear:
            name = ranking[0]["name"]
            if not name.startswith(self.refusal_prefix):
                by_choice.setdefault(self._choice(name), ranking)
        found = list(by_choice.values())
        parts = {self._choice(ranking[0]["name"]) for ranking in asked if ranking in clear}
        if len(found) == 3 and len(parts) == 2:  # two clear parts need no whole
            found = found[:2]
        return found if len(found) == 2 else ()

    def _choice(self, name: Text) -> Text:
        """The first of the intents that share this one's answer."""
        return next((names[0] for names in self.one_answer if name in names), name)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class CoverageGate(GraphComponent):
    """Sets the final intent, `decision` and `also` of a message."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """The fields of `Gate`."""
        return {
            "clear": Gate.clear,
            "tie": Gate.tie,
            "part": Gate.part,
            "own": Gate.own,
            "second": Gate.second,
            "refuse": Gate.refuse,
            "refusal_weight": Gate.refusal_weight,
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
