"""Checks of what a deployer fills in: the centre's own contact, and emergency numbers verified."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from bot.answers import ContentError
from bot.centre import load_centre
from bot.check.content import Finding
from bot.safety.contacts import stale_contacts
from bot.settings import Settings

_CONTACTS = "bot/safety/contacts.yml"


def centre_is_configured(settings: Settings) -> Iterator[Finding]:
    """The centre's file can be read and names the centre."""
    place = settings.centre_file.name
    try:
        centre = load_centre(settings.centre_file)
    except ContentError as error:
        yield Finding("error", place, str(error), "Correct the file.")
        return
    if not centre.configured:
        todo = "Fill in the file, or point CENTRE_FILE at one, and set configured to true."
        yield Finding("warning", place, "no centre has been set up", todo)


def contacts_are_verified(settings: Settings) -> Iterator[Finding]:
    """Every number that a card may show was verified, and not long ago."""
    try:
        stale = stale_contacts(date.today())
    except ValueError as error:  # pydantic's ValidationError is one
        yield Finding("error", _CONTACTS, str(error), "Correct the file.")
        return
    for contact in stale:
        what = f"{contact.display} was last verified: {contact.verified_on or 'never'}"
        todo = f"Verify it by calling or at {contact.source_url}, and write the day."
        yield Finding("warning", f"{_CONTACTS}: {contact.id}", what, todo)
