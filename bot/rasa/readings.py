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
from typing import Any, Callable, Dict, List, Optional, Text

import yaml
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.rasa.encoder import encoder_folder
from bot.rasa.normalise import normalise
from bot.rasa.spelling import Spelling, encoder_words

#: Where the component leaves its readings on a message.
READINGS = "readings"
#: Most parts a message is cut into; later ones are read with the whole only.
MAX_PARTS = 6
_MIN_WORDS = 3
_SENTENCE_END = re.compile(r"(?<=[.?!;])\s+|\s*\n+\s*")


@dataclass(frozen=True)
class Reading:
    """One way to read a message.

    kind: `whole` (`bare` when it means nothing alone, "why?"), `part` (a sentence or question of
        it) or `follow_up` (joined to the turn before).
    asks: the part is a question.
    """

    kind: str
    text: str
    asks: bool = False


@lru_cache(maxsize=1)
def _fragments() -> Dict[str, Any]:
    path = Path(__file__).with_name("fragments.yml")
    data: Dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    joints = "|".join(re.escape(joint) for joint in sorted(data["joints"], key=len, reverse=True))
    data["joint_pattern"] = re.compile(rf"(?<=\w)[,;]?\s+(?=(?:{joints})\b)")
    questions = "|".join(data["questions"])
    data["question_pattern"] = re.compile(rf"\b(?:{questions})\b")
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


def asks(part: str) -> bool:
    """Whether a part of a normalised message is a question or a request.

    >>> asks("and is it dangerous"), asks("my son takes it for his legs")
    (True, False)
    """
    return part.endswith("?") or _fragments()["question_pattern"].search(part) is not None


def read(
    text: str,
    context: Optional[Dict[str, Any]] = None,
    mend: Callable[[str], str] = lambda text: text,
) -> List[Reading]:
    """All readings of a message, the whole first.

    Args:
        text: as typed.
        context: what the turn before was about: `subject` (a noun phrase, "baclofen withdrawal")
            and `previous` (what the visitor typed then); both optional.
        mend: what mends the spelling of a normalised text.
    """
    whole = mend(normalise(text))
    found = [Reading("whole", whole)]
    found += [Reading("part", part, asks(part)) for part in parts(whole)]
    if context and is_fragment(whole):
        previous = context.get("previous")
        previous = mend(normalise(previous)) if isinstance(previous, str) else None
        subject = context.get("subject")
        subject = subject if isinstance(subject, str) else None
        leaning = [Reading("follow_up", t) for t in follow_ups(whole, subject, previous)]
        if leaning and whole.rstrip("?!. ") in _fragments()["bare"]:
            found[0] = Reading("bare", whole)
        found += leaning
    return found


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class ReadingsFinder(GraphComponent):
    """Sets `readings` on every message, spelling mended; training examples are read whole."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """`encoder`: folder of the sentence encoder, whose words are known to be spelt right."""
        return {"encoder": "models/encoder"}

    @staticmethod
    def required_packages() -> List[Text]:
        """Packages this component imports."""
        return ["rapidfuzz"]

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ReadingsFinder:
        """Creates an untrained component (see the parent class)."""
        return cls(config, model_storage, resource)

    def __init__(
        self,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        spelling: Optional[Spelling] = None,
    ) -> None:
        """Keeps where to save; `spelling` is one that has learned."""
        self._encoder_words = encoder_words(encoder_folder(config["encoder"]) / "tokenizer.json")
        self._model_storage = model_storage
        self._resource = resource
        self._spelling = spelling

    def train(self, training_data: TrainingData) -> Resource:
        """Learns the words of the examples."""
        texts = [normalise(e.get(TEXT)) for e in training_data.training_examples if e.get(TEXT)]
        self._spelling = Spelling.learn(texts, self._encoder_words)
        with self._model_storage.write_to(self._resource) as folder:
            self._spelling.save(folder / "spelling.json")
        return self._resource

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> ReadingsFinder:
        """Loads what was learned."""
        finder = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            finder._spelling = Spelling.load(folder / "spelling.json", finder._encoder_words)
        return finder

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Each example is one reading of itself."""
        assert self._spelling is not None
        for example in training_data.training_examples:
            if example.get(TEXT):
                whole = self._spelling.mend(normalise(example.get(TEXT)))
                example.set(READINGS, [Reading("whole", whole)])
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        """Readings of what a visitor typed; the channel puts the context in the metadata."""
        assert self._spelling is not None
        for message in messages:
            metadata = message.get("metadata")
            context = metadata.get("context") if isinstance(metadata, dict) else None
            message.set(READINGS, read(message.get(TEXT) or "", context, self._spelling.mend))
        return messages
