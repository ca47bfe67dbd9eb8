"""The treatment centre that deploys the helper: its own contact, from its own configuration.

Never mixed with another operator's, never invented: without a configuration the helper says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bot.answers import ContentError, load_yaml

_FIELDS = {"configured", "name", "operator", "telephone", "email", "web", "hours"}


@dataclass(frozen=True)
class Centre:
    """A centre's own contact as its configuration gives it; empty fields are not shown."""

    configured: bool
    name: str
    operator: str
    telephone: str
    email: str
    web: str
    hours: str

    @property
    def contact(self) -> str:
        """Telephone, web and e-mail on one line, those that are given."""
        return " · ".join(part for part in (self.telephone, self.web, self.email) if part)

    def links(self) -> list[dict[str, str]]:
        """Tappable forms of the contact: label and address."""
        found = []
        if self.telephone:
            digits = "".join(c for c in self.telephone if c.isdigit() or c == "+")
            found.append({"label": self.telephone, "href": f"tel:{digits}"})
        if self.web:
            found.append({"label": self.web, "href": self.web})
        if self.email:
            found.append({"label": self.email, "href": f"mailto:{self.email}"})
        return found


def load_centre(path: Path) -> Centre:
    """The centre of a configuration file.

    Raises:
        ContentError: says which field is wrong and what it should be.
    """
    data = load_yaml(path)
    if not isinstance(data, dict):
        raise ContentError(f"{path}: wants the fields {', '.join(sorted(_FIELDS))}.")
    unknown = set(data) - _FIELDS
    if unknown:
        raise ContentError(f"{path}: unknown field {sorted(unknown)[0]!r}.")
    if not isinstance(data.get("configured"), bool):
        raise ContentError(f"{path}: 'configured' must be true or false.")
    words = {name: data.get(name) or "" for name in _FIELDS - {"configured"}}
    for name, value in words.items():
        if not isinstance(value, str):
            raise ContentError(f"{path}: {name!r} must be text in quotes.")
    if data["configured"] and not (words["name"] and words["telephone"]):
        raise ContentError(f"{path}: a configured centre needs 'name' and 'telephone'.")
    if words["web"] and urlsplit(words["web"]).scheme not in {"https", "http"}:
        raise ContentError(f"{path}: 'web' must begin with https://.")
    return Centre(configured=data["configured"], **words)
