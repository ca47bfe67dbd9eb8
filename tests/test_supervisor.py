"""The supervisor: an assistant that dies is started again; one that is stopped stays stopped."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from bot import supervisor as module
from bot.supervisor import NotSetUp, Supervisor, command, environment, free_port

Start = Callable[[str], Awaitable[Supervisor]]
SLEEPS = "import time; time.sleep(60)"
IGNORES_TERM = (
    f"import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True); {SLEEPS}"
)


@pytest.fixture
async def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Supervise a small Python program in the assistant's place."""
    monkeypatch.setattr(module, "PAUSES", (0.05, 0.1))
    started: list[Supervisor] = []

    async def start_one(program: str) -> Supervisor:
        line = [sys.executable, "-c", program]
        monkeypatch.setattr(module, "command", lambda port, model: line)
        keeper = Supervisor(f"http://127.0.0.1:{free_port()}", tmp_path / "log" / "assistant.log")
        await keeper.start()
        started.append(keeper)
        return keeper

    yield start_one
    for keeper in started:
        await keeper.stop()


async def until(done: Callable[[], object], seconds: float = 20.0) -> None:
    for _ in range(int(seconds / 0.02)):
        if done():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen in time")


async def test_supervisor_starts_a_killed_assistant_again(start: Start) -> None:
    keeper = await start(SLEEPS)
    await until(lambda: keeper.pid)
    first = keeper.pid
    assert first is not None
    psutil.Process(first).kill()
    await until(lambda: keeper.pid not in {None, first})
    assert keeper.restarts == 1


async def test_supervisor_goes_on_trying_with_pauses(start: Start) -> None:
    keeper = await start("raise SystemExit(3)")
    await until(lambda: keeper.restarts >= 3)


async def test_supervisor_that_stops_leaves_no_process(start: Start) -> None:
    keeper = await start(SLEEPS)
    await until(lambda: keeper.pid)
    pid = keeper.pid
    await keeper.stop()
    assert not psutil.pid_exists(pid)
    await asyncio.sleep(0.3)
    assert keeper.pid is None, "it is not started again"


async def test_supervisor_kills_an_assistant_that_does_not_end(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.3)
    keeper = await start(IGNORES_TERM)
    await until(lambda: keeper.log_file.exists() and "up" in keeper.log_file.read_text())
    pid = keeper.pid
    await keeper.stop()
    assert not psutil.pid_exists(pid)


async def test_supervisor_may_be_stopped_before_anything_ran(tmp_path: Path) -> None:
    await Supervisor("http://127.0.0.1:1", tmp_path / "log").stop()


def test_command_says_how_to_make_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RASA", Path(sys.executable))
    with pytest.raises(NotSetUp, match="make train"):
        command(5005, tmp_path / "no_model.tar.gz")
    monkeypatch.setattr(module, "RASA", tmp_path / "no_rasa")
    with pytest.raises(NotSetUp, match="make setup"):
        command(5005, tmp_path / "no_model.tar.gz")


def test_command_listens_on_loopback_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RASA", Path(sys.executable))
    (tmp_path / "model").touch()
    line = command(5005, tmp_path / "model")
    assert line[line.index("--interface") + 1] == "127.0.0.1"
    assert not {"--enable-api", "--debug", "--cors"} & set(line)


def test_environment_holds_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_KEYS", "secret")
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret@db")
    given = environment()
    assert "secret" not in str([value for name, value in given.items() if "PYTEST" not in name])
    assert given["RASA_TELEMETRY_ENABLED"] == "false"
