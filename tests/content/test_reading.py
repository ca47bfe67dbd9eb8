"""The reading grade: a list item is a sentence, and an exempt term counts as its stand-in."""

from __future__ import annotations

from bot.answers import load_answers
from bot.check import grades, reading_grade

PLAIN = "It is a slow plan. Your doctor makes it with you."


def test_reading_grade_is_low_for_short_words() -> None:
    assert reading_grade(PLAIN) < 3


def test_reading_grade_is_high_for_long_words() -> None:
    assert reading_grade("Discontinuation necessitates individualized supervision.") > 12


def test_reading_grade_counts_each_list_item_as_a_sentence() -> None:
    items = ["you feel very cold", "you breathe too fast", "you can not sleep"]
    listed = "Look out for these signs:\n\n" + "\n".join(f"- {item}" for item in items)
    written_out = "Look out for these signs. " + " ".join(f"{item}." for item in items)
    assert reading_grade(listed) == reading_grade(written_out)


def test_reading_grade_spares_terms_that_cannot_be_avoided() -> None:
    spared = reading_grade("Do not mix it with benzodiazepines at home.")
    assert spared == reading_grade("Do not mix it with drugs at home.")


def test_reading_grade_does_not_spare_other_long_words() -> None:
    hard = reading_grade("Do not mix it with pharmaceuticals at home.")
    assert hard > reading_grade("Do not mix it with drugs at home.")


def test_grades_lists_every_answer() -> None:
    assert grades().keys() == load_answers().by_key.keys()
