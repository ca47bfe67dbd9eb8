"""The ways a message can be read: whole, question by question, and as the end of the turn before.

People ask two things in one message, hide the question in a story, and go on with fragments
("and with alcohol?"). Each reading is encoded and classified like a message of its own; the gate
decides which of them counts. The words that mark a fragment are data: `fragments.yml`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Optional, Text

import yaml
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.rasa.normalise import normalise

#: Where the component leaves its readings on a message.
READINGS = "readings"
#: Most parts a message is cut into; later ones are read with the whole only.
MAX_PARTS = 6
_MIN_WORDS = 3
_SENTENCE_END = re.compile(r"(?<=[.?!;])\s+|\s*\n+\s*")


@dataclass(frozen=True)
class Reading:
    """One way to read a message.

    kind: `whole`, `part` (a sentence or question of it) or `follow_up` (joined to the turn before).
    """

    kind: str
    text: str


@lru_cache(maxsize=1)
def _fragments() -> Dict[str, Any]:
    path = Path(__file__).with_name("fragments.yml")
    data: Dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    joints = "|".join(re.escape(joint) for joint in sorted(data["joints"], key=len, reverse=True))
    data["joint_pattern"] = re.compile(rf"(?<=\w)[,;]?\s+(?=(?:{joints})\b)")
    data["pronoun_pattern"] = re.compile(rf"\b(?:{'|'.join(data['pronouns'])})\b")
    return data


def _opens_with(text: str, openers: List[str]) -> bool:
    return any(text == opener or text.startswith(opener + " ") for opener in openers)


def is_fragment(text: str) -> bool:
    """Whether a normalised message leans on the one before."""
    data = _fragments()
    bare = text.rstrip("?!. ")
    if len(bare.split()) > data["longest"]:
        return False
    return (
        bare in data["bare"]
        or _opens_with(bare, data["openers"])
        or len(bare.split()) <= 2
        or data["pronoun_pattern"].search(bare) is not None
    )


def follow_ups(text: str, subject: Optional[str], previous: Optional[str]) -> List[str]:
    """What a fragment can mean after a turn about `subject` that asked `previous`.

    >>> follow_ups("how long does that last", "baclofen withdrawal", None)
    ['how long does baclofen withdrawal last']
    """
    data = _fragments()
    bare = text.rstrip("?!. ")
    found = []
    if subject:
        replaced = data["pronoun_pattern"].sub(subject, bare, count=1)
        found.append(replaced if replaced != bare else f"{bare} {subject}")
    if previous and _opens_with(bare, data["again"]):
        found.append(f"{previous.rstrip('?!. ')} {bare}")
    return found


def parts(text: str) -> List[str]:
    """The sentences and joined questions of a normalised message, when there are several."""
    cut = [
        part.strip(" ,")
        for sentence in _SENTENCE_END.split(text)
        for part in _fragments()["joint_pattern"].split(sentence)
    ]
    cut = [part for part in cut if len(part.split()) >= _MIN_WORDS]
    return cut[:MAX_PARTS] if len(cut) > 1 else []


def read(text: str, context: Optional[Dict[str, Any]] = None) -> List[Reading]:
    """All readings of a message, the whole first.

    Args:
        text: as typed.
        context: what the turn before was about: `subject` (a noun phrase, "baclofen withdrawal")
            and `previous` (what the visitor typed then); both optional.
    """
    whole = normalise(text)
    found = [Reading("whole", whole)] + [Reading("part", part) for part in parts(whole)]
    if context and is_fragment(whole):
        previous = context.get("previous")
        previous = normalise(previous) if isinstance(previous, str) else None
        subject = context.get("subject")
        subject = subject if isinstance(subject, str) else None
        found += [Reading("follow_up", t) for t in follow_ups(whole, subject, previous)]
    return found


@DefaultV1Recipe.register(
    DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False
)
class ReadingsFinder(GraphComponent):
    """Sets `readings` on every message; training examples are read whole."""

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ReadingsFinder:
        """Creates the component (see the parent class)."""
        return cls()

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Each example is one reading of itself."""
        for example in training_data.training_examples:
            if example.get(TEXT):
                example.set(READINGS, [Reading("whole", normalise(example.get(TEXT)))])
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        """Readings of what a visitor typed; the channel puts the context in the metadata."""
        for message in messages:
            metadata = message.get("metadata")
            context = metadata.get("context") if isinstance(metadata, dict) else None
            message.set(READINGS, read(message.get(TEXT) or "", context))
        return messages
