"""The real thing: `bot run` with its assistant, asked over HTTP, and broken on purpose.

One helper for all tests here; each leaves it working, the last one ends it. They run in order.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from fakes import NOT_BREATHING, QUESTION

from bot.settings import PROJECT
from bot.supervisor import MODEL, RASA, free_port

pytestmark = [pytest.mark.stack, pytest.mark.timeout(280)]

PATIENCE = 4.0
START = 150.0


class Stack:
    """A `bot run` of its own: its process, its address and a visitor's steps."""

    def __init__(self, var: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        env = {
            **{k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}},
            "BOT_VAR": str(var),
            "BOT_PORT": self.url.rpartition(":")[2],
            "ASSISTANT_URL": f"http://127.0.0.1:{free_port()}",
            "MESSAGES_PER_MINUTE": "1000",
            "MESSAGES_PER_ADDRESS_PER_MINUTE": "10000",
            "CONVERSATIONS_PER_ADDRESS_PER_HOUR": "10000",
        }
        self.log = var / "helper.log"
        var.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot.cli", "run"],
                cwd=PROJECT,
                env=env,
                stdout=log,
                stderr=log,
            )
        self.http = httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    def assistants(self) -> list[psutil.Process]:
        """The assistant's processes that run now."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def until(self, done: Callable[[], bool], seconds: float = START) -> float:
        """Wait; how long it took."""
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            if done():
                return time.monotonic() - started
            time.sleep(0.1)
        raise AssertionError(f"not within {seconds:.0f} s\n{self.log.read_text()[-1500:]}")

    def status(self, path: str) -> int:
        try:
            return self.http.get(path).status_code
        except httpx.HTTPError:
            return 0

    def ready(self) -> bool:
        return self.status("/readyz") == 200

    def begin(self) -> dict[str, Any]:
        begun: dict[str, Any] = self.http.post("/v1/conversations").raise_for_status().json()
        return begun

    def ask(self, text: str, begun: dict[str, Any] | None = None) -> tuple[dict[str, Any], float]:
        """A turn and the seconds it took."""
        begun = begun or self.begin()
        started = time.monotonic()
        response = self.http.post(
            f"/v1/conversations/{begun['conversation']}/messages",
            json={"text": text},
            headers={"authorization": f"Bearer {begun['token']}"},
        )
        seconds = time.monotonic() - started
        assert response.status_code == 200, response.text
        turn: dict[str, Any] = response.json()
        assert turn["reply"]
        assert all(part["text"].strip() for part in turn["reply"])
        return turn, seconds

    def end(self) -> None:
        """Whatever happened, leave nothing behind."""
        left = self.assistants()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.http.close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    need_a_model()
    stack = Stack(tmp_path_factory.mktemp("stack") / "var")
    yield stack
    stack.end()


def need_a_model() -> None:
    if not RASA.exists():
        pytest.skip("the assistant's environment is missing: run `make setup`")
    if not MODEL.exists():
        pytest.skip("there is no trained model: run `make train`")


def assert_card(turn: dict[str, Any], seconds: float) -> None:
    assert turn["outcome"] == "emergency_shown"
    assert turn["reply"][0]["kind"] == "card"
    assert seconds < PATIENCE


def test_helper_shows_a_card_before_the_assistant_has_started(stack: Stack) -> None:
    stack.until(lambda: stack.status("/healthz") == 200, 60)
    assert_card(*stack.ask(NOT_BREATHING))
    if stack.status("/readyz") == 503:
        turn, seconds = stack.ask(QUESTION)
        assert turn["outcome"] in {"error_reply", "answered"}
        assert seconds < PATIENCE


def test_stack_answers_a_question(stack: Stack) -> None:
    stack.until(stack.ready)
    turn, _ = stack.ask(QUESTION)
    assert (turn["outcome"], turn["topic"]) == ("answered", "what_is_baclofen")
    assert turn["reply"][0]["sources"]


@pytest.mark.parametrize("text", ["/restart", '/intent{"a": 1}', "/session_start", "/tapering"])
def test_stack_takes_no_commands(stack: Stack, text: str) -> None:
    """A command would say nothing, or be understood with full confidence."""
    begun = stack.begin()
    turn, _ = stack.ask(text, begun)
    assert turn["outcome"] != "error_reply"
    assert all(row["confidence"] < 1.0 for row in turn["topics"])
    assert stack.ask(QUESTION, begun)[0]["outcome"] == "answered"


ODD = {
    "NUL": "\x00",
    "ligatures": "ﷺ" * 50,
    "emoji": "💊" * 300,
    "right to left": "\u202edrowssap",
    "JSON": "{}",
    "one long word": "a" * 1_999,
}


@pytest.mark.parametrize("text", ODD.values(), ids=list(ODD))
def test_stack_survives_odd_text(stack: Stack, text: str) -> None:
    turn, seconds = stack.ask(text)
    assert turn["outcome"] != "error_reply"
    assert seconds < PATIENCE


def test_stack_gives_fifty_visitors_at_once_their_replies(stack: Stack) -> None:
    texts = [NOT_BREATHING if n % 5 == 0 else QUESTION for n in range(50)]
    begun = [stack.begin() for _ in texts]
    with ThreadPoolExecutor(50) as visitors:
        turns = list(visitors.map(stack.ask, texts, begun))
    outcomes = [turn["outcome"] for turn, _ in turns]
    for text, outcome in zip(texts, outcomes, strict=True):
        wanted = {"emergency_shown"} if text == NOT_BREATHING else {"answered", "error_reply"}
        assert outcome in wanted
    assert outcomes.count("answered") >= 20, "a busy assistant still answers most"
    assert max(seconds for _, seconds in turns) < PATIENCE + 4, "50 at once on a small machine"


def test_stack_streams_the_card_first(stack: Stack) -> None:
    begun = stack.begin()
    with stack.http.stream(
        "POST",
        f"/v1/conversations/{begun['conversation']}/messages",
        json={"text": NOT_BREATHING},
        headers={
            "authorization": f"Bearer {begun['token']}",
            "accept": "application/x-ndjson",
        },
    ) as response:
        lines = [json.loads(line) for line in response.iter_lines()]
    assert lines[0]["part"]["kind"] == "card"
    assert lines[-1]["turn"]["reply"][0] == lines[0]["part"]


def test_stack_answers_at_once_while_the_assistant_is_dead_and_recovers(stack: Stack) -> None:
    stack.until(stack.ready)
    begun = stack.begin()
    (assistant, *_) = stack.assistants()
    assistant.send_signal(signal.SIGKILL)
    assert_card(*stack.ask(NOT_BREATHING, begun))
    turn, seconds = stack.ask("is it addictive", begun)
    assert turn["outcome"] == "error_reply"
    assert turn["reply"][0]["kind"] == "reminder", "after a card"
    assert seconds < PATIENCE
    assert stack.status("/readyz") == 503
    assert stack.status("/healthz") == 200
    stack.until(stack.ready)
    assert stack.ask(QUESTION, begun)[0]["outcome"] == "answered"
    assert [p.pid for p in stack.assistants()] != [assistant.pid]


def test_stack_answers_in_time_while_the_assistant_hangs(stack: Stack) -> None:
    stack.until(stack.ready)
    frozen = stack.assistants()
    for process in frozen:
        process.suspend()
    try:
        turn, seconds = stack.ask(QUESTION)
        assert turn["outcome"] == "error_reply"
        assert seconds < PATIENCE
        assert_card(*stack.ask(NOT_BREATHING))
        assert stack.status("/readyz") == 503
    finally:
        for process in frozen:
            process.resume()
    stack.until(stack.ready, 30)
    assert stack.ask(QUESTION)[0]["outcome"] == "answered"


def test_stack_keeps_the_words_of_visitors_out_of_its_logs(stack: Stack) -> None:
    stack.ask("zanzibar is a word that nobody else uses")
    stack.ask(f"zanzibar {NOT_BREATHING}")
    folder = stack.log.parent
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"zanzibar" not in path.read_bytes(), path


def test_stack_ends_at_once_and_leaves_no_process(stack: Stack) -> None:
    family = [psutil.Process(stack.process.pid), *stack.assistants()]
    assert len(family) >= 2
    stack.process.send_signal(signal.SIGTERM)
    stack.process.wait(20)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert stack.status("/healthz") == 0


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux to end the child")
def test_assistant_does_not_outlive_a_helper_that_is_killed(tmp_path: Path) -> None:
    need_a_model()
    stack = Stack(tmp_path / "var")
    try:
        stack.until(lambda: bool(stack.assistants()), 60)
        children = stack.assistants()
        stack.process.kill()
        stack.process.wait(10)
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []
    finally:
        stack.end()
