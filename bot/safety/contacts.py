"""The telephone numbers of the cards, by region, with the source and the day each was verified.

Data: contacts.yml. Nothing else in the project types a number for emergencies.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

FILE = Path(__file__).parent / "contacts.yml"
NORTH_AMERICA = ("us", "ca", "ca-qc")
REGIONS = (*NORTH_AMERICA, "uk", "eu", "au", "unknown")
_FALLBACK = {"ca-qc": ("ca",)}


class Contact(BaseModel):
    """One number. `number` is what is dialled, `display` what is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    region: Literal["us", "ca", "ca-qc", "uk", "eu", "au"]
    service: str
    number: str
    display: str
    channel: tuple[Literal["call", "text"], ...]
    languages: tuple[str, ...]
    verified_on: date | None
    source_url: str
    mark: Literal["V", "V-2", "K"]


@lru_cache(maxsize=1)
def contacts() -> tuple[Contact, ...]:
    """All contacts. Raises pydantic.ValidationError when the file is wrong."""
    data = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    found = tuple(Contact.model_validate(entry) for entry in data["contacts"])
    if len({c.id for c in found}) != len(found):
        raise ValueError("contacts.yml: an id stands twice")
    return found


def contact(region: str, service: str) -> Contact | None:
    """The contact of a service in a region; Quebec falls back on Canada."""
    for place in (region, *_FALLBACK.get(region, ())):
        for entry in contacts():
            if entry.region == place and entry.service == service:
                return entry
    return None


def stale_contacts(today: date, days: int = 90) -> list[Contact]:
    """Contacts never verified, or verified more than `days` days before `today`."""
    return [
        entry
        for entry in contacts()
        if entry.verified_on is None or (today - entry.verified_on).days > days
    ]
