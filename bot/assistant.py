"""Client of the assistant (Rasa on loopback): one persistent connection, one deadline, no surprise.

Whatever goes wrong there (dead, slow, silent, garbled) surfaces as `AssistantUnavailable` within
the deadline. After a few failures in a row the assistant is left alone for a moment, so that
visitors do not each wait for the deadline (Nygard, Release It!, circuit breaker).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

#: Failures in a row after which the circuit opens, and for how many seconds.
FAILURES_TO_OPEN = 3
OPEN_SECONDS = 2.0
#: What stands in for a leading "/", which Rasa would read as a command.
NOT_A_COMMAND = "\u2044"
#: Characters of a message that are worth sending on.
MAX_CHARACTERS = 4000
#: A reply larger than this is garbled.
MAX_REPLY = 1_000_000


class AssistantUnavailable(Exception):
    """The assistant gave no usable answer; `reason` is a word for metrics."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Ranked(_Shape):
    """An intent and how sure the assistant is of it, 0 to 1."""

    intent: str
    confidence: float = Field(ge=0, le=1.0001)


class Vote(_Shape):
    """The second vote on danger: the likeliest level and how sure it is of any, 0 to 1."""

    level: str
    confidence: float = Field(ge=0, le=1.0001)


class Understanding(_Shape):
    """What the assistant understood.

    `decision`: `clear` (answer it), `tie` (ask back), `unsure` (say so). `also`: intents of a
    second clear question in the same message.
    """

    intent: str | None
    ranking: list[Ranked]
    decision: str
    also: list[str] = []
    danger: Vote | None = None


class Reply(_Shape):
    """One reply of the dialogue: the name of a response; the helper has its words."""

    response: str


class Heard(_Shape):
    """The assistant's answer to one message."""

    replies: list[Reply] = Field(min_length=1)
    understood: Understanding
    active_form: str | None = None


def neutralised(text: str) -> str:
    """A message as the assistant may see it: no command, no lone surrogate, not too long.

    >>> neutralised("/restart")
    '⁄restart'
    """
    text = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", " ").strip()
    if text.startswith("/"):
        text = NOT_A_COMMAND + text[1:]
    return text[:MAX_CHARACTERS]


@dataclass
class _Circuit:
    """Opens after failures in a row; lets one call through again after a while."""

    failures: int = 0
    closed_at: float = 0.0

    def check(self) -> None:
        if self.failures >= FAILURES_TO_OPEN and time.monotonic() < self.closed_at:
            raise AssistantUnavailable("circuit_open")

    def failed(self) -> None:
        self.failures += 1
        self.closed_at = time.monotonic() + OPEN_SECONDS

    def worked(self) -> None:
        self.failures = 0


@dataclass
class Assistant:
    """The assistant at `url`, asked with `deadline` seconds unless a call says less."""

    url: str
    deadline: float = 3.0
    _client: httpx.AsyncClient = field(init=False)
    _circuit: _Circuit = field(init=False, default_factory=_Circuit)

    def __post_init__(self) -> None:
        self._client = httpx.AsyncClient(
            base_url=self.url,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=32),
            trust_env=False,
        )

    async def ask(
        self,
        conversation: str,
        text: str,
        context: dict[str, str] | None = None,
        deadline: float | None = None,
    ) -> Heard:
        """What the assistant makes of a message.

        Args:
            conversation: id minted by the helper.
            text: as the visitor typed it.
            context: `subject` and `previous` of the turn before, for fragments.
            deadline: seconds to wait; the client's own unless given.

        Raises:
            AssistantUnavailable: dead, slow, silent or garbled.
        """
        self._circuit.check()
        call: dict[str, object] = {
            "conversation": conversation,
            "text": neutralised(text),
            "context": {k: neutralised(v) for k, v in (context or {}).items()},
        }
        try:
            heard = await self._heard(call, self.deadline if deadline is None else deadline)
        except AssistantUnavailable as error:
            if deadline is None or error.reason != "slow":  # a short deadline proves nothing
                self._circuit.failed()
            raise
        self._circuit.worked()
        return heard

    async def _heard(self, call: dict[str, object], deadline: float) -> Heard:
        try:
            async with asyncio.timeout(deadline):
                response = await self._client.post(
                    "/webhooks/helper/turn", json=call, timeout=deadline
                )
        except (TimeoutError, httpx.TimeoutException):
            raise AssistantUnavailable("slow") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            raise AssistantUnavailable("dead") from None
        if response.status_code != 200:
            raise AssistantUnavailable(f"status_{response.status_code}")
        if len(response.content) > MAX_REPLY:
            raise AssistantUnavailable("garbled")
        try:
            return Heard.model_validate_json(response.content)
        except ValidationError:
            raise AssistantUnavailable("garbled") from None

    async def forget(self, conversation: str) -> bool:
        """Ask the assistant to forget a conversation; whether it said that it did."""
        try:
            response = await self._client.delete(
                f"/webhooks/helper/conversation/{conversation}", timeout=self.deadline
            )
        except httpx.HTTPError:
            return False  # a dead assistant has forgotten everything
        return response.status_code == 200

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()
