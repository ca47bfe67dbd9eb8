"""Starts the assistant beside the helper and keeps it alive; neither needs the other to answer.

The assistant is its own process in its own environment (Python 3.10). When it dies it is started
again, at once the first time and then with growing pauses.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bot.settings import PROJECT

log = logging.getLogger(__name__)

MODEL = PROJECT / "models" / "assistant.tar.gz"
RASA = PROJECT / ".venv-rasa" / "bin" / "rasa"
#: Pauses between starts, in seconds; the last one repeats.
PAUSES = (0.5, 1, 2, 5, 10, 30)
#: A process that lived this long is forgiven its earlier deaths, in seconds.
STEADY = 60.0
#: Seconds the assistant gets to end by itself.
GRACE = 5.0
_PR_SET_PDEATHSIG = 1


class NotSetUp(Exception):
    """Something the assistant needs is missing; the message says which command makes it."""


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment() -> dict[str, str]:
    """The assistant's environment: no telemetry, no GPU, one thread, none of our secrets."""
    kept = {k: v for k, v in os.environ.items() if k not in {"BOT_KEYS", "DATABASE_URL"}}
    return {
        **kept,
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_INTRA_OP_PARALLELISM_THREADS": "1",
        "TF_INTER_OP_PARALLELISM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    }


def command(port: int, model: Path) -> list[str]:
    """The assistant's command line; it listens on loopback only.

    Raises:
        NotSetUp: the environment or the model is missing.
    """
    if not RASA.exists():
        raise NotSetUp("The assistant's environment is missing. Run `make setup`.")
    if not model.exists():
        raise NotSetUp("There is no trained model. Run `make train`.")
    return [
        str(RASA),
        "run",
        "--interface",
        "127.0.0.1",
        "--port",
        str(port),
        "--model",
        str(model),
        "--endpoints",
        str(PROJECT / "endpoints.yml"),
        "--credentials",
        str(PROJECT / "credentials.yml"),
        "--log-file",
        os.devnull,
    ]


def _die_with_parent() -> None:
    """Ask Linux to end the assistant when the helper is killed, so that none is left behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass
class Supervisor:
    """Keeps one assistant running at `url`, its output in `log_file`."""

    url: str
    log_file: Path
    model: Path = MODEL
    restarts: int = 0
    _process: asyncio.subprocess.Process | None = field(default=None)
    _keeping: asyncio.Task[None] | None = field(default=None)

    async def start(self) -> None:
        """Start the assistant and keep it alive from now on.

        Raises:
            NotSetUp: the environment or the model is missing.
        """
        line = command(urlsplit(self.url).port or 5005, self.model)
        self._keeping = asyncio.create_task(self._keep(line))

    @property
    def pid(self) -> int | None:
        """The process id of the assistant that runs now."""
        running = self._process
        return running.pid if running is not None and running.returncode is None else None

    async def _keep(self, line: list[str]) -> None:
        pauses = 0
        while True:
            began = asyncio.get_running_loop().time()
            code = await self._run(line)
            if asyncio.get_running_loop().time() - began > STEADY:
                pauses = 0
            pause = PAUSES[min(pauses, len(PAUSES) - 1)]
            log.warning("the assistant ended (%s); starting it again in %s s", code, pause)
            pauses += 1
            self.restarts += 1
            await asyncio.sleep(pause)

    async def _run(self, line: list[str]) -> int:
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *line,
                cwd=PROJECT,
                env=environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        return await self._process.wait()

    async def stop(self) -> None:
        """End the assistant; it is given a moment to do so by itself."""
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        process = self._process
        if process is None or process.returncode is not None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), GRACE)
                return
