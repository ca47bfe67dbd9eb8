"""Where records wait while the database is gone: encrypted lines in files of bounded size.

A line is one Fernet token. What it holds: {"id", "at", "kind", "payload"}; `kind` is the name of
a method of `Store` that writes, and `payload` its keyword arguments. The kind "turn" is
record_message and finish_turn in one, for a message that never got a turn id.
"""

from __future__ import annotations

import fcntl
import logging
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.store.cipher import Cipher
from bot.store.errors import StoreError, UnknownConversation
from bot.store.hygiene import checked_time, clean_json
from bot.store.store import Store

log = logging.getLogger(__name__)

MAX_BYTES = 64 * 1024 * 1024
MAX_FILE_BYTES = 1024 * 1024
MESSAGE_ARGUMENTS = ("conversation_id", "text", "idempotency_key", "button")


class Spool:
    """Keeps records in `folder` until `replay` writes them to the store.

    `dropped` counts the records lost to the size limit, `unreadable` those set aside in a `.bad`
    file; both since this object was made.
    """

    def __init__(
        self,
        folder: Path,
        keys: Sequence[str],
        *,
        max_bytes: int = MAX_BYTES,
        max_file_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        """Touches no disk yet. Raises StoreError for a key that cannot be used."""
        self._folder = folder
        self._cipher = Cipher(keys)
        self._max_bytes = max_bytes
        self._max_file_bytes = max_file_bytes
        self.dropped = 0
        self.unreadable = 0

    def write(self, kind: str, payload: dict[str, Any]) -> bool:
        """Append one record and wait until it is on the disk; never raises.

        Returns false if it could not be kept. When the spool is full its oldest file goes.
        """
        try:
            line = self._seal(kind, payload)
            with self._locked("write"):
                self._append(line)
                self._shrink()
            return True
        except (OSError, ValueError, TypeError, RecursionError) as error:
            log.error("spool: a %s record could not be kept (%s)", kind, type(error).__name__)
            return False

    def pending(self) -> bool:
        """Whether anything waits to be replayed."""
        return bool(self._files())

    def replay(self, store: Store) -> int:
        """Write the waiting records to the store in their order; return how many were written.

        Stops when the database fails and keeps the rest. A record written twice, because the
        process died in between, is stored once. Records of deleted conversations are dropped.
        """
        replayed = 0
        try:
            with self._locked("replay", wait=False):
                for path in self._files():
                    written, finished = self._replay_file(path, store)
                    replayed += written
                    if not finished:
                        break
        except BlockingIOError:
            log.info("spool: another replay is under way")
        except OSError as error:
            log.error("spool: the folder cannot be used (%s)", type(error).__name__)
        return replayed

    def forget(self, conversation_id: str) -> int:
        """Delete the waiting records of a conversation for good; return how many.

        For a visitor who asks for deletion before the replay. Raises StoreError if the folder
        cannot be used, because then nothing was deleted.
        """
        forgotten = 0
        try:
            with self._locked("replay"), self._locked("write"):
                for path in self._files():
                    lines = _lines(path)
                    kept = [line for line in lines if not self._concerns(line, conversation_id)]
                    if len(kept) < len(lines):
                        forgotten += len(lines) - len(kept)
                        _rewrite(path, kept)
        except OSError as error:
            raise StoreError("The spool folder cannot be used.", temporary=True) from error
        return forgotten

    # Writing

    def _seal(self, kind: str, payload: dict[str, Any]) -> str:
        record = {
            "id": str(uuid.uuid4()),
            "at": datetime.now(UTC).isoformat(),
            "kind": kind,
            "payload": clean_json(_with_plain_times(payload)),
        }
        return self._cipher.encrypt_json(record)

    def _append(self, line: str) -> None:
        path = self._file_to_append_to()
        is_new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            text = line.encode("ascii") + b"\n"
            if _ends_within_a_line(file.fileno()):
                text = b"\n" + text  # the process died while it wrote: that line is lost
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            _sync_folder(self._folder)

    def _file_to_append_to(self) -> Path:
        """Return the newest file, or the next one if that is full or being replayed."""
        files = self._files()
        if not files:
            return self._folder / "spool-000001.log"
        newest = files[-1]
        if newest.suffix == ".log" and newest.stat().st_size < self._max_file_bytes:
            return newest
        return self._folder / f"spool-{_number(newest) + 1:06}.log"

    def _shrink(self) -> None:
        """Drop the oldest files until the spool fits its limit; the newest file stays."""
        files = sorted(self._folder.glob("spool-*.*"), key=_age)
        total = sum(path.stat().st_size for path in files)
        for path in files[:-1]:
            if total <= self._max_bytes:
                break
            total -= path.stat().st_size
            lost = len(_lines(path))
            path.unlink()
            self.dropped += lost
            log.warning("spool: full, dropped the %d oldest (%d so far)", lost, self.dropped)

    # Reading

    def _replay_file(self, path: Path, store: Store) -> tuple[int, bool]:
        """Return how many records were written, and whether none of the file must wait."""
        with self._locked("write"):
            lines = _lines(path)
            retired = path.replace(path.with_suffix(".replay"))  # `write` opens another file now
        written, rest = self._replay_lines(lines, retired, store)
        with self._locked("write"):
            _rewrite(retired, rest)
        return written, not rest

    def _replay_lines(self, lines: list[str], path: Path, store: Store) -> tuple[int, list[str]]:
        """Return how many lines were written, and the lines that must wait."""
        written = 0
        for place, line in enumerate(lines):
            try:
                written += self._replay_line(line, store)
            except (ValueError, TypeError, KeyError):
                self._set_aside(line, path)
            except StoreError as error:
                if error.temporary or not _works(store):
                    log.warning("spool: replay stopped: %s", error)
                    return written, lines[place:]
                self._set_aside(line, path)
        return written, []

    def _replay_line(self, line: str, store: Store) -> bool:
        """Write one record; return false if its conversation is gone."""
        record = self._open(line)
        payload = dict(record["payload"])
        at = datetime.fromisoformat(payload.pop("at", None) or record["at"])
        try:
            WRITERS[record["kind"]](store, record["id"], at, payload)
        except UnknownConversation:
            log.info("spool: dropped a %s record of a deleted conversation", record["kind"])
            return False
        return True

    def _open(self, line: str) -> dict[str, Any]:
        """Decrypt a line. Raises ValueError if it is cut off, or written with another key."""
        try:
            return dict(self._cipher.decrypt_json(line))
        except StoreError as error:
            raise ValueError("not readable with these keys") from error

    def _concerns(self, line: str, conversation_id: str) -> bool:
        try:
            payload = self._open(line)["payload"]
            return bool(payload["conversation_id"] == conversation_id)
        except (ValueError, KeyError, TypeError):
            return False

    def _set_aside(self, line: str, path: Path) -> None:
        bad = path.with_suffix(".bad")
        with open(bad, "a", encoding="utf-8", opener=_private) as file:
            file.write(line + "\n")
        self.unreadable += 1
        log.warning(
            "spool: a record could not be read and is kept in %s (%d so far); if a key was "
            "missing, put it back and rename the file to .log",
            bad.name,
            self.unreadable,
        )

    def _files(self) -> list[Path]:
        """The files with records, oldest first. A `.replay` file is one that was begun."""
        files = [*self._folder.glob("spool-*.log"), *self._folder.glob("spool-*.replay")]
        return sorted(files, key=_age)

    @contextmanager
    def _locked(self, what: str, *, wait: bool = True) -> Iterator[None]:
        """Keep other threads and processes away: one writer, and one replay, at a time.

        Raises BlockingIOError if it is taken and `wait` is false.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self._folder / f"{what}.lock", "a", opener=_private) as file:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield


# How each kind is written: (store, record id, time of the record, payload)


def _write_conversation(store: Store, _: str, at: datetime, payload: dict[str, Any]) -> None:
    store.create_conversation(**payload, at=at)


def _write_message(store: Store, record_id: str, at: datetime, payload: dict[str, Any]) -> None:
    key = payload.get("idempotency_key") or f"spool-{record_id}"
    store.record_message(**{**payload, "idempotency_key": key}, at=at)


def _write_finish(store: Store, _: str, at: datetime, payload: dict[str, Any]) -> None:
    store.finish_turn(**payload)


def _write_turn(store: Store, record_id: str, at: datetime, payload: dict[str, Any]) -> None:
    message = {name: payload[name] for name in MESSAGE_ARGUMENTS if name in payload}
    key = message.get("idempotency_key") or f"spool-{record_id}"
    turn = store.record_message(**{**message, "idempotency_key": key}, at=at)
    finish = {name: value for name, value in payload.items() if name not in MESSAGE_ARGUMENTS}
    store.finish_turn(turn.id, **finish)


def _write_event(store: Store, record_id: str, at: datetime, payload: dict[str, Any]) -> None:
    store.record_safety_event(**{"record_id": record_id, **payload}, at=at)


def _write_deletion(store: Store, _: str, at: datetime, payload: dict[str, Any]) -> None:
    store.delete_conversation(**payload)


WRITERS: dict[str, Callable[[Store, str, datetime, dict[str, Any]], None]] = {
    "create_conversation": _write_conversation,
    "record_message": _write_message,
    "finish_turn": _write_finish,
    "turn": _write_turn,
    "record_safety_event": _write_event,
    "delete_conversation": _write_deletion,
}


def _works(store: Store) -> bool:
    try:
        store.ping()
    except StoreError:
        return False
    return True


def _with_plain_times(payload: dict[str, Any]) -> dict[str, Any]:
    return {
        name: checked_time(value).isoformat() if isinstance(value, datetime) else value
        for name, value in payload.items()
    }


def _number(path: Path) -> int:
    digits = path.stem.removeprefix("spool-")
    return int(digits) if digits.isdigit() else 0


def _age(path: Path) -> tuple[int, bool]:
    return _number(path), path.suffix == ".log"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").split()


def _rewrite(path: Path, lines: list[str]) -> None:
    """Keep only these lines in the file, all or nothing; remove it when there are none."""
    if not lines:
        path.unlink(missing_ok=True)
        return
    fresh = path.with_suffix(".tmp")
    with open(fresh, "w", encoding="utf-8", opener=_private) as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync_folder(path.parent)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _ends_within_a_line(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
