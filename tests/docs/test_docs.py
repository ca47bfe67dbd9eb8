"""The documents say what the code does: settings, stored fields, commands, paths, endpoints.

The idea is Datasette's: a thing that is not documented fails a test, and so does a document that
names a thing that is not there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import click
import pytest
import typer.main
import yaml

from bot.answers import load_answers
from bot.channels.web import shapes
from bot.channels.web.openapi import document
from bot.cli import app
from bot.outcomes import Outcome
from bot.safety import Level, contacts, rulebook
from bot.safety.patterns import compile_pattern
from bot.safety.rulebook import CUES, FORMS, KINDS
from bot.settings import PROJECT, Settings, load_settings
from bot.store.tables import Base

README = PROJECT / "README.md"
DOCS = [README, PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]

#: Made by a set-up or a run, so a fresh clone lacks them.
MADE = (".venv", ".venv-rasa", "models", "var", "reports")
#: Backticked words with a slash that are no path of the project.
NOT_PATHS = re.compile(r"^/|//|[<>{}*$\s]|^application/|^rasa ")
FILE_ENDINGS = (".py", ".yml", ".yaml", ".md", ".toml", ".txt", ".lock", ".in", ".json", ".ini")
#: Files whose names stand for files of that name in another folder, or that a reader would make.
NOT_IN_PROJECT = {"in.jsonl", "out.jsonl", "encoder.onnx", "tokenizer.json", "helper.sqlite3"}
#: A document whose relative paths start at a folder of code that it says it is about.
BASE = {"safety_screen.md": PROJECT / "bot" / "safety", "web_api.md": PROJECT / "bot/channels/web"}


def named(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def code_of(text: str) -> list[str]:
    """The code of a Markdown text: fenced blocks and what stands in backticks."""
    return [*fences(text), *code_names(prose(text))]


def fences(text: str, language: str = "[a-z]*") -> list[str]:
    """The fenced blocks, those of one language if it is given."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.M | re.S)


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return re.sub(r"^```[a-z]*\n.*?^```", "", text, flags=re.M | re.S)


def rows_of(text: str) -> Iterator[list[str]]:
    """The cells of every table row whose first cell is code."""
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def section(text: str, heading: str) -> str:
    """What stands under a heading of level two."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, flags=re.M | re.S)
    assert found, f"there is no section {heading!r}"
    return found[1]


def code_names(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`\n]+)`", cell)


def page(name: str) -> str:
    """The text of a document in docs/."""
    return (PROJECT / "docs" / name).read_text(encoding="utf-8")


# Settings


class Listening(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.asked.add(name)
        return super().get(name, default)


@pytest.fixture(scope="module")
def documented_settings() -> dict[str, str]:
    """Variable and documented default."""
    text = page("settings.md")
    table = text.split("\n## ")[0]
    return {code_names(row[0])[0]: row[1].strip("`") for row in rows_of(table)}


def test_settings_page_lists_every_variable_that_is_read(
    documented_settings: dict[str, str], tmp_path: Path
) -> None:
    env = Listening({"BOT_VAR": str(tmp_path)})
    load_settings(env)
    assert set(documented_settings) == env.asked


def test_settings_page_names_the_defaults(documented_settings: dict[str, str]) -> None:
    default = Settings()
    for name, written in documented_settings.items():
        if name == "REDIS_URL":
            continue
        value = getattr(default, name.lower().removeprefix("bot_"))
        if isinstance(value, Path):
            value = value.relative_to(PROJECT)
        assert written == (str(value) if value or value == 0 else "(empty)") or (
            written == "(empty)" and value == ()
        ), name


# Stored data


def test_stored_data_page_lists_every_field_of_every_table() -> None:
    text = page("stored_data.md")
    for table in Base.metadata.sorted_tables:
        written = [code_names(row[0])[0] for row in rows_of(section(text, table.name))]
        assert sorted(written) == sorted(column.name for column in table.columns), table.name


def test_stored_data_page_says_which_fields_are_encrypted() -> None:
    text = page("stored_data.md")
    for table in Base.metadata.sorted_tables:
        for row in rows_of(section(text, table.name)):
            name = code_names(row[0])[0]
            assert row[3] == ("yes" if name.endswith("token") else "no"), f"{table.name}.{name}"


# Commands


def commands_in(path: Path) -> Iterator[str]:
    """The lines of a document's code, without comments."""
    for code in code_of(path.read_text(encoding="utf-8")):
        for line in code.splitlines():
            yield re.split(r"(?:^|\s)#\s", line)[0]


@lru_cache
def make_targets() -> frozenset[str]:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^([a-z-]+):", makefile, flags=re.M))


@pytest.mark.parametrize("path", DOCS, ids=named)
def test_document_names_only_make_targets_that_exist(path: Path) -> None:
    for line in commands_in(path):
        for target in re.findall(r"(?:^|[\s&])make ([a-z-]+)", line):
            assert target in make_targets(), f"make {target}"


def test_readme_opens_with_the_two_commands_that_matter() -> None:
    start = section(README.read_text(encoding="utf-8"), "Start")
    assert re.findall(r"^make ([a-z]+)", start, flags=re.M) == ["run", "test"]


def options_of(command: click.Command) -> set[str]:
    return {opt for param in command.params for opt in (*param.opts, *param.secondary_opts)}


def bot_calls(path: Path) -> Iterator[tuple[str, str]]:
    """Every `bot NAME ...` in the code of a document: the name, and what follows on the line."""
    for line in commands_in(path):
        for match in re.finditer(r"(?:^|[\s/])bot ([a-z][a-z-]*)(.*)", line):
            yield match[1], match[2]


@pytest.mark.parametrize("path", DOCS, ids=named)
def test_document_names_only_bot_commands_that_exist(path: Path) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group) or hasattr(group, "commands")
    for name, rest in bot_calls(path):
        assert name in group.commands, f"bot {name}"
        for option in re.findall(r"(?<!\S)--[a-z-]+", rest):
            assert option in options_of(group.commands[name]), f"bot {name} {option}"


def test_readme_names_every_bot_command() -> None:
    group = typer.main.get_command(app)
    assert {name for name, _ in bot_calls(README)} == set(group.commands)


# Paths


def paths_in(path: Path) -> Iterator[str]:
    """What looks like a path of the project in a document's backticks and links."""
    for code in code_names(prose(path.read_text(encoding="utf-8"))):
        if NOT_PATHS.search(code) or code in NOT_IN_PROJECT or code.startswith(MADE):
            continue
        if "/" in code or code.endswith(FILE_ENDINGS):
            yield code


@pytest.mark.parametrize("path", DOCS, ids=named)
def test_document_names_only_paths_that_exist(path: Path) -> None:
    for written in paths_in(path):
        places = [PROJECT / written, BASE.get(path.name, PROJECT) / written]
        assert any(place.exists() for place in places), written


@pytest.mark.parametrize("path", DOCS, ids=named)
def test_document_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if target.startswith(("https://", "http://")):
            continue
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), flags=re.M)
            slugs = {re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in headings}
            assert anchor in slugs, target


def test_readme_runs_examples_that_are_json() -> None:
    for block in fences(README.read_text(encoding="utf-8"), "json"):
        json.loads(block)


# What is said of the content


def test_readme_counts_the_topics() -> None:
    answers = load_answers().by_key.values()
    topics = {topic for answer in answers for topic in answer.covers}
    assert f"It answers {len(topics)} topics" in README.read_text(encoding="utf-8")


def test_readme_says_whether_clinicians_have_signed() -> None:
    """Once somebody has signed, the notice must say what is signed."""
    unsigned = all(answer.review == "pending" for answer in load_answers().by_key.values())
    assert ("No clinician has signed" in README.read_text(encoding="utf-8")) == unsigned


def test_readme_says_whether_every_number_was_verified() -> None:
    unverified = any(contact.verified_on is None for contact in contacts())
    said = "some numbers were never verified" in " ".join(README.read_text("utf-8").split())
    assert said == unverified


def test_readme_says_in_which_languages_danger_is_recognised() -> None:
    names = {"en": "English", "fr": "French", "es": "Spanish"}
    counted = {rule.language for rule in rulebook().rules}
    spoken = ", ".join(name for code, name in names.items() if code in counted)
    text = " ".join(README.read_text(encoding="utf-8").split())
    assert f"Danger signs are recognised in: {spoken}." in text


def test_readme_holds_the_place_of_the_measured_figures() -> None:
    text = README.read_text(encoding="utf-8")
    assert 0 < text.index("<!-- benchmark -->") < text.index("<!-- /benchmark -->")


# Architecture, screen, web API


@pytest.mark.parametrize(("heading", "words"), [("Outcomes", Outcome), ("Levels", Level)])
def test_architecture_explains_every_word(heading: str, words: type[Outcome | Level]) -> None:
    text = page("architecture.md")
    written = [code_names(row[0])[0] for row in rows_of(section(text, heading))]
    assert written == [str(word) for word in words]


def test_screen_page_explains_every_kind_form_and_cue() -> None:
    written = set(code_names(prose(section(page("safety_screen.md"), "The files"))))
    assert {*KINDS, *FORMS, *CUES} <= written, {*KINDS, *FORMS, *CUES} - written


def test_screen_page_shows_a_rule_that_can_be_read() -> None:
    text = page("safety_screen.md")
    (block,) = fences(text, "yaml")
    (rule,) = yaml.safe_load(block)
    assert rule["id"] in {known.id for known in rulebook().rules}
    assert rule["kind"] in KINDS
    assert rule["form"] in FORMS
    for source in (*rule["patterns"], *rule["unless"]):
        compile_pattern(source, lambda option: option, lambda key: 0)


def test_web_api_page_lists_every_endpoint() -> None:
    text = page("web_api.md")
    written = set(re.findall(r"^\| (GET|POST|DELETE) \| `([^`]+)`", text, flags=re.M))
    served = {
        (method.upper(), path) for path, entry in document()["paths"].items() for method in entry
    }
    assert written == served


@pytest.mark.parametrize(
    ("heading", "shape"),
    [
        ("Send a message", shapes.NewMessage),
        ("Send a message", shapes.TurnShape),
        ("Send a message", shapes.PartShape),
        ("The conversation so far", shapes.PastTurnShape),
        ("Begin", shapes.ConversationShape),
        ("Begin", shapes.NewConversation),
    ],
)
def test_web_api_page_names_every_field(heading: str, shape: type[shapes.BaseModel]) -> None:
    text = section(page("web_api.md"), heading)
    for field in shape.model_fields:
        assert re.search(rf"[`\"]{field}[`\"]", text), field


def test_web_api_page_lists_every_status_of_an_error() -> None:
    text = section(page("web_api.md"), "Errors")
    written = set(re.findall(r"^\| (\d{3}) ", text, flags=re.M))
    operations = [op for entry in document()["paths"].values() for op in entry.values()]
    served = {code for op in operations for code in op["responses"] if code >= "400"}
    assert served <= written
