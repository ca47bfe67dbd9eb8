"""Rasa's side of the intent model: trains it, keeps it with the model, scores every reading."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Text, Type

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier as RasaIntentClassifier
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import INTENT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.rasa.intent_model import IntentModel, IntentModelOptions
from bot.rasa.readings import READINGS, ReadingsFinder
from bot.rasa.sentence_encoder import VECTORS, SentenceEncoderFeaturizer

#: Where the component leaves its scores: a list of rankings, one for each reading.
READING_RANKINGS = "reading_rankings"
#: Rows of a ranking that are kept.
RANKING_LENGTH = 10


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class IntentClassifier(GraphComponent, RasaIntentClassifier):
    """Ranks intents for every reading; the ranking of the whole is the message's own."""

    @classmethod
    def required_components(cls) -> List[Type]:
        """What must stand before it in the pipeline."""
        return [ReadingsFinder, SentenceEncoderFeaturizer]

    @staticmethod
    def required_packages() -> List[Text]:
        """Packages this component imports."""
        return ["sklearn"]

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """The fields of `IntentModelOptions`."""
        default = IntentModelOptions()
        return {
            "vector_weight": default.vector_weight,
            "ngrams": list(default.ngrams),
            "min_examples": default.min_examples,
            "regularisation": default.regularisation,
            "iterations": default.iterations,
            "full_similarity": default.full_similarity,
        }

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> IntentClassifier:
        """Creates an untrained component (see the parent class)."""
        return cls(config, model_storage, resource)

    def __init__(
        self,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: Optional[IntentModel] = None,
    ) -> None:
        """Keeps where to save; `model` is a fitted one."""
        self._model = model
        self._options = _options(config)
        self._model_storage = model_storage
        self._resource = resource

    def train(self, training_data: TrainingData) -> Resource:
        """Fits the model and saves it."""
        examples = [e for e in training_data.intent_examples if e.get(READINGS)]
        self._model = IntentModel(self._options)
        self._model.fit(
            [e.get(READINGS)[0].text for e in examples],
            np.vstack([e.get(VECTORS)[0] for e in examples]),
            [e.get(INTENT) for e in examples],
        )
        with self._model_storage.write_to(self._resource) as folder:
            self._model.save(folder)
        return self._resource

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> IntentClassifier:
        """Loads the trained component; a damaged one stops the start instead of guessing."""
        with model_storage.read_from(resource) as folder:
            model = IntentModel.load(folder, _options(config))
        return cls(config, model_storage, resource, model)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Nothing after it needs predictions on training examples."""
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        """Ranks the intents of every reading of every message."""
        assert self._model is not None
        for message in messages:
            texts = [reading.text for reading in message.get(READINGS)]
            scores = self._model.score(texts, message.get(VECTORS))
            rankings = [self._ranking(row) for row in scores.confidence]
            message.set(READING_RANKINGS, rankings)
            message.set(INTENT, rankings[0][0], add_to_output=True)
            message.set("intent_ranking", rankings[0][:RANKING_LENGTH], add_to_output=True)
        return messages

    def _ranking(self, confidence: np.ndarray) -> List[Dict[Text, Any]]:
        assert self._model is not None
        order = np.argsort(-confidence)
        return [{"name": self._model.intents[i], "confidence": float(confidence[i])} for i in order]


def _options(config: Dict[Text, Any]) -> IntentModelOptions:
    try:
        return IntentModelOptions(
            vector_weight=float(config["vector_weight"]),
            ngrams=(int(config["ngrams"][0]), int(config["ngrams"][1])),
            min_examples=int(config["min_examples"]),
            regularisation=float(config["regularisation"]),
            iterations=int(config["iterations"]),
            full_similarity=float(config["full_similarity"]),
        )
    except (TypeError, ValueError, IndexError) as error:
        raise InvalidConfigException(f"config.yml, IntentClassifier: {error}") from error
