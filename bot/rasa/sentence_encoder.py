"""Rasa's side of the sentence encoder: every reading of a message gets its vector."""

from __future__ import annotations

from typing import Any, Dict, List, Text

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.rasa.encoder import shared_encoder
from bot.rasa.readings import READINGS

#: Where the component leaves the vectors of all readings: float32, shape (readings, 384).
VECTORS = "reading_vectors"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceEncoderFeaturizer(DenseFeaturizer, GraphComponent):
    """Encodes readings; the vector of the whole is also the message's sentence feature."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """`encoder` is the folder made by `build_encoder.py`, relative to the project."""
        return {**DenseFeaturizer.get_default_config(), "encoder": "models/encoder"}

    @staticmethod
    def required_packages() -> List[Text]:
        """Packages this component imports."""
        return ["onnxruntime", "tokenizers"]

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceEncoderFeaturizer:
        """Creates the component (see the parent class)."""
        return cls(execution_context.node_name, config)

    def __init__(self, name: Text, config: Dict[Text, Any]) -> None:
        """Loads the encoder, or shares the one this process has."""
        super().__init__(name, config)
        self._encoder = shared_encoder(config["encoder"])

    @classmethod
    def validate_config(cls, config: Dict[Text, Any]) -> None:
        """Nothing to check beyond what loading the encoder checks."""

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Encodes all examples in batches."""
        examples = [e for e in training_data.training_examples if e.get(READINGS)]
        vectors = self._encoder.encode([e.get(READINGS)[0].text for e in examples])
        for example, vector in zip(examples, vectors):
            self._set(example, vector[None, :])
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        """Encodes all readings of a message in one batch."""
        for message in messages:
            self._set(message, self._encoder.encode([r.text for r in message.get(READINGS)]))
        return messages

    def _set(self, message: Message, vectors: np.ndarray) -> None:
        message.set(VECTORS, vectors)
        message.add_features(Features(vectors[:1], FEATURE_TYPE_SENTENCE, TEXT, self._identifier))
