"""The reviewed words: every answer of data/responses/ with its sources, loaded once and checked.

The assistant names a response ("utter_overdose_signs"); the words a visitor reads are taken from
here, so that they are the same whether the assistant is alive or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from bot.settings import PROJECT


class ContentError(Exception):
    """A content file is wrong; the message names the file, the key and what to do."""


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML that refuses a key written twice (plain YAML lets the later one win silently)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                mark = key_node.start_mark
                raise ContentError(f"{mark.name}:{mark.line + 1}: the key {key!r} stands twice.")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def load_yaml(path: Path) -> Any:
    """A YAML file as plain data.

    Raises:
        ContentError: the file cannot be read, is no YAML or repeats a key.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return yaml.load(file, Loader=_UniqueKeyLoader)
    except (OSError, yaml.YAMLError) as error:
        raise ContentError(f"{path}: {error}") from error


@dataclass(frozen=True)
class Source:
    """Where an answer comes from."""

    title: str
    publisher: str
    date: str
    section: str

    def as_json(self) -> dict[str, str]:
        """The form that the web API sends."""
        return {
            "title": self.title,
            "publisher": self.publisher,
            "date": self.date,
            "section": self.section,
        }


@dataclass(frozen=True)
class Answer:
    """One response of data/responses/.

    `topic` and `covers` are topic ids (None and empty for small talk and honest refusals);
    `intent` is the intent of such a response. `safety_line` names the fixed line shown first.
    """

    key: str
    text: str
    title: str
    topic: str | None
    covers: tuple[str, ...]
    intent: str | None
    subject: str | None
    safety_line: str | None
    related: tuple[str, ...]
    sources: tuple[Source, ...]
    contact: str | None
    contacts: tuple[str, ...]
    review: str
    reviewed_on: str | None
    group: str
    line: str


class Answers:
    """All answers of a language, by response key, intent and topic."""

    def __init__(self, by_key: dict[str, Answer]) -> None:
        self.by_key = by_key

    @cached_property
    def by_intent(self) -> dict[str, Answer]:
        """The answer of each intent; a topic's intent bears the topic's id."""
        table: dict[str, Answer] = {}
        for answer in self.by_key.values():
            for name in answer.covers or (answer.intent,):
                if name:
                    table[name] = answer
        return table

    def key(self, name: str) -> Answer:
        """The answer of a response key.

        Raises:
            ContentError: there is none.
        """
        try:
            return self.by_key[name]
        except KeyError:
            raise ContentError(f"No response named {name!r} in data/responses/.") from None

    def topic(self, topic: str) -> Answer | None:
        """The answer that covers a topic."""
        answer = self.by_intent.get(topic)
        return answer if answer is not None and answer.topic else None


def _articles(path: Path) -> dict[str, dict[str, Any]]:
    data = load_yaml(path)
    if not isinstance(data, dict) or not isinstance(data.get("articles"), dict):
        raise ContentError(f"{path}: wants one key 'articles' with an entry for each article.")
    articles: dict[str, dict[str, Any]] = data["articles"]
    return articles


def _source(where: str, row: Any, articles: dict[str, dict[str, Any]]) -> Source:
    if not isinstance(row, dict) or row.get("article") not in articles:
        raise ContentError(f"{where}: source {row!r} names no article of data/articles.yml.")
    article = articles[row["article"]]
    if row.get("section") not in article["sections"]:
        raise ContentError(f"{where}: {row.get('section')!r} is no section of that article.")
    return Source(
        title=article["title"],
        publisher=article["publisher"],
        date=article.get("date_label", article["date"]),
        section=row["section"],
    )


def _answer(
    key: str, rows: Any, group: str, where: str, articles: dict[str, dict[str, Any]]
) -> Answer:
    if not isinstance(rows, list) or len(rows) != 1:
        raise ContentError(f"{where}: wants exactly one wording.")
    row = rows[0]
    meta = row.get("metadata")
    if not isinstance(meta, dict) or not row.get("text"):
        raise ContentError(f"{where}: wants text and metadata.")
    return Answer(
        key=key,
        text=row["text"].strip(),
        title=meta.get("title", ""),
        topic=meta.get("topic"),
        covers=tuple(meta.get("covers") or ()),
        intent=meta.get("intent"),
        subject=meta.get("subject"),
        safety_line=meta.get("safety_line"),
        related=tuple(meta.get("related") or ()),
        sources=tuple(_source(where, source, articles) for source in meta.get("sources") or ()),
        contact=meta.get("contact"),
        contacts=tuple(meta.get("contacts") or ()),
        review=meta.get("review", "pending"),
        reviewed_on=str(meta["reviewed_on"]) if meta.get("reviewed_on") else None,
        group=group,
        line=where,
    )


def load_answers(data: Path = PROJECT / "data") -> Answers:
    """All answers under a data folder.

    Raises:
        ContentError: names file and key of the first thing that is wrong.
    """
    articles = _articles(data / "articles.yml")
    by_key: dict[str, Answer] = {}
    for path in sorted((data / "responses").glob("*.yml")):
        content = load_yaml(path)
        if not isinstance(content, dict) or not isinstance(content.get("responses"), dict):
            raise ContentError(f"{path}: wants a key 'responses'.")
        for key, rows in content["responses"].items():
            where = f"{path.name}: {key}"
            if key in by_key:
                raise ContentError(f"{where} also stands in {by_key[key].line}.")
            by_key[key] = _answer(key, rows, path.stem, where, articles)
    return Answers(by_key)
