"""Step 4 of a turn: from what was found and understood to the parts of a reply and the outcome.

Order is fixed here: card, sticky reminder, answer or honest refusal, then who to ask. A turn with
a card never holds the centre's contact, small talk or a refusal; an answer may follow the card,
never replace it, and never the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.answers import Answer, Answers
from bot.assistant import Heard, Ranked
from bot.centre import Centre
from bot.outcomes import Outcome
from bot.replies import Button, Link, Part
from bot.safety import Assessment, Level
from bot.safety import cards as safety_cards
from bot.texts import Texts

#: Ids of buttons that ask for a topic: "topic:withdrawal_timeline".
TOPIC_BUTTON = "topic:"
#: Below this confidence an answer also offers what else could have been meant.
DOUBT = 0.85
#: Confidence from which another topic is worth offering, and how many are.
WORTH_OFFERING = 0.02
OFFERED = 3

_CARD_OUTCOME = {
    Level.emergency: Outcome.emergency_shown,
    Level.poison: Outcome.poison_line_shown,
    Level.crisis: Outcome.crisis_shown,
    Level.pet: Outcome.pet_line_shown,
}
_INTENT_OUTCOME = {
    "delete_my_data": Outcome.data_request,
    "that_was_wrong": Outcome.feedback_noted,
    "ask_for_person": Outcome.admissions_shown,
    "centre_admissions": Outcome.admissions_shown,
}
_CONTACT_INTENTS = {"ask_for_person", "centre_admissions"}


@dataclass(frozen=True)
class Composed:
    """The reply of a turn: its parts and how it ended.

    `topic`: the topic answered, or None. `covers`: all topics of the answers given. `topics`:
    every topic answered or offered with its confidence, best first.
    """

    parts: tuple[Part, ...]
    outcome: Outcome
    topic: str | None = None
    covers: tuple[str, ...] = ()
    topics: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Situation:
    """What the composer needs to know of a turn. `language` is that of the safety texts."""

    assessment: Assessment
    region: str
    language: str = "en"
    after_card: bool = False
    heard: Heard | None = None
    pressed: str | None = None  # a topic whose button was pressed
    safety_button: str | None = None  # a safety button that was pressed
    waiting_step: int = 0


@dataclass
class Composer:
    """Builds replies in one language from the reviewed words."""

    answers: Answers
    texts: Texts
    centre: Centre

    def compose(self, situation: Situation) -> Composed:
        """The reply to a turn; never empty."""
        level = situation.assessment.level
        if situation.safety_button and not level.calls_for_card:  # a fault brings the card
            return self._after_button(situation, situation.safety_button)
        if situation.assessment.asks_back:
            return self._asks_back(situation)
        if level.calls_for_card:
            return self._with_card(situation)
        composed = self._body(situation)
        lead = []
        if situation.assessment.taken_back:
            lead.append(Part("text", self._line("taken_back", situation), key="taken_back"))
        if situation.after_card:
            lead.append(Part("reminder", self._line("reminder", situation)))
        elif level is Level.caution:
            lead.append(Part("reminder", self._line("caution", situation)))
            if composed.outcome is Outcome.answered:
                composed = replace(composed, outcome=Outcome.answered_with_caution)
        return replace(composed, parts=(*lead, *composed.parts))

    def card_part(self, situation: Situation) -> Part:
        """The card alone: the first thing a visitor gets, before the assistant is asked."""
        assessment = situation.assessment
        return self._card(assessment.card_id or str(assessment.level), situation)

    def _card(self, card_id: str, situation: Situation) -> Part:
        card = safety_cards.card(card_id, situation.language, "web", situation.region)
        heading, _, opening = card.first.partition(". ")
        lines = [opening, *(f"- {line}" for line in card.rest)]
        return Part(
            "card",
            "\n".join(line for line in lines if line),
            key=card.id,
            title=f"{heading}.",
            level=str(situation.assessment.level),
            buttons=tuple(Button(name, label) for name, label in card.buttons),
            links=tuple(Link(_call(link), link.href) for link in card.links),
        )

    def last_resort(self, situation: Situation) -> Composed:
        """When composing itself failed: the card if one is called for, else the fallback."""
        if not situation.assessment.level.calls_for_card:
            return self._fallback()
        card = self.card_part(situation)
        return Composed((card,), _CARD_OUTCOME[situation.assessment.level])

    def _with_card(self, situation: Situation) -> Composed:
        card = self.card_part(situation)
        outcome = _CARD_OUTCOME[situation.assessment.level]
        answers = [a for a in self._clear_answers(situation) if a.topic and not a.contact]
        covers = tuple(topic for answer in answers for topic in answer.covers)
        parts = (card, *(self._answer_part(answer, situation) for answer in answers))
        topic = answers[0].topic if answers else None
        return Composed(parts, outcome, topic, covers, self._topics(situation, covers, ()))

    def _asks_back(self, situation: Situation) -> Composed:
        part = self._card("ask_back", situation)
        return Composed((part,), Outcome.clarified)

    def _after_button(self, situation: Situation, button: str) -> Composed:
        """What follows a safety button; the danger itself stays until it is taken back."""
        level = situation.assessment.level
        if button == "have_a_question":
            text, key = self.texts.get("empty"), "ask_away"
        elif button == "not_happening":
            text, key = self._line("taken_back", situation), "taken_back"
        elif button == "have_called":
            text, key = self._line("have_called", situation), "have_called"
        else:
            text, key = self._waiting_step(situation), "while_waiting"
        stays = button in {"have_called", "while_waiting"}
        names = ("while_waiting", "not_happening") if stays else ()
        part = Part(
            "card" if stays else "text",
            text,
            key=key,
            level=str(level),
            buttons=tuple(
                Button(name, safety_cards.button_label(name, situation.language)) for name in names
            ),
        )
        return Composed((part,), _CARD_OUTCOME.get(level, Outcome.clarified))

    def _waiting_step(self, situation: Situation) -> str:
        """One step at a time; after the last, to go on watching."""
        steps = safety_cards.waiting_steps(situation.language, situation.region)
        if situation.waiting_step < len(steps):
            return steps[situation.waiting_step]
        return self._line("waiting_done", situation)

    def _body(self, situation: Situation) -> Composed:
        if situation.pressed:
            return self._answered([self.answers.by_intent[situation.pressed]], situation)
        if situation.heard is None:
            return self._fallback()
        if situation.heard.understood.decision == "tie":
            return self._tie(situation)
        return self._answered(self._clear_answers(situation) or self._said(situation), situation)

    def _said(self, situation: Situation) -> list[Answer]:
        """What the dialogue said, by the names of its responses."""
        assert situation.heard is not None
        known = [self.answers.by_key.get(r.response) for r in situation.heard.replies]
        return [a for a in known if a is not None] or [self.answers.key("utter_default")]

    def _clear_answers(self, situation: Situation) -> list[Answer]:
        """The answers of a clear message: the dialogue's, and a second question's."""
        heard = situation.heard
        if heard is None or heard.understood.decision != "clear":
            return []
        answers = self._said(situation)
        for intent in heard.understood.also:
            second = self.answers.by_intent.get(intent)
            if second is not None and second not in answers and second.topic:
                answers.append(second)
        return answers

    def _answered(self, answers: list[Answer], situation: Situation) -> Composed:
        covers = tuple(topic for answer in answers for topic in answer.covers)
        talk = answers[0].group == "small_talk"
        offered = () if talk else self._offered(situation, covers, answered=True)
        parts: list[Part] = []
        for number, answer in enumerate(answers):
            doubts = offered if number == 0 else ()
            parts.append(self._answer_part(answer, situation, doubts))
        if any(answer.contact for answer in answers):
            parts.append(self._contact_part())
        contacts = [name for answer in answers for name in answer.contacts]
        if contacts:
            parts.append(self._who_to_ask(contacts, situation))
        return Composed(
            tuple(parts),
            self._outcome(answers[0]),
            answers[0].topic,
            covers,
            self._topics(situation, covers, offered),
        )

    def _outcome(self, answer: Answer) -> Outcome:
        name = answer.topic or answer.intent
        if name in _INTENT_OUTCOME:
            return _INTENT_OUTCOME[name]
        if answer.topic:
            return Outcome.answered
        if answer.group == "small_talk":
            return Outcome.small_talk
        return (
            Outcome.out_of_scope
            if answer.intent or answer.key == "utter_default"
            else (Outcome.clarified)
        )

    def _tie(self, situation: Situation) -> Composed:
        offered = self._offered(situation, ())
        question = self.answers.key("utter_did_you_mean" if offered else "utter_not_understood")
        part = Part(
            "text",
            question.text,
            key=question.key,
            buttons=tuple(self._topic_button(row.intent) for row in offered),
        )
        return Composed((part,), Outcome.clarified, topics=self._topics(situation, (), offered))

    def _fallback(self) -> Composed:
        if self.centre.configured:
            text = self.texts.get("fallback", centre=f"{self.centre.name} ({self.centre.contact})")
            links = tuple(Link(**link) for link in self.centre.links())
        else:
            text, links = self.texts.get("fallback_no_centre"), ()
        part = Part("text", text, key="fallback", links=links)
        return Composed((part,), Outcome.error_reply)

    def _answer_part(
        self, answer: Answer, situation: Situation, doubts: Sequence[Ranked] = ()
    ) -> Part:
        text = answer.text
        card_shown = situation.assessment.level.calls_for_card
        if answer.safety_line and not card_shown:
            line = self._line(f"safety_line_{answer.safety_line}", situation)
            text = f"{line}\n\n{text}"
        related = [topic for topic in answer.related if self.answers.topic(topic)]
        buttons = [self._topic_button(row.intent) for row in doubts]
        buttons += [self._topic_button(topic) for topic in related]
        return Part(
            "answer" if answer.topic else "text",
            text,
            topic=answer.topic,
            key=answer.key,
            title=answer.title if answer.topic else "",
            sources=tuple(source.as_json() for source in answer.sources),
            buttons=() if card_shown else tuple(dict.fromkeys(buttons)),
            review=answer.review if answer.topic else None,
        )

    def _topic_button(self, topic: str) -> Button:
        answer = self.answers.by_intent[topic]
        return Button(f"{TOPIC_BUTTON}{answer.topic or topic}", answer.title)

    def _contact_part(self) -> Part:
        if not self.centre.configured:
            return Part("contact", self.texts.get("centre_not_configured"))
        text = self.texts.get("contact_open", centre=self.centre.name, contact=self.centre.contact)
        if self.centre.hours:
            text = f"{text}\n{self.centre.hours}"
        return Part("contact", text, links=tuple(Link(**link) for link in self.centre.links()))

    def _who_to_ask(self, names: list[str], situation: Situation) -> Part:
        lines = [f"- {self._line(name, situation)}" for name in dict.fromkeys(names)]
        return Part("contact", "\n".join(lines))

    def _offered(
        self, situation: Situation, covers: Sequence[str], answered: bool = False
    ) -> tuple[Ranked, ...]:
        """Other topics that may have been meant: when in doubt, the likeliest few.

        When nothing was answered, at least one is offered if any topic is known at all.
        """
        if situation.heard is None or situation.pressed:
            return ()
        ranking = situation.heard.understood.ranking
        sure = ranking[0].confidence if ranking else 0.0
        if answered and sure >= DOUBT:
            return ()
        seen = {self.answers.by_intent[topic].key for topic in covers}
        found: list[Ranked] = []
        for row in ranking:
            answer = self.answers.by_intent.get(row.intent)
            if answer is None or not answer.title or answer.key in seen:
                continue
            if not answer.topic:
                continue
            if row.confidence < WORTH_OFFERING and (answered or found):
                break
            seen.add(answer.key)
            found.append(row)
        return tuple(found[:OFFERED])

    def _topics(
        self, situation: Situation, covers: Sequence[str], offered: Sequence[Ranked]
    ) -> tuple[dict[str, Any], ...]:
        sure = {}
        if situation.heard is not None:
            sure = {r.intent: r.confidence for r in situation.heard.understood.ranking}
        rows: dict[str, float] = {}
        for topic in covers:
            rows[topic] = 1.0 if situation.pressed else sure.get(topic, 0.0)
        for row in offered:
            answer = self.answers.by_intent[row.intent]
            for topic in answer.covers:
                rows.setdefault(topic, sure.get(topic, row.confidence))
        ranked = sorted(rows.items(), key=lambda item: (item[0] not in covers, -item[1]))
        return tuple({"topic": topic, "confidence": round(c, 4)} for topic, c in ranked)

    def _line(self, name: str, situation: Situation) -> str:
        return safety_cards.line(name, situation.language, situation.region)


def _call(link: safety_cards.Link) -> str:
    """The number with a sign of what tapping it does."""
    return f"\u2709 {link.label}" if link.href.startswith("sms:") else f"\u260e {link.label}"
