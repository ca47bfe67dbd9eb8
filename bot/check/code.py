"""Checks of the Python code: no words for visitors and no telephone number stand in it.

A sentence is taken for a visitor's when it has six words or more, begins with a capital and ends
with a full stop. Docstrings, log messages, exceptions and the help and output of the command line
are told apart by their place in the syntax tree; what is left and harmless is listed in code.yml.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from bot.check.content import Content, Finding, Row, read
from bot.check.wording import telephone_in

RULES = Path(__file__).with_name("code.yml")
_SENTENCE = re.compile(r"^(\[\w+\])?[A-Z].*[.!?…](\[/?\w*\])?[\"'”)]?$", re.DOTALL)
_LEAST_WORDS = 6
_LOG_CALLS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
_OUTPUT_CALLS = {"print", "echo", "secho", "status", "warn"}
_HELP = {"help", "short_help", "description", "summary", "epilog"}
_HELP_CALLS = {"Option", "Argument", "Typer", "Table", "add_argument"}


class _Excused(Row):
    """A file or folder (ending in "/") whose sentences no visitor reads, or those that begin so."""

    file: str
    begins: str = ""
    why: str

    def covers(self, path: str, text: str) -> bool:
        inside = path.startswith(self.file) if self.file.endswith("/") else path == self.file
        return inside and text.startswith(self.begins)


class _Code(Row):
    excused: tuple[_Excused, ...]


@cache
def _excused() -> tuple[_Excused, ...]:
    return read(_Code, RULES).excused


class _Texts(ast.NodeVisitor):
    """Collects the texts of a module that a visitor might come to read: (line, text)."""

    def __init__(self, exceptions: set[str]) -> None:
        self.found: list[tuple[int, str]] = []
        self._exceptions = exceptions

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a bare text is a docstring
            self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        """What is raised is read by developers and operators."""

    def visit_Call(self, node: ast.Call) -> None:
        name, owner = _called(node.func)
        logs = name in _LOG_CALLS and "log" in owner.casefold()
        if logs or name in _OUTPUT_CALLS | _HELP_CALLS or name in self._exceptions:
            return
        self.visit(node.func)
        for child in (*node.args, *(k.value for k in node.keywords if k.arg not in _HELP)):
            self.visit(child)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        parts = (p.value if isinstance(p, ast.Constant) else "…" for p in node.values)
        self.found.append((node.lineno, "".join(str(part) for part in parts)))
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.visit(part.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.found.append((node.lineno, node.value))


def _called(function: ast.expr) -> tuple[str, str]:
    """The name of what is called and of what it belongs to: `log.info` gives (info, log)."""
    if isinstance(function, ast.Attribute):
        owner = function.value
        inner = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
        return function.attr, inner
    return getattr(function, "id", ""), ""


def _exceptions(modules: Mapping[str, ast.Module]) -> set[str]:
    """The names of all exception classes: Python's own and the project's."""
    found = {name for name in dir(builtins) if name.endswith(("Error", "Exception", "Exit"))}
    classes = [n for m in modules.values() for n in ast.walk(m) if isinstance(n, ast.ClassDef)]
    grown = True
    while grown:
        names = {c.name for c in classes if any(_called(base)[0] in found for base in c.bases)}
        grown = not names <= found
        found |= names
    return found


def _texts(content: Content) -> Iterator[tuple[str, int, str]]:
    exceptions = _exceptions(content.modules)
    for path, module in content.modules.items():
        texts = _Texts(exceptions)
        texts.visit(module)
        yield from ((path, line, text) for line, text in texts.found)


def _is_sentence(text: str) -> bool:
    text = text.strip()
    return len(text.split()) >= _LEAST_WORDS and _SENTENCE.match(text) is not None


def code_holds_no_words_for_visitors(content: Content) -> Iterator[Finding]:
    """Sentences for visitors stand in YAML, by language; an excuse that excuses nothing is said."""
    used: set[_Excused] = set()
    for path, line, text in _texts(content):
        if not _is_sentence(text):
            continue
        excuse = next((e for e in _excused() if e.covers(path, text.strip())), None)
        if excuse is None:
            what = f"looks like words for a visitor: {text.strip()[:60]!r}"
            todo = "Move it to bot/texts/, or give the reason in bot/check/code.yml."
            yield Finding("error", f"{path}: line {line}", what, todo)
        else:
            used.add(excuse)
    for entry in _excused():
        if entry not in used:
            place = f"bot/check/code.yml: {entry.file}"
            yield Finding("warning", place, "excuses nothing any more", "Remove the entry.")


def code_holds_no_telephone_numbers(content: Content) -> Iterator[Finding]:
    """Numbers to call stand in data, where each has a source and a day it was verified."""
    for path, module in content.modules.items():
        for node in ast.walk(module):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                continue
            if number := telephone_in(node.value):
                what = f"holds a number to call: {number!r}"
                todo = "Move it to bot/safety/contacts.yml or the centre's file."
                yield Finding("error", f"{path}: line {node.lineno}", what, todo)
