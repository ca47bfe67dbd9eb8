"""The one way into the assistant: words and understanding, or a status."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from sanic import Sanic

from bot.rasa.channel import MAX_CHARACTERS, HelperChannel, _checked, not_a_command


@pytest.mark.parametrize("text", ["/restart", "  /restart", "/intent{}", "/", "//x", "\n/greet"])
def test_typed_command_is_only_words(text: str) -> None:
    assert not not_a_command(text).lstrip().startswith("/")
    assert _checked({"conversation": "c", "text": text})["text"][0] == "⁄"


@pytest.mark.parametrize("text", ["hello", "and/or", "1/2 tablet", ""])
def test_other_words_stay_as_they_are(text: str) -> None:
    assert not_a_command(text) == text


@pytest.mark.parametrize(
    "body",
    [None, [], "x", 5, {}, {"text": "x"}, {"conversation": "", "text": "x"},
     {"conversation": 5, "text": "x"}, {"conversation": "c"}, {"conversation": "c", "text": None}],
)  # fmt: skip
def test_call_of_the_wrong_shape_is_refused(body) -> None:
    assert _checked(body) is None


def test_call_is_bounded_and_its_context_is_an_object() -> None:
    call = _checked({"conversation": "c", "text": "a" * 99_999, "context": ["x"]})
    assert len(call["text"]) == MAX_CHARACTERS
    assert call["context"] == {}


UNDERSTOOD = {
    "text": "hi",
    "intent": {"name": "greet", "confidence": 0.9},
    "intent_ranking": [
        {"name": "nlu_fallback", "confidence": 0.1},
        {"name": "greet", "confidence": 0.87654321},
    ],
    "entities": [],
    "decision": "clear",
    "also": ["thank"],
}


class FakeAgent:
    """Parses everything as a greeting; `handled` are the messages of the dialogue."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails
        self.handled = []
        self.processor = self
        self.tracker_store = self

    def is_ready(self) -> bool:
        return True

    async def parse_message(self, message):
        if self.fails:
            raise RuntimeError("words of a visitor")
        return dict(UNDERSTOOD)

    async def handle_message(self, message) -> None:
        self.handled.append(message)
        await message.output_channel.send_response(
            message.sender_id, {"utter_action": "utter_greet", "text": "Hello"}
        )

    async def retrieve(self, conversation):
        return SimpleNamespace(active_loop_name="callback_form")


def endpoint(agent, path: str):
    """The handler of a path and a request maker, without a server."""
    app = Sanic(f"test_{id(agent)}_{path}")
    app.ctx.agent = agent
    app.blueprint(HelperChannel().blueprint(None), url_prefix="/webhooks/helper")
    (route,) = [r for r in app.router.routes_all.values() if r.path.endswith(path)]

    def call(body=None):
        request = SimpleNamespace(app=app, json=body)
        return asyncio.new_event_loop().run_until_complete(route.handler(request))

    return call


def body_of(response):
    import json

    return json.loads(response.body)


def test_turn_returns_words_and_understanding_from_one_parse() -> None:
    agent = FakeAgent()
    response = endpoint(agent, "turn")({"conversation": "c", "text": "hi"})
    assert response.status == 200
    got = body_of(response)
    assert got["replies"][0]["response"] == "utter_greet"
    assert got["understood"]["ranking"] == [{"intent": "greet", "confidence": 0.8765}]
    assert got["understood"]["also"] == ["thank"]
    assert got["active_form"] == "callback_form"
    assert agent.handled[0].parse_data["intent"]["name"] == "greet", "it is not parsed again"


def test_turn_keeps_rankings_and_context_out_of_the_tracker() -> None:
    agent = FakeAgent()
    endpoint(agent, "turn")({"conversation": "c", "text": "hi", "context": {"previous": "secret"}})
    assert "intent_ranking" not in agent.handled[0].parse_data
    assert "secret" not in str(agent.handled[0].metadata)


def test_failure_is_a_status_without_a_visitors_words(caplog) -> None:
    response = endpoint(FakeAgent(fails=True), "turn")({"conversation": "c", "text": "hi"})
    assert response.status == 500
    assert body_of(response) == {"error": "RuntimeError"}
    assert "words of a visitor" not in caplog.text


def test_wrong_call_is_a_status() -> None:
    assert endpoint(FakeAgent(), "turn")({"text": "hi"}).status == 400


def test_assistant_without_a_model_says_so() -> None:
    assert endpoint(None, "turn")({"conversation": "c", "text": "hi"}).status == 503
    assert endpoint(None, "ready")().status == 503
    assert endpoint(FakeAgent(), "ready")().status == 200
