"""YAML with line numbers, so that an error in a rule names its file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class DataError(ValueError):
    """A data file of the screen is wrong. The message starts with `file:line`."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(f"{path.name}:{line}: {problem}")
        self.path = path
        self.line = line


class Marked(dict[str, Any]):
    """A mapping that knows its line in the file; `line_of(key)` is the line of one value."""

    line: int = 0
    lines: dict[str, int]

    def line_of(self, key: str) -> int:
        """Line of a key's value, or of the mapping itself when the key is missing."""
        return self.lines.get(key, self.line)


def load_marked(path: Path) -> Marked:
    """Read a YAML file whose top is a mapping. Raises DataError with file and line."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DataError(path, line, str(error.problem)) from error
    built = _build(node, path)
    if not isinstance(built, Marked):
        raise DataError(path, 1, "the file must be a mapping")
    return built


def _build(node: yaml.Node | None, path: Path) -> Any:
    if isinstance(node, yaml.MappingNode):
        result = Marked()
        result.line = node.start_mark.line + 1
        result.lines = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in result:
                raise DataError(path, key_node.start_mark.line + 1, f"'{key}' stands twice")
            result[key] = _build(value_node, path)
            result.lines[key] = value_node.start_mark.line + 1
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_build(child, path) for child in node.value]
    if isinstance(node, yaml.ScalarNode):
        if node.tag.endswith(":null"):
            return None
        return node.value
    return None
