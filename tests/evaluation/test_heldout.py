"""Reading held-out files: every shape they have, and errors that name the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.evaluation.heldout import Case, EvaluationError, fingerprint, read_cases

LABELS = ("tapering", "greet", "none", "poison")


def test_heldout_reads_single_messages(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(
        '{"id": "q1", "text": "a", "expect": "tapering", "kind": "typo"}\n\n'
        '{"id": "q2", "text": "b", "expect": ["greet", "tapering"], "kind": "story"}\n'
    )
    assert read_cases(path, LABELS) == [
        Case("q1", ("a",), (("tapering",),), "typo"),
        Case("q2", ("b",), (("greet", "tapering"),), "story"),
    ]


def test_heldout_reads_dialogues_with_a_label_for_each_turn(tmp_path: Path) -> None:
    path = tmp_path / "dialogues.jsonl"
    path.write_text(
        '{"id": "d1", "turns": [{"text": "a", "expect": "greet"},'
        ' {"text": "b", "expect": ["tapering"]}]}\n'
    )
    (case,) = read_cases(path, LABELS)
    assert case.expected == (("greet",), ("tapering",))
    assert case.item.turns == ("a", "b")


def test_heldout_reads_safety_dialogues_with_levels_apart(tmp_path: Path) -> None:
    path = tmp_path / "dialogues.jsonl"
    path.write_text(
        '{"id": "s1", "turns": [{"text": "a"}, {"text": "b"}], "levels": ["none", ["poison"]]}\n'
    )
    (case,) = read_cases(path, LABELS, expect="level")
    assert case.expected == (("none",), ("poison",))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "x.jsonl:2: not JSON"),
        ("[]", "x.jsonl:2: wants an object"),
        ('{"id": "q"}', "x.jsonl:2: wrong shape"),
        ('{"id": "q", "text": 5, "expect": "greet"}', "x.jsonl:2: wrong shape"),
        ('{"id": "q", "text": "a", "expect": []}', "x.jsonl:2: wrong shape"),
        ('{"id": "q", "text": "a", "expect": null}', "x.jsonl:2: wrong shape"),
        ('{"id": "q", "turns": [{"text": "a"}], "levels": []}', "x.jsonl:2: wrong shape"),
        ('{"id": "q", "text": "a", "expect": "tapring"}', "x.jsonl:2: nobody knows"),
    ],
)
def test_heldout_names_the_line_that_is_wrong(tmp_path: Path, line: str, complaint: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(f'{{"id": "q0", "text": "a", "expect": "greet"}}\n{line}\n')
    with pytest.raises(EvaluationError, match=complaint):
        read_cases(path, LABELS)


def test_heldout_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"gone\.jsonl: cannot be read"):
        read_cases(tmp_path / "gone.jsonl", LABELS)


def test_fingerprint_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    before = fingerprint(path)
    path.write_text("two")
    assert len(before) == 12
    assert fingerprint(path) != before
