"""The intent model: plain scikit-learn and NumPy, saved as data that cannot run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bot.rasa.intent_model import IntentModel, IntentModelOptions

RANDOM = np.random.default_rng(7)
CENTRES = {name: RANDOM.normal(size=16) for name in ("signs", "tapering", "greet")}
WORDS = {
    "signs": "what are the signs of an overdose",
    "tapering": "how do i come off it slowly",
    "greet": "hello good morning",
}


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def examples(names, per: int = 12):
    texts, vectors, intents = [], [], []
    for name in names:
        for number in range(per):
            texts.append(f"{WORDS[name]} {number % 3}")
            vectors.append(CENTRES[name] + RANDOM.normal(scale=0.2, size=16))
            intents.append(name)
    return texts, unit(np.array(vectors)), intents


@pytest.fixture(scope="module")
def model() -> IntentModel:
    fitted = IntentModel(IntentModelOptions())
    fitted.fit(*examples(CENTRES))
    return fitted


def scored(model: IntentModel, name: str):
    return model.score([WORDS[name]], unit(CENTRES[name][None, :]))


@pytest.mark.parametrize("name", list(CENTRES))
def test_model_knows_what_it_learned(model: IntentModel, name: str) -> None:
    scores = scored(model, name)
    assert model.intents[int(scores.confidence[0].argmax())] == name
    assert scores.probabilities.sum() == pytest.approx(1.0, abs=1e-5)


def test_model_trusts_nothing_that_is_unlike_all_examples(model: IntentModel) -> None:
    near, far = scored(model, "signs"), model.score(["zzz"], -unit(CENTRES["signs"][None, :]))
    assert near.confidence.max() > 0.7
    assert far.confidence.max() < near.confidence.max() / 2
    assert (far.confidence >= 0).all()


def test_model_scores_the_same_alone_and_in_a_batch(model: IntentModel) -> None:
    texts, vectors, _ = examples(CENTRES, per=3)
    together = model.score(texts, vectors).confidence
    alone = [model.score([texts[n]], vectors[n : n + 1]).confidence[0] for n in range(len(texts))]
    assert np.allclose(together, alone, atol=1e-5)


def test_model_of_two_intents_works_like_any_other() -> None:
    fitted = IntentModel(IntentModelOptions())
    fitted.fit(*examples(["signs", "greet"]))
    for name in ("signs", "greet"):
        scores = scored(fitted, name)
        assert scores.probabilities.shape == (1, 2)
        assert fitted.intents[int(scores.confidence[0].argmax())] == name


def test_model_of_one_intent_is_refused() -> None:
    with pytest.raises(ValueError, match="two intents"):
        IntentModel(IntentModelOptions()).fit(*examples(["greet"]))


def test_model_is_the_same_after_saving(model: IntentModel, tmp_path) -> None:
    model.save(tmp_path)
    loaded = IntentModel.load(tmp_path, model.options)
    assert loaded.intents == model.intents
    for name in CENTRES:
        first, second = scored(model, name), scored(loaded, name)
        assert np.allclose(first.confidence, second.confidence, atol=1e-6)


def test_saved_model_holds_no_code(model: IntentModel, tmp_path) -> None:
    model.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"intents.json", "weights.npz"}
    json.loads((tmp_path / "intents.json").read_text())
    with np.load(tmp_path / "weights.npz", allow_pickle=False) as data:
        assert all(data[name].dtype != object for name in data.files)


def test_damaged_model_is_not_loaded(model: IntentModel, tmp_path) -> None:
    model.save(tmp_path)
    (tmp_path / "weights.npz").write_bytes(b"PK damaged")
    with pytest.raises((OSError, ValueError, KeyError)):
        IntentModel.load(tmp_path, model.options)
    (tmp_path / "weights.npz").unlink()
    with pytest.raises(OSError):
        IntentModel.load(tmp_path, model.options)
