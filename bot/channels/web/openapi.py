"""The OpenAPI 3.1 document of the web API, made from the shapes it is served with."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from bot.channels.web import shapes

_MODELS = (
    shapes.NewConversation,
    shapes.NewMessage,
    shapes.ConversationShape,
    shapes.TurnShape,
    shapes.HistoryShape,
    shapes.Problem,
)


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(name)}}


def _problems(*codes: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _ref("Problem")}}
    return {str(code): {"description": "What is wrong.", "content": content} for code in codes}


def _health(description: str) -> dict[str, Any]:
    schema = {"type": "object", "additionalProperties": True}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_ID = {
    "name": "conversation",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[a-z0-9-]{36}$"},
}
_SIGNED: list[dict[str, list[str]]] = [{"token": []}]


def document() -> dict[str, Any]:
    """The whole document as plain data."""
    _, definitions = models_json_schema(
        [(model, "validation") for model in _MODELS], ref_template="#/components/schemas/{model}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Baclofen Helper web API",
            "version": "1.0.0",
            "description": "Ask a question, get reviewed parts back. Cards always come first.",
        },
        "paths": {
            "/v1/conversations": {"post": _start()},
            "/v1/conversations/{conversation}": {"delete": _delete()},
            "/v1/conversations/{conversation}/messages": {"post": _say(), "get": _history()},
            "/healthz": {"get": {"operationId": "health", "responses": {"200": _health("Alive.")}}},
            "/readyz": {
                "get": {
                    "operationId": "ready",
                    "responses": {"200": _health("Ready."), "503": _health("Not ready.")},
                }
            },
        },
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _start() -> dict[str, Any]:
    return {
        "operationId": "start",
        "summary": "Begin a conversation.",
        "requestBody": {"required": False, "content": _json("NewConversation")},
        "responses": {
            "201": {"description": "Begun.", "content": _json("ConversationShape")},
            **_problems(400, 413, 429),
        },
    }


def _say() -> dict[str, Any]:
    stream = {"schema": {"type": "string"}}
    return {
        "operationId": "say",
        "summary": "Send a message or press a button.",
        "description": (
            "With Accept: application/x-ndjson a card is sent on its own line as soon as it is "
            'known ({"part": ...}), then the whole turn ({"turn": ...}).'
        ),
        "parameters": [_ID],
        "security": _SIGNED,
        "requestBody": {"required": True, "content": _json("NewMessage")},
        "responses": {
            "200": {
                "description": "The reply.",
                "content": {**_json("TurnShape"), "application/x-ndjson": stream},
            },
            **_problems(400, 401, 404, 413, 429),
        },
    }


def _history() -> dict[str, Any]:
    return {
        "operationId": "history",
        "summary": "The conversation so far.",
        "parameters": [_ID],
        "security": _SIGNED,
        "responses": {
            "200": {"description": "All turns.", "content": _json("HistoryShape")},
            **_problems(401, 404, 503),
        },
    }


def _delete() -> dict[str, Any]:
    return {
        "operationId": "delete",
        "summary": "Delete the conversation for good.",
        "parameters": [_ID],
        "security": _SIGNED,
        "responses": {"204": {"description": "Deleted."}, **_problems(401, 404, 503)},
    }
