"""Text at rest is unreadable without a key: Fernet, with rotation.

https://cryptography.io/en/latest/fernet/#cryptography.fernet.MultiFernet
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bot.store.errors import StoreError

WRONG_KEY = (
    "The store was written with another encryption key. Put that key back into the list of keys "
    "(the first encrypts, all of them decrypt), then start again."
)


def new_key() -> str:
    """Make a key for `Store` and `Spool`: 32 random bytes as URL-safe base64."""
    return Fernet.generate_key().decode("ascii")


class Cipher:
    """Encrypts with the first key, decrypts with any."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Raises StoreError, naming the place in the list but never the key, for a bad key."""
        if isinstance(keys, str):
            raise StoreError("Give the store a list of encryption keys, not a single text.")
        if not keys:
            raise StoreError("The store needs at least one encryption key.")
        fernets = [_fernet(key, place) for place, key in enumerate(keys, start=1)]
        self._newest = fernets[0]
        self._all = MultiFernet(fernets)

    def encrypt(self, text: str) -> str:
        """Return an ASCII token. The text must be free of lone surrogates (see hygiene)."""
        return self._newest.encrypt(text.encode("utf-8")).decode("ascii")

    def decrypt(self, token: str) -> str:
        """Return the text, or raise StoreError that says to put the old key back."""
        try:
            return self._all.decrypt(token.encode("utf-8")).decode("utf-8")
        except InvalidToken:
            raise StoreError(WRONG_KEY) from None

    def encrypt_json(self, value: Any) -> str:
        """Encrypt a JSON value as compact text."""
        return self.encrypt(json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    def decrypt_json(self, token: str) -> Any:
        """Return the JSON value that `encrypt_json` was given."""
        return json.loads(self.decrypt(token))

    def is_newest(self, token: str) -> bool:
        """Whether the first key of the list wrote this token."""
        try:
            self._newest.decrypt(token.encode("utf-8"))
        except InvalidToken:
            return False
        return True

    def rotate(self, token: str) -> str:
        """Return the token written anew with the first key."""
        return self.encrypt(self.decrypt(token))


def _fernet(key: str, place: int) -> Fernet:
    try:
        return Fernet(key)
    except (ValueError, TypeError, AttributeError):
        raise StoreError(
            f"Encryption key {place} of the list is not a key: it must be 32 random bytes "
            "as URL-safe base64 (44 characters)."
        ) from None
