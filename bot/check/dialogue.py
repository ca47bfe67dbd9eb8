"""Checks of how a message leads to its answer: examples, intents, rules and names fit together."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from bot.check.content import Content, Example, Finding, fold, where

LEAST_EXAMPLES = 30
#: Set by the gate when nothing is sure enough: it has a rule and no examples.
FALLBACK = "nlu_fallback"
#: Names there may be Rasa's own, such as the key "utter_action" of a message's metadata.
_INSIDE_RASA = "bot/rasa/"
_RESPONSE = re.compile(r"utter_\w+")


def intents_have_rules(content: Content) -> Iterator[Finding]:
    """Every intent of the domain is heard by a rule, and every rule hears intents of the domain."""
    ruled = {intent for rule in content.rules for intent in rule.intents}
    for intent in content.intents:
        if intent not in ruled:
            todo = "Add a rule for it in data/rules/."
            yield Finding("error", f"domain.yml: {intent}", "no rule hears it", todo)
    for rule in content.rules:
        for intent in rule.intents:
            if intent not in content.intents:
                todo = "Add it to domain.yml, or correct the rule."
                yield Finding("error", rule.where, f"{intent!r} is no intent", todo)


def intents_have_examples(content: Content) -> Iterator[Finding]:
    """Every intent of the domain has enough examples, and every example an intent of the domain."""
    count = Counter(example.intent for example in content.examples)
    for intent in content.intents:
        if intent != FALLBACK and count[intent] < LEAST_EXAMPLES:
            what = f"{count[intent]} examples"
            todo = f"Write at least {LEAST_EXAMPLES}, of different kinds, in data/nlu/."
            yield Finding("error", f"domain.yml: {intent}", what, todo)
    for intent in sorted(set(count) - set(content.intents)):
        todo = "Add it to domain.yml, or correct the name in data/nlu/."
        yield Finding("error", f"data/nlu: {intent}", "is no intent of the domain", todo)


def examples_belong_to_one_intent(content: Content) -> Iterator[Finding]:
    """No example stands twice, case and punctuation apart: an error if its intents differ."""
    same: defaultdict[str, list[Example]] = defaultdict(list)
    for example in content.examples:
        same[fold(example.text)].append(example)
    for examples in same.values():
        if len(examples) == 1:
            continue
        first, last = examples[0], examples[-1]
        intents = {example.intent for example in examples}
        what = f"{last.text!r} also stands in {first.where}"
        todo = "Keep it where it fits best."
        yield Finding("error" if len(intents) > 1 else "warning", last.where, what, todo)


def rules_name_known_actions(content: Content) -> Iterator[Finding]:
    """Every action of a rule is one of the domain's or of Rasa's own (action_listen and others)."""
    known = {_first(entry) for entry in content.domain.get("actions") or ()}
    known |= set(content.domain.get("forms") or ())
    for rule in content.rules:
        for action in rule.actions:
            if action not in known and not action.startswith(("utter_", "action_")):
                todo = "Add it to domain.yml, or correct the rule."
                yield Finding("error", rule.where, f"{action!r} is no action", todo)


def _first(entry: object) -> str:
    return str(next(iter(entry))) if isinstance(entry, dict) else str(entry)


def named_responses_exist(content: Content) -> Iterator[Finding]:
    """Every utter_... of the domain, the rules and the code is a response of data/responses/."""
    todo = "Write the response in data/responses/, or correct the name."
    for place, name in sorted(set(_named_responses(content))):
        if name not in content.answers.by_key:
            yield Finding("error", place, f"there is no response {name!r}", todo)


def _named_responses(content: Content) -> Iterator[tuple[str, str]]:
    for rule in content.rules:
        yield from ((rule.where, action) for action in rule.actions if _RESPONSE.match(action))
    for key in ("actions", "responses"):
        names = [_first(entry) for entry in content.domain.get(key) or ()]
        yield from ((f"domain.yml: {key}", name) for name in names if _RESPONSE.match(name))
    for path, module in content.modules.items():
        if path.startswith(_INSIDE_RASA):
            continue
        for node in ast.walk(module):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                name = node.value
                if _RESPONSE.fullmatch(name) and not name.endswith("_"):
                    yield f"{path}: line {node.lineno}", name


def rules_say_the_reviewed_answer(content: Content) -> Iterator[Finding]:
    """A plain rule answers an intent with the answer that covers it."""
    for rule in content.rules:
        if not rule.plain or rule.intents[0] == FALLBACK:
            continue
        answer = content.answers.by_intent.get(rule.intents[0])
        if answer is None:
            what = f"no answer belongs to {rule.intents[0]!r}"
            yield Finding("error", rule.where, what, "Name the intent in an answer's metadata.")
        elif answer.key not in rule.actions:
            what = f"says {', '.join(rule.actions)}, but the intent's answer is {answer.key}"
            yield Finding("error", rule.where, what, "Correct the rule, or the answer's covers.")


def shared_answers_are_one_choice(content: Content) -> Iterator[Finding]:
    """`one_answer` of config.yml lists the sets of topics that share an answer, and no others."""
    shared = {frozenset(a.covers): a for a in content.topic_answers if len(a.covers) > 1}
    for topics in content.shared_by_config - shared.keys():
        what = f"one_answer joins {', '.join(sorted(topics))}, which no answer covers together"
        yield Finding("error", "config.yml: one_answer", what, "Remove it, or change covers.")
    for topics in shared.keys() - content.shared_by_config:
        what = f"one_answer of config.yml does not join {', '.join(sorted(topics))}"
        yield Finding("error", where(shared[topics]), what, "Add the row to config.yml.")
