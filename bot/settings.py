"""The only reader of the environment: every setting, its default and its unit in one place.

docs/settings.md lists them for a deployer; a test compares the two.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet

#: The project's root: domain.yml, data/ and models/ are found from here.
PROJECT = Path(__file__).resolve().parents[1]


class SettingsError(Exception):
    """A setting is wrong; the message names the variable and says what to do."""


@dataclass(frozen=True)
class Settings:
    """All settings of the helper. Times in seconds, sizes in bytes."""

    host: str = "127.0.0.1"
    port: int = 8000
    assistant_url: str = "http://127.0.0.1:5005"
    assistant_deadline: float = 3.0
    assistant_deadline_with_card: float = 0.3
    database_url: str = ""
    keys: tuple[str, ...] = ()
    var: Path = PROJECT / "var"
    region: str = "unknown"
    language: str = "en"
    centre_file: Path = PROJECT / "bot" / "centre" / "centre.yml"
    cors_origins: tuple[str, ...] = ()
    max_body: int = 2_000_000
    max_text: int = 2_000
    messages_per_minute: int = 20
    messages_per_address_per_minute: int = 120
    conversations_per_address_per_hour: int = 60
    transcript_days: int = 30
    safety_event_days: int = 365
    trusted_proxies: tuple[str, ...] = field(default=())

    @property
    def database(self) -> str:
        """The store's address; an SQLite file in `var` unless set."""
        return self.database_url or f"sqlite:///{self.var / 'helper.sqlite3'}"


def _list(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _number(env: Mapping[str, str], name: str, default: float, least: float) -> float:
    raw = env.get(name, "").strip()
    if not raw:
        return default
    try:
        number = float(raw)
    except ValueError:
        raise SettingsError(f"{name} must be a number, not {raw!r}.") from None
    if number < least:
        raise SettingsError(f"{name} must be at least {least:g}, not {raw}.")
    return number


def _keys(env: Mapping[str, str], var: Path) -> tuple[str, ...]:
    """Encryption keys: from BOT_KEYS, else one made once for a local run and kept in `var`."""
    given = _list(env.get("BOT_KEYS", ""))
    for key in given:
        try:
            Fernet(key)
        except ValueError:
            raise SettingsError(
                "BOT_KEYS holds a key that is not a Fernet key. Make one with `bot new-key`."
            ) from None
    if given:
        return given
    path = var / "keys"
    if not path.exists():
        var.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(Fernet.generate_key().decode() + "\n", encoding="ascii")
    return _list(path.read_text(encoding="ascii").replace("\n", ","))


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment.

    Raises:
        SettingsError: names the variable and what to do.
    """
    env = os.environ if env is None else env
    default = Settings()
    var = Path(env.get("BOT_VAR", "") or default.var)
    return Settings(
        host=env.get("BOT_HOST", default.host),
        port=int(_number(env, "BOT_PORT", default.port, 1)),
        assistant_url=env.get("ASSISTANT_URL", default.assistant_url).rstrip("/"),
        assistant_deadline=_number(env, "ASSISTANT_DEADLINE", default.assistant_deadline, 0.1),
        assistant_deadline_with_card=_number(
            env, "ASSISTANT_DEADLINE_WITH_CARD", default.assistant_deadline_with_card, 0.0
        ),
        database_url=env.get("DATABASE_URL", ""),
        keys=_keys(env, var),
        var=var,
        region=env.get("BOT_REGION", default.region),
        language=env.get("BOT_LANGUAGE", default.language),
        centre_file=Path(env.get("CENTRE_FILE", "") or default.centre_file),
        cors_origins=_list(env.get("CORS_ORIGINS", "")),
        max_body=int(_number(env, "MAX_BODY", default.max_body, 1024)),
        max_text=int(_number(env, "MAX_TEXT", default.max_text, 100)),
        messages_per_minute=int(
            _number(env, "MESSAGES_PER_MINUTE", default.messages_per_minute, 1)
        ),
        messages_per_address_per_minute=int(
            _number(
                env, "MESSAGES_PER_ADDRESS_PER_MINUTE", default.messages_per_address_per_minute, 1
            )
        ),
        conversations_per_address_per_hour=int(
            _number(
                env,
                "CONVERSATIONS_PER_ADDRESS_PER_HOUR",
                default.conversations_per_address_per_hour,
                1,
            )
        ),
        transcript_days=int(_number(env, "TRANSCRIPT_DAYS", default.transcript_days, 1)),
        safety_event_days=int(_number(env, "SAFETY_EVENT_DAYS", default.safety_event_days, 1)),
        trusted_proxies=_list(env.get("TRUSTED_PROXIES", "")),
    )
