"""Training the assistant: when it is needed, and how. Rasa runs in its own environment."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bot.settings import PROJECT
from bot.supervisor import MODEL, RASA, NotSetUp, environment

#: What a model depends on; the fingerprint beside it is made from these.
INGREDIENTS = ("config.yml", "domain.yml", "data", "bot/rasa", "requirements/assistant.lock")
FINGERPRINT = MODEL.with_name("assistant.fingerprint")
LOG = PROJECT / "var" / "train.log"


def _files(project: Path) -> Iterator[Path]:
    for name in INGREDIENTS:
        path = project / name
        found = path.rglob("*") if path.is_dir() else [path]
        yield from sorted(p for p in found if p.suffix in {".yml", ".py", ".lock"})


def fingerprint(project: Path = PROJECT) -> str:
    """Digest of everything that a model is made from."""
    digest = hashlib.sha256()
    for path in _files(project):
        digest.update(str(path.relative_to(project)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def is_current() -> bool:
    """Whether the model was trained from what is there now."""
    if not MODEL.exists() or not FINGERPRINT.exists():
        return False
    return FINGERPRINT.read_text(encoding="ascii").strip() == fingerprint()


def train_assistant() -> float:
    """Train and put the model in place; seconds it took.

    Raises:
        NotSetUp: the environment is missing, or training failed (the end of its log is quoted).
    """
    if not RASA.exists():
        raise NotSetUp("The assistant's environment is missing. Run `make setup`.")
    made_from = fingerprint()
    started = time.monotonic()
    LOG.parent.mkdir(parents=True, exist_ok=True)
    line = [str(RASA), "train", "--domain", "domain.yml", "--config", "config.yml"]
    line += ["--data", "data/nlu", "data/rules", "data/responses"]
    line += ["--out", str(MODEL.parent), "--fixed-model-name", "assistant", "--force"]
    with LOG.open("wb") as log:
        done = subprocess.run(
            line, cwd=PROJECT, env=environment(), stdout=log, stderr=log, check=False
        )
    if done.returncode != 0:
        tail = LOG.read_text(errors="replace")[-1500:]
        raise NotSetUp(f"Training failed. The end of {LOG}:\n{tail}")
    FINGERPRINT.write_text(made_from + "\n", encoding="ascii")
    return time.monotonic() - started
