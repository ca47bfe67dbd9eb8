"""The web API as a browser uses it: begin, write, look back, delete; and what is sent wrongly."""

from __future__ import annotations

import base64
import json
import logging
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes import NOT_BREATHING, QUESTION, FakeAssistant
from support import Open, OpenWeb, Visitor, client_of

from bot.channels.web.app import create_app
from bot.channels.web.headers import HEADERS
from bot.record import Record
from bot.settings import Settings
from bot.store import Store, StoreError, new_key

UNKNOWN = "11111111-1111-1111-1111-111111111111"
ORIGIN = "https://clinic.example"


def assert_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """RFC 9457, with every security header, and words for a person."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert_guarded(response)
    problem: dict[str, Any] = response.json()
    assert set(problem) == {"type", "title", "status", "detail"}
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


def assert_guarded(response: httpx.Response) -> None:
    for name, value in HEADERS.items():
        assert response.headers[name] == value, name


def assert_card(response: httpx.Response, key: str = "emergency") -> None:
    assert response.status_code == 200, response.text
    first = response.json()["reply"][0]
    assert (first["kind"], first["key"]) == ("card", key)


# A conversation


async def test_conversation_begins_with_a_token_and_the_disclosure(visitor: Visitor) -> None:
    assert len(visitor.conversation) == 36
    assert visitor.token not in visitor.conversation
    assert "automated" in visitor.disclosure
    assert "911" in visitor.disclosure


async def test_conversation_takes_its_language_and_region(visitor: Visitor) -> None:
    body = {"language": "en", "region": "uk"}
    response = await visitor.http.post("/v1/conversations", json=body)
    assert response.status_code == 201
    assert "999" in response.json()["disclosure"]


async def test_ids_of_conversations_cannot_be_guessed(visitor: Visitor) -> None:
    seen = {visitor.conversation}
    for _ in range(5):
        await visitor.begin()
        seen.add(visitor.conversation)
    assert len(seen) == 6


async def test_message_gets_typed_parts(visitor: Visitor) -> None:
    turn = await visitor.say(QUESTION)
    assert turn["outcome"] == "answered"
    assert turn["topic"] == "what_is_baclofen"
    part = turn["reply"][0]
    assert part["kind"] == "answer"
    assert part["sources"]
    assert {"id", "label"} == set(part["buttons"][0])


async def test_history_restores_the_conversation(visitor: Visitor) -> None:
    said = [await visitor.say(QUESTION), await visitor.say(NOT_BREATHING)]
    pressed = await visitor.post({"button": "topic:tapering"})
    response = await visitor.http.get(f"{visitor.path}/messages", headers=visitor.headers)
    history = response.json()
    assert history["conversation"] == visitor.conversation
    assert [turn["text"] for turn in history["turns"]] == [QUESTION, NOT_BREATHING, ""]
    assert [turn["reply"] for turn in history["turns"]] == [
        *(turn["reply"] for turn in said),
        pressed.json()["reply"],
    ]
    assert history["turns"][2]["button"] == "topic:tapering"


async def test_same_idempotency_key_gives_the_same_reply_once(visitor: Visitor) -> None:
    first = await visitor.say(QUESTION, idempotency_key="k-1")
    assert await visitor.say(QUESTION, idempotency_key="k-1") == first
    response = await visitor.http.get(f"{visitor.path}/messages", headers=visitor.headers)
    assert len(response.json()["turns"]) == 1


async def test_deletion_really_deletes(
    visitor: Visitor, settings: Settings, assistant: FakeAssistant
) -> None:
    await visitor.say(QUESTION)
    with sqlite3.connect(settings.var / "helper.sqlite3") as plain:
        tokens = [row for (row,) in plain.execute("SELECT text_token FROM turns")]
    plain.close()
    assert any(tokens[0].encode() in path.read_bytes() for path in files_of(settings.var))
    response = await visitor.http.delete(visitor.path, headers=visitor.headers)
    assert response.status_code == 204
    assert response.content == b""
    assert assistant.forgotten == [visitor.conversation]
    for path in files_of(settings.var):
        held = path.read_bytes()
        assert tokens[0].encode() not in held, path
        assert visitor.conversation.encode() not in held, path
    for method, path in (("GET", "/messages"), ("POST", "/messages"), ("DELETE", "")):
        content = {"json": {"text": QUESTION}} if method == "POST" else {}
        response = await visitor.http.request(
            method, visitor.path + path, headers=visitor.headers, **content
        )
        assert_problem(response, 404)


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "keys"]


async def test_stored_file_holds_no_word_of_a_visitor(visitor: Visitor, settings: Settings) -> None:
    await visitor.say("my secret zanzibar question")
    for path in files_of(settings.var):
        assert b"zanzibar" not in path.read_bytes(), path


async def test_nothing_is_claimed_while_the_store_is_gone(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **kwargs: object) -> None:
        raise StoreError("gone", temporary=True)

    monkeypatch.setattr(Store, "delete_conversation", fails)
    monkeypatch.setattr(Store, "conversation", fails)
    for method, path in (("DELETE", ""), ("GET", "/messages")):
        response = await visitor.http.request(method, visitor.path + path, headers=visitor.headers)
        assert_problem(response, 503)


# Tokens


def other_tokens(visitor: Visitor) -> dict[str, str | bytes | None]:
    payload, _, signature = visitor.token.partition(".")
    named = base64.urlsafe_b64decode(payload + "==").replace(
        visitor.conversation.encode(), UNKNOWN.encode()
    )
    another = base64.urlsafe_b64encode(named).decode().rstrip("=")
    return {
        "missing": None,
        "empty": "Bearer ",
        "another scheme": f"Basic {visitor.token}",
        "no scheme": visitor.token,
        "tampered": f"Bearer {payload}.{signature.swapcase()}",
        "unsigned": f"Bearer {payload}",
        "the id": f"Bearer {visitor.conversation}",
        "another id": f"Bearer {another}.{signature}",
        "not ASCII": b"Bearer \xff\xfe",
        "very long": f"Bearer {'a' * 50_000}",
    }


@pytest.mark.parametrize(
    "kind",
    ["missing", "empty", "another scheme", "no scheme", "tampered", "unsigned", "the id",
     "another id", "not ASCII", "very long"],
)  # fmt: skip
async def test_token_that_does_not_fit_is_refused_but_a_card_is_not(visitor, kind: str) -> None:
    token = other_tokens(visitor)[kind]
    headers = {} if token is None else {"authorization": token}
    await visitor.say(QUESTION)
    assert_problem(await visitor.http.get(f"{visitor.path}/messages", headers=headers), 401)
    assert_problem(await visitor.http.delete(visitor.path, headers=headers), 401)
    assert_problem(await visitor.post({"text": QUESTION}, headers=headers), 401)
    assert_card(await visitor.post({"text": NOT_BREATHING}, headers=headers))
    history = await visitor.http.get(f"{visitor.path}/messages", headers=visitor.headers)
    assert len(history.json()["turns"]) == 1, "nothing was put into somebody's conversation"


async def test_token_of_another_conversation_opens_nothing(visitor: Visitor) -> None:
    await visitor.say("words of the first visitor")
    first = visitor.path
    await visitor.begin()
    for method, path in (("GET", "/messages"), ("DELETE", "")):
        response = await visitor.http.request(method, first + path, headers=visitor.headers)
        assert_problem(response, 401)


async def test_token_outlives_a_rotation_of_keys(
    open_web: OpenWeb, open_here: Open, settings: Settings
) -> None:
    visitor = await open_web()
    newest = new_key()
    rotated = await open_here(keys=(newest, *settings.keys))
    async with client_of(rotated.service) as client:
        response = await client.get(f"{visitor.path}/messages", headers=visitor.headers)
        assert response.status_code == 200
    dropped = await open_here(keys=(newest,), database_url=f"sqlite:///{settings.var}/other")
    async with client_of(dropped.service) as client:
        response = await client.get(f"{visitor.path}/messages", headers=visitor.headers)
        assert_problem(response, 401)


async def test_unknown_conversation_is_not_found_but_gets_its_card(visitor: Visitor) -> None:
    await visitor.http.delete(visitor.path, headers=visitor.headers)
    assert_problem(await visitor.post({"text": QUESTION}), 404)
    assert_card(await visitor.post({"text": NOT_BREATHING}))
    accept = {**visitor.headers, "accept": "application/x-ndjson"}
    lines = (await visitor.post({"text": NOT_BREATHING}, headers=accept)).text.splitlines()
    assert json.loads(lines[-1])["turn"]["reply"][0]["kind"] == "card"
    (line,) = (await visitor.post({"text": QUESTION}, headers=accept)).text.splitlines()
    assert json.loads(line)["problem"]["status"] == 404


# Limits


async def test_rate_limit_by_conversation_refuses_a_question_but_never_a_card(open_web) -> None:
    visitor = await open_web(messages_per_minute=3)
    for _ in range(3):
        await visitor.say(QUESTION)
    response = await visitor.post({"text": QUESTION})
    problem = assert_problem(response, 429)
    assert int(response.headers["retry-after"]) > 0
    assert "wait" in problem["detail"]
    for _ in range(5):
        assert_card(await visitor.post({"text": NOT_BREATHING}))
    assert_card(await visitor.post({"button": "someone_needs_help"}))
    accept = {**visitor.headers, "accept": "application/x-ndjson"}
    assert_card(await visitor.post({"text": NOT_BREATHING}, headers=accept))


async def test_rate_limit_by_address_counts_all_conversations(open_web: OpenWeb) -> None:
    visitor = await open_web(messages_per_address_per_minute=3)
    for _ in range(3):
        await visitor.begin()
        await visitor.say(QUESTION)
    await visitor.begin()
    assert_problem(await visitor.post({"text": QUESTION}), 429)
    assert_card(await visitor.post({"text": NOT_BREATHING}))


async def test_rate_limit_on_new_conversations(open_web: OpenWeb) -> None:
    visitor = await open_web(conversations_per_address_per_hour=2)
    await visitor.begin()
    response = await visitor.http.post("/v1/conversations")
    assert_problem(response, 429)
    assert int(response.headers["retry-after"]) > 0
    assert_card(await visitor.post({"text": NOT_BREATHING}))


async def test_rate_limit_that_is_broken_silences_nobody(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*args: object) -> bool:
        raise ConnectionError("the cache is gone")

    monkeypatch.setattr("limits.aio.strategies.MovingWindowRateLimiter.hit", fails)
    assert (await visitor.say(QUESTION))["outcome"] == "answered"
    assert (await visitor.http.post("/v1/conversations")).status_code == 201


async def test_body_that_is_too_large_is_refused_with_the_emergency_number(visitor) -> None:
    response = await visitor.post(content=b'{"text": "' + b"a" * 2_100_000 + b'"}')
    assert "911" in assert_problem(response, 413)["detail"]


async def test_body_is_counted_as_it_comes_in_not_as_it_is_announced(visitor: Visitor) -> None:
    async def chunks() -> Any:
        for _ in range(50):
            yield b" " * 100_000

    assert_problem(await visitor.post(content=chunks()), 413)


async def test_body_that_is_too_large_or_no_json_is_screened_all_the_same(visitor) -> None:
    danger = NOT_BREATHING.encode()
    assert_card(await visitor.post(content=danger))
    assert_card(await visitor.post(content=b'{"text": "' + danger))
    assert_card(await visitor.post(content=b'{"text": "' + danger + b" " * 2_100_000 + b'"}'))


async def test_deletion_works_while_the_assistant_is_dead(visitor, assistant) -> None:
    await assistant.stop()
    response = await visitor.http.delete(visitor.path, headers=visitor.headers)
    assert response.status_code == 204


@pytest.mark.parametrize("length", [3_000, 100_000, 1_000_000])
async def test_message_of_any_length_with_danger_at_its_end_gets_its_card(visitor, length) -> None:
    text = "hello there " * (length // 12) + NOT_BREATHING
    assert_card(await visitor.post({"text": text}))


async def test_message_that_is_too_long_is_refused_politely(visitor: Visitor) -> None:
    turn = await visitor.say("hello there " * 10_000)
    assert turn["outcome"] == "clarified"
    assert turn["reply"][0]["key"] == "too_long"


# Odd bytes


@pytest.mark.parametrize(
    "body",
    [
        b'{"text": "' + NOT_BREATHING.encode() + b' \xff\xfe\xc3"}',
        b'{"text": "\\ud800 ' + NOT_BREATHING.encode() + b' \\udc00\\ud800"}',
        b'{"text": "\\u0000' + NOT_BREATHING.encode() + b'\\u0000"}',
        b'{"text": "\\u202e' + NOT_BREATHING.encode() + b'\\u202c"}',
        b'\xef\xbb\xbf{"text": "' + NOT_BREATHING.encode() + b'"}',
        b'{"text": "' + NOT_BREATHING.encode() + b'", "unknown": 1}',
        b'{"text": "' + NOT_BREATHING.encode() + b'", "button": 7}',
        b'{"text": "' + NOT_BREATHING.encode() + b'", "idempotency_key": "\\ud800"}',
        b'{"text": "' + NOT_BREATHING.encode() + b'", "extra": ' + b"[" * 400 + b"]" * 400 + b"}",
    ],
    ids=["malformed UTF-8", "lone surrogates", "NUL", "right to left", "byte order mark",
         "unknown field", "wrong button", "wrong key", "nested"],
)  # fmt: skip
async def test_danger_in_odd_bytes_gets_its_card(visitor: Visitor, body: bytes) -> None:
    assert_card(await visitor.post(content=body))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{",
        b"\x00",
        b"\xff\xfe\x00\x01",
        b"null",
        b"7",
        b"[]",
        b'"text"',
        b"true",
        b"NaN",
        b'{"text": null}',
        b'{"text": 5}',
        b'{"text": ["hello"]}',
        b'{"text": {"text": "hello"}}',
        b'{"texts": "hello"}',
        b'{"text": "hello", "button": []}',
        b'{"text": "hello", "button": "' + b"b" * 300 + b'"}',
        b'{"text": "hello", "idempotency_key": ""}',
        b'{"text": "hello", "idempotency_key": "with space"}',
        b'{"text": "hello", "idempotency_key": "\\ud800"}',
        b'{"text": "hello", "button": "\\ud800"}',
        b'{"text": "hello", "\\ud800": 1}',
        b"[" * 100_000,
        b'{"text": ' * 50_000,
        b'{"text": ' + b"9" * 10_000 + b"}",
    ],
)
async def test_body_of_the_wrong_shape_is_a_problem_document(visitor: Visitor, body: bytes) -> None:
    problem = assert_problem(await visitor.post(content=body), 400)
    assert len(problem["detail"]) < 300


@pytest.mark.parametrize(
    "text",
    ["\x00", "\ud800", "\ud800\udc00 \udfff", "שלום baclofen مرحبا", "\u202egnihtaerb ton",
     "💊" * 400,
     "/restart", '/intent{"a": "b"}', "{}", "[]", '{"text": "x"}', "a\u0300" * 500, "\r\n\r\n",
     "<script>alert(1)</script>", "%s%n{0}{text}", "' OR 1=1 --", "\ufeff", "ﷺ" * 100],
    ids=lambda text: ascii(text)[:20],
)  # fmt: skip
async def test_odd_text_gets_a_reply(visitor: Visitor, text: str) -> None:
    response = await visitor.post(content=json.dumps({"text": text}))
    assert response.status_code == 200, response.text
    assert all(part["text"].strip() for part in response.json()["reply"])
    assert response.json()["reply"]
    history = await visitor.http.get(f"{visitor.path}/messages", headers=visitor.headers)
    assert history.status_code == 200


# A card on its own line, before anything else


async def test_stream_sends_the_card_before_the_assistant_is_asked(
    visitor: Visitor, open_here: Open, assistant: FakeAssistant
) -> None:
    here = await open_here()
    assistant.behaviour = "slow"
    sent: list[tuple[bytes, int]] = []
    body = json.dumps({"text": NOT_BREATHING}).encode()
    chunks = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return chunks.pop()

    async def send(message: dict[str, Any]) -> None:
        sent.append((message.get("body", b""), len(assistant.calls)))

    scope = {
        "type": "http", "method": "POST", "path": f"{visitor.path}/messages", "query_string": b"",
        "headers": [
            (b"authorization", f"Bearer {visitor.token}".encode()),
            (b"accept", b"application/x-ndjson"),
        ],
        "client": ("127.0.0.1", 1), "server": ("helper.test", 80), "scheme": "http",
        "root_path": "", "http_version": "1.1", "raw_path": b"",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
    }  # fmt: skip
    await create_app(here.service)(scope, receive, send)  # type: ignore[arg-type]
    lines = [(json.loads(chunk), asked) for chunk, asked in sent if chunk.strip()]
    assert [next(iter(line)) for line, _ in lines] == ["part", "turn"]
    (card, asked_before_card), (turn, asked_before_turn) = lines
    assert card["part"]["kind"] == "card"
    assert (asked_before_card, asked_before_turn) == (0, 1)
    assert turn["turn"]["reply"][0] == card["part"]


async def test_stream_of_a_question_is_one_line(visitor: Visitor) -> None:
    accept = {**visitor.headers, "accept": "application/x-ndjson"}
    response = await visitor.post({"text": QUESTION}, headers=accept)
    assert response.headers["content-type"].startswith("application/x-ndjson")
    assert_guarded(response)
    (line,) = response.text.splitlines()
    assert json.loads(line)["turn"]["outcome"] == "answered"


# Headers


async def test_every_response_bears_the_security_headers(visitor: Visitor) -> None:
    get = visitor.http.get
    for path in ("/", "/healthz", "/readyz", "/openapi.json", "/static/page.js"):
        response = await get(path)
        assert response.status_code == 200, path
        assert_guarded(response)
    for path in ("/no/such/page", "/static/no.js", "/static/../app.py", "/v1/conversations/x"):
        response = await get(path)
        assert response.status_code in {404, 405}, path
        assert_problem(response, response.status_code)
    preflight = await visitor.http.options(
        "/v1/conversations", headers={"origin": ORIGIN, "access-control-request-method": "POST"}
    )
    assert_guarded(preflight)


async def test_content_policy_allows_nothing_from_elsewhere(visitor: Visitor) -> None:
    policy = (await visitor.http.get("/")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy


async def test_origins_are_allowed_by_a_list(visitor: Visitor) -> None:
    allowed = await visitor.http.post("/v1/conversations", headers={"origin": ORIGIN})
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    other = await visitor.http.post("/v1/conversations", headers={"origin": "https://evil.test"})
    assert "access-control-allow-origin" not in other.headers
    asks = {"origin": "https://evil.test", "access-control-request-method": "POST"}
    preflight = await visitor.http.options("/v1/conversations", headers=asks)
    assert "access-control-allow-origin" not in preflight.headers
    asks = {"origin": ORIGIN, "access-control-request-method": "DELETE"}
    preflight = await visitor.http.options(visitor.path, headers=asks)
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "DELETE" in preflight.headers["access-control-allow-methods"]


async def test_no_origin_is_allowed_unless_it_is_listed(open_web: OpenWeb) -> None:
    visitor = await open_web(cors_origins=())
    response = await visitor.http.post("/v1/conversations", headers={"origin": ORIGIN})
    assert "access-control-allow-origin" not in response.headers


async def test_errors_reach_an_allowed_origin_too(visitor: Visitor) -> None:
    """Without the header a browser hides the words of the refusal."""
    response = await visitor.post({"text": QUESTION}, headers={"origin": ORIGIN})
    assert_problem(response, 401)
    assert response.headers["access-control-allow-origin"] == ORIGIN


# Faults of ours


async def test_fault_of_ours_is_a_problem_document_and_no_traceback(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def fails(*args: object) -> None:
        raise ValueError("zanzibar")

    monkeypatch.setattr(Record, "turns", fails)
    response = await visitor.http.get(f"{visitor.path}/messages", headers=visitor.headers)
    problem = assert_problem(response, 500)
    assert "zanzibar" not in str(problem)
    assert "ValueError" in caplog.text
    assert "zanzibar" not in caplog.text


async def test_no_log_line_of_the_web_holds_a_visitors_words(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for text in ("zanzibar", f"zanzibar {NOT_BREATHING}", "zanzibar " * 500):
        await visitor.say(text)
        await visitor.post({"text": text}, headers={})
        await visitor.post({"text": text, "unknown": text})
    await visitor.post(content=b'{"text": "zanzibar')
    assert "zanzibar" not in caplog.text


# State


async def test_readiness_follows_the_assistant(visitor: Visitor, assistant: FakeAssistant) -> None:
    everything = {"store": True, "assistant": True, "screen": True}
    assert (await visitor.http.get("/readyz")).json() == everything
    await assistant.stop()
    response = await visitor.http.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {**everything, "assistant": False}
    assert (await visitor.http.get("/healthz")).status_code == 200
    await assistant.start()
    assert (await visitor.http.get("/readyz")).status_code == 200


async def test_readiness_follows_the_store(visitor: Visitor, settings: Settings) -> None:
    other = sqlite3.connect(settings.var / "helper.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    response = await visitor.http.get("/readyz")
    other.close()
    assert response.status_code == 503
    assert response.json()["store"] is False
    assert (await visitor.http.get("/readyz")).status_code == 200


async def test_document_describes_every_route_that_is_served(visitor: Visitor) -> None:
    document = (await visitor.http.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert {f"{verb} {path}" for path, item in document["paths"].items() for verb in item} == {
        "post /v1/conversations",
        "delete /v1/conversations/{conversation}",
        "post /v1/conversations/{conversation}/messages",
        "get /v1/conversations/{conversation}/messages",
        "get /healthz",
        "get /readyz",
    }
