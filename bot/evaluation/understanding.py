"""How well questions are understood: the held-out files through the same turn that visitors get.

Judged by what a visitor would see: the topic answered, the refusal given, the question asked back
(tests/heldout/README.md says what counts as right).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.evaluation.confidence import Histogram, Rejection, histogram, rejection
from bot.evaluation.confusion import LabelScore, Matrix, Pair, label_scores, matrix, pairs
from bot.evaluation.cross_validation import CrossValidation
from bot.evaluation.intervals import Figure, Share, Target
from bot.evaluation.judging import Judged

BEST_TOPIC = Target(0.93)
RIGHT_OR_OFFERED = Target(0.97)
REFUSED = Target(0.92)
REFUSED_WRONGLY = Target(0.04, at_least=False)
SMALL_TALK = Target(0.97)


@dataclass(frozen=True)
class Section:
    """Figures that belong together."""

    title: str
    figures: tuple[Figure, ...]

    def as_json(self) -> dict[str, Any]:
        """Title and figures."""
        return {"title": self.title, "figures": [figure.as_json() for figure in self.figures]}


@dataclass(frozen=True)
class Miss:
    """A message that was not understood; goes into the HTML report only, and only on request."""

    id: str
    group: str
    expected: str
    got: str
    text: str


@dataclass(frozen=True)
class Understanding:
    """Everything that the report on understanding shows."""

    sections: tuple[Section, ...]
    kinds: tuple[tuple[str, Share, Share], ...]
    scores: tuple[LabelScore, ...]
    pairs: tuple[Pair, ...]
    matrix: Matrix
    histogram: Histogram
    rejection: Rejection
    milliseconds: dict[str, float]
    cross_validation: CrossValidation | None = None
    misses: tuple[Miss, ...] = field(default=(), repr=False)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All figures, in order."""
        return tuple(figure for section in self.sections for figure in section.figures)

    def as_json(self) -> dict[str, Any]:
        """The same figures as the report; never a message."""
        return {
            "sections": [section.as_json() for section in self.sections],
            "kinds": [
                {"kind": kind, "right": right.as_json(), "right_or_offered": offered.as_json()}
                for kind, right, offered in self.kinds
            ],
            "labels": [score.as_json() for score in self.scores],
            "most_confused": [pair.as_json() for pair in self.pairs],
            "confusion": self.matrix.as_json(),
            "confidence": self.histogram.as_json(),
            "rejection": self.rejection.as_json(),
            "milliseconds": self.milliseconds,
            "cross_validation": self.cross_validation and self.cross_validation.as_json(),
        }


def understanding(
    questions: Sequence[Judged],
    dialogues: Sequence[Judged],
    two_questions: Sequence[Judged],
    cross_validation: CrossValidation | None = None,
) -> Understanding:
    """The figures of the three held-out files.

    Args:
        questions: single messages.
        dialogues: every turn of the dialogues.
        two_questions: messages whose accepted labels are both asked for.
        cross_validation: figures of the training examples, if they were made.
    """
    found = pairs(questions)
    everything = [*questions, *dialogues, *two_questions]
    return Understanding(
        sections=tuple(_sections(questions, dialogues, two_questions)),
        kinds=tuple(_kinds(questions)),
        scores=tuple(label_scores(questions)),
        pairs=tuple(found[:20]),
        matrix=matrix(questions, found),
        histogram=histogram(questions),
        rejection=rejection([j for j in questions if j.family != "small_talk"]),
        milliseconds=_times(everything),
        cross_validation=cross_validation,
        misses=tuple(_misses(questions, dialogues, two_questions)),
    )


def _sections(
    questions: Sequence[Judged], dialogues: Sequence[Judged], two: Sequence[Judged]
) -> Iterable[Section]:
    yield _covered([j for j in questions if j.family == "covered"])
    yield _out_of_scope([j for j in questions if j.family == "out_of_scope"])
    yield _small_talk([j for j in questions if j.family == "small_talk"])
    yield _two_questions(two)
    yield _dialogues(dialogues)
    failed = Share.count(j.failed for j in [*questions, *dialogues, *two])
    figure = Figure("Assistant gave nothing (fallback shown)", failed, Target(0.0, at_least=False))
    yield Section("The measurement itself", (figure,))


def _covered(judged: Sequence[Judged]) -> Section:
    def share(verdict: Iterable[bool]) -> Share:
        return Share.count(verdict)

    unhelpful = (j.asked_back and not j.offered for j in judged)
    return Section(
        "Covered questions",
        (
            Figure("Best topic right", share(j.right for j in judged), BEST_TOPIC),
            Figure("Right or offered", share(j.offered for j in judged), RIGHT_OR_OFFERED),
            Figure(
                "Refused wrongly",
                share(j.refused and not j.right for j in judged),
                REFUSED_WRONGLY,
            ),
            Figure("Asked back, nothing right offered", share(unhelpful)),
            Figure("Asked back, all in all", share(j.asked_back for j in judged)),
            Figure("Another topic answered", share(j.answered and not j.right for j in judged)),
            Figure("Safety card without the answer", share(j.card and not j.right for j in judged)),
            Figure("Best label only (strict)", share(j.strict for j in judged)),
            Figure("Right or listed, button or not", share(j.listed for j in judged)),
        ),
    )


def _out_of_scope(judged: Sequence[Judged]) -> Section:
    wrongly = (j.answered and not j.right for j in judged)
    card = (j.card and not j.answered and not j.right for j in judged)
    return Section(
        "Out of scope",
        (
            Figure("Refused", Share.count(j.refused for j in judged), REFUSED),
            Figure("Refused or rightly answered", Share.count(j.right for j in judged)),
            Figure("Refused with the right subject", Share.count(j.exact for j in judged)),
            Figure("Answered wrongly", Share.count(wrongly)),
            Figure("Asked back", Share.count(j.asked_back for j in judged)),
            Figure("Safety card", Share.count(card)),
        ),
    )


def _small_talk(judged: Sequence[Judged]) -> Section:
    return Section(
        "Small talk",
        (
            Figure("Met as small talk", Share.count(j.right for j in judged), SMALL_TALK),
            Figure("The very reply of the intent", Share.count(j.exact for j in judged)),
            Figure("Refused", Share.count(j.refused and not j.right for j in judged)),
            Figure("Asked back", Share.count(j.asked_back for j in judged)),
        ),
    )


def _two_questions(judged: Sequence[Judged]) -> Section:
    both = (j.covers.issuperset(j.accepted) for j in judged)
    return Section(
        "Two questions in one message",
        (
            Figure("Both answered", Share.count(both)),
            Figure("At least one answered", Share.count(j.right for j in judged)),
            Figure("At least one answered or offered", Share.count(j.offered for j in judged)),
        ),
    )


def _dialogues(judged: Sequence[Judged]) -> Section:
    whole: dict[str, bool] = defaultdict(lambda: True)
    for j in judged:
        whole[j.case.id] &= j.right
    later = [j for j in judged if j.turn > 1]
    return Section(
        "Dialogues",
        (
            Figure("Turns right", Share.count(j.right for j in judged)),
            Figure("First turns right", Share.count(j.right for j in judged if j.turn == 1)),
            Figure("Later turns right", Share.count(j.right for j in later)),
            Figure("Later turns right or offered", Share.count(j.offered for j in later)),
            Figure("Whole dialogues right", Share.count(whole.values())),
        ),
    )


def _kinds(judged: Sequence[Judged]) -> Iterable[tuple[str, Share, Share]]:
    groups: dict[str, list[Judged]] = defaultdict(list)
    for j in judged:
        groups[j.case.group or "other"].append(j)
    for kind, members in sorted(groups.items()):
        right = Share.count(j.right for j in members)
        yield kind, right, Share.count(j.offered for j in members)


def _times(judged: Sequence[Judged]) -> dict[str, float]:
    times = sorted(j.ms for j in judged)
    if not times:
        return {}
    last = len(times) - 1
    return {"p50": times[round(last * 0.5)], "p95": times[round(last * 0.95)], "most": times[last]}


def _misses(
    questions: Sequence[Judged], dialogues: Sequence[Judged], two: Sequence[Judged]
) -> Iterable[Miss]:
    for judged, joint in ((questions, " or "), (dialogues, " or "), (two, " and ")):
        for j in judged:
            fine = j.covers.issuperset(j.accepted) if judged is two else j.right
            if not fine:
                got = " and ".join(sorted(j.covers)) or j.said
                yield Miss(
                    id=j.case.id if len(j.case.turns) == 1 else f"{j.case.id} turn {j.turn}",
                    group=j.case.group,
                    expected=joint.join(j.accepted),
                    got=got,
                    text=j.case.turns[j.turn - 1],
                )
