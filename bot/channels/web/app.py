"""The web API and the plain page (Starlette). Shapes: shapes.py; the document: /openapi.json.

What comes before everything here: a message that calls for a card gets it, whatever is wrong
with its token, its conversation, its size or how often the visitor wrote. Only then are requests
refused, as problem+json (RFC 9457).
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from itsdangerous import BadData, URLSafeSerializer
from jinja2 import Environment, FileSystemLoader, select_autoescape
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from bot.channels.web.headers import SecurityHeaders
from bot.channels.web.limits import Limits
from bot.channels.web.openapi import document
from bot.channels.web.shapes import NewConversation, NewMessage
from bot.record import NoSuchConversation
from bot.replies import Part
from bot.safety.types import SOMEONE_NEEDS_HELP
from bot.service import Service
from bot.settings import PROJECT
from bot.store import StoreError
from bot.turn import Message, Turn

log = logging.getLogger(__name__)

PAGE = PROJECT / "bot" / "channels" / "web" / "page"
NDJSON = "application/x-ndjson"

ShapeT = TypeVar("ShapeT", NewConversation, NewMessage)


class Refused(Exception):
    """A request that is answered with a problem document."""

    def __init__(
        self, status: int, title: str, detail: str, retry_after: int | None = None, raw: str = ""
    ) -> None:
        super().__init__(title)
        self.status, self.title, self.detail = status, title, detail
        self.retry_after = retry_after
        self.raw = raw  # what could be read of a body that is no message: it is screened too


def create_app(service: Service) -> Starlette:
    """The web application of a helper."""
    web = _Web(service)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    conversation = "/v1/conversations/{conversation}"
    return Starlette(
        routes=[
            Route("/", web.page),
            Route("/v1/conversations", web.start, methods=["POST"]),
            Route(conversation, web.delete, methods=["DELETE"]),
            Route(f"{conversation}/messages", web.say, methods=["POST"]),
            Route(f"{conversation}/messages", web.history, methods=["GET"]),
            Route("/healthz", web.health),
            Route("/readyz", web.ready),
            Route("/openapi.json", web.openapi),
            Mount("/static", StaticFiles(directory=PAGE / "static")),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(
                CORSMiddleware,
                allow_origins=list(service.settings.cors_origins),
                allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["authorization", "content-type"],
            ),
            Middleware(Faults),
        ],
        exception_handlers={
            Refused: _problem_of,
            HTTPException: _http_problem,
        },
        lifespan=lifespan,
    )


class _Web:
    """The endpoints."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._helper = service.helper
        self._settings = service.settings
        self._limits = Limits(service.settings)
        keys = list(reversed(service.settings.keys))  # the last one signs
        self._signer = URLSafeSerializer(keys, salt="conversation")
        self._templates = Environment(
            loader=FileSystemLoader(PAGE), autoescape=select_autoescape(["html"])
        )

    # Conversations

    async def start(self, request: Request) -> Response:
        """POST /v1/conversations"""
        body = await self._body(request)
        wanted = _checked(NewConversation, body if body is not None else {})
        if not await self._limits.conversation_allowed(_address(request)):
            raise Refused(429, "Too many conversations", self._detail("too_many"), 60)
        conversation = str(uuid.uuid4())
        region = wanted.region or self._settings.region
        language = wanted.language or self._settings.language
        await self._helper.record.create(conversation, "web", language, region, False)
        return JSONResponse(
            {
                "conversation": conversation,
                "token": self._signer.dumps([conversation, region, language]),
                "disclosure": self._detail("disclosure", region),
            },
            status_code=201,
        )

    async def say(self, request: Request) -> Response:
        """POST /v1/conversations/{id}/messages"""
        conversation = request.path_params["conversation"]
        said: Any = None
        try:
            body = await self._body(request)
            said = _said(body)
            sent = _checked(NewMessage, body)
            region, language = self._authorised(request, conversation)
            await self._allowed(request, conversation)
            message = _message(conversation, sent, region, language)
            if NDJSON in request.headers.get("accept", ""):
                return StreamingResponse(self._stream(message), media_type=NDJSON)
            return JSONResponse((await self._turn(message)).as_json())
        except Refused as refused:
            card = await self._card_whatever(said or refused.raw)
            if card is None:
                raise refused
            return JSONResponse(card)

    async def history(self, request: Request) -> Response:
        """GET /v1/conversations/{id}/messages"""
        conversation = request.path_params["conversation"]
        self._authorised(request, conversation)
        try:
            turns = await self._helper.record.turns(conversation)
        except NoSuchConversation:
            raise _unknown() from None
        except StoreError:
            raise self._unavailable() from None
        rows = [
            {
                "number": turn.number,
                "text": turn.text,
                "button": turn.button,
                "level": turn.level,
                "outcome": turn.outcome,
                "reply": turn.replies,
            }
            for turn in turns
        ]
        return JSONResponse({"conversation": conversation, "turns": rows})

    async def delete(self, request: Request) -> Response:
        """DELETE /v1/conversations/{id}"""
        conversation = request.path_params["conversation"]
        self._authorised(request, conversation)
        try:
            deleted = await self._helper.forget(conversation)
        except StoreError:
            raise self._unavailable() from None
        if not deleted:
            raise _unknown()
        return Response(status_code=204)

    # State

    async def health(self, request: Request) -> Response:
        """GET /healthz: the process lives."""
        return JSONResponse({"status": "alive"})

    async def ready(self, request: Request) -> Response:
        """GET /readyz: the assistant answers a smoke phrase and the store takes writes."""
        store, assistant = await asyncio.gather(
            self._helper.record.ready(), self._helper.assistant_ready()
        )
        content = {"store": store, "assistant": assistant, "screen": True}
        return JSONResponse(content, status_code=200 if store and assistant else 503)

    async def openapi(self, request: Request) -> Response:
        """GET /openapi.json"""
        return JSONResponse(document())

    async def page(self, request: Request) -> Response:
        """GET /: a plain page to type into."""
        region = self._settings.region
        template = self._templates.get_template("page.html")
        names = [name for name in self._service.texts.names if name.startswith("page_")]
        emergency = self._service.emergency(region).display
        words = {name: self._service.texts.get(name, emergency=emergency) for name in names}
        words["sources_label"] = self._service.texts.get("sources_label")
        html = template.render(
            t=words,
            language=self._settings.language,
            emergency=emergency,
            emergency_href=f"tel:{self._service.emergency(region).number}",
            not_configured=None
            if self._helper.composer.centre.configured
            else self._service.texts.get("centre_not_configured"),
        )
        return HTMLResponse(html)

    # Within

    async def _stream(self, message: Message) -> AsyncIterator[str]:
        """A card on its own line as soon as it is known, then the whole turn."""
        lines: asyncio.Queue[str | None] = asyncio.Queue()

        async def early(part: Part) -> None:
            await lines.put(json.dumps({"part": part.as_json()}) + "\n")

        async def run() -> None:
            try:
                turn = await self._helper.turn(message, early)
                await lines.put(json.dumps({"turn": turn.as_json()}) + "\n")
            except NoSuchConversation:
                said = _said({"text": message.text, "button": message.button})
                card = await self._card_whatever(said)
                line = {"problem": _problem(_unknown())} if card is None else {"turn": card}
                await lines.put(json.dumps(line) + "\n")
            finally:
                await lines.put(None)

        running = asyncio.create_task(run())
        while (line := await lines.get()) is not None:
            yield line
        await running

    async def _turn(self, message: Message) -> Turn:
        try:
            return await self._helper.turn(message)
        except NoSuchConversation:
            raise _unknown() from None

    async def _card_whatever(self, text: Any) -> dict[str, Any] | None:
        """The card that a refused message calls for, if it does."""
        if not isinstance(text, str):
            return None
        turn = await self._helper.card_only(text, self._settings.region, self._settings.language)
        return turn.as_json() if turn is not None else None

    def _authorised(self, request: Request, conversation: str) -> tuple[str, str]:
        """The region and language of the conversation that the token was made for.

        Raises:
            Refused: no token, a forged one or another conversation's.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            named, region, language = self._signer.loads(token.strip())
        except (BadData, ValueError, TypeError):
            named = region = language = ""
        if scheme.lower() != "bearer" or named != conversation:
            raise Refused(401, "Not authorised", "Send the conversation's token as a bearer token.")
        return region, language

    async def _allowed(self, request: Request, conversation: str) -> None:
        if not await self._limits.message_allowed(conversation, _address(request)):
            raise Refused(429, "Too many messages", self._detail("too_many"), 30)

    async def _body(self, request: Request) -> Any:
        """The request's JSON; malformed UTF-8 is read as far as it can be.

        Raises:
            Refused: too large or no JSON.
        """
        chunks, size = [], 0
        try:
            async for chunk in request.stream():
                size += len(chunk)
                chunks.append(chunk)
                if size > self._settings.max_body:
                    lines = (self._detail("too_long"), self._detail("emergency_line"))
                    raise Refused(413, "Too large", " ".join(lines), raw=_readable(chunks))
        except ClientDisconnect:
            raise Refused(400, "Gone", "The connection was closed.") from None
        readable = _readable(chunks)
        if not readable.strip():
            return None
        try:
            return json.loads(readable)
        except (ValueError, RecursionError):
            raise Refused(400, "Not JSON", "The body must be JSON.", raw=readable) from None

    def _detail(self, name: str, region: str | None = None) -> str:
        emergency = self._service.emergency(region or self._settings.region).display
        return self._service.texts.get(name, emergency=emergency)

    def _unavailable(self) -> Refused:
        return Refused(503, "Not available", self._detail("store_gone"))


def _said(body: Any) -> Any:
    """What the screen reads of a body: the text, or the button that asks for help."""
    if not isinstance(body, dict):
        return None
    pressed = body.get("button") == SOMEONE_NEEDS_HELP
    return SOMEONE_NEEDS_HELP if pressed else body.get("text")


def _readable(chunks: list[bytes]) -> str:
    return b"".join(chunks).decode("utf-8", "replace")


def _message(conversation: str, sent: NewMessage, region: str, language: str) -> Message:
    key = sent.idempotency_key or uuid.uuid4().hex
    return Message(conversation, sent.text, sent.button, key, "web", region, language)


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _checked(shape: type[ShapeT], body: Any) -> ShapeT:
    if isinstance(body, dict) and isinstance(body.get("text"), str):
        body = {**body, "text": _well_formed(body["text"])}
    try:
        return shape.model_validate(body)
    except (ValidationError, UnicodeError) as error:
        detail = "The body is not of the right shape."
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            detail = f"{where}: {first['msg']}."
        raise Refused(400, "Wrong shape", detail.encode("utf-8", "replace").decode()) from None


def _well_formed(text: str) -> str:
    """Text without lone surrogates, which no encoder takes."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unknown() -> Refused:
    return Refused(404, "No such conversation", "Begin a new conversation.")


def _problem(refused: Refused) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": refused.title,
        "status": refused.status,
        "detail": refused.detail,
    }


def _problem_response(refused: Refused) -> Response:
    headers = {"retry-after": str(refused.retry_after)} if refused.retry_after else None
    return JSONResponse(
        _problem(refused),
        status_code=refused.status,
        headers=headers,
        media_type="application/problem+json",
    )


async def _problem_of(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _problem_response(error)


async def _http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = _problem_response(Refused(error.status_code, error.detail, error.detail))
    response.headers.update(error.headers or {})
    return response


class Faults:
    """A fault of ours is a problem document and a log line with its type.

    Innermost, so that it bears the headers of every response. Nothing is raised further: the
    server would log a traceback, whose text may hold a visitor's words.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        begun = False

        async def noting(message: ASGIMessage) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            if scope["type"] != "http":
                raise
            log.error("a request failed: %s", type(error).__name__)
            if not begun:
                problem = Refused(500, "Something went wrong", "Please try again.")
                await _problem_response(problem)(scope, receive, send)
