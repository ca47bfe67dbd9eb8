"""Checks of what the helper knows: every topic answered from real sections, every fact stated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date

from bot.answers import Answer
from bot.check.content import CARDS, Content, Finding, flat, where

FACTS = range(1, 184)
ARTICLE_FIELDS = ("title", "publisher", "date", "date_label", "author", "reviewer", "sections")
NO_DATE = "date not given"
REVIEW_STATES = ("pending", "signed")


def topics_are_listed_once(content: Content) -> Iterator[Finding]:
    """Each topic stands once in the table, in a group that has a name."""
    for name, times in Counter(content.topics.ids).items():
        if times > 1:
            yield Finding("error", f"data/topics.yml: {name}", "stands twice", "Remove one.")
    for topic in content.topics.topics:
        if topic.group not in content.topics.groups:
            what = f"group {topic.group} has no name"
            yield Finding("error", f"data/topics.yml: {topic.id}", what, "Name it under groups.")


def topics_are_answered_once(content: Content) -> Iterator[Finding]:
    """Each topic is covered by exactly one answer."""
    covering = Counter(topic for answer in content.topic_answers for topic in answer.covers)
    for topic in dict.fromkeys(content.topics.ids):
        if covering[topic] != 1:
            what = f"covered by {covering[topic]} answers"
            todo = "Let exactly one answer list it under covers."
            yield Finding("error", f"data/topics.yml: {topic}", what, todo)


def answers_name_known_topics(content: Content) -> Iterator[Finding]:
    """An answer covers its own topic and only topics of the table; small talk covers none."""
    known = set(content.topics.ids)
    for answer in content.answers.by_key.values():
        for topic in (*answer.covers, *([answer.topic] if answer.topic else [])):
            if topic not in known:
                what = f"{topic!r} is no topic"
                yield Finding("error", where(answer), what, "Use an id of data/topics.yml.")
        if answer.topic and answer.topic not in answer.covers:
            yield Finding("error", where(answer), "does not cover its own topic", "Add it.")
        if answer.covers and not answer.topic:
            what = "covers topics but is the answer of none"
            yield Finding("error", where(answer), what, "Name its topic, or cover nothing.")


def answers_have_sources(content: Content) -> Iterator[Finding]:
    """An answer to a topic names its sources (that they exist is checked when they are read)."""
    for answer in content.topic_answers:
        if not answer.sources:
            what = "names no source"
            yield Finding("error", where(answer), what, "Name article and section.")


def severe_topics_carry_their_safety_line(content: Content) -> Iterator[Finding]:
    """The answer of a severe topic shows the fixed line that the table asks for."""
    for topic in content.topics.topics:
        answer = content.answers.topic(topic.id)
        if answer is not None and topic.safety_line and answer.safety_line != topic.safety_line:
            what = f"{topic.id} is severe, but safety_line is {answer.safety_line}"
            yield Finding("error", where(answer), what, f"Write {topic.safety_line}.")


def safety_lines_exist(content: Content) -> Iterator[Finding]:
    """Every safety line and every contact that an answer names is a line of the safety texts."""
    for answer in content.answers.by_key.values():
        named = [f"safety_line_{answer.safety_line}"] if answer.safety_line else []
        for name in (*named, *answer.contacts):
            if name not in content.safety_lines:
                what = f"{CARDS} has no line {name!r}"
                yield Finding("error", where(answer), what, "Use one of its lines.")


def related_topics_lead_elsewhere(content: Content) -> Iterator[Finding]:
    """Related topics exist, are two or three, and lead to different answers than this one."""
    for answer in content.answers.by_key.values():
        for what in _faults_of_related(content, answer):
            todo = "Offer two or three topics whose answers differ."
            yield Finding("error", where(answer), what, todo)


def _faults_of_related(content: Content, answer: Answer) -> Iterator[str]:
    seen = {answer.key}
    for topic in answer.related:
        other = content.answers.topic(topic)
        if other is None:
            yield f"related topic {topic!r} has no answer"
        elif other.key in seen:
            yield f"related topic {topic!r} leads to {other.key} again"
        else:
            seen.add(other.key)
    if len(answer.related) > 3 or (answer.topic and len(answer.related) < 2):
        yield f"offers {len(answer.related)} related topics"


def review_states_are_honest(content: Content) -> Iterator[Finding]:
    """An answer is pending, or signed on a day that has come; how many wait is said."""
    pending = 0
    for answer in content.answers.by_key.values():
        pending += answer.review == "pending"
        if answer.review not in REVIEW_STATES:
            todo = f"Use one of {', '.join(REVIEW_STATES)}."
            yield Finding("error", where(answer), f"review is {answer.review!r}", todo)
        if (answer.review == "signed") != _is_past_day(answer.reviewed_on):
            what = f"review is {answer.review!r}, but reviewed_on is {answer.reviewed_on}"
            yield Finding("error", where(answer), what, "Give both or neither (null).")
    if pending:
        what = f"{pending} of {len(content.answers.by_key)} answers are pending"
        yield Finding("warning", "data/responses", what, "Have a clinician read and sign them.")


def _is_past_day(text: str | None) -> bool:
    try:
        return text is not None and date.fromisoformat(text) <= date.today()
    except ValueError:
        return False


def articles_are_complete(content: Content) -> Iterator[Finding]:
    """Each article says who wrote it, who published it, when, and what its sections are."""
    for name, article in content.articles.items():
        place = f"data/articles.yml: {name}"
        for field in ARTICLE_FIELDS:
            if not article.get(field):
                yield Finding("error", place, f"has no {field}", "Add it, or say it is not given.")
        repeated = [s for s, n in Counter(article.get("sections") or ()).items() if n > 1]
        for section in repeated:
            yield Finding("error", place, f"section {section!r} stands twice", "Remove one.")
        if article.get("date") != NO_DATE and not _is_past_day(str(article.get("date"))):
            what = f"date is {article.get('date')!r}"
            yield Finding("error", place, what, f'Write year-month-day, or "{NO_DATE}".')


def facts_are_numbered(content: Content) -> Iterator[Finding]:
    """The fact table holds every number, each under the topic that the table of topics names."""
    topic_of = {number: topic.id for topic in content.topics.topics for number in topic.numbers}
    listed = {fact.fact for fact in content.facts}
    for number in FACTS:
        if number not in listed or number not in topic_of:
            file = "facts" if number not in listed else "topics"
            yield Finding("error", f"data/{file}.yml: {number}", "fact is missing", "Add it.")
    for fact in content.facts:
        if topic_of.get(fact.fact) != fact.topic:
            what = f"under {fact.topic}, but data/topics.yml says {topic_of.get(fact.fact)}"
            yield Finding("error", f"data/facts.yml: {fact.fact}", what, "Correct one of them.")
        if not fact.words or not all(word.strip() for word in fact.words):
            what = "has no words that would show it"
            yield Finding("error", f"data/facts.yml: {fact.fact}", what, "Add a phrase.")


def facts_are_stated(content: Content) -> Iterator[Finding]:
    """The answer of a fact's topic holds all the phrases that show the fact."""
    for fact in content.facts:
        answer = content.answers.topic(fact.topic)
        if answer is None:
            continue  # said by topics_are_answered_once
        text = flat(answer.text)
        for phrase in fact.words:
            if flat(phrase) not in text:
                what = f"fact {fact.fact} ({fact.says}) is not stated: no {phrase!r}"
                todo = "State the fact, or change the phrase in data/facts.yml."
                yield Finding("error", where(answer), what, todo)
