"""The fixed safety texts: one wording per level, language and form, numbers filled in by region.

Wording follows the project's emergency card (first line the action; first screen at most 50 words;
says that it is automated, cannot call and that nobody watches). Texts are data in cards/*.yml,
numbers in contacts.yml.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from bot.safety.contacts import NORTH_AMERICA, REGIONS, Contact, contact
from bot.safety.types import BUTTONS, Level

FOLDER = Path(__file__).parent / "cards"
LANGUAGES = ("en", "fr", "es")
FORMS = ("web", "sms", "plain")
CARD_IDS = ("emergency", "poison", "crisis", "pet", "ask_back")
SMS_LENGTH = 160
_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_SERVICES = ("emergency", "poison", "crisis", "animal", "nurse", "young")


class _CardText(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    first: str
    rest: tuple[str, ...]
    sms: tuple[str, ...]


class SafetyTexts(BaseModel):
    """One language's safety texts as they stand in the file, with their placeholders."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reviewed_on: str | None
    labels: dict[str, str]
    cards: dict[str, _CardText]
    lines: dict[str, str]
    buttons: dict[str, str]
    while_waiting: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A number to tap: `href` is a tel: or sms: address."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Card:
    """A card ready to send.

    `first` is the first screen, `rest` the lines after it. For form "sms" the message is
    `sms_parts` (each at most 160 GSM-7 characters) and `first`, `rest` repeat them. `links` are
    for the web form.
    """

    id: str
    language: str
    form: str
    region: str
    first: str
    rest: tuple[str, ...]
    links: tuple[Link, ...]
    sms_parts: tuple[str, ...]
    buttons: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The whole card as plain text, one line each."""
        return "\n".join((self.first, *self.rest))


@lru_cache(maxsize=1)
def load_cards() -> dict[str, SafetyTexts]:
    """All safety texts by language. Raises when a card, a button or a line is missing in a
    language."""
    loaded: dict[str, SafetyTexts] = {}
    for language in LANGUAGES:
        path = FOLDER / f"{language}.yml"
        texts = SafetyTexts.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        missing = [c for c in CARD_IDS if c not in texts.cards]
        missing += [b for b in BUTTONS if b not in texts.buttons]
        missing += [name for name in loaded.get("en", texts).lines if name not in texts.lines]
        if missing:
            raise ValueError(f"{path.name}: missing {', '.join(missing)}")
        loaded[language] = texts
    return loaded


def card(
    level_or_id: Level | str, language: str = "en", form: str = "web", region: str = "unknown"
) -> Card:
    """The card of a level (or a card id) in a language, form and region.

    An unknown language is read as English, an unknown region as "unknown" (both North American
    poison lines, labelled): a card is never refused. Raises KeyError only for an id that is no
    card.
    """
    identity = level_or_id.value if isinstance(level_or_id, Level) else level_or_id
    language = language if language in LANGUAGES else "en"
    region = region if region in REGIONS else "unknown"
    form = form if form in FORMS else "plain"
    return _card(identity, language, form, region)


@lru_cache(maxsize=512)
def _card(identity: str, language: str, form: str, region: str) -> Card:
    texts = load_cards()[language]
    source = texts.cards[identity]
    fill = _fill(language, region)
    parts = tuple(_plain_sms(part.format(**fill)) for part in source.sms)
    first, rest = source.first.format(**fill), tuple(r.format(**fill) for r in source.rest)
    if form == "sms":
        first, rest = parts[0], parts[1:]
    wanted = " ".join((source.first, *source.rest))
    links = _links(region, wanted) if form == "web" else ()
    buttons = _BUTTONS_AFTER["ask_back" if identity == "ask_back" else "card"]
    return Card(
        identity,
        language,
        form,
        region,
        first,
        rest,
        links,
        parts if form == "sms" else (),
        tuple((b, texts.buttons[b]) for b in buttons),
    )


_BUTTONS_AFTER = {
    "ask_back": ("someone_needs_help", "have_a_question"),
    "card": ("have_called", "while_waiting", "not_happening"),
}


def line(name: str, language: str = "en", region: str = "unknown") -> str:
    """One fixed line: reminder, caution, safety_line_overdose, safety_line_withdrawal, pump,
    nurse_line..."""
    language = language if language in LANGUAGES else "en"
    region = region if region in REGIONS else "unknown"
    return load_cards()[language].lines[name].format(**_fill(language, region))


def button_label(button: str, language: str = "en") -> str:
    """The words on a button."""
    language = language if language in LANGUAGES else "en"
    return load_cards()[language].buttons[button]


def waiting_steps(language: str = "en", region: str = "unknown") -> tuple[str, ...]:
    """What to do while help is on its way, one step at a time."""
    language = language if language in LANGUAGES else "en"
    region = region if region in REGIONS else "unknown"
    fill = _fill(language, region)
    return tuple(step.format(**fill) for step in load_cards()[language].while_waiting)


def is_gsm7(text: str) -> bool:
    """True when an SMS of this text uses the 7-bit alphabet (160 characters a part)."""
    return all(character in _GSM7 for character in text)


def _plain_sms(text: str) -> str:
    """Leave out what the 7-bit alphabet lacks (labels carry accents)."""
    table = str.maketrans("áíóúâêîôûëïçÁÍÓÚÈÀÂÊÎÔ·…’", "aiouaeiouelcAIOUEAAEIO-.'")
    return text.translate(table)


@lru_cache(maxsize=64)
def _fill(language: str, region: str) -> dict[str, str]:
    labels = load_cards()[language].labels
    filled: dict[str, str] = {}
    for service in _SERVICES:
        filled[service] = _shown(service, region, labels)
    filled["poison_short"] = _short("poison", region, labels)
    filled["animal_short"] = _short("animal", region, labels)
    crisis = contact("us" if region == "unknown" else region, "crisis")
    filled["crisis_short"] = crisis.display if crisis else filled["crisis"]
    return filled


def _shown(service: str, region: str, labels: dict[str, str]) -> str:
    if region == "unknown":
        return _everywhere(service, labels)
    entry = contact(region, service)
    if entry is not None:
        second = None if "text" in entry.channel else contact(region, f"{service}_text")
        return _with_text(entry, second, labels)
    if service == "animal" and region in NORTH_AMERICA:
        entry = contact("us", service)
        assert entry is not None
        return entry.display
    if service in {"nurse", "young"}:
        return _everywhere(service, labels)
    return labels[f"local_{service}"]


def _everywhere(service: str, labels: dict[str, str]) -> str:
    """North American numbers, labelled where they differ."""
    found = {region: contact(region, service) for region in NORTH_AMERICA}
    numbers = {entry.display for entry in found.values() if entry}
    if service == "crisis":
        entry = found["us"]
        assert entry is not None
        return entry.display
    if len(numbers) == 1 and service == "emergency":
        return numbers.pop()
    own = [(r, e) for r, e in found.items() if e is not None and e.region == r]
    if len({e.display for _, e in own}) == 1:
        return own[0][1].display
    return " · ".join(f"{entry.display} ({labels[region]})" for region, entry in own)


def _with_text(entry: Contact, second: Contact | None, labels: dict[str, str]) -> str:
    return f"{entry.display} {labels['or']} {second.display}" if second else entry.display


def _short(service: str, region: str, labels: dict[str, str]) -> str:
    """As few characters as an SMS allows: US and Canada only, no spare words."""
    if region != "unknown":
        return _shown(service, region, labels)
    found = []
    for place in ("us", "ca"):
        entry = contact(place, service)
        if entry is not None:
            found.append(f"{entry.display} {place.upper()}")
    return found[0].removesuffix(" US") if len(found) == 1 else ", ".join(found)


def _links(region: str, wanted: str) -> tuple[Link, ...]:
    links: list[Link] = []
    places = NORTH_AMERICA if region == "unknown" else (region,)
    for service in ("emergency", "poison", "crisis", "crisis_text", "animal"):
        if "{" + service.removesuffix("_text") + "}" not in wanted:
            continue
        for place in places:
            if service.startswith("crisis") and region == "unknown" and place != "us":
                continue
            if service == "crisis_text" and region == "unknown":
                continue
            entry = contact(place, service)
            if entry is None and service == "animal" and place in NORTH_AMERICA:
                entry = contact("us", service)
            if entry is not None:
                links.extend(_tap(entry))
    return tuple(dict.fromkeys(links))


def _tap(entry: Contact) -> list[Link]:
    taps: list[Link] = []
    if "call" in entry.channel:
        taps.append(Link(entry.display, f"tel:{entry.number}"))
    if "text" in entry.channel:
        taps.append(Link(entry.display, f"sms:{entry.number}"))
    return taps
