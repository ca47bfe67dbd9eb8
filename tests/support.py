"""Short ways to use a helper in a test: as one turn after the other, and as a browser does."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
from fakes import FakeAssistant

from bot.channels.web.app import create_app
from bot.service import Service
from bot.turn import Message, Turn

CENTRE = """\
configured: true
name: "Maple Test Centre"
operator: "Maple Testing Ltd"
telephone: "+1 555 010 0199"
email: "hello@maple.example"
web: "https://maple.example"
hours: "Every day, 8 to 20, Eastern time"
"""
#: Words of the centre's contact: none of them may stand in a turn with a card.
CENTRE_WORDS = ("maple", "555 010 0199", "15550100199", "admission")


@dataclass
class Here:
    """A started helper and short ways to use it."""

    service: Service
    assistant: FakeAssistant

    @property
    def counts(self) -> dict[str, int]:
        return self.service.helper.metrics.snapshot()

    async def begin(self) -> str:
        conversation = str(uuid.uuid4())
        await self.service.helper.record.create(conversation, "web", "en", "unknown", False)
        return conversation

    async def say(self, conversation: str, text: str, **fields: Any) -> Turn:
        return await self.service.helper.turn(Message(conversation, text, **fields))


@dataclass
class Visitor:
    """A browser with one conversation."""

    http: httpx.AsyncClient
    conversation: str = ""
    token: str = ""
    disclosure: str = ""

    @property
    def path(self) -> str:
        return f"/v1/conversations/{self.conversation}"

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    async def begin(self) -> None:
        response = await self.http.post("/v1/conversations")
        assert response.status_code == 201, response.text
        body = response.json()
        self.conversation, self.token = body["conversation"], body["token"]
        self.disclosure = body["disclosure"]

    async def post(self, body: Any = None, **changes: Any) -> httpx.Response:
        given: dict[str, Any] = {"headers": self.headers}
        if body is not None:
            given["json"] = body
        return await self.http.post(f"{self.path}/messages", **{**given, **changes})

    async def say(self, text: str, **fields: Any) -> dict[str, Any]:
        response = await self.post({"text": text, **fields})
        assert response.status_code == 200, response.text
        turn: dict[str, Any] = response.json()
        return turn


Open = Callable[..., Awaitable[Here]]
OpenWeb = Callable[..., Awaitable[Visitor]]


def client_of(service: Service, raising: bool = True) -> httpx.AsyncClient:
    """A client of the web application of a started service."""
    app = httpx.ASGITransport(create_app(service), raise_app_exceptions=raising)
    return httpx.AsyncClient(transport=app, base_url="http://helper.test", timeout=30)


def texts_of(parts: Any) -> str:
    """Everything a visitor reads of a turn, in small letters."""
    found = []
    for part in parts:
        found += [part["title"], part["text"]]
        found += [button["label"] for button in part["buttons"]]
        found += [f"{link['label']} {link['href']}" for link in part["links"]]
    return "\n".join(found).lower()


def kinds_of(turn: Turn) -> list[str]:
    return [part["kind"] for part in turn.parts]
