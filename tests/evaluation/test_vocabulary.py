"""Labels in the helper's own words."""

from __future__ import annotations

from bot.answers import load_answers
from bot.evaluation.vocabulary import Vocabulary


def test_vocabulary_sorts_labels_into_families(vocabulary: Vocabulary) -> None:
    assert vocabulary.family("tapering") == "covered"
    assert vocabulary.family("out_of_scope_dose") == "out_of_scope"
    assert vocabulary.family("out_of_scope") == "out_of_scope"
    assert vocabulary.family("greet") == "small_talk"


def test_vocabulary_knows_which_outcome_fits_an_intent(vocabulary: Vocabulary) -> None:
    assert "small_talk" in vocabulary.fitting("greet")
    assert "small_talk" not in vocabulary.fitting("delete_my_data")
    assert "data_request" in vocabulary.fitting("delete_my_data")
    assert "admissions_shown" in vocabulary.fitting("ask_for_person")
    assert vocabulary.fitting("out_of_scope_dose") == {"out_of_scope"}


def test_vocabulary_of_the_project_has_every_topic_and_shared_answer() -> None:
    vocabulary = Vocabulary.of(load_answers())
    assert len(vocabulary.mates) == 49
    assert set(vocabulary.mates["expired_risks"]) == {"expiry_check", "expired_risks"}
    assert {"out_of_scope", "out_of_scope_dose", "greet", "distress"} <= vocabulary.labels
