"""The second vote: a small classifier that may raise a level which the safety screen missed.

The screen (bot/safety) decides first, by rules and without any model; this vote only adds to it,
never take away, and everything that must hold holds without it. It reads the same vectors and
n-grams as the intent classifier. Its examples are in data/danger/ by level; ordinary questions of
the training data count as harmless, those about an overdose that is happening left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Text, Tuple

import numpy as np
import yaml
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import INTENT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.rasa.encoder import shared_encoder
from bot.rasa.intent_model import IntentModel, IntentModelOptions
from bot.rasa.normalise import normalise
from bot.rasa.readings import READINGS
from bot.rasa.sentence_encoder import VECTORS

#: The level of a message that is no danger.
HARMLESS = "none"
#: Where the component leaves its vote: {"level", "confidence"} of the likeliest danger.
VOTE = "danger"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class DangerVote(GraphComponent):
    """Votes on every message; the helper decides what a vote may do."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """`examples`: folder of YAML files, level -> list of messages.

        `ambiguous_intents`: intents whose examples may hold danger and are not learned as harmless.
        """
        return {
            "encoder": "models/encoder",
            "examples": "data/danger",
            "ambiguous_intents": [],
        }

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> DangerVote:
        """Creates an untrained component (see the parent class)."""
        return cls(config, model_storage, resource)

    def __init__(
        self,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: Optional[IntentModel] = None,
    ) -> None:
        """Keeps where to save; `model` is a fitted one, None where there are no examples."""
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._model = model

    def train(self, training_data: TrainingData) -> Resource:
        """Learns the levels; without a folder of examples there is no vote."""
        folder = Path(self._config["examples"])
        if folder.is_dir():
            texts, levels = zip(*danger_examples(folder))
            vectors = [shared_encoder(self._config["encoder"]).encode(list(texts))]
            harmless = self._harmless(training_data)
            texts = (*texts, *(e.get(READINGS)[0].text for e in harmless))
            levels = (*levels, *(HARMLESS for _ in harmless))
            vectors += [e.get(VECTORS)[:1] for e in harmless]
            self._model = IntentModel(IntentModelOptions())
            self._model.fit(texts, np.vstack(vectors), levels)
            with self._model_storage.write_to(self._resource) as target:
                self._model.save(target)
        return self._resource

    def _harmless(self, training_data: TrainingData) -> List[Message]:
        left_out = set(self._config["ambiguous_intents"])
        return [
            e
            for e in training_data.intent_examples
            if e.get(READINGS) and e.get(INTENT) not in left_out
        ]

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> DangerVote:
        """Loads the trained component; one without examples has no vote."""
        model = None
        if Path(config["examples"]).is_dir():
            with model_storage.read_from(resource) as folder:
                model = IntentModel.load(folder, IntentModelOptions())
        return cls(config, model_storage, resource, model)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Nothing after it needs votes on training examples."""
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        """Votes on each message by its most dangerous reading."""
        for message in messages:
            if self._model is not None:
                message.set(VOTE, self._vote(message), add_to_output=True)
        return messages

    def _vote(self, message: Message) -> Dict[Text, Any]:
        """A clause of danger in a long message counts: parts are read as well as the whole."""
        assert self._model is not None
        readings = message.get(READINGS)
        kept = [i for i, reading in enumerate(readings) if reading.kind != "follow_up"]
        texts = [readings[i].text for i in kept]
        probabilities = self._model.score(texts, message.get(VECTORS)[kept]).probabilities
        harmless = self._model.intents.index(HARMLESS)
        row = probabilities[probabilities[:, harmless].argmin()].copy()
        confidence = 1.0 - float(row[harmless])
        row[harmless] = 0.0
        return {"level": self._model.intents[int(row.argmax())], "confidence": confidence}


def danger_examples(folder: Path) -> Iterator[Tuple[Text, Text]]:
    """Normalised examples with their levels.

    Raises:
        InvalidConfigException: a file is not of the form level -> list of messages.
    """
    for path in sorted(folder.glob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise InvalidConfigException(f"{path}: wants level -> list of messages.")
        for level, texts in content.items():
            for text in texts:
                yield normalise(str(text)), str(level)
