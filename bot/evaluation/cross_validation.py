"""Cross-validation of the training examples by Rasa's own `rasa test nlu`, in its own environment.

Says how well the examples agree with each other, not how the helper meets strangers: the same
writers wrote the examples that train and those that test. Rasa undoes the gate's fallback before
it counts (rasa.nlu.test), so the figures are those of the classifier alone.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.evaluation.confusion import LabelScore, Pair
from bot.evaluation.heldout import EvaluationError
from bot.evaluation.intervals import Share
from bot.settings import PROJECT
from bot.supervisor import RASA, environment

FOLDS = 5
#: From this confidence on a wrong intent counts as sure and wrong.
SURE = 0.5
#: Entries of Rasa's report that are averages, not intents.
_AVERAGES = frozenset({"accuracy", "macro avg", "weighted avg", "micro avg"})


@dataclass(frozen=True)
class CrossValidation:
    """Figures over all test folds; `sure_and_wrong`: wrong with a confidence of SURE or more."""

    folds: int
    accuracy: Share
    sure_and_wrong: Share
    macro_f1: float
    scores: tuple[LabelScore, ...]
    pairs: tuple[Pair, ...]

    def as_json(self) -> dict[str, Any]:
        """All figures."""
        return {
            "folds": self.folds,
            "accuracy": self.accuracy.as_json(),
            "sure_and_wrong": self.sure_and_wrong.as_json(),
            "macro_f1": round(self.macro_f1, 4),
            "labels": [score.as_json() for score in self.scores],
            "most_confused": [pair.as_json() for pair in self.pairs],
        }


def cross_validate(folds: int = FOLDS, project: Path = PROJECT) -> CrossValidation:
    """Train and test `folds` times; minutes.

    Raises:
        EvaluationError: Rasa is not set up, or failed (the end of its output is quoted).
    """
    if not RASA.exists():
        raise EvaluationError("The assistant's environment is missing. Run `make setup`.")
    with tempfile.TemporaryDirectory(prefix="bot-folds-") as folder:
        done = subprocess.run(
            command_line(folds, Path(folder)),
            cwd=project,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            raise EvaluationError(f"Cross-validation failed:\n{done.stdout[-1500:]}")
        return read_reports(Path(folder), folds)


def command_line(folds: int, out: Path) -> list[str]:
    """What is run, from the project's folder."""
    line = [str(RASA), "test", "nlu", "--cross-validation", "--folds", str(folds)]
    line += ["--nlu", "data/nlu", "--config", "config.yml", "--domain", "domain.yml"]
    return [*line, "--out", str(out), "--no-plot"]


def read_reports(folder: Path, folds: int) -> CrossValidation:
    """The figures in Rasa's intent_report.json and intent_errors.json.

    Raises:
        EvaluationError: they are missing or of another shape.
    """
    try:
        report = json.loads((folder / "intent_report.json").read_text(encoding="utf-8"))
        errors_file = folder / "intent_errors.json"  # not written when there are none
        errors = json.loads(errors_file.read_text("utf-8")) if errors_file.exists() else []
        return _figures(report, errors, folds)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise EvaluationError(f"Rasa's report cannot be read: {error!r}") from None


def _figures(
    report: Mapping[str, Any], errors: Sequence[Mapping[str, Any]], folds: int
) -> CrossValidation:
    intents = {name: row for name, row in report.items() if name not in _AVERAGES}
    mixed = [
        Pair(name, other, int(count), int(row["support"]))
        for name, row in intents.items()
        for other, count in row["confused_with"].items()
    ]
    mixed.sort(key=lambda pair: (-pair.count, pair.expected, pair.got))
    scores = tuple(_score(name, intents[name]) for name in sorted(intents))
    examples = sum(score.support for score in scores)
    sure = sum(float(row["intent_prediction"]["confidence"]) >= SURE for row in errors)
    return CrossValidation(
        folds=folds,
        accuracy=Share(sum(score.recall_share.right for score in scores), examples),
        sure_and_wrong=Share(sure, examples),
        macro_f1=float(report["macro avg"]["f1-score"]),
        scores=scores,
        pairs=tuple(mixed[:20]),
    )


def _score(name: str, row: Mapping[str, Any]) -> LabelScore:
    support = int(row["support"])
    return LabelScore(
        label=name,
        precision=float(row["precision"]),
        recall=float(row["recall"]),
        f1=float(row["f1-score"]),
        support=support,
        recall_share=Share(round(float(row["recall"]) * support), support),
    )
