"""One spelling for what people type: the first step before a message is encoded or compared.

Undoes what says nothing about meaning (case, stretched letters, missing apostrophes, text-speak,
the many spellings of a name) and leaves everything else alone. The words are data:
`spelling.yml` beside this file. The safety screen has its own normaliser, which keeps more.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

import yaml

SPELLING = Path(__file__).with_name("spelling.yml")
#: Longer messages are cut here for understanding (the screen has read the whole by then).
MAX_CHARACTERS = 2000

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "`": "'"})
_STRETCHED = re.compile(r"([a-z!?.])\1{2,}")
_SPACES = re.compile(r"\s+")
_WORD = re.compile(r"[a-z0-9']+")


@lru_cache(maxsize=1)
def _spelling() -> tuple[dict[str, str], re.Pattern[str]]:
    """Words to replace, and one pattern for the phrases among them."""
    table: dict[str, str] = {}
    for wanted, variants in yaml.safe_load(SPELLING.read_text(encoding="utf-8")).items():
        for variant in variants:
            table[str(variant)] = str(wanted)
    phrases = sorted((v for v in table if " " in v), key=len, reverse=True)
    pattern = "|".join(re.escape(phrase) for phrase in phrases) or r"(?!)"
    return table, re.compile(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])")


def normalise(text: str) -> str:
    """Lower-case text in one spelling; never longer than `MAX_CHARACTERS`.

    >>> normalise("WHATS  Baclofin doing to me????")
    'what is baclofen doing to me??'
    """
    text = unicodedata.normalize("NFKC", text[: 4 * MAX_CHARACTERS]).translate(_QUOTES)
    text = _CONTROL.sub(" ", _INVISIBLE.sub("", text)).lower()[:MAX_CHARACTERS]
    text = _STRETCHED.sub(r"\1\1", text)
    table, phrases = _spelling()
    text = phrases.sub(lambda match: table[match.group()], text)
    text = _WORD.sub(lambda match: table.get(match.group(), match.group()), text)
    return _SPACES.sub(" ", text).strip()
