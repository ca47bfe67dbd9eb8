"""Every rule's own sentences: what must alarm does, what must not does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.safety import assess, rulebook
from bot.safety.marked import DataError
from bot.safety.rulebook import RULES, Mask, Rule, load_rulebook

_BOOK = rulebook()
_ALARMS = [(rule, text) for rule in _BOOK.rules for text in rule.must_alarm]
_CALMS = [(owner, text) for owner in (*_BOOK.rules, *_BOOK.masks) for text in owner.must_not_alarm]


def _name(value: object) -> str:
    return value.id if isinstance(value, Rule | Mask) else str(value)[:40]


@pytest.mark.parametrize(("rule", "text"), _ALARMS, ids=_name)
def test_rule_alarms_on_its_sentence(rule: Rule, text: str) -> None:
    assessment = assess([], text)
    assert assessment.level.calls_for_card, assessment.explanation
    found = {sign.rule_id for sign in assessment.signs if sign.status == "affirmed"}
    assert rule.id in found, assessment.explanation


@pytest.mark.parametrize(("owner", "text"), _CALMS, ids=_name)
def test_rule_shows_no_card_for_its_harmless_sentence(owner: Rule | Mask, text: str) -> None:
    assessment = assess([], text)
    assert not assessment.level.calls_for_card, assessment.explanation


def _copy_rules(folder: Path) -> Path:
    for file in RULES.glob("*.yml"):
        (folder / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    return folder / "es.yml"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("kind: plea", "kind: plead", "'kind' cannot be 'plead'"),
        ('"{ayuda_ya}"', '"{ayuda_yaa}"', "unknown concept"),
        ('    source: T\n    patterns: ["{ayuda_ya}"]', '    patterns: ["{ayuda_ya}"]', "source"),
        ("id: es.ayuda", "id: es.palabra", "stands twice"),
        ("category: plea", "category: plea\n    colour: red", "unknown key"),
        ('must_alarm: ["sobredosis", "ayuda"]', "must_alarm: []", "at least one sentence"),
    ],
)
def test_load_refuses_a_bad_rule_with_file_and_line(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    path = _copy_rules(tmp_path)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=r"^es\.yml:\d+: ") as error:
        load_rulebook(tmp_path)
    assert problem in str(error.value)
