"""`bot check`: the content says what it should, as it should, and everything named exists.

CHECKS is the list of what is checked, in reading order; each check is one function that yields what
it finds. The list of facts and topics is data/facts.yml and data/topics.yml.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bot.answers import ContentError
from bot.check.code import code_holds_no_telephone_numbers, code_holds_no_words_for_visitors
from bot.check.content import Check, Content, Finding
from bot.check.deployment import centre_is_configured, contacts_are_verified
from bot.check.dialogue import (
    examples_belong_to_one_intent,
    intents_have_examples,
    intents_have_rules,
    named_responses_exist,
    rules_name_known_actions,
    rules_say_the_reviewed_answer,
    shared_answers_are_one_choice,
)
from bot.check.reading import grades, reading_grade
from bot.check.topics import (
    answers_have_sources,
    answers_name_known_topics,
    articles_are_complete,
    facts_are_numbered,
    facts_are_stated,
    related_topics_lead_elsewhere,
    review_states_are_honest,
    safety_lines_exist,
    severe_topics_carry_their_safety_line,
    topics_are_answered_once,
    topics_are_listed_once,
)
from bot.check.topics_table import topics_table, write_topics_table
from bot.check.wording import (
    answers_are_short,
    answers_give_no_amounts,
    answers_read_easily,
    first_sentences_answer,
    texts_avoid_forbidden_words,
    texts_give_no_telephone_numbers,
    titles_are_short_and_unique,
)
from bot.settings import PROJECT, Settings

__all__ = [
    "CHECKS",
    "Finding",
    "check_all",
    "check_content",
    "grades",
    "reading_grade",
    "topics_table",
    "write_topics_table",
]

#: What is checked, in this order.
CHECKS: tuple[Check, ...] = (
    # what it knows
    topics_are_listed_once,
    topics_are_answered_once,
    answers_name_known_topics,
    answers_have_sources,
    articles_are_complete,
    facts_are_numbered,
    facts_are_stated,
    review_states_are_honest,
    # how it is worded
    first_sentences_answer,
    answers_are_short,
    answers_read_easily,
    titles_are_short_and_unique,
    answers_give_no_amounts,
    texts_avoid_forbidden_words,
    texts_give_no_telephone_numbers,
    severe_topics_carry_their_safety_line,
    safety_lines_exist,
    related_topics_lead_elsewhere,
    # how a message leads to it
    intents_have_rules,
    intents_have_examples,
    examples_belong_to_one_intent,
    rules_name_known_actions,
    named_responses_exist,
    rules_say_the_reviewed_answer,
    shared_answers_are_one_choice,
    # what must not stand in code
    code_holds_no_words_for_visitors,
    code_holds_no_telephone_numbers,
)


def check_content(project: Path = PROJECT) -> list[Finding]:
    """Everything that is wrong with the content under a project's root, errors first."""
    content = Content(project)
    found = dict.fromkeys(finding for check in CHECKS for finding in run(check, content))
    return sorted(found, key=lambda finding: finding.severity)


def run(check: Check, content: Content) -> Iterator[Finding]:
    """What one check finds; a file that cannot be read is a finding too."""
    try:
        yield from check(content)
    except ContentError as error:
        yield Finding("error", "content", str(error), "Correct this first: checks were left out.")


def check_all(settings: Settings) -> list[Finding]:
    """The content, the centre's configuration and the emergency contacts; errors first."""
    found = [
        *check_content(),
        *centre_is_configured(settings),
        *contacts_are_verified(settings),
    ]
    return sorted(found, key=lambda finding: finding.severity)
