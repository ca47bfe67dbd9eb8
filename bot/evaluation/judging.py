"""One turn judged: what the helper did beside what would have been right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bot.evaluation.heldout import Case, EvaluationError
from bot.evaluation.vocabulary import REFUSAL, Family, Vocabulary
from bot.outcomes import Outcome

#: What stands for a reply that names no intent, in tables of what was taken for what.
ASKED_BACK, CARD, FALLBACK = "(asked back)", "(safety card)", "(fallback)"
_CARDS = frozenset(
    {
        Outcome.emergency_shown,
        Outcome.poison_line_shown,
        Outcome.crisis_shown,
        Outcome.pet_line_shown,
    }
)


@dataclass(frozen=True)
class Judged:
    """A turn with its verdicts.

    expected: the best label; accepted: all that are right, best first.
    matched: the first accepted label that the reply fits, or None.
    offered: an accepted topic was answered, or offered on a button that the visitor sees.
    listed: an accepted topic stands in the row's `topics`, button or not.
    said: the label of the reply (a topic, an intent, or one of the marks in brackets).
    exact: the reply is the very one of an accepted label, not only of its kind.
    strict: the reply fits the best label.
    confidence, guess: of the best topic named in the row; 0 and None without one.
    """

    case: Case
    turn: int
    accepted: tuple[str, ...]
    family: Family
    outcome: str
    topic: str | None
    covers: frozenset[str]
    matched: str | None
    offered: bool
    listed: bool
    said: str
    exact: bool
    strict: bool
    confidence: float
    guess: str | None
    guess_right: bool
    ms: float

    @property
    def expected(self) -> str:
        """The best label."""
        return self.accepted[0]

    @property
    def right(self) -> bool:
        """The reply fits an accepted label."""
        return self.matched is not None

    @property
    def answered(self) -> bool:
        """A topic was answered."""
        return bool(self.covers)

    @property
    def refused(self) -> bool:
        """The reply was an honest refusal."""
        return self.outcome == Outcome.out_of_scope

    @property
    def asked_back(self) -> bool:
        """The reply was a question."""
        return self.outcome == Outcome.clarified

    @property
    def card(self) -> bool:
        """A safety card was shown."""
        return self.outcome in _CARDS

    @property
    def failed(self) -> bool:
        """The honest fallback was shown: the assistant gave nothing."""
        return self.outcome == Outcome.error_reply


def judge_all(
    cases: Sequence[Case], rows: Iterable[Mapping[str, Any]], vocabulary: Vocabulary
) -> list[Judged]:
    """Every turn of the cases with its row; rows come in the order of the cases.

    Raises:
        EvaluationError: the rows are not those of the cases.
    """
    return [judge(case, turn, row, vocabulary) for case, turn, row in _pairs(cases, rows)]


def _pairs(
    cases: Sequence[Case], rows: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[Case, int, Mapping[str, Any]]]:
    left = iter(rows)
    for case in cases:
        taken = list(islice(left, len(case.turns)))
        numbers = [(row["id"], row["turn"]) for row in taken]
        if numbers != [(case.id, turn) for turn in range(1, len(case.turns) + 1)]:
            raise EvaluationError(f"The rows do not fit the held-out file from {case.id} on.")
        yield from ((case, number, row) for number, row in enumerate(taken, start=1))
    if next(left, None) is not None:
        raise EvaluationError("There are more rows than held-out turns.")


def judge(case: Case, turn: int, row: Mapping[str, Any], vocabulary: Vocabulary) -> Judged:
    """One turn with its row."""
    accepted = case.expected[turn - 1]
    covers = frozenset(row["covers"]) | ({row["topic"]} if row["topic"] else frozenset())
    intent = _intent(row, vocabulary)
    fits = [label for label in accepted if _fits(label, row["outcome"], covers, vocabulary)]
    exact = [label for label in accepted if label == intent or label in covers]
    listed = [entry["topic"] for entry in row["topics"]]
    seen = covers | _on_buttons(row, listed, vocabulary)
    guess = listed[0] if listed else None
    return Judged(
        case=case,
        turn=turn,
        accepted=accepted,
        family=vocabulary.family(accepted[0]),
        outcome=row["outcome"],
        topic=row["topic"],
        covers=covers,
        matched=next(iter([label for label in exact if label in fits] or fits), None),
        offered=bool(fits) or not seen.isdisjoint(accepted),
        listed=bool(fits) or not covers.union(listed).isdisjoint(accepted),
        said=_said(row, intent),
        exact=bool(fits) and bool(exact),
        strict=accepted[0] in fits,
        confidence=float(row["topics"][0]["confidence"]) if listed else 0.0,
        guess=guess,
        guess_right=guess is not None and not _mates(guess, vocabulary).isdisjoint(accepted),
        ms=float(row["ms"]),
    )


def _fits(label: str, outcome: str, covers: frozenset[str], vocabulary: Vocabulary) -> bool:
    if vocabulary.family(label) == "covered":
        return label in covers
    return outcome in vocabulary.fitting(label)


def _intent(row: Mapping[str, Any], vocabulary: Vocabulary) -> str | None:
    """The intent of the first response that has one; a refusal of no subject is the general one."""
    intents = (vocabulary.intent_of.get(part.get("key") or "") for part in row["reply"])
    general = REFUSAL if row["outcome"] == Outcome.out_of_scope else None
    return next((intent for intent in intents if intent), general)


def _mates(topic: str, vocabulary: Vocabulary) -> frozenset[str]:
    return frozenset(vocabulary.mates.get(topic, (topic,)))


def _on_buttons(
    row: Mapping[str, Any], listed: Sequence[str], vocabulary: Vocabulary
) -> frozenset[str]:
    """The listed topics that a button of the reply leads to."""
    buttons = {button["id"] for part in row["reply"] for button in part.get("buttons", ())}
    pressed = {id.removeprefix("topic:") for id in buttons if id.startswith("topic:")}
    reached = frozenset().union(*(_mates(topic, vocabulary) for topic in pressed))
    return reached.intersection(listed)


def _said(row: Mapping[str, Any], intent: str | None) -> str:
    if row["topic"]:
        return str(row["topic"])
    outcome = row["outcome"]
    if outcome in _CARDS:
        return CARD
    marks = {Outcome.clarified: ASKED_BACK, Outcome.error_reply: FALLBACK}
    return marks.get(outcome) or intent or str(outcome)
