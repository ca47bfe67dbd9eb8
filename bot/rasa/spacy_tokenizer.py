"""Words of a message by a blank spaCy pipeline: the language's own rules, no downloaded model.

Rasa's SpacyTokenizer wants a trained pipeline package; the rules of `spacy.blank` are enough
for what follows, which reads text, not tags.
"""

from __future__ import annotations

from typing import Any, Dict, List, Text

import spacy
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.nlu.training_data.message import Message

#: Longer texts are tokenised up to here; `normalise` cuts what is understood at 2,000 anyway.
MAX_CHARACTERS = 8000


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class BlankSpacyTokenizer(Tokenizer):
    """Tokenises with `spacy.blank(language)`."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """`language` is a spaCy language code."""
        return {
            "language": "en",
            "intent_tokenization_flag": False,
            "intent_split_symbol": "_",
            "token_pattern": None,
        }

    @staticmethod
    def required_packages() -> List[Text]:
        """Packages this component imports."""
        return ["spacy"]

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> GraphComponent:
        """Creates the component (see the parent class)."""
        return cls(config)

    def __init__(self, config: Dict[Text, Any]) -> None:
        """Builds the blank pipeline."""
        super().__init__(config)
        self._nlp = spacy.blank(config["language"])

    def tokenize(self, message: Message, attribute: Text) -> List[Token]:
        """Tokens of one attribute, white space left out."""
        doc = self._nlp.make_doc(message.get(attribute)[:MAX_CHARACTERS])
        return [Token(token.text, token.idx) for token in doc if not token.is_space]
