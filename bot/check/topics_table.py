"""docs/topics.md: what the helper answers and what it refuses on purpose, made from the data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bot.answers import Answer
from bot.check.content import Content, Topic
from bot.settings import PROJECT

FILE = Path("docs/topics.md")
_HEAD = """\
# Topics

<!-- Made by `bot topics` from data/topics.yml and data/responses/: change those. -->

What the helper answers: {topics} topics and {facts} facts, in {answers} answers. The facts are
numbered in `data/facts.yml`, with the words that show each. Some topics share one answer, because
a fair reader of either question is served by it; their intents are told apart all the same.

| topic | title | group | facts | answered by | shares its answer with |
|---|---|---|---|---|---|
"""
_REFUSED = """
## Out of scope on purpose

The articles do not cover these. Each gets an honest reply that says so, never a number, and says
who to ask.

| intent | title | who to ask |
|---|---|---|
"""


def topics_table(project: Path = PROJECT) -> str:
    """The text of docs/topics.md.

    Raises:
        ContentError: a content file is wrong, or a topic has no answer.
    """
    content = Content(project)
    head = _HEAD.format(
        topics=len(content.topics.topics),
        facts=len({fact.fact for fact in content.facts}),
        answers=len(content.topic_answers),
    )
    rows = [_topic_row(content, topic) for topic in content.topics.topics]
    return f"{head}{''.join(rows)}{_REFUSED}{''.join(_refused_rows(content))}"


def write_topics_table(project: Path = PROJECT) -> Path:
    """Write docs/topics.md anew; its path."""
    path = project / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(topics_table(project), encoding="utf-8")
    return path


def _topic_row(content: Content, topic: Topic) -> str:
    answer = content.answers.topic(topic.id)
    title = answer.title if answer else ""
    group = f"{topic.group}. {content.topics.groups.get(topic.group, '')}"
    key = f"`{answer.key}`" if answer else ""
    others = [f"`{other}`" for other in answer.covers if other != topic.id] if answer else []
    return _row(f"`{topic.id}`", title, group, topic.facts.replace("-", "–"), key, *others or [""])


def _refused_rows(content: Content) -> Iterator[str]:
    for answer in content.answers.by_key.values():
        if answer.group == "out_of_scope" and answer.intent:
            yield _row(f"`{answer.intent}`", answer.title, _who(answer))


def _who(answer: Answer) -> str:
    return ", ".join(name.replace("_", " ") for name in answer.contacts)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
