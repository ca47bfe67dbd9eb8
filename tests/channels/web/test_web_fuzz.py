"""Ten thousand nasty messages over the web API: no 5xx, no empty reply, the process lives.

The messages are drawn by hypothesis with a fixed seed, so that a failure can be seen again; they
are sent many at a time, as visitors do, to a helper whose assistant answers at once.
"""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest
from fakes import (
    NOT_BREATHING,
    NOT_UNDERSTOOD,
    QUESTION,
    TOOK_TOO_MUCH,
    WANTS_TO_DIE,
    MemoryStore,
    heard,
)
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from support import Open, Visitor, client_of

from bot.assistant import AssistantUnavailable, Heard, neutralised
from bot.safety import faults as safety_faults

SHOWN = {"emergency_shown", "crisis_shown", "poison_line_shown", "pet_line_shown"}
MESSAGES = 10_000
DRAWN = 300
AT_ONCE = 16

SENTENCES = (
    QUESTION, NOT_BREATHING, TOOK_TOO_MUCH, WANTS_TO_DIE, "can i drink on it", "and for my mom?",
    "my dog ate baclofen", "he took 6 x 20mg", "thanks", "help", "overdose", "yes", "no", "why",
    "the pump is beeping", "il ne respire plus", "no respira", "i stopped 2 days ago and shake",
    "what are the side effects", "this is not happening, i was only asking",
)  # fmt: skip
NASTY = (
    "", " ", "\n", "\x00", "\ud800", "\udfff\ud800", "\ufeff", "\u202e", "\u200b" * 50, "/restart",
    "/intent{}", '/greet{"a": 1}', "/session_start", "//", "{}", "[]", "null", '{"text": null}',
    "${jndi:ldap://x}", "{{7*7}}", "%s%n%x", "{0}{text}", "'; DROP TABLE turns; --", "<b>x</b>",
    "a" * 5_000, "ا" * 300, "💊🆘" * 50, "e\u0301" * 200, "Z̷̡͈͔̪͙̞̱̃̾̈́̒a" * 30, "1" * 400, "20mg " * 200,
    "\r\n" * 100, "not breathing" * 60, "no " * 300, "💀", "SOS", "911", "ﷺ" * 40, "I" * 999,
)  # fmt: skip

anything = st.text(max_size=60) | st.text(alphabet=st.characters(codec=None), max_size=30)
sentence = st.sampled_from(SENTENCES)
nasty = st.sampled_from(NASTY)
mixed = st.lists(anything | sentence | nasty, min_size=2, max_size=4).map(" ".join)
texts = anything | sentence | nasty | mixed
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
buttons = st.sampled_from(
    ["topic:tapering", "topic:", "topic:x", "not_happening", "while_waiting", "have_called",
     "have_a_question", "someone_needs_help", "/restart", "\ud800", ""]
)  # fmt: skip
bodies = st.one_of(
    texts.map(lambda text: {"text": text}),
    texts.map(lambda text: {"text": text}),
    texts.map(lambda text: {"text": text}),
    st.builds(lambda text, button: {"text": text, "button": button}, texts, buttons),
    st.builds(lambda button: {"button": button}, buttons),
    st.builds(lambda value: {"text": value}, json_values),
    json_values,
)


def drawn() -> list[Any]:
    """Bodies drawn by hypothesis, the same ones at every run."""
    found: list[Any] = []

    @hypothesis_settings(
        max_examples=DRAWN,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(bodies, min_size=6, max_size=14))
    def collect(some: list[Any]) -> None:
        found.extend(some)

    collect()
    return found


@pytest.fixture(scope="module")
def messages() -> list[bytes]:
    """Ten thousand bodies: drawn ones, pairs of them joined, and some with bytes changed."""
    bodies = drawn()
    texts = [body["text"] for body in bodies if _is_message(body)]
    found = [json.dumps(body).encode() for body in bodies]
    chance = random.Random(1)
    while len(found) < MESSAGES:
        joined = f"{chance.choice(texts)} {chance.choice(texts)}"
        body = json.dumps({"text": joined[chance.randrange(3) :]}).encode()
        found.append(_bent(chance, body) if chance.random() < 0.3 else body)
    chance.shuffle(found)
    return found


def _is_message(body: Any) -> bool:
    return isinstance(body, dict) and isinstance(body.get("text"), str)


def _bent(chance: random.Random, body: bytes) -> bytes:
    """A body with a byte changed, cut off or doubled."""
    at = chance.randrange(len(body) + 1)
    kind = chance.randrange(3)
    if kind == 0:
        return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
    return body[:at] if kind == 1 else body + body


class AtOnce:
    """An assistant in this process that has an answer or none, as the text falls."""

    def __init__(self) -> None:
        self.answers = [
            Heard.model_validate(answer)
            for answer in (
                heard("what_is_baclofen"),
                heard("tapering", confidence=0.4, others={"stop_suddenly": 0.3}),
                heard("tapering", confidence=0.2, decision="tie", others={"dependence": 0.1}),
                heard("ask_for_person"),
                heard("out_of_scope_dose"),
                NOT_UNDERSTOOD,
            )
        ]

    async def ask(self, conversation: str, text: str, *_: object) -> Heard:
        neutralised(text).encode("utf-8")
        if len(text) % 7 == 6:
            raise AssistantUnavailable("dead")
        return self.answers[len(text) % 7]

    async def close(self) -> None:
        pass


#: Most are sent past the database, which would take most of the time; a part goes into it.
STORED = 1_000


@pytest.mark.parametrize("stored", [True, False], ids=["into the database", "into memory"])
async def test_ten_thousand_messages_all_get_a_reply_or_a_problem(
    open_here: Open, messages: list[bytes], stored: bool
) -> None:
    here = await open_here()
    await here.service.helper.assistant.close()
    here.service.helper.assistant = AtOnce()  # type: ignore[assignment]
    if not stored:
        here.service.helper.record.store = MemoryStore()  # type: ignore[assignment]
    mine = messages[:STORED] if stored else messages[STORED:]
    visitor = Visitor(client_of(here.service))
    faults_before = safety_faults()
    replied = await _send_all(visitor, mine)
    assert replied > len(mine) // 2, "most were messages"
    await visitor.begin()
    assert (await visitor.say("x" * 7))["outcome"] == "answered", "alive and well"
    await visitor.http.aclose()
    assert safety_faults() == faults_before, "the screen took no refuge in its safety net"
    assert not here.counts.get("turn_faults")
    assert not here.counts.get("compose_faults")
    assert not here.counts.get("spool_failures")


async def _send_all(visitor: Visitor, messages: list[bytes]) -> int:
    """Send everything, many at a time, a new conversation for every four; how many got a reply."""
    waiting = iter(messages)
    replied = 0

    async def one_after_the_other() -> None:
        nonlocal replied
        mine = Visitor(visitor.http)
        await mine.begin()
        for number, body in enumerate(waiting, start=1):
            if number % 4 == 0:
                await mine.begin()
            got = await _sent(mine, body)
            replied += got

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return replied


async def _sent(visitor: Visitor, body: bytes) -> bool:
    response = await visitor.post(content=body)
    if response.status_code == 400:
        assert response.headers["content-type"] == "application/problem+json", body
        return False
    assert response.status_code == 200, (response.status_code, body)
    turn = response.json()
    assert turn["outcome"], body
    assert turn["reply"], body
    assert all(part["text"].strip() for part in turn["reply"]), body
    if turn["outcome"] in SHOWN:
        assert turn["reply"][0]["kind"] == "card", body
    return True
