"""What is compared, and the processes it runs in: trained, started, spoken to and ended here.

Every server listens on loopback at a free port and is ended, with its children, when its block is
left, whatever happened in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
import psutil

from bot.settings import PROJECT
from bot.supervisor import RASA, environment, free_port

BENCHMARKS = PROJECT / "benchmarks"
STOCK = BENCHMARKS / "stock"
BOT = PROJECT / ".venv" / "bin" / "bot"

#: Seconds: a training, a start, one request, a process asked to end.
TRAINING_LIMIT = 12 * 3600.0
START_LIMIT = 600.0
REQUEST_LIMIT = 60.0
GRACE = 8.0
COMPILE_LIMIT = 1200.0
_COMPILE = """
import compileall, sysconfig
compileall.compile_dir(sysconfig.get_path("purelib"), maxlevels=40, quiet=2, workers=0)
"""
#: Seconds between two tries to reach a server that starts.
POLL = 0.05

#: Settings of a helper that is measured: no visitor's limit gets in the way, no secret is needed.
UNLIMITED = {
    "MESSAGES_PER_MINUTE": "1000000",
    "MESSAGES_PER_ADDRESS_PER_MINUTE": "1000000",
    "CONVERSATIONS_PER_ADDRESS_PER_HOUR": "1000000",
}
#: Settings of the machine's owner that must not reach a helper that is measured.
NOT_OURS = {"BOT_KEYS", "DATABASE_URL", "REDIS_URL", "CORS_ORIGINS", "CENTRE_FILE", "BOT_REGION"}


class BenchmarkError(Exception):
    """Something that is measured did not work; says what."""


class Door(Protocol):
    """A way in: conversations are begun and messages said."""

    def begin(self) -> str:
        """A new conversation's id."""
        ...

    def say(self, conversation: str, text: str) -> bool:
        """One turn; whether it was answered with words.

        Raises:
            httpx.HTTPError: not reached, or not answered with 200.
        """
        ...


def client(url: str) -> httpx.Client:
    """A client that keeps its connections and goes through no proxy."""
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    return httpx.Client(base_url=url, timeout=REQUEST_LIMIT, limits=limits, trust_env=False)


@dataclass(frozen=True)
class OurDoor:
    """This project's channel on loopback, as the helper calls it."""

    http: httpx.Client

    def begin(self) -> str:
        """A new conversation's id."""
        return str(uuid.uuid4())

    def say(self, conversation: str, text: str) -> bool:
        """One turn (see `Door`)."""
        call = {"conversation": conversation, "text": text, "context": {}}
        response = self.http.post("/webhooks/helper/turn", json=call)
        return bool(response.raise_for_status().json()["replies"])


@dataclass(frozen=True)
class StockDoor:
    """Rasa's REST channel."""

    http: httpx.Client

    def begin(self) -> str:
        """A new conversation's id."""
        return str(uuid.uuid4())

    def say(self, conversation: str, text: str) -> bool:
        """One turn (see `Door`)."""
        call = {"sender": conversation, "message": text}
        response = self.http.post("/webhooks/rest/webhook", json=call)
        return bool(response.raise_for_status().json())


@dataclass(frozen=True)
class WebDoor:
    """The helper's web API: what a visitor's browser speaks."""

    http: httpx.Client
    _tokens: dict[str, str] = field(default_factory=dict)

    def begin(self) -> str:
        """A new conversation's id; its token is kept."""
        body = self.http.post("/v1/conversations", json={}).raise_for_status().json()
        self._tokens[body["conversation"]] = body["token"]
        return str(body["conversation"])

    def headers(self, conversation: str) -> dict[str, str]:
        """What a message of the conversation is sent with."""
        return {"authorization": f"Bearer {self._tokens[conversation]}"}

    def post(self, conversation: str, text: str) -> dict[str, Any]:
        """The turn as the API returns it."""
        path = f"/v1/conversations/{conversation}/messages"
        response = self.http.post(path, json={"text": text}, headers=self.headers(conversation))
        body: dict[str, Any] = response.raise_for_status().json()
        return body

    def say(self, conversation: str, text: str) -> bool:
        """One turn (see `Door`)."""
        return bool(self.post(conversation, text)["reply"])


@dataclass(frozen=True)
class Side:
    """One of the two that are compared."""

    name: str
    config: Path
    endpoints: Path
    credentials: Path
    door: type[OurDoor] | type[StockDoor]


def sides(config: Path) -> tuple[Side, Side]:
    """This project with the given pipeline, and stock Rasa."""
    ours = Side("ours", config, PROJECT / "endpoints.yml", PROJECT / "credentials.yml", OurDoor)
    stock = Side(
        "stock",
        STOCK / "config.yml",
        STOCK / "endpoints.yml",
        STOCK / "credentials.yml",
        StockDoor,
    )
    return ours, stock


def rasa_environment(threads: int, cache: Path | None = None) -> dict[str, str]:
    """The environment of both sides: the assistant's own, with this many threads."""
    number = str(threads)
    return {
        **environment(),
        "TF_INTRA_OP_PARALLELISM_THREADS": number,
        "TF_INTER_OP_PARALLELISM_THREADS": number,
        "OMP_NUM_THREADS": number,
        **({"RASA_CACHE_DIRECTORY": str(cache)} if cache else {}),
    }


def compile_once(folder: Path) -> None:
    """Compile the packages of both environments, once, for all processes started from now on.

    A machine may be told not to keep Python's bytecode (PYTHONDONTWRITEBYTECODE); then each start
    would measure the compiler. The bytecode goes into `folder`; the environments are not touched.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    for python in (RASA.with_name("python"), BOT.with_name("python")):
        # Some packages hold files that are no Python 3: what cannot be compiled is left.
        line = [str(python), "-c", _COMPILE]
        with running(line, os.environ, folder / "logs" / "compile.log") as process:
            process.wait(COMPILE_LIMIT)


def tail(log: Path) -> str:
    """The end of a log, for an error message."""
    return log.read_text(errors="replace")[-1500:] if log.exists() else ""


def end_in_order() -> None:
    """A SIGTERM ends the run as Ctrl-C does, every process with it; a second one is not heard."""

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, stop)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all its children."""
    if process.poll() is not None:
        return
    family = [psutil.Process(process.pid)]
    with contextlib.suppress(psutil.NoSuchProcess):
        family += family[0].children(recursive=True)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()


@contextmanager
def running(
    line: list[str], env: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process, its output in `log`; ended when the block is left."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            line,
            cwd=PROJECT,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            end(process)


@dataclass(frozen=True)
class Training:
    """A trained model and what it cost, in seconds."""

    model: Path
    wall: float
    cpu: float

    @property
    def _receipt(self) -> Path:
        return self.model.with_name(self.model.name.removesuffix(".tar.gz") + ".json")

    def keep(self, content: str, threads: int) -> None:
        """Write down beside the model what it cost and what it was made from, for a later run."""
        row = {"wall": self.wall, "cpu": self.cpu, "content": content, "threads": threads}
        self._receipt.write_text(json.dumps(row) + "\n", encoding="utf-8")

    @classmethod
    def kept(cls, model: Path, content: str, threads: int) -> Training | None:
        """What a kept model cost; None unless it was made from the same in the same way."""
        empty = cls(model, 0.0, 0.0)
        if not empty._receipt.exists():
            return None
        row = json.loads(empty._receipt.read_text(encoding="utf-8"))
        if (row["content"], row["threads"]) != (content, threads):
            return None
        return cls(model, row["wall"], row["cpu"])


def _cpu_of_children() -> float:
    """CPU seconds, user and system, of the processes waited for so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def train(side: Side, content: Path, out: Path, threads: int) -> Training:
    """Train a side on the content of a folder (domain.yml and data/), in a process of its own.

    Raises:
        BenchmarkError: training failed or took too long; the end of its log is quoted.
    """
    log, cache = out / f"train-{side.name}.log", out / f"cache-{side.name}"
    shutil.rmtree(cache, ignore_errors=True)
    line = [str(RASA), "train", "--force", "--domain", str(content / "domain.yml")]
    line += ["--config", str(side.config), "--data", str(content / "data")]
    line += ["--out", str(out), "--fixed-model-name", side.name]
    cpu, began = _cpu_of_children(), time.perf_counter()
    with running(line, rasa_environment(threads, cache), log) as process:
        try:
            code = process.wait(TRAINING_LIMIT)
        except subprocess.TimeoutExpired:
            raise BenchmarkError(f"Training {side.name} took too long.\n{tail(log)}") from None
    wall = time.perf_counter() - began
    if code != 0:
        raise BenchmarkError(f"Training {side.name} failed ({code}).\n{tail(log)}")
    return Training(out / f"{side.name}.tar.gz", wall, _cpu_of_children() - cpu)


@dataclass(frozen=True)
class Server:
    """A server that answers, and how many seconds passed from its start to its first answer."""

    process: subprocess.Popen[bytes]
    url: str
    http: httpx.Client
    door: Door
    seconds_to_answer: float

    def memory(self) -> int:
        """Resident bytes of the process and its children."""
        first = psutil.Process(self.process.pid)
        family = [first, *first.children(recursive=True)]
        return sum(member.memory_info().rss for member in family)


def _first_answer(door: Door, process: subprocess.Popen[bytes], log: Path, text: str) -> None:
    """Ask until there is an answer.

    Raises:
        BenchmarkError: the process ended, or gave no answer in time.
    """
    deadline = time.perf_counter() + START_LIMIT
    while time.perf_counter() < deadline:
        if process.poll() is not None:
            raise BenchmarkError(f"A server ended while it started.\n{tail(log)}")
        with contextlib.suppress(httpx.HTTPError):
            if door.say(door.begin(), text):
                return
        time.sleep(POLL)
    raise BenchmarkError(f"A server did not answer in time.\n{tail(log)}")


@contextmanager
def assistant(
    side: Side, model: Path, threads: int, log: Path, text: str, api: bool = False
) -> Iterator[Server]:
    """A side's Rasa server, once it has answered `text`. `api` opens `/model/parse` as well.

    Raises:
        BenchmarkError: it did not start.
    """
    port = free_port()
    line = [str(RASA), "run", "--interface", "127.0.0.1", "--port", str(port)]
    line += ["--model", str(model), "--endpoints", str(side.endpoints)]
    line += ["--credentials", str(side.credentials), "--log-file", os.devnull]
    line += ["--enable-api"] if api else []
    url = f"http://127.0.0.1:{port}"
    with client(url) as http:
        door = side.door(http)
        began = time.perf_counter()
        with running(line, rasa_environment(threads), log) as process:
            _first_answer(door, process, log, text)
            yield Server(process, url, http, door, time.perf_counter() - began)


@contextmanager
def helper(assistant_url: str, var: Path, text: str) -> Iterator[tuple[Server, WebDoor]]:
    """A helper (`bot run`) with its own store in `var`, in front of an assistant that runs.

    Raises:
        BenchmarkError: it did not start.
    """
    port, log = free_port(), var / "helper.log"
    kept = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    own = {"BOT_VAR": str(var), "BOT_HOST": "127.0.0.1", "BOT_PORT": str(port)}
    env = {**kept, **UNLIMITED, **own, "ASSISTANT_URL": assistant_url}
    env["RASA_TELEMETRY_ENABLED"] = "false"
    url = f"http://127.0.0.1:{port}"
    with client(url) as http:
        door = WebDoor(http)
        began = time.perf_counter()
        with running([str(BOT), "run"], env, log) as process:
            _first_answer(door, process, log, text)
            yield Server(process, url, http, door, time.perf_counter() - began), door
