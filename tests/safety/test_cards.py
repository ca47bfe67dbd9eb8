"""The cards: action first, short, plain, one wording (golden copies), numbers only from
contacts.yml."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
import textstat

from bot.safety import Level, card, contacts, line, load_cards, stale_contacts, waiting_steps
from bot.safety.cards import CARD_IDS, FORMS, LANGUAGES, SMS_LENGTH, is_gsm7
from bot.safety.contacts import REGIONS

_GOLDEN = Path(__file__).parent / "golden"
_EVERY = [(i, lang, r) for i in CARD_IDS for lang in LANGUAGES for r in REGIONS]


def _render(language: str, form: str) -> str:
    parts = []
    for identity in CARD_IDS:
        shown = card(identity, language, form, "unknown")
        lines = shown.sms_parts if form == "sms" else (shown.first, *shown.rest)
        links = [f"[{link.label}] {link.href}" for link in shown.links]
        parts.append("\n".join((f"== {identity}", *lines, *links)))
    return "\n\n".join(parts) + "\n"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", FORMS)
def test_card_equals_its_golden_copy(language: str, form: str) -> None:
    golden = _GOLDEN / f"{language}_{form}.txt"
    assert _render(language, form) == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize(("identity", "language", "region"), _EVERY)
def test_card_first_screen_has_at_most_fifty_words(
    identity: str, language: str, region: str
) -> None:
    shown = card(identity, language, "web", region)
    assert len(shown.first.split()) <= 50
    assert "{" not in shown.text


@pytest.mark.parametrize(("identity", "language", "region"), _EVERY)
def test_card_fits_its_sms(identity: str, language: str, region: str) -> None:
    for part in card(identity, language, "sms", region).sms_parts:
        assert len(part) <= SMS_LENGTH and is_gsm7(part), (len(part), part)


@pytest.mark.parametrize("identity", CARD_IDS)
def test_card_reads_at_grade_six(identity: str) -> None:
    words = re.sub(r"[0-9][0-9 \-()·A-Za-z;,]*[0-9)]", "911", card(identity).text)
    assert textstat.flesch_kincaid_grade(words) <= 6


@pytest.mark.parametrize("level", [x for x in Level if x.calls_for_card])
def test_card_exists_for_every_level(level: Level) -> None:
    shown = card(level)
    assert shown.id == level.value
    assert "automated" in shown.first and "Nobody is watching" in shown.first


def test_card_shows_both_poison_lines_when_the_region_is_unknown() -> None:
    text = card("poison").first
    assert "1-800-222-1222 (US)" in text and "1-844-764-7669 (Canada)" in text
    assert "1-800-222-1222" not in card("poison", region="ca").text
    assert "1-800-463-5060" in card("poison", "fr", region="ca-qc").text
    assert card("emergency", region="uk").first.startswith("Call 999 now")
    assert card("emergency", region="eu").first.startswith("Call 112 now")


def test_card_texts_hold_no_number() -> None:
    folder = Path(__file__).parents[2] / "bot/safety/cards"
    for file in folder.glob("*.yml"):
        for text in re.findall(r'"([^"]*)"', file.read_text(encoding="utf-8")):
            assert not re.search(r"\d{3,}", text), (file.name, text)


def test_card_is_never_refused() -> None:
    assert card("emergency", "xx", "fax", "mars").first.startswith("Call 911 now")


def test_lines_and_steps_exist_in_every_language() -> None:
    for language, texts in load_cards().items():
        for name in texts.lines:
            assert line(name, language, "ca")
        assert len(waiting_steps(language)) >= 5


def test_contacts_carry_their_source() -> None:
    for entry in contacts():
        assert entry.source_url.startswith("https://")
        assert (entry.verified_on is None) == (entry.mark == "K")


def test_contacts_go_stale_after_ninety_days() -> None:
    newest = max(c.verified_on for c in contacts() if c.verified_on)
    assert {c.mark for c in stale_contacts(newest + timedelta(days=90))} == {"K"}
    assert len(stale_contacts(newest + timedelta(days=91))) == len(contacts())
    assert isinstance(newest, date)
