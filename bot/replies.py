"""The parts of a reply and their shapes: what a channel gets to render.

A reply is a list of parts in the order in which they are to be read. Kinds: `card` (safety),
`reminder` (the line that stays after a card), `answer` (a topic, with sources), `text`
(small talk, honest refusals, questions back) and `contact` (the centre or who to ask).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["card", "reminder", "answer", "text", "contact"]


@dataclass(frozen=True)
class Button:
    """Something to press: `id` comes back to the helper, `label` is read."""

    id: str
    label: str


@dataclass(frozen=True)
class Link:
    """Something to tap: a `tel:`, `sms:` or web address with the words on it."""

    label: str
    href: str


@dataclass(frozen=True)
class Part:
    """One part of a reply. Empty fields are sent as empty, so that every part has one shape."""

    kind: Kind
    text: str
    topic: str | None = None
    key: str | None = None
    title: str = ""
    level: str | None = None
    sources: tuple[dict[str, str], ...] = ()
    buttons: tuple[Button, ...] = ()
    links: tuple[Link, ...] = ()
    review: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The form that is stored and sent."""
        data = asdict(self)
        data["sources"] = list(self.sources)
        data["buttons"] = [asdict(button) for button in self.buttons]
        data["links"] = [asdict(link) for link in self.links]
        return data
