"""The client of the assistant: one deadline, no surprise."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from fakes import QUICK_FAULTS, SLOW_FAULTS, WRONG_SHAPES, FakeAssistant, heard
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bot.assistant import (
    FAILURES_TO_OPEN,
    MAX_CHARACTERS,
    Assistant,
    AssistantUnavailable,
    neutralised,
)

REASONS = {
    "empty_list": "garbled",
    "status_500": "status_500",
    "garbage": "garbled",
    "not_http": "dead",
    "closes": "dead",
    "two_megabytes": "garbled",
    "slow": "slow",
    "hangs": "slow",
    "hangs_in_the_body": "slow",
}


@pytest.fixture
async def client(assistant: FakeAssistant) -> AsyncIterator[Assistant]:
    asked = Assistant(assistant.url, deadline=0.3)
    yield asked
    await asked.close()


async def test_ask_returns_what_was_understood(client: Assistant, assistant) -> None:
    assistant.answer = lambda call: heard("tapering", also=("stop_suddenly",))
    got = await client.ask("c", "how do I come off it")
    assert got.understood.intent == "tapering"
    assert got.understood.also == ["stop_suddenly"]
    assert got.replies[0].response == "utter_tapering"
    assert assistant.calls == [{"conversation": "c", "text": "how do I come off it", "context": {}}]


@pytest.mark.parametrize("fault", [*QUICK_FAULTS, *SLOW_FAULTS])
async def test_ask_names_what_went_wrong(client: Assistant, assistant, fault: str) -> None:
    assistant.behaviour = fault
    started = time.perf_counter()
    with pytest.raises(AssistantUnavailable) as raised:
        await client.ask("c", "hello")
    assert raised.value.reason == REASONS[fault]
    assert time.perf_counter() - started < 1.5


@pytest.mark.parametrize("shape", WRONG_SHAPES.values(), ids=list(WRONG_SHAPES))
async def test_ask_refuses_a_reply_of_another_shape(client: Assistant, assistant, shape) -> None:
    assistant.behaviour, assistant.shape = "wrong_shape", shape
    with pytest.raises(AssistantUnavailable, match="garbled"):
        await client.ask("c", "hello")


async def test_ask_recovers_when_the_assistant_is_started_again(client, assistant) -> None:
    await client.ask("c", "what is baclofen")
    await assistant.stop()
    with pytest.raises(AssistantUnavailable, match="dead"):
        await client.ask("c", "what is baclofen")
    await assistant.start()
    assert (await client.ask("c", "what is baclofen")).understood.intent == "what_is_baclofen"


async def test_ask_takes_a_deadline_of_its_own(client: Assistant, assistant) -> None:
    assistant.delay = 0.2
    with pytest.raises(AssistantUnavailable, match="slow"):
        await client.ask("c", "hello", deadline=0.05)
    await client.ask("c", "hello")


async def test_circuit_counts_failures_in_a_row_only(client: Assistant, assistant) -> None:
    for _ in range(3):
        assistant.behaviour = "status_500"
        for _ in range(FAILURES_TO_OPEN - 1):
            with pytest.raises(AssistantUnavailable, match="status_500"):
                await client.ask("c", "hello")
        assistant.behaviour = "answers"
        await client.ask("c", "hello")


async def test_circuit_opens_again_at_the_first_failure_after_its_pause(
    client: Assistant, assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.assistant.OPEN_SECONDS", 0.2)
    assistant.behaviour = "status_500"
    reasons = []
    for pause in (0, 0, 0, 0, 0.25, 0):
        await asyncio.sleep(pause)
        with pytest.raises(AssistantUnavailable) as raised:
            await client.ask("c", "hello")
        reasons.append(raised.value.reason)
    assert reasons == ["status_500"] * 3 + ["circuit_open", "status_500", "circuit_open"]


async def test_ask_keeps_its_connection(client: Assistant, assistant) -> None:
    for _ in range(5):
        await client.ask("c", "hello")
    assert len(assistant._open) == 1


async def test_ask_does_not_go_through_a_proxy(assistant, monkeypatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    asked = Assistant(assistant.url)
    assert (await asked.ask("c", "what is baclofen")).replies
    await asked.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", "hello"),
        ("/restart", "⁄restart"),
        (" \t/restart", "⁄restart"),
        ("\x00/restart", "⁄restart"),
        ("and/or", "and/or"),
        ("lone \ud800 half", "lone ? half"),
        ("a" * 9_000, "a" * MAX_CHARACTERS),
    ],
)
def test_neutralised_text_is_safe_to_send(text: str, expected: str) -> None:
    assert neutralised(text) == expected


@hypothesis_settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters() | st.sampled_from("/ \t\x00\ufeff\u200b\u2028\ud800")))
def test_neutralised_text_never_begins_like_a_command(text: str) -> None:
    safe = neutralised(text)
    assert not safe.lstrip().startswith("/")
    safe.encode("utf-8")
