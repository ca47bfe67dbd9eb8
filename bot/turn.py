"""A turn: record, screen, ask, compose, record. The only place where their order is decided.

Every exception in it ends as a reply and an outcome; a message that calls for a card gets it
first, whatever else is broken (docs/architecture.md).
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from bot.answers import Answers
from bot.assistant import Assistant, AssistantUnavailable, Heard
from bot.compose import TOPIC_BUTTON, Composed, Composer, Situation
from bot.metrics import Metrics
from bot.outcomes import Outcome
from bot.record import Opened, PastReply, Record
from bot.replies import Part
from bot.safety import BUTTONS, Assessment, Level, PastTurn, assess
from bot.safety import forget as forget_readings
from bot.second_vote import raised_by_vote

log = logging.getLogger(__name__)


#: Longer texts are screened in a thread, so that nobody waits behind one.
SCREEN_IN_THREAD = 5_000
#: What readiness asks the assistant, and what it must understand.
SMOKE_CONVERSATION = "00000000-0000-0000-0000-000000000000"
SMOKE_PHRASE = "what is baclofen"
SMOKE_INTENT = "what_is_baclofen"

#: Safety buttons that are answered by themselves; "someone needs help" brings the card.
_BUTTONS_WITH_A_REPLY = frozenset(BUTTONS) - {"someone_needs_help"}

Early = Callable[[Part], Awaitable[None]]


@dataclass(frozen=True)
class Message:
    """What a channel hands in: typed text, or the id of a button that was pressed."""

    conversation: str
    text: str
    button: str | None = None
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    channel: str = "web"
    region: str = "unknown"
    language: str = "en"


@dataclass(frozen=True)
class Turn:
    """What came of a message."""

    parts: tuple[dict[str, Any], ...]
    level: str
    outcome: str
    topic: str | None
    covers: tuple[str, ...]
    topics: tuple[dict[str, Any], ...]
    ms: int

    def as_json(self) -> dict[str, Any]:
        """The turn as the web API sends it."""
        return {
            "level": self.level,
            "outcome": self.outcome,
            "topic": self.topic,
            "covers": list(self.covers),
            "topics": list(self.topics),
            "reply": list(self.parts),
        }


@dataclass
class Helper:
    """Runs turns. One for each process; every part of it is made by bot/service.py."""

    record: Record
    assistant: Assistant
    composer: Composer
    answers: Answers
    metrics: Metrics
    max_text: int = 2_000
    #: Seconds the assistant gets when a card is going out: an answer that is late is left out.
    deadline_with_card: float = 0.3
    too_long: Part = field(kw_only=True)
    empty: Part = field(kw_only=True)

    async def turn(self, message: Message, early: Early | None = None) -> Turn:
        """The reply to a message. `early` gets a card before the assistant is asked.

        Raises:
            NoSuchConversation: the store works and does not know the conversation.
        """
        started = time.perf_counter()
        opened = await self.record.open(
            message.conversation, message.text, message.key, message.button
        )
        if opened.finished is not None:
            return _again(opened)
        situation = await self._screened(message, opened)
        assessment, composed = await self._composed(message, situation, opened, early)
        turn = _turn(assessment, composed, started)
        await self._recorded(message, opened, assessment, turn)
        return turn

    async def card_only(
        self, text: str, region: str, language: str, channel: str = "web"
    ) -> Turn | None:
        """The card for a message that is otherwise refused, or None when it calls for none.

        The message is not put on record: the conversation may not be the sender's.
        """
        started = time.perf_counter()
        assessment = await _assess([], text)
        if not assessment.level.calls_for_card:
            return None
        situation = Situation(
            assessment, assessment.region_hint or region, _spoken(assessment, language)
        )
        composed = self._composed_without_assistant(situation)
        signs = sorted({sign.category for sign in assessment.signs})
        rules = sorted({sign.rule_id for sign in assessment.signs})
        self.metrics.count("cards_despite_refusal")
        await self.record.safety_event(str(assessment.level), signs, rules, channel, None)
        return _turn(assessment, composed, started)

    async def forget(self, conversation: str) -> bool:
        """Delete a conversation for good, everywhere; whether there was one.

        Raises:
            StoreError: the database is gone; nothing is claimed to be deleted.
        """
        deleted = await self.record.delete(conversation)
        forget_readings()
        await self.assistant.forget(conversation)
        return deleted

    async def assistant_ready(self) -> bool:
        """Whether the assistant answers a smoke phrase with understanding."""
        try:
            heard = await self.assistant.ask(SMOKE_CONVERSATION, SMOKE_PHRASE)
        except AssistantUnavailable:
            return False
        return heard.understood.intent == SMOKE_INTENT

    async def _screened(self, message: Message, opened: Opened) -> Situation:
        """Step 2: what the safety screen says, in the light of the turns before."""
        history = [
            PastTurn(past.text, _level(past.level), past.asks_back, _button(past))
            for past in opened.history
        ]
        button = message.button if message.button in BUTTONS else None
        assessment = await _assess(history, button or message.text)
        if button and message.text.strip():
            typed = await _assess(history, message.text)
            if typed.level.calls_for_card:
                assessment, button = typed, None
        after_card = False
        for past in opened.history:
            after_card = (after_card or _level(past.level).calls_for_card) and not past.taken_back
        steps = sum(past.button == "while_waiting" for past in opened.history)
        return Situation(
            assessment,
            assessment.region_hint or message.region,
            _spoken(assessment, message.language),
            after_card=after_card and not assessment.taken_back,
            pressed=self._pressed(message.button),
            safety_button=button if button in _BUTTONS_WITH_A_REPLY else None,
            waiting_step=steps,
        )

    def _pressed(self, button: str | None) -> str | None:
        """The topic of a button that this helper issues; anything else is ignored."""
        if button and button.startswith(TOPIC_BUTTON):
            name = button.removeprefix(TOPIC_BUTTON)
            if name in self.answers.by_intent:
                return name
        return None

    async def _composed(
        self, message: Message, situation: Situation, opened: Opened, early: Early | None
    ) -> tuple[Assessment, Composed]:
        """Steps 3 and 4; a fault in them is an honest reply, after the card if there is one.

        The assessment is the screen's, raised where the second vote saw more.
        """
        try:
            if early is not None and situation.assessment.level.calls_for_card:
                await early(self.composer.card_part(situation))
            refused = self._refused(message, situation)
            if refused is not None:
                return situation.assessment, refused
            situation = await self._asked(message, situation, opened)
            raised = raised_by_vote(situation.assessment, situation.heard)
            if raised is not situation.assessment:
                self.metrics.count("raised_by_vote")
                situation = replace(situation, assessment=raised)
                if early is not None and raised.level.calls_for_card:
                    await early(self.composer.card_part(situation))
            return situation.assessment, self.composer.compose(situation)
        except Exception as error:  # noqa: BLE001  every turn ends as a reply and an outcome
            log.error("a turn failed: %s", type(error).__name__)
            self.metrics.count("turn_faults")
            return situation.assessment, self._composed_without_assistant(situation)

    def _refused(self, message: Message, situation: Situation) -> Composed | None:
        """A message that is empty or too long: screened whole, then refused politely."""
        said = situation.pressed or message.button in BUTTONS
        if said or situation.assessment.level.calls_for_card:
            return None
        if not message.text.strip():
            part = self.empty
        elif len(message.text) > self.max_text:
            part = self.too_long
        else:
            return None
        if situation.assessment.asks_back:
            return None
        return Composed((part,), Outcome.clarified)

    async def _asked(self, message: Message, situation: Situation, opened: Opened) -> Situation:
        """Step 3: what the assistant makes of the message, unless a button said it all."""
        if situation.pressed or situation.safety_button or message.button in BUTTONS:
            return situation
        card = situation.assessment.level.calls_for_card
        deadline = self.deadline_with_card if card else None
        try:
            heard = await self.assistant.ask(
                message.conversation, message.text, self._context(opened), deadline
            )
        except AssistantUnavailable as error:
            self.metrics.count(f"assistant_{error.reason}")
            return situation
        return replace(situation, heard=self._known(heard))

    def _known(self, heard: Heard) -> Heard:
        """The assistant's answer without intents that the helper has no words for."""
        ranking = [r for r in heard.understood.ranking if r.intent in self.answers.by_intent]
        return heard.model_copy(
            update={"understood": heard.understood.model_copy(update={"ranking": ranking})}
        )

    def _context(self, opened: Opened) -> dict[str, str]:
        """What the turn before was about, for fragments that lean on it."""
        for past in reversed(opened.history[-3:]):
            answer = self.answers.by_key.get(past.key or "")
            if answer is not None and answer.subject:
                return {"subject": answer.subject, "previous": past.text}
        return {}

    def _composed_without_assistant(self, situation: Situation) -> Composed:
        try:
            return self.composer.compose(replace(situation, heard=None, pressed=None))
        except Exception as error:  # noqa: BLE001  the card or the fallback is all that is left
            log.error("composing failed: %s", type(error).__name__)
            self.metrics.count("compose_faults")
            return self.composer.last_resort(situation)

    async def _recorded(
        self, message: Message, opened: Opened, assessment: Assessment, turn: Turn
    ) -> None:
        """Step 5: what was sent back, and that a card was shown."""
        self.metrics.count(f"outcome_{turn.outcome}")
        signs = sorted({sign.category for sign in assessment.signs})
        rules = sorted({sign.rule_id for sign in assessment.signs})
        finish = {
            "level": turn.level,
            "outcome": turn.outcome,
            "topic": turn.topic,
            "covers": list(turn.covers),
            "topics": list(turn.topics),
            "replies": list(turn.parts),
            "asks_back": assessment.asks_back,
            "taken_back": assessment.taken_back,
            "assessment": {
                "signs": signs,
                "rules": rules,
                "person": assessment.person,
                "time": assessment.time,
                "fault": assessment.fault,
            },
            "sent_ms": turn.ms,
        }
        past = PastReply(
            message.text,
            turn.level,
            assessment.asks_back,
            assessment.taken_back,
            message.button,
            turn.outcome,
            turn.topic,
            _first_key(turn.parts),
        )
        sent = {"text": message.text, "idempotency_key": message.key, "button": message.button}
        await self.record.close_turn(message.conversation, opened, sent, finish, past)
        if assessment.level.calls_for_card:
            await self.record.safety_event(
                turn.level, signs, rules, message.channel, message.conversation
            )


async def _assess(history: list[PastTurn], text: str) -> Assessment:
    if len(text) > SCREEN_IN_THREAD:
        return await asyncio.to_thread(assess, history, text)
    return assess(history, text)


def _spoken(assessment: Assessment, language: str) -> str:
    """The language of the safety texts: the visitor's own words win over the conversation's."""
    return assessment.language if assessment.language != "en" else language


def _level(name: str) -> Level:
    try:
        return Level(name)
    except ValueError:
        return Level.none


def _button(past: PastReply) -> str | None:
    """The button of an earlier turn, unless a danger was typed beside it: that counts more."""
    typed_danger = past.text.strip() and _level(past.level).calls_for_card
    return None if typed_danger else past.button


def _first_key(parts: tuple[dict[str, Any], ...]) -> str | None:
    keys = [part.get("key") for part in parts if part["kind"] in {"answer", "text", "card"}]
    return next((key for key in keys if key), None)


def _turn(assessment: Assessment, composed: Composed, started: float) -> Turn:
    return Turn(
        parts=tuple(part.as_json() for part in composed.parts),
        level=str(assessment.level),
        outcome=str(composed.outcome),
        topic=composed.topic,
        covers=composed.covers,
        topics=composed.topics,
        ms=round((time.perf_counter() - started) * 1000),
    )


def _again(opened: Opened) -> Turn:
    """The reply that was sent for the same idempotency key."""
    turn = opened.finished
    assert turn is not None
    return Turn(
        parts=tuple(turn.replies),
        level=turn.level,
        outcome=turn.outcome or str(Outcome.error_reply),
        topic=turn.topic,
        covers=tuple(turn.covers),
        topics=tuple(turn.topics),
        ms=turn.sent_ms or 0,
    )
