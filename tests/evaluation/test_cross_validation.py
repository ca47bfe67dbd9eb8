"""Reading what `rasa test nlu` writes; it is not run here (minutes)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.evaluation import cross_validation
from bot.evaluation.cross_validation import command_line, cross_validate, read_reports
from bot.evaluation.heldout import EvaluationError
from bot.evaluation.intervals import Share

REPORT = {
    "tapering": {
        "precision": 0.8,
        "recall": 1.0,
        "f1-score": 0.889,
        "support": 4,
        "confused_with": {},
    },
    "disposal": {
        "precision": 1.0,
        "recall": 0.75,
        "f1-score": 0.857,
        "support": 4,
        "confused_with": {"tapering": 1},
    },
    "accuracy": 0.875,
    "macro avg": {"precision": 0.9, "recall": 0.875, "f1-score": 0.873, "support": 8},
    "weighted avg": {"precision": 0.9, "recall": 0.875, "f1-score": 0.873, "support": 8},
    "micro avg": {"precision": 0.875, "recall": 0.875, "f1-score": 0.875, "support": 8},
}
ERRORS = [
    {
        "text": "bin it",
        "intent": "disposal",
        "intent_prediction": {"name": "tapering", "confidence": 0.6},
    }
]


def test_cross_validation_reads_rasas_reports(tmp_path: Path) -> None:
    (tmp_path / "intent_report.json").write_text(json.dumps(REPORT))
    (tmp_path / "intent_errors.json").write_text(json.dumps(ERRORS))
    figures = read_reports(tmp_path, folds=5)
    assert figures.accuracy == Share(7, 8)
    assert figures.sure_and_wrong == Share(1, 8)
    assert figures.macro_f1 == 0.873
    assert [score.label for score in figures.scores] == ["disposal", "tapering"]
    assert figures.scores[0].recall_share == Share(3, 4)
    (pair,) = figures.pairs
    assert (pair.expected, pair.got, pair.count, pair.of) == ("disposal", "tapering", 1, 4)
    assert "bin it" not in json.dumps(figures.as_json())


def test_cross_validation_does_without_an_errors_file(tmp_path: Path) -> None:
    (tmp_path / "intent_report.json").write_text(json.dumps(REPORT))
    assert read_reports(tmp_path, folds=5).sure_and_wrong == Share(0, 8)


def test_cross_validation_says_that_a_report_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_reports(tmp_path, folds=5)


def test_cross_validation_asks_rasa_for_folds_of_the_training_examples(tmp_path: Path) -> None:
    line = command_line(3, tmp_path)
    assert line[1:5] == ["test", "nlu", "--cross-validation", "--folds"]
    assert line[line.index("--nlu") + 1] == "data/nlu"


def test_cross_validation_says_what_to_do_without_rasa(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cross_validation, "RASA", tmp_path / "rasa")
    with pytest.raises(EvaluationError, match="make setup"):
        cross_validate()


def test_cross_validation_quotes_the_end_of_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rasa = tmp_path / "rasa"
    rasa.write_text("#!/bin/sh\necho no such folder >&2\nexit 2\n")
    rasa.chmod(0o755)
    monkeypatch.setattr(cross_validation, "RASA", rasa)
    with pytest.raises(EvaluationError, match="no such folder"):
        cross_validate()
