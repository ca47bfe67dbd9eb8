"""Reads the danger signs, their context and their words from rules/*.yml and refuses what is
wrong.

Clinical rules are data (the idea is medspaCy's: component, rule class, rules file). A rule that
lacks a source, its sentences or a known concept stops the load with an error that names file and
line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.safety.marked import DataError, Marked, load_marked
from bot.safety.patterns import Pattern, PatternError, compile_pattern

RULES = Path(__file__).parent / "rules"
LANGUAGES = ("en", "fr", "es")

FORMS = ("present", "past", "simple", "bare", "certain")
KINDS = (
    "danger",  # an emergency by itself
    "symptom",  # an emergency together with medicine, stopping, a pump or another symptom
    "stop_sign",  # an emergency after stopping or with a pump (fever, stiffness)
    "mild_other",  # a mild sign in somebody else (worked out, never written in a rule)
    "seen",  # an odd state observed in somebody else
    "borrowed",  # took somebody else's medicine
    "now",  # words of now or just now (worked out)
    "mild",  # raises only together with a dose event
    "dose_large",
    "dose",
    "dose_worry",  # asks whether it was too much
    "intake",  # took something, amount ordinary or not said
    "habit",
    "stopped",  # stopped, ran out, cut down
    "pump",
    "alcohol",
    "sedative",  # opioids, benzodiazepines, sleeping pills
    "other_drug",
    "medicine",
    "child_intake",
    "pet_intake",
    "intent",  # wish to die
    "means",  # wish to die with a way or a plan
    "plea",
    "word",  # one-word message that asks back
    "symptoms",  # two symptoms of different categories (counted, never written in a rule)
    "body",  # nominal danger words, danger only inside a report
)
CUES = (
    "hypothetical",
    "information",
    "past",
    "recent",
    "negation",
    "uncertain",
    "quoted",
    "fear",
    "would",
    "fiction",
    "terminator",
    "now",
    "taking_back",
    "question",
    "fine",
)
AMOUNT_CONCEPTS = ("#many", "#several", "#two", "#one", "#mg", "#number", "#times", "#rate")
_ALTERNATIVES = re.compile(r"\(([^()]*)\)")


@dataclass(frozen=True, slots=True)
class Rule:
    """One danger sign: patterns, exceptions, and the sentences that prove it."""

    id: str
    language: str
    category: str
    kind: str
    form: str
    source: str
    patterns: tuple[Pattern, ...]
    unless: tuple[Pattern, ...]
    must_alarm: tuple[str, ...]
    must_not_alarm: tuple[str, ...]
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Cue:
    """Words around a sign that say how to read it (ConText: Harkema et al. 2009)."""

    id: str
    language: str
    kind: str
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Mask:
    """A figure of speech whose words are no danger sign ("killing me", "dead tired")."""

    id: str
    language: str
    patterns: tuple[Pattern, ...]
    must_not_alarm: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Combination:
    """Kinds of findings that together mean a level."""

    id: str
    needs: tuple[frozenset[str], ...]
    level: str
    category: str


@dataclass(slots=True)
class Rulebook:
    """Everything the screen knows, read once."""

    phrases: dict[str, set[str]] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    cues: list[Cue] = field(default_factory=list)
    masks: list[Mask] = field(default_factory=list)
    combinations: list[Combination] = field(default_factory=list)
    words: Marked = field(default_factory=Marked)
    regions: dict[str, list[str]] = field(default_factory=dict)


def expand(phrase: str) -> list[str]:
    """Spell out alternatives: "convuls(es|ing)" is two phrases; "(very|) slow" makes the word
    optional."""
    match = _ALTERNATIVES.search(phrase)
    if match is None:
        return [" ".join(phrase.split())]
    head, tail = phrase[: match.start()], phrase[match.end() :]
    found: list[str] = []
    for option in match.group(1).split("|"):
        found.extend(expand(head + option + tail))
    return found


class _Lexicon:
    """Concepts of one file with those of shared.yml behind them."""

    def __init__(self, language: str, own: Marked, shared: set[str], path: Path) -> None:
        self.language = language
        self._own = own
        self._shared = shared
        self._path = path
        self.literals: set[str] = set()

    def key(self, concept: str) -> str:
        if concept.startswith("#"):
            if concept not in AMOUNT_CONCEPTS:
                raise KeyError(concept)
            return concept
        if concept in self._own:
            return f"{self.language}:{concept}"
        if concept in self._shared:
            return f"shared:{concept}"
        raise KeyError(concept)

    def resolve(self, option: str) -> str:
        if option.startswith("{"):
            return self.key(option[1:-1])
        literal = option.replace("_", " ")
        self.literals.add(literal)
        return f"={literal}"

    def phrases(self) -> Iterator[tuple[str, str]]:
        """(concept key, phrase) pairs, included concepts followed."""
        for concept in self._own:
            for phrase in self._follow(concept, ()):
                yield f"{self.language}:{concept}", phrase

    def _follow(self, concept: str, trail: tuple[str, ...]) -> Iterator[str]:
        line = self._own.line_of(concept)
        if concept in trail:
            raise DataError(self._path, line, f"concept '{concept}' includes itself")
        entries = self._own[concept]
        if not isinstance(entries, list) or not entries:
            raise DataError(self._path, line, f"concept '{concept}' must be a list of phrases")
        for entry in entries:
            if not isinstance(entry, str) or not entry.strip():
                raise DataError(self._path, line, f"concept '{concept}' holds an empty phrase")
            if entry.startswith("{") and entry.endswith("}"):
                included = entry[1:-1]
                if included not in self._own:
                    raise DataError(self._path, line, f"'{concept}' includes unknown {entry}")
                yield from self._follow(included, (*trail, concept))
            else:
                yield from expand(entry)


class _Reader:
    """Checks the entries of one rule file."""

    def __init__(self, path: Path, lexicon: _Lexicon, weight: Callable[[str], int]) -> None:
        self._path = path
        self._lexicon = lexicon
        self._weight = weight

    def fail(self, entry: Marked, key: str, problem: str) -> DataError:
        name = entry.get("id", "?")
        return DataError(self._path, entry.line_of(key), f"{name}: {problem}")

    def text(self, entry: Marked, key: str, allowed: Iterable[str] | None = None) -> str:
        value = entry.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.fail(entry, key, f"'{key}' is missing")
        if allowed is not None and value not in allowed:
            raise self.fail(entry, key, f"'{key}' cannot be '{value}'")
        return value

    def sentences(self, entry: Marked, key: str, required: bool) -> tuple[str, ...]:
        value = entry.get(key) or []
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.fail(entry, key, f"'{key}' must be a list of sentences")
        if required and not value:
            raise self.fail(entry, key, f"'{key}' needs at least one sentence")
        return tuple(value)

    def patterns(self, entry: Marked, key: str, required: bool) -> tuple[Pattern, ...]:
        compiled: list[Pattern] = []
        for source in self.sentences(entry, key, required):
            for spelled in expand(source):
                try:
                    compiled.append(compile_pattern(spelled, self._lexicon.resolve, self._weight))
                except PatternError as error:
                    raise self.fail(entry, key, str(error)) from error
        return tuple(compiled)

    def rule(self, entry: Marked) -> Rule:
        self._no_strangers(entry, _RULE_KEYS)
        return Rule(
            id=self.text(entry, "id"),
            language=self._lexicon.language,
            category=self.text(entry, "category"),
            kind=self.text(entry, "kind", KINDS),
            form=self.text(entry, "form", FORMS),
            source=self.text(entry, "source"),
            patterns=self.patterns(entry, "patterns", required=True),
            unless=self.patterns(entry, "unless", required=False),
            must_alarm=self.sentences(entry, "must_alarm", required=True),
            must_not_alarm=self.sentences(entry, "must_not_alarm", required=True),
            file=self._path.name,
            line=entry.line,
        )

    def cue(self, entry: Marked) -> Cue:
        self._no_strangers(entry, {"id", "kind", "patterns"})
        return Cue(
            self.text(entry, "id"),
            self._lexicon.language,
            self.text(entry, "kind", CUES),
            self.patterns(entry, "patterns", required=True),
        )

    def mask(self, entry: Marked) -> Mask:
        self._no_strangers(entry, {"id", "patterns", "must_not_alarm"})
        return Mask(
            self.text(entry, "id"),
            self._lexicon.language,
            self.patterns(entry, "patterns", required=True),
            self.sentences(entry, "must_not_alarm", required=True),
        )

    def _no_strangers(self, entry: Any, allowed: Iterable[str]) -> None:
        if not isinstance(entry, Marked):
            raise DataError(self._path, 1, f"an entry is not a mapping: {entry!r}")
        for key in entry:
            if key not in allowed:
                raise self.fail(entry, key, f"unknown key '{key}'")


_RULE_KEYS = frozenset(
    {
        "id",
        "category",
        "kind",
        "form",
        "source",
        "patterns",
        "unless",
        "must_alarm",
        "must_not_alarm",
    }
)


def load_rulebook(folder: Path = RULES) -> Rulebook:
    """Read shared.yml, words.yml, levels.yml and one file per language. Raises DataError."""
    book = Rulebook(words=load_marked(folder / "words.yml"))
    shared = load_marked(folder / "shared.yml")
    shared_lexicon: Marked = shared["lexicon"]
    _add_phrases(book, _Lexicon("shared", shared_lexicon, set(), folder / "shared.yml"))
    book.regions = {str(k): list(v) for k, v in shared.get("regions", {}).items()}
    seen: set[str] = set()
    for language in LANGUAGES:
        path = folder / f"{language}.yml"
        data = load_marked(path)
        common = set(data.get("common_concepts") or [])
        lexicon = _Lexicon(language, data["lexicon"], set(shared_lexicon), path)
        _add_phrases(book, lexicon)
        reader = _Reader(path, lexicon, _weigher(common))
        book.cues.extend(reader.cue(entry) for entry in data.get("cues") or [])
        book.masks.extend(reader.mask(entry) for entry in data.get("masks") or [])
        for entry in data.get("rules") or []:
            rule = reader.rule(entry)
            if rule.id in seen:
                raise DataError(path, entry.line, f"{rule.id}: this id stands twice")
            seen.add(rule.id)
            book.rules.append(rule)
        for literal in lexicon.literals:
            book.phrases.setdefault(f"={literal}", set()).add(literal)
    book.combinations = _combinations(folder / "levels.yml")
    return book


def _weigher(common: set[str]) -> Callable[[str], int]:
    def weight(key: str) -> int:
        name = key.partition(":")[2]
        return 2 if name in common else 1 if key.startswith("#") else 0

    return weight


def _add_phrases(book: Rulebook, lexicon: _Lexicon) -> None:
    for key, phrase in lexicon.phrases():
        book.phrases.setdefault(key, set()).add(phrase)


def _combinations(path: Path) -> list[Combination]:
    data = load_marked(path)
    found: list[Combination] = []
    for entry in data["combinations"]:
        needs: list[frozenset[str]] = []
        for need in entry["needs"]:
            options = frozenset(need.split("|"))
            unknown = {o for o in options if o not in KINDS and o != "who:other"}
            if unknown:
                line = entry.line_of("needs")
                raise DataError(path, line, f"{entry['id']}: unknown kind {sorted(unknown)}")
            needs.append(options)
        found.append(Combination(entry["id"], tuple(needs), entry["level"], entry["category"]))
    return found
