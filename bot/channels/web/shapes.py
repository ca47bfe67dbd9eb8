"""Shapes of the web API's requests and replies; the OpenAPI document is made from them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

#: Most characters of an idempotency key and of a button's id.
MAX_KEY = 200


class Shape(BaseModel):
    """Strict shapes: an unknown field is an error that names it."""

    model_config = ConfigDict(extra="forbid")


class NewConversation(Shape):
    """Body of POST /v1/conversations; all optional."""

    language: Literal["en", "fr", "es"] | None = None
    region: Annotated[str, Field(max_length=12, pattern=r"^[a-z-]*$")] | None = None


class NewMessage(Shape):
    """Body of POST /v1/conversations/{id}/messages: typed text or a pressed button."""

    text: str = ""
    button: Annotated[str, Field(max_length=MAX_KEY)] | None = None
    idempotency_key: (
        Annotated[str, Field(min_length=1, max_length=MAX_KEY, pattern=r"^[!-~]+$")] | None
    ) = None


class ButtonShape(BaseModel):
    """Something to press; its id goes back in `button`."""

    id: str
    label: str


class LinkShape(BaseModel):
    """Something to tap."""

    label: str
    href: str


class SourceShape(BaseModel):
    """Where an answer comes from."""

    title: str
    publisher: str
    date: str
    section: str


class PartShape(BaseModel):
    """One part of a reply, in reading order."""

    kind: Literal["card", "reminder", "answer", "text", "contact"]
    text: str
    topic: str | None
    key: str | None
    title: str
    level: str | None
    sources: list[SourceShape]
    buttons: list[ButtonShape]
    links: list[LinkShape]
    review: str | None


class TopicShape(BaseModel):
    """A topic that was answered or offered."""

    topic: str
    confidence: float


class TurnShape(BaseModel):
    """The reply to a message."""

    level: str
    outcome: str
    topic: str | None
    covers: list[str]
    topics: list[TopicShape]
    reply: list[PartShape]


class ConversationShape(BaseModel):
    """A new conversation: keep the token, it is the only way back in."""

    conversation: str
    token: str
    disclosure: str


class PastTurnShape(BaseModel):
    """A turn as it is on record."""

    number: int
    text: str
    button: str | None
    level: str
    outcome: str | None
    reply: list[PartShape]


class HistoryShape(BaseModel):
    """All turns of a conversation, oldest first."""

    conversation: str
    turns: list[PastTurnShape]


class Problem(BaseModel):
    """An error as RFC 9457 (application/problem+json)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
