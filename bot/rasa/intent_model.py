"""The intent model: logistic regression over meaning (vectors) and spelling (character n-grams).

Vectors alone miss rare words and n-grams alone miss paraphrases; joined they beat both
(docs/decisions/0004-intent-classifier.md has the figures). A probability says which intent is
likeliest of those known, not whether any fits; the similarity to the nearest training example does,
so a confidence is the probability times a similarity that saturates.

Plain scikit-learn and NumPy: no Rasa here, so that it can be tested and tuned on its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression


@dataclass(frozen=True)
class IntentModelOptions:
    """What the model is fitted with.

    vector_weight: how much meaning counts beside spelling (both have length 1 otherwise).
    ngrams: shortest and longest character n-gram, within words.
    min_examples: an n-gram counts when this many examples hold it.
    regularisation: inverse strength, scikit-learn's `C`.
    full_similarity: similarity from which the nearest example no longer lowers a confidence.
    """

    vector_weight: float = 2.0
    ngrams: Tuple[int, int] = (1, 4)
    min_examples: int = 2
    regularisation: float = 10.0
    iterations: int = 60
    full_similarity: float = 0.6


@dataclass(frozen=True)
class Scores:
    """What the model says of some texts.

    probabilities: float32 (texts, intents). similarity: float32 (texts,), of the nearest example.
    confidence: float32 (texts, intents), probability lowered where nothing similar was learned.
    """

    probabilities: np.ndarray
    similarity: np.ndarray
    confidence: np.ndarray


class IntentModel:
    """Scores every intent for a text and its vector."""

    def __init__(self, options: IntentModelOptions) -> None:
        """An unfitted model."""
        self.options = options
        self.intents: List[str] = []
        self._ngrams: TfidfVectorizer = None
        self._weights = np.zeros((0, 0), dtype=np.float32)
        self._bias = np.zeros(0, dtype=np.float32)
        self._examples = np.zeros((0, 0), dtype=np.float32)

    def fit(self, texts: Sequence[str], vectors: np.ndarray, intents: Sequence[str]) -> None:
        """Fit on normalised texts, their vectors (n, d) of length 1, and their intents.

        Raises:
            ValueError: fewer than two intents.
        """
        if len(set(intents)) < 2:
            raise ValueError("At least two intents are needed to train an intent classifier.")
        few = len(texts) < 4 * self.options.min_examples
        self._ngrams = TfidfVectorizer(
            analyzer="char_wb",
            ngram_range=self.options.ngrams,
            sublinear_tf=True,
            min_df=1 if few else self.options.min_examples,
            dtype=np.float32,
        )
        self._ngrams.fit(texts)
        regression = LogisticRegression(
            C=self.options.regularisation, max_iter=self.options.iterations, random_state=42
        )
        regression.fit(self._features(texts, vectors), list(intents))
        self.intents = [str(intent) for intent in regression.classes_]
        weights, bias = regression.coef_, regression.intercept_
        if len(self.intents) == 2:  # scikit-learn keeps one row for two classes
            weights, bias = np.vstack([-weights, weights]) / 2, np.array([-bias[0], bias[0]]) / 2
        self._weights = weights.astype(np.float32)
        self._bias = bias.astype(np.float32)
        self._examples = vectors.astype(np.float32)

    def score(self, texts: Sequence[str], vectors: np.ndarray) -> Scores:
        """Scores of normalised texts with their vectors; columns follow `intents`."""
        logits = self._features(texts, vectors) @ self._weights.T + self._bias
        logits -= logits.max(axis=1, keepdims=True)
        probabilities = np.exp(logits)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        similarity = (vectors @ self._examples.T).max(axis=1)
        trust = np.clip(similarity / self.options.full_similarity, 0.0, 1.0)
        return Scores(probabilities, similarity, probabilities * trust[:, None])

    def _features(self, texts: Sequence[str], vectors: np.ndarray) -> csr_matrix:
        meaning = csr_matrix(vectors * np.float32(self.options.vector_weight))
        return hstack([meaning, self._ngrams.transform(texts)], format="csr", dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write `intents.json` and `weights.npz`: data only, nothing that can run."""
        vocabulary: Dict[str, int] = {k: int(v) for k, v in self._ngrams.vocabulary_.items()}
        content = {"intents": self.intents, "vocabulary": vocabulary}
        (folder / "intents.json").write_text(json.dumps(content), encoding="utf-8")
        np.savez(
            folder / "weights.npz",
            weights=self._weights,
            bias=self._bias,
            examples=self._examples,
            idf=self._ngrams.idf_.astype(np.float32),
        )

    @classmethod
    def load(cls, folder: Path, options: IntentModelOptions) -> IntentModel:
        """Read what `save` wrote.

        Raises:
            OSError, ValueError, KeyError: the files are missing or damaged.
        """
        model = cls(options)
        content = json.loads((folder / "intents.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz", allow_pickle=False) as data:
            model._weights = data["weights"]
            model._bias = data["bias"]
            model._examples = data["examples"]
            idf = data["idf"]
        model.intents = content["intents"]
        model._ngrams = TfidfVectorizer(
            analyzer="char_wb",
            ngram_range=options.ngrams,
            sublinear_tf=True,
            vocabulary=content["vocabulary"],
            dtype=np.float32,
        )
        model._ngrams.idf_ = idf
        return model
