"""What the checks look at: the content files of a project, each read once and only when needed."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.answers import Answer, Answers, ContentError, load_answers, load_yaml

#: Where the safety texts and the helper's own words stand, from the project's root.
CARDS = Path("bot/safety/cards/en.yml")
TEXTS = Path("bot/texts")

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """Something that a check found: `where` is "file: key", `what_to_do` a sentence."""

    severity: Severity
    where: str
    what: str
    what_to_do: str


class Row(BaseModel):
    """A frozen row of a content file; a key that it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Topic(Row):
    """One line of data/topics.yml; `facts` is "first-last" or a single number."""

    id: str
    group: str
    facts: str
    safety_line: Literal["overdose", "withdrawal"] | None = None

    @property
    def numbers(self) -> range:
        """The numbers of its facts."""
        first, _, last = self.facts.partition("-")
        return range(int(first), int(last or first) + 1)


class Topics(Row):
    """data/topics.yml: the groups by letter, and the topics in reading order."""

    groups: dict[str, str]
    topics: tuple[Topic, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """All topic ids, a repeated one as often as it stands there."""
        return tuple(topic.id for topic in self.topics)


class Fact(Row):
    """One line of data/facts.yml: the phrases that show that an answer states the fact."""

    fact: int
    topic: str
    says: str
    words: tuple[str, ...]


class _Facts(Row):
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Rule:
    """One rule of data/rules/: the intents it hears and the actions it takes.

    `plain`: one intent, then actions, under no condition.
    """

    name: str
    where: str
    intents: tuple[str, ...]
    actions: tuple[str, ...]
    plain: bool


@dataclass(frozen=True)
class Example:
    """One training example of data/nlu/."""

    intent: str
    text: str
    where: str


class Content:
    """The content files under a project's root, read when first asked for.

    Every property raises ContentError when its file is missing or of the wrong shape.
    """

    def __init__(self, project: Path) -> None:
        self.project = project
        self.data = project / "data"

    @cached_property
    def answers(self) -> Answers:
        """The reviewed answers; loading also refuses double keys and sources that do not exist."""
        return load_answers(self.data)

    @property
    def topic_answers(self) -> list[Answer]:
        """The answers to topics, small talk and refusals left out."""
        return [answer for answer in self.answers.by_key.values() if answer.topic]

    @cached_property
    def topics(self) -> Topics:
        """The table of topics."""
        return read(Topics, self.data / "topics.yml")

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """The fact table."""
        path = self.data / "facts.yml"
        return read_as(_Facts, {"facts": load_yaml(path)}, path).facts

    @cached_property
    def articles(self) -> Mapping[str, Any]:
        """The articles by id, as they stand in the file."""
        return _mapping(load_yaml(self.data / "articles.yml"), "articles", "data/articles.yml")

    @cached_property
    def domain(self) -> Mapping[str, Any]:
        """The assistant's vocabulary."""
        domain = load_yaml(self.project / "domain.yml")
        if not isinstance(domain, dict) or not isinstance(domain.get("intents"), list):
            raise ContentError("domain.yml: wants a list of intents.")
        return domain

    @property
    def intents(self) -> tuple[str, ...]:
        """The intents of the domain; an entry may be a name or a name with settings."""
        return tuple(_name(entry) for entry in self.domain["intents"])

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """All rules of data/rules/."""
        return tuple(
            rule
            for path in sorted((self.data / "rules").glob("*.yml"))
            for rule in _rules(path, f"data/rules/{path.name}")
        )

    @cached_property
    def examples(self) -> tuple[Example, ...]:
        """All training examples of data/nlu/."""
        return tuple(
            example
            for path in sorted((self.data / "nlu").glob("*.yml"))
            for example in _examples(path, f"data/nlu/{path.name}")
        )

    @cached_property
    def shared_by_config(self) -> frozenset[frozenset[str]]:
        """The sets of intents that config.yml says share one answer."""
        config = load_yaml(self.project / "config.yml")
        if not isinstance(config, dict) or not isinstance(config.get("pipeline"), list):
            raise ContentError("config.yml: wants a pipeline.")
        sets = [names for part in config["pipeline"] for names in part.get("one_answer") or ()]
        return frozenset(frozenset(names) for names in sets)

    @cached_property
    def safety_lines(self) -> Mapping[str, str]:
        """The fixed safety lines by name."""
        return _mapping(load_yaml(self.project / CARDS), "lines", str(CARDS))

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """The helper's own words of all languages, by "file: name"."""
        found: dict[str, str] = {}
        for path in sorted((self.project / TEXTS).glob("*.yml")):
            words = load_yaml(path)
            if not isinstance(words, dict):
                raise ContentError(f"{TEXTS}/{path.name}: wants one text for each name.")
            found |= {f"{TEXTS}/{path.name}: {name}": str(text) for name, text in words.items()}
        return found

    @cached_property
    def modules(self) -> Mapping[str, ast.Module]:
        """The parsed Python modules of bot/ and actions/, by path from the root."""
        paths = [*(self.project / "bot").rglob("*.py"), *(self.project / "actions").rglob("*.py")]
        found: dict[str, ast.Module] = {}
        for path in sorted(paths):
            name = path.relative_to(self.project).as_posix()
            try:
                found[name] = ast.parse(path.read_text(encoding="utf-8"))
            except (SyntaxError, UnicodeDecodeError) as error:
                raise ContentError(f"{name}: {error}") from error
        return found


Check = Callable[[Content], Iterator[Finding]]

M = TypeVar("M", bound=BaseModel)


def read(model: type[M], path: Path) -> M:
    """A content file in the shape of `model`.

    Raises:
        ContentError: it cannot be read or has another shape.
    """
    return read_as(model, load_yaml(path), path)


def read_as(model: type[M], data: Any, path: Path) -> M:
    """Plain data in the shape of `model`; `path` is named when it has another.

    Raises:
        ContentError: it has another shape.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ContentError(f"{path.name}: {place}: {first['msg']}") from error


def where(answer: Answer) -> str:
    """An answer's place as "file: key"."""
    return f"data/responses/{answer.line}"


def flat(text: str) -> str:
    """Text without its line breaks, in small letters."""
    return " ".join(text.casefold().split())


def fold(text: str) -> str:
    """An example without case and punctuation; text of signs only stays as it is."""
    plain = re.sub(r"\[([^\]]+)\](\([^)]*\)|\{[^}]*\})", r"\1", text)
    return " ".join(re.findall(r"\w+", plain.casefold())) or text.strip()


def _mapping(data: Any, key: str, place: str) -> Mapping[str, Any]:
    if not isinstance(data, dict) or not isinstance(data.get(key), dict):
        raise ContentError(f"{place}: wants a key {key!r} with an entry for each name.")
    found: dict[str, Any] = data[key]
    return found


def _name(entry: Any) -> str:
    return str(next(iter(entry))) if isinstance(entry, dict) else str(entry)


def _rows(path: Path, key: str, place: str) -> Sequence[dict[str, Any]]:
    data = load_yaml(path)
    rows = data.get(key) if isinstance(data, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ContentError(f"{place}: wants a key {key!r} with a list.")
    return rows


def _rules(path: Path, place: str) -> Iterator[Rule]:
    for row in _rows(path, "rules", place):
        steps = [step for step in row.get("steps") or () if isinstance(step, dict)]
        flat_steps = [s for step in steps for s in (step.get("or") or [step])]
        intents = tuple(str(step["intent"]) for step in flat_steps if "intent" in step)
        actions = tuple(str(step["action"]) for step in steps if "action" in step)
        plain = len(intents) == 1 and len(steps) == 1 + len(actions) and "condition" not in row
        name = str(row.get("rule"))
        yield Rule(name, f"{place}: {name}", intents, actions, plain)


def _examples(path: Path, place: str) -> Iterator[Example]:
    for row in _rows(path, "nlu", place):
        if "intent" not in row:
            continue  # synonyms, lookups and regular expressions hold no examples
        intent = str(row["intent"])
        for line in str(row.get("examples") or "").splitlines():
            if line.strip():
                yield Example(intent, line.strip().removeprefix("- "), f"{place}: {intent}")
