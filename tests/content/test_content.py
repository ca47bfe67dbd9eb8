"""The real content is right, and each check fails on a copy with one thing broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.check import CHECKS, check_all, check_content, code, dialogue, run, topics, wording
from bot.check.content import Check, Content, Finding
from bot.check.topics_table import FILE, topics_table
from bot.settings import PROJECT, Settings

COPIED = ("data", "domain.yml", "config.yml", "bot/texts", "bot/safety/cards")
REPLY = "bot/reply.py"


def errors(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity == "error"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A project with the real content and one small Python module."""
    for name in COPIED:
        source, target = PROJECT / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    (tmp_path / REPLY).write_text('"""A reply."""\n\nKEY = "utter_greet"\n')
    return tmp_path


# What breaks a copy.

Break = Callable[[Path], None]


def append(name: str, text: str) -> Break:
    def do(project: Path) -> None:
        with (project / name).open("a", encoding="utf-8") as file:
            file.write(text)

    return do


def replaced(name: str, old: str, new: str) -> Break:
    def do(project: Path) -> None:
        path = project / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} no longer holds {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return do


def edited(name: str, edit: Callable[[Any], Any]) -> Break:
    """The file's data after `edit`, which changes it in place."""

    def do(project: Path) -> None:
        path = project / name
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        edit(data)
        path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")

    return do


def answer(file: str, key: str, text: str | None = None, add: str = "", **metadata: Any) -> Break:
    """A response with another text, with more text, or with other metadata."""

    def edit(data: Any) -> None:
        row = data["responses"][key][0]
        row["text"] = (row["text"] if text is None else text) + add
        row["metadata"] |= metadata

    return edited(f"data/responses/{file}.yml", edit)


def tapering(**changes: Any) -> Break:
    return answer("withdrawal", "utter_tapering", **changes)


def example(intent: str, text: str) -> Break:
    return append("data/nlu/withdrawal.yml", f"- intent: {intent}\n  examples: |\n    - {text}\n")


def rule(*steps: dict[str, str]) -> Break:
    row = {"rule": "one more", "steps": list(steps)}
    return edited("data/rules/withdrawal.yml", lambda data: data["rules"].append(row))


def reply(line: str) -> Break:
    return append(REPLY, f"{line}\n")


def few_examples(data: Any) -> None:
    for row in data["nlu"]:
        row["examples"] = "\n".join(row["examples"].splitlines()[:29])


@dataclass(frozen=True)
class Case:
    check: Check
    says: str
    broken: Break

    def __str__(self) -> str:
        return f"{self.check.__name__}: {self.says}"


MG = "The usual start is 5 mg. Ask your prescriber."
LONG = " word" * 120
HARD = (
    "Pharmacological discontinuation necessitates individualized interdisciplinary supervision "
    "notwithstanding heterogeneous symptomatology."
)
HELLO = '"Please contact the admissions team for further help."'

CASES = (
    Case(
        topics.topics_are_listed_once,
        "stands twice",
        append("data/topics.yml", '- {id: tapering, group: F, facts: "142-144"}\n'),
    ),
    Case(
        topics.topics_are_listed_once,
        "group Z has no name",
        replaced("data/topics.yml", "id: tapering, group: F", "id: tapering, group: Z"),
    ),
    Case(topics.topics_are_answered_once, "covered by 0 answers", tapering(covers=[])),
    Case(
        topics.topics_are_answered_once,
        "covered by 2 answers",
        tapering(covers=["tapering", "stop_suddenly"]),
    ),
    Case(
        topics.topics_are_answered_once,
        "stands twice",
        append("data/responses/expired.yml", "  utter_disposal:\n  - text: Again.\n"),
    ),
    Case(
        topics.topics_are_answered_once,
        "also stands in",
        append(
            "data/responses/expired.yml",
            "  utter_tapering:\n  - text: Again.\n    metadata: {title: Again}\n",
        ),
    ),
    Case(
        topics.topics_are_answered_once,
        "exactly one wording",
        edited(
            "data/responses/withdrawal.yml",
            lambda data: data["responses"]["utter_tapering"].append({"text": "Or so."}),
        ),
    ),
    Case(
        topics.answers_name_known_topics,
        "'tapers' is no topic",
        tapering(covers=["tapering", "tapers"]),
    ),
    Case(
        topics.answers_name_known_topics,
        "does not cover its own topic",
        tapering(topic="stop_suddenly"),
    ),
    Case(
        topics.answers_name_known_topics,
        "the answer of none",
        answer("small_talk", "utter_greet", covers=["tapering"]),
    ),
    Case(topics.answers_have_sources, "names no source", tapering(sources=[])),
    Case(
        topics.answers_have_sources,
        "is no section of that article",
        tapering(sources=[{"article": "cca_2025", "section": "Made up"}]),
    ),
    Case(
        topics.answers_have_sources,
        "names no article",
        tapering(sources=[{"article": "made_up", "section": "FAQ"}]),
    ),
    Case(
        topics.articles_are_complete,
        "has no publisher",
        edited(
            "data/articles.yml",
            lambda data: data["articles"]["cca_2025"].update(publisher=""),
        ),
    ),
    Case(
        topics.articles_are_complete,
        "section 'FAQ' stands twice",
        edited(
            "data/articles.yml",
            lambda data: data["articles"]["cca_2025"]["sections"].append("FAQ"),
        ),
    ),
    Case(
        topics.articles_are_complete,
        "date is 'last year'",
        edited(
            "data/articles.yml",
            lambda data: data["articles"]["cca_2025"].update(date="last year"),
        ),
    ),
    Case(
        topics.facts_are_numbered,
        "fact is missing",
        edited("data/facts.yml", lambda facts: facts.pop(100)),
    ),
    Case(
        topics.facts_are_numbered,
        "but data/topics.yml says",
        edited("data/facts.yml", lambda facts: facts[0].update(topic="tapering")),
    ),
    Case(
        topics.facts_are_numbered,
        "has no words",
        edited("data/facts.yml", lambda facts: facts[0].update(words=[])),
    ),
    Case(
        topics.facts_are_numbered,
        "Field required",
        edited("data/facts.yml", lambda facts: facts[0].pop("words")),
    ),
    Case(topics.facts_are_stated, "fact 142", tapering(text="Ask your prescriber about it.")),
    Case(topics.review_states_are_honest, "review is 'done'", tapering(review="done")),
    Case(topics.review_states_are_honest, "reviewed_on is None", tapering(review="signed")),
    Case(
        topics.review_states_are_honest,
        "reviewed_on is 2026-01-05",
        tapering(reviewed_on="2026-01-05"),
    ),
    Case(
        topics.review_states_are_honest,
        "reviewed_on is 9999-01-05",
        tapering(review="signed", reviewed_on="9999-01-05"),
    ),
    Case(
        wording.first_sentences_answer,
        "has no first sentence",
        tapering(text="These matter:\n\n- the plan, which a doctor makes. It is slow."),
    ),
    Case(wording.answers_are_short, "words, safety line included", tapering(add=LONG)),
    Case(
        wording.answers_are_short,
        "121 words",
        answer("withdrawal", "utter_tapering", text="word " * 96),
    ),
    Case(wording.answers_read_easily, "reads at grade", tapering(text=HARD)),
    Case(wording.titles_are_short_and_unique, "same title", tapering(title="withdrawal symptoms")),
    Case(wording.titles_are_short_and_unique, "41 letters", tapering(title="T" * 41)),
    Case(wording.titles_are_short_and_unique, "0 letters", tapering(title="")),
    Case(wording.answers_give_no_amounts, "'5'", tapering(add=MG)),
    Case(wording.answers_give_no_amounts, "'mg'", tapering(add="Lower it by five mg.")),
    Case(wording.answers_give_no_amounts, "'two tablets'", tapering(add="Take two tablets.")),
    Case(wording.answers_give_no_amounts, "'10%'", tapering(add="Cut 10% a week.")),
    Case(wording.answers_give_no_amounts, "'every eight hours'", tapering(add="every eight hours")),
    Case(wording.texts_avoid_forbidden_words, "says 'safe'", tapering(add="This is safe.")),
    Case(wording.texts_avoid_forbidden_words, "says 'addicts'", tapering(add="Some addicts do.")),
    Case(
        wording.texts_avoid_forbidden_words,
        "says 'Abuser'",
        tapering(title="Abuser information"),
    ),
    Case(
        wording.texts_avoid_forbidden_words,
        "says 'narcotic-like'",
        append("bot/texts/en.yml", 'more: "It has a narcotic-like effect."\n'),
    ),
    Case(
        wording.texts_avoid_forbidden_words,
        "says 'users of drugs'",
        tapering(add="For users of drugs."),
    ),
    Case(wording.texts_give_no_telephone_numbers, "'911'", tapering(add="Call 911.")),
    Case(
        wording.texts_give_no_telephone_numbers,
        "'(555) 010-1234'",
        append("bot/texts/en.yml", 'more: "Call (555) 010-1234."\n'),
    ),
    Case(
        topics.severe_topics_carry_their_safety_line,
        "is severe",
        tapering(safety_line=None),
    ),
    Case(topics.safety_lines_exist, "safety_line_none", tapering(safety_line="none")),
    Case(topics.safety_lines_exist, "'neighbour'", tapering(contacts=["neighbour"])),
    Case(
        topics.related_topics_lead_elsewhere,
        "'tapers' has no answer",
        tapering(related=["tapers", "stop_suddenly"]),
    ),
    Case(
        topics.related_topics_lead_elsewhere,
        "leads to utter_expiry_check again",
        tapering(related=["expiry_check", "expired_risks"]),
    ),
    Case(
        topics.related_topics_lead_elsewhere,
        "leads to utter_tapering again",
        tapering(related=["tapering", "stop_suddenly"]),
    ),
    Case(
        topics.related_topics_lead_elsewhere,
        "offers 1 related",
        tapering(related=["stop_suddenly"]),
    ),
    Case(
        topics.related_topics_lead_elsewhere,
        "offers 4 related",
        tapering(related=["stop_suddenly", "dependence", "tolerance", "disposal"]),
    ),
    Case(
        dialogue.intents_have_rules,
        "no rule hears it",
        edited("domain.yml", lambda data: data["intents"].append("ask_weather")),
    ),
    Case(
        dialogue.intents_have_rules,
        "'ask_weather' is no intent",
        rule({"intent": "ask_weather"}, {"action": "utter_greet"}),
    ),
    Case(
        dialogue.intents_have_examples,
        "29 examples",
        edited("data/nlu/withdrawal.yml", few_examples),
    ),
    Case(
        dialogue.intents_have_examples,
        "is no intent of the domain",
        example("ask_weather", "will it rain"),
    ),
    Case(
        dialogue.intents_have_examples,
        "wants a key 'nlu'",
        edited("data/nlu/withdrawal.yml", lambda data: data.pop("nlu")),
    ),
    Case(
        dialogue.examples_belong_to_one_intent,
        "also stands in data/nlu/drug.yml: what_is_baclofen",
        example("tapering", "What is  BACLOFEN?!"),
    ),
    Case(
        dialogue.rules_name_known_actions,
        "'tell_weather' is no action",
        rule({"intent": "tapering"}, {"action": "tell_weather"}),
    ),
    Case(
        dialogue.named_responses_exist,
        "'utter_weather'",
        rule({"intent": "tapering"}, {"action": "utter_weather"}),
    ),
    Case(
        dialogue.named_responses_exist,
        "'utter_weather'",
        edited("domain.yml", lambda data: data.update(actions=["utter_weather"])),
    ),
    Case(dialogue.named_responses_exist, "'utter_weather'", reply('KEY = "utter_weather"')),
    Case(
        dialogue.rules_say_the_reviewed_answer,
        "says utter_greet, but the intent's answer is utter_tapering",
        rule({"intent": "tapering"}, {"action": "utter_greet"}),
    ),
    Case(
        dialogue.rules_say_the_reviewed_answer,
        "no answer belongs to 'greet'",
        answer("small_talk", "utter_greet", intent=None),
    ),
    Case(
        dialogue.shared_answers_are_one_choice,
        "does not join stop_suddenly, tapering",
        tapering(covers=["tapering", "stop_suddenly"]),
    ),
    Case(
        dialogue.shared_answers_are_one_choice,
        "joins expired_risks, expiry_check",
        answer("expired", "utter_expiry_check", covers=["expiry_check"]),
    ),
    Case(
        code.code_holds_no_words_for_visitors,
        "Please contact the admissions",
        reply(f"A = {HELLO}"),
    ),
    Case(code.code_holds_no_telephone_numbers, "'800-555-0123'", reply('A = "tel 800-555-0123"')),
    Case(code.code_holds_no_telephone_numbers, "'911'", reply('A = f"Call 911, {KEY}"')),
)


def test_content_has_no_errors() -> None:
    assert errors(check_content()) == []


def test_content_of_an_unbroken_copy_has_no_errors(copy: Path) -> None:
    assert errors(check_content(copy)) == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_check_finds_what_is_broken(copy: Path, case: Case) -> None:
    case.broken(copy)
    found = errors(list(run(case.check, Content(copy))))
    assert any(case.says in finding.what for finding in found), found
    assert all(finding.where and finding.what_to_do for finding in found)


def test_every_check_is_shown_to_fail() -> None:
    assert {case.check for case in CASES} == set(CHECKS)


def test_check_content_reports_a_file_that_cannot_be_read(copy: Path) -> None:
    (copy / "data/topics.yml").unlink()
    found = errors(check_content(copy))
    assert any("topics.yml" in finding.what for finding in found)
    assert len(found) == len(set(found))


def test_check_content_warns_of_an_example_written_twice_in_one_intent(copy: Path) -> None:
    example("what_is_baclofen", "what is baclofen")(copy)
    found = list(run(dialogue.examples_belong_to_one_intent, Content(copy)))
    assert [finding.severity for finding in found] == ["warning"]


def test_check_content_says_how_many_answers_are_pending(copy: Path) -> None:
    tapering(review="signed", reviewed_on="2026-01-05")(copy)
    found = list(run(topics.review_states_are_honest, Content(copy)))
    total = len(Content(copy).answers.by_key)
    assert [finding.what for finding in found] == [f"{total - 1} of {total} answers are pending"]


@pytest.mark.parametrize(
    "line",
    [
        f"raise ValueError({HELLO})",
        f"log.info({HELLO})",
        f"self.log.warning({HELLO})",
        f"print({HELLO})",
        f"typer.Option(help={HELLO})",
        f"class Broken(RuntimeError): ...\nERROR = Broken({HELLO})",
        f"def f():\n    {HELLO}",
        'A = "no capital at the beginning of this one."',
        'A = "Five words are too few."',
        'A = "A label for a figure, without a full stop"',
    ],
)
def test_code_check_lets_words_for_developers_pass(copy: Path, line: str) -> None:
    reply(line)(copy)
    assert errors(list(run(code.code_holds_no_words_for_visitors, Content(copy)))) == []


@pytest.mark.parametrize(
    "line",
    [
        f"def f():\n    return {HELLO}",
        f"Part('text', {HELLO})",
        'A = f"Please contact {KEY} for further help with this."',
        'A = ("Please contact the admissions team "\n     "for further help.")',
        f"dialog.show({HELLO})",
        f"A = {{'text': {HELLO}}}",
    ],
)
def test_code_check_finds_words_for_visitors(copy: Path, line: str) -> None:
    reply(line)(copy)
    assert errors(list(run(code.code_holds_no_words_for_visitors, Content(copy))))


def test_code_check_says_when_an_excuse_is_no_longer_needed(copy: Path) -> None:
    found = list(run(code.code_holds_no_words_for_visitors, Content(copy)))
    assert {finding.what for finding in found} == {"excuses nothing any more"}


def test_every_excuse_of_the_code_check_is_still_needed() -> None:
    found = list(run(code.code_holds_no_words_for_visitors, Content(PROJECT)))
    assert found == []


def test_check_all_reports_a_centre_that_cannot_be_read(tmp_path: Path) -> None:
    centre = tmp_path / "centre.yml"
    centre.write_text('configured: true\nname: ""\n')
    found = errors(check_all(replace(Settings(), centre_file=centre)))
    assert [finding.where for finding in found] == ["centre.yml"]


def test_topics_document_is_up_to_date() -> None:
    written = (PROJECT / FILE).read_text(encoding="utf-8")
    assert written == topics_table(), "run `bot topics`"
