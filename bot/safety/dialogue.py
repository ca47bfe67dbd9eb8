"""Reads a message in the light of the turns before it.

What was reported stays reported: a dose in the first turn and "kinda sleepy" in the fourth are one
emergency. A change of topic clears nothing and repeats nothing: only a message that adds something
to the danger brings the card again. Only a clear taking back, or its button, clears.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from bot.safety.amounts import MANY_MG, SEVERAL_MG, SEVERAL_TABLETS
from bot.safety.context import SPECIFIC
from bot.safety.rulebook import Combination
from bot.safety.screen import Reading, Screen, caution_kinds, raising
from bot.safety.types import (
    BUTTONS,
    HAVE_A_QUESTION,
    NOT_HAPPENING,
    SOMEONE_NEEDS_HELP,
    Assessment,
    Level,
    PastTurn,
    Sign,
)

TURNS_REMEMBERED = 40
_LONGEST_REMEMBERED = 2000
_SHORT_REPLY = 8
_DOSES = frozenset({"dose", "dose_large", "dose_worry", "intake"})
_OPEN_EVENTS = frozenset({"dose", "dose_large", "dose_worry", "child_intake", "intake", "word"})


@dataclass(slots=True)
class Carried:
    """What the turns before leave behind."""

    kinds: set[str] = field(default_factory=set)
    card: Level = Level.none
    pending: bool = False
    person: str = "unknown"
    region_hint: str | None = None
    language: str | None = None
    substances: set[str] = field(default_factory=set)

    def clear(self) -> None:
        """Forget the danger, keep the language and the place."""
        self.kinds = set()
        self.card = Level.none
        self.pending = False
        self.person = "unknown"


@lru_cache(maxsize=4096)
def _read_again(screen: Screen, text: str) -> Reading:
    """The reading of an earlier turn: read once, not at every turn after it."""
    return screen.read(text)


def forget() -> None:
    """Forget the readings of earlier turns: a deleted conversation leaves nothing in memory."""
    _read_again.cache_clear()


def carry(screen: Screen, history: Sequence[PastTurn]) -> Carried:
    """Sum up the earlier turns, oldest first."""
    carried = Carried()
    for turn in list(history)[-TURNS_REMEMBERED:]:
        pressed = turn.button or (turn.text if turn.text in BUTTONS else None)
        if pressed is not None:
            _press(carried, pressed, turn)
            continue
        reading = _read_again(screen, turn.text[:_LONGEST_REMEMBERED])
        if takes_back(reading, carried):
            carried.clear()
        else:
            carried.kinds |= kinds_of(reading)
            carried.pending = turn.asked_back
            if turn.level.urgency > carried.card.urgency and not turn.asked_back:
                carried.card = turn.level
        _remember(carried, reading)
    return carried


def _press(carried: Carried, button: str, turn: PastTurn) -> None:
    if button in {NOT_HAPPENING, HAVE_A_QUESTION}:
        carried.clear()
    elif button == SOMEONE_NEEDS_HELP:
        carried.pending = False
        carried.card = Level.emergency
        carried.kinds.add("danger")
    elif turn.level.urgency > carried.card.urgency:
        carried.card = turn.level


def _remember(carried: Carried, reading: Reading) -> None:
    if reading.person != "unknown":
        carried.person = reading.person
    carried.region_hint = reading.region_hint or carried.region_hint
    carried.language = reading.language or carried.language
    carried.substances.update(reading.substances)


def kinds_of(reading: Reading) -> set[str]:
    """Kinds of the affirmed findings, with who:other and symptoms worked out."""
    kinds = {
        f.rule.kind
        for f in reading.findings
        if f.status == "affirmed" and (f.who != "pet" or f.rule.kind not in _DOSES)
    }
    if any(p.kind in {"adult", "young", "child", "other"} for p in reading.people):
        kinds.add("who:other")
    symptoms = {
        f.rule.category
        for f in reading.findings
        if f.status == "affirmed" and f.rule.kind in {"symptom", "stop_sign"}
    }
    for finding in reading.findings:
        if finding.rule.kind == "mild" and finding.who in SPECIFIC - {"self"}:
            kinds.add("mild_other")
    if reading.has("now") or reading.has("recent"):
        kinds.add("now")
    seen = {f.core for f in reading.findings if f.status == "affirmed" and f.rule.kind == "seen"}
    if len(symptoms) > 1 or len(seen) > 1:
        kinds.add("symptoms")
    if "body" in kinds:
        kinds.add("danger")
    return kinds


def takes_back(reading: Reading, carried: Carried) -> bool:
    """True when an earlier alarm is clearly withdrawn and nothing new is reported."""
    if carried.card is Level.none and not carried.pending:
        return False
    if raising(kinds_of(reading)) - {"mild", "intake"}:
        return False
    return reading.has("taking_back")


def assess(screen: Screen, history: Sequence[PastTurn], text: str) -> Assessment:
    """Assess one message. See the package's `assess`, which adds the safety net."""
    carried = carry(screen, history)
    if text.strip() in BUTTONS:
        return _assess_button(text.strip(), carried)
    reading = screen.read(text)
    own = kinds_of(reading)
    if takes_back(reading, carried):
        return _build(reading, carried, Level.none, None, text, taken_back=True)
    level, why = screen.level_of(own)
    if _asks_back(reading, own, level):
        if carried.card.calls_for_card or carried.kinds & _OPEN_EVENTS:
            return _build(reading, carried, Level.emergency, None, text)
        return _build(reading, carried, Level.emergency, None, text, asks_back=True)
    if carried.pending and not level.calls_for_card and not _is_question(reading):
        return _build(reading, carried, Level.emergency, None, text)
    added = own | _added_by_history(reading, own, carried)
    if raising(added) or ("plea" in own and carried.card.calls_for_card):
        level, why = screen.level_of(added | carried.kinds)
        if level is Level.none or (not level.calls_for_card and caution_kinds(reading)):
            level = Level.caution if caution_kinds(reading) else level
    elif caution_kinds(reading) or any((a.total_mg or 0) >= MANY_MG for a in reading.amounts):
        level, why = Level.caution, None
    return _build(reading, carried, level, why, text)


def _added_by_history(reading: Reading, own: set[str], carried: Carried) -> set[str]:
    """What a short reply means once something was reported ("about 6 of them", "is it normal to be
    sleepy")."""
    added: set[str] = set()
    event = carried.kinds & _OPEN_EVENTS
    if not event:
        return added
    size = len(reading.words)
    answers = size <= _SHORT_REPLY and "information" not in _cue_kinds(reading)
    much = any(
        (a.count or 0) >= SEVERAL_TABLETS or (a.total_mg or 0) >= SEVERAL_MG
        for a in reading.amounts
    )
    if answers and much and event - {"intake"}:
        added.add("dose_large")
    return added


def _cue_kinds(reading: Reading) -> set[str]:
    return {kind for scene in reading.scenes.values() for kind in scene.kinds()}


def _asks_back(reading: Reading, own: set[str], level: Level) -> bool:
    """True for "overdose", "help", "pills": danger words alone, nothing that says what is meant."""
    if not reading.words.words or not reading.filler_only:
        return False
    strong = {
        f.rule.form for f in reading.findings if f.status == "affirmed" and f.rule.kind == "danger"
    }
    return "word" in own and not strong and level is not Level.crisis


def _is_question(reading: Reading) -> bool:
    """True for a clear question, which ends an ask-back without a card."""
    people = {p.kind for p in reading.people}
    kinds = _cue_kinds(reading)
    if not kinds & {"question", "information"} or len(reading.words) < 2:
        return False
    return not (people & (SPECIFIC - {"self"}) and "now" in kinds)


def _assess_button(button: str, carried: Carried) -> Assessment:
    language = carried.language or "en"
    if button == SOMEONE_NEEDS_HELP:
        return Assessment(
            level=Level.emergency,
            person=carried.person,
            time="present",
            explanation="The visitor pressed: someone needs help now.",
            language=language,
            region_hint=carried.region_hint,
            card_id="emergency",
        )
    back = button == NOT_HAPPENING
    return Assessment(
        explanation=f"The visitor pressed a button: {button}.",
        language=language,
        region_hint=carried.region_hint,
        taken_back=back,
    )


def _build(
    reading: Reading,
    carried: Carried,
    level: Level,
    why: Combination | None,
    text: str,
    *,
    asks_back: bool = False,
    taken_back: bool = False,
) -> Assessment:
    signs = tuple(_sign(reading, index, text) for index in range(len(reading.findings)))
    card_id = "ask_back" if asks_back else level.value if level.calls_for_card else None
    return Assessment(
        level=level,
        signs=signs,
        person=_person(reading, carried),
        time=_time(reading, level),
        substances=tuple(sorted({*reading.substances, *carried.substances})),
        amounts=reading.amounts,
        explanation=explain(reading, level, why, asks_back, taken_back),
        asks_back=asks_back,
        region_hint=reading.region_hint or carried.region_hint,
        language=reading.language or carried.language or "en",
        card_id=card_id,
        taken_back=taken_back,
    )


def _sign(reading: Reading, index: int, text: str) -> Sign:
    finding = reading.findings[index]
    start = reading.words.starts[finding.start]
    end = max(reading.words.ends[finding.start : finding.end])
    return Sign(finding.rule.category, finding.rule.id, start, end, text[start:end], finding.status)


def _person(reading: Reading, carried: Carried) -> str:
    spoken = {p.kind for p in reading.people}
    only_pronouns = reading.person == "adult" and spoken <= {"other", "self"}
    if carried.person not in {"unknown", "self"} and (only_pronouns or reading.person == "unknown"):
        return carried.person
    if reading.person != "unknown":
        return reading.person
    return carried.person


def _time(reading: Reading, level: Level) -> str:
    statuses = [f.status for f in reading.findings]
    if level.calls_for_card or "affirmed" in statuses:
        return "present"
    if "past" in statuses:
        return "past"
    if {"hypothetical", "information"} & set(statuses):
        return "hypothetical"
    return "unknown"


def explain(
    reading: Reading, level: Level, why: Combination | None, asks_back: bool, taken_back: bool
) -> str:
    """One or two plain sentences on what was found and what it was taken for."""
    if taken_back:
        return "The earlier alarm is clearly taken back."
    if asks_back:
        return "Danger words alone: asks back, and treats an unclear answer as danger."
    counted = sorted({f.rule.id for f in reading.findings if f.status == "affirmed"})
    lowered = sorted({f"{f.rule.id} ({f.status})" for f in reading.findings} - set(counted))
    lowered = [item for item in lowered if not item.endswith("(affirmed)")]
    parts = [f"Level {level.value}"]
    if why is not None:
        parts.append(f"because of {why.id} ({why.category})")
    text = " ".join(parts) + "."
    if counted:
        text += " Signs: " + ", ".join(counted) + "."
    if lowered:
        text += " Not counted: " + ", ".join(lowered) + "."
    return text
