"""The helper's own words for visitors, one file for each language; none stand in code."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from bot.answers import ContentError, load_yaml

FOLDER = Path(__file__).parent


class Texts:
    """The words of one language."""

    def __init__(self, language: str, words: dict[str, str]) -> None:
        self.language = language
        self._words = words

    def get(self, name: str, **values: str) -> str:
        """A text by its name, its places filled.

        Raises:
            ContentError: no such text, or a place without a value.
        """
        try:
            return self._words[name].format(**values).strip()
        except KeyError as error:
            raise ContentError(f"{self.language}.yml: no text or value {error} ({name}).") from None

    @property
    def names(self) -> frozenset[str]:
        """The names of all texts."""
        return frozenset(self._words)


@lru_cache
def load_texts(language: str = "en") -> Texts:
    """The words of a language; English where there is no file for it yet."""
    path = FOLDER / f"{language}.yml"
    words: Any = load_yaml(path if path.exists() else FOLDER / "en.yml")
    if not isinstance(words, dict) or not all(isinstance(v, str) for v in words.values()):
        raise ContentError(f"{path}: wants one text for each name.")
    return Texts(language, words)
