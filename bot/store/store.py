"""The store: a message is written here before anything else can fail.

Text of visitors and replies is encrypted (see cipher); everything is synchronous and thread-safe.
Every method raises StoreError when the database is the problem and ValueError when an argument is.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from bot.store.cipher import WRONG_KEY, Cipher
from bot.store.engine import BUSY_TIMEOUT_MS, WRITES, create_sqlite_file, open_engine, parse_url
from bot.store.errors import (
    TABLES_MISSING,
    StoreError,
    UnknownConversation,
    surfacing_as_store_error,
)
from bot.store.hygiene import checked_id, checked_key, checked_time, clean_json, clean_text
from bot.store.migrate import migration_connection, upgrade
from bot.store.records import StoredConversation, StoredSafetyEvent, StoredTurn
from bot.store.tables import Conversation, KeyCheck, SafetyEvent, Turn

KEY_CHECK_TEXT = "written with this key"
BATCH = 100  # rows per transaction of work that touches many


class Store:
    """Conversations, their turns, and safety events without text."""

    def __init__(self, url: str, keys: Sequence[str]) -> None:
        """Open the database at `url` (sqlite:/// or postgresql://); connects when first used.

        `keys` are Fernet keys: the first encrypts, all of them decrypt. Raises StoreError for an
        address or a key that cannot be used.
        """
        self._url = parse_url(url)
        self._cipher = Cipher(keys)
        self._engine = open_engine(self._url)
        self._reads = sessionmaker(self._engine)
        self._writes = sessionmaker(self._engine.execution_options(**WRITES))
        # SQLite lets waiting writers starve; a lock of our own puts this process's in a row.
        self._writer = threading.Lock() if self._is_sqlite else None

    # The database as a whole

    def migrate(self) -> None:
        """Create or update the tables and make sure that the keys fit. Idempotent."""
        create_sqlite_file(self._url)
        with surfacing_as_store_error(), migration_connection(self._engine) as connection:
            upgrade(connection)
            token = connection.scalar(select(KeyCheck.token))
            if token is None:
                self._write_key_check(connection)
            else:
                self._cipher.decrypt(token)

    def ping(self) -> None:
        """Raise StoreError unless the store can be written to and the keys fit."""
        with self._writing() as session:
            session.execute(update(KeyCheck).values(id=KeyCheck.id))  # fails where writing does
            token = session.scalar(select(KeyCheck.token))
            session.rollback()
        if token is None:
            raise StoreError(TABLES_MISSING)
        self._cipher.decrypt(token)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def rotate_keys(self) -> int:
        """Encrypt everything with the first key; return how many turns that changed.

        May be stopped and run again. When it returns, the other keys can be dropped. Raises
        StoreError at the end if a turn was left alone because none of the keys reads it.
        """
        changed = unreadable = last_id = 0
        while True:
            with self._writing() as session:
                batch = session.scalars(
                    select(Turn)
                    .where(Turn.id > last_id)
                    .order_by(Turn.id)
                    .limit(BATCH)
                    .with_for_update()
                ).all()
                results = [self._rotate_turn(turn) for turn in batch]
                last_id = batch[-1].id if batch else last_id
            changed += results.count(True)
            unreadable += results.count(None)
            if not batch:
                break
        self._rotate_key_check()
        self._truncate_log()
        if unreadable:
            raise StoreError(f"{unreadable} turns could not be read. {WRONG_KEY}")
        return changed

    # Conversations

    def create_conversation(
        self,
        conversation_id: str,
        channel: str,
        language: str,
        region: str,
        sandbox: bool = False,
        *,
        at: datetime | None = None,
    ) -> None:
        """Write a new conversation; does nothing if there is one with this id."""
        created_at = _moment(at)
        conversation = Conversation(
            id=checked_id(conversation_id),
            channel=clean_text(channel),
            language=clean_text(language),
            region=clean_text(region),
            sandbox=sandbox,
            turn_count=0,
            created_at=created_at,
            last_active_at=created_at,
        )
        with self._writing() as session:
            if session.get(Conversation, conversation_id) is None:
                with suppress(IntegrityError), session.begin_nested():  # another helper was first
                    session.add(conversation)

    def conversation(self, conversation_id: str) -> StoredConversation:
        """Return the conversation, or raise UnknownConversation."""
        with self._reading() as session:
            found = session.get(Conversation, checked_id(conversation_id))
            if found is None:
                raise _unknown()
            return _stored_conversation(found)

    def delete_conversation(self, conversation_id: str) -> bool:
        """Delete a conversation and its turns for good; return whether there was one.

        Safety events stay, without their link to it.
        """
        checked_id(conversation_id)
        with self._writing() as session:
            gone = session.scalars(
                delete(Conversation)
                .where(Conversation.id == conversation_id)
                .returning(Conversation.id)
            ).all()
        self._truncate_log()
        return bool(gone)

    def delete_older_than(self, cutoff: datetime) -> int:
        """Delete every conversation without activity since `cutoff`; return how many."""
        past = Conversation.last_active_at < checked_time(cutoff)
        deleted = 0
        while True:
            with self._writing() as session:
                batch = select(Conversation.id).where(past).limit(BATCH)
                gone = session.scalars(
                    delete(Conversation)
                    .where(Conversation.id.in_(batch), past)
                    .returning(Conversation.id)
                ).all()
            deleted += len(gone)
            if not gone:
                break
        self._truncate_log()
        return deleted

    # Turns

    def record_message(
        self,
        conversation_id: str,
        text: str,
        *,
        idempotency_key: str | None = None,
        button: str | None = None,
        at: datetime | None = None,
    ) -> StoredTurn:
        """Write a visitor's message as the next turn.

        If the conversation has a turn with this idempotency key, return that one instead, with
        its replies if it is finished. Raises UnknownConversation.
        """
        checked_id(conversation_id)
        checked_key(idempotency_key)
        moment = _moment(at)
        with self._writing() as session:
            conversation = session.get(Conversation, conversation_id, with_for_update=True)
            if conversation is None:
                raise _unknown()
            turn = _turn_with_key(session, conversation_id, idempotency_key)
            if turn is None:
                turn = self._next_turn(conversation, text, button, moment)
                turn.idempotency_key = idempotency_key
                session.add(turn)
                session.flush()
            return self._stored_turn(turn)

    def finish_turn(
        self,
        turn_id: int,
        *,
        level: str,
        outcome: str,
        topic: str | None,
        covers: Sequence[str],
        topics: Sequence[dict[str, Any]],
        replies: Sequence[dict[str, Any]],
        asks_back: bool,
        taken_back: bool,
        assessment: dict[str, Any],
        sent_ms: int | None,
    ) -> None:
        """Write what was sent back. The first call stands: repeating it changes nothing.

        `replies` are encrypted; `assessment` is not and must hold no text of anybody. Raises
        UnknownConversation if the conversation was deleted meanwhile.
        """
        replies_token = self._cipher.encrypt_json(clean_json(replies))
        with self._writing() as session:
            turn = session.get(Turn, turn_id, with_for_update=True)
            if turn is None:
                raise _unknown()
            if turn.finished_at is not None:
                return
            turn.level = clean_text(level)
            turn.outcome = clean_text(outcome)
            turn.topic = clean_json(topic)
            turn.covers = clean_json(covers)
            turn.topics = clean_json(topics)
            turn.asks_back = asks_back
            turn.taken_back = taken_back
            turn.assessment = clean_json(assessment)
            turn.sent_ms = None if sent_ms is None else int(sent_ms)
            turn.replies_token = replies_token
            turn.finished_at = datetime.now(UTC)

    def turns(self, conversation_id: str, *, last: int | None = None) -> list[StoredTurn]:
        """Return the turns of a conversation, oldest first; with `last`, only so many newest.

        A conversation that does not exist has none. The cost depends on `last`, not on the
        length of the conversation.
        """
        if last is not None and last < 0:
            raise ValueError("`last` is a number of turns: 0 or more.")
        newest_first = (
            select(Turn)
            .where(Turn.conversation_id == checked_id(conversation_id))
            .order_by(Turn.number.desc())
            .limit(last)
        )
        with self._reading() as session:
            found = session.scalars(newest_first).all()
            return [self._stored_turn(turn) for turn in reversed(found)]

    # Safety events

    def record_safety_event(
        self,
        level: str,
        signs: Sequence[str],
        rule_ids: Sequence[str],
        channel: str,
        conversation_id: str | None,
        at: datetime | None = None,
        *,
        record_id: str | None = None,
    ) -> None:
        """Count that a card was called for: sign categories and rule ids, never any text.

        An event of a conversation that is not stored is kept without the link. An event whose
        `record_id` is already stored is not written twice.
        """
        event = SafetyEvent(
            level=clean_text(level),
            signs=clean_json(signs),
            rule_ids=clean_json(rule_ids),
            channel=clean_text(channel),
            at=_moment(at),
            record_id=None if record_id is None else checked_id(record_id),
        )
        if conversation_id is not None:
            checked_id(conversation_id)
        with self._writing() as session:
            if record_id is not None and _has_event(session, record_id):
                return
            if conversation_id is not None and _keep_alive(session, conversation_id):
                event.conversation_id = conversation_id
            session.add(event)

    def safety_events(self, since: datetime) -> list[StoredSafetyEvent]:
        """Return the safety events from `since` on, oldest first."""
        query = (
            select(SafetyEvent)
            .where(SafetyEvent.at >= checked_time(since))
            .order_by(SafetyEvent.at, SafetyEvent.id)
        )
        with self._reading() as session:
            return [_stored_event(event) for event in session.scalars(query)]

    def delete_safety_events_older_than(self, cutoff: datetime) -> int:
        """Delete the safety events before `cutoff`; return how many."""
        with self._writing() as session:
            gone = session.scalars(
                delete(SafetyEvent)
                .where(SafetyEvent.at < checked_time(cutoff))
                .returning(SafetyEvent.id)
            ).all()
        return len(gone)

    # Within

    @property
    def _is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with surfacing_as_store_error(), self._reads.begin() as session:
            yield session

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        """One transaction; of this process only one at a time on SQLite."""
        with self._in_a_row(), surfacing_as_store_error(), self._writes.begin() as session:
            yield session

    @contextmanager
    def _in_a_row(self) -> Iterator[None]:
        if self._writer is None:
            yield
            return
        if not self._writer.acquire(timeout=BUSY_TIMEOUT_MS / 1000):
            raise StoreError("The database is busy with other messages.", temporary=True)
        try:
            yield
        finally:
            self._writer.release()

    def _truncate_log(self) -> None:
        """Empty SQLite's write-ahead log, which still holds what was just deleted.

        If a reader is in the way nothing is lost: the next call does it.
        """
        if not self._is_sqlite:
            return
        with suppress(StoreError, SQLAlchemyError, sqlite3.Error), self._in_a_row():
            connection = self._engine.raw_connection()  # outside any transaction
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.close()

    def _write_key_check(self, connection: Connection) -> None:
        token = self._cipher.encrypt(KEY_CHECK_TEXT)
        connection.execute(insert(KeyCheck).values(id=1, token=token))

    def _rotate_key_check(self) -> None:
        with self._writing() as session:
            check = session.get(KeyCheck, 1, with_for_update=True)
            if check is not None:
                check.token = self._cipher.rotate(check.token)

    def _rotate_turn(self, turn: Turn) -> bool | None:
        """Return whether the turn had to be encrypted anew; None if no key reads it."""
        tokens = (turn.text_token, turn.button_token, turn.replies_token)
        if all(token is None or self._cipher.is_newest(token) for token in tokens):
            return False
        try:
            text, button, replies = (token and self._cipher.rotate(token) for token in tokens)
        except StoreError:
            return None
        turn.text_token, turn.button_token, turn.replies_token = text or "", button, replies
        return True

    def _next_turn(
        self, conversation: Conversation, text: str, button: str | None, moment: datetime
    ) -> Turn:
        # The row of the conversation is locked: the count has no gap and no rival.
        conversation.turn_count += 1
        conversation.last_active_at = max(conversation.last_active_at, moment)
        return Turn(
            conversation_id=conversation.id,
            number=conversation.turn_count,
            text_token=self._cipher.encrypt(clean_text(text)),
            button_token=None if button is None else self._cipher.encrypt(clean_text(button)),
            asks_back=False,
            taken_back=False,
            created_at=moment,
        )

    def _stored_turn(self, turn: Turn) -> StoredTurn:
        decrypt = self._cipher.decrypt
        return StoredTurn(
            id=turn.id,
            conversation_id=turn.conversation_id,
            number=turn.number,
            text=decrypt(turn.text_token),
            level=turn.level or "none",
            asks_back=turn.asks_back,
            taken_back=turn.taken_back,
            button=None if turn.button_token is None else decrypt(turn.button_token),
            outcome=turn.outcome,
            topic=turn.topic,
            covers=turn.covers or [],
            topics=turn.topics or [],
            replies=self._replies(turn.replies_token),
            sent_ms=turn.sent_ms,
            idempotency_key=turn.idempotency_key,
            created_at=turn.created_at,
            assessment=turn.assessment or {},
        )

    def _replies(self, token: str | None) -> list[dict[str, Any]]:
        if token is None:
            return []
        replies: list[dict[str, Any]] = self._cipher.decrypt_json(token)
        return replies


def _moment(at: datetime | None) -> datetime:
    return datetime.now(UTC) if at is None else checked_time(at)


def _unknown() -> UnknownConversation:
    return UnknownConversation("There is no such conversation, or it was deleted.")


def _turn_with_key(session: Session, conversation_id: str, key: str | None) -> Turn | None:
    if key is None:
        return None
    return session.scalar(
        select(Turn).where(Turn.conversation_id == conversation_id, Turn.idempotency_key == key)
    )


def _has_event(session: Session, record_id: str) -> bool:
    query = select(SafetyEvent.id).where(SafetyEvent.record_id == record_id)
    return session.scalar(query) is not None


def _keep_alive(session: Session, conversation_id: str) -> bool:
    """Whether the conversation exists, and keep it from being deleted in this transaction."""
    query = select(Conversation.id).where(Conversation.id == conversation_id)
    return session.scalar(query.with_for_update(read=True, key_share=True)) is not None


def _stored_conversation(row: Conversation) -> StoredConversation:
    return StoredConversation(
        id=row.id,
        channel=row.channel,
        language=row.language,
        region=row.region,
        sandbox=row.sandbox,
        created_at=row.created_at,
        last_active_at=row.last_active_at,
    )


def _stored_event(row: SafetyEvent) -> StoredSafetyEvent:
    return StoredSafetyEvent(
        id=row.id,
        at=row.at,
        level=row.level,
        signs=row.signs,
        rule_ids=row.rule_ids,
        channel=row.channel,
        conversation_id=row.conversation_id,
    )
