"""Settings: defaults that work, sentences for what is wrong."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bot.settings import PROJECT, Settings, SettingsError, load_settings
from bot.store import new_key


def loaded(tmp_path: Path, **env: str) -> Settings:
    return load_settings({"BOT_VAR": str(tmp_path / "var"), **env})


def test_settings_work_without_any_variable(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert settings.host == "127.0.0.1", "nothing is open to the world unless asked for"
    assert settings.assistant_deadline == 3.0
    assert settings.database == f"sqlite:///{tmp_path / 'var' / 'helper.sqlite3'}"
    assert settings.cors_origins == ()
    assert len(settings.keys) == 1


def test_settings_make_a_key_once_for_its_owner_only(tmp_path: Path) -> None:
    first = loaded(tmp_path).keys
    assert loaded(tmp_path).keys == first
    assert stat.S_IMODE((tmp_path / "var" / "keys").stat().st_mode) == 0o600


def test_settings_take_several_keys_newest_first(tmp_path: Path) -> None:
    keys = (new_key(), new_key())
    assert loaded(tmp_path, BOT_KEYS=" , ".join(keys)).keys == keys
    assert not (tmp_path / "var").exists()


def test_settings_never_show_a_wrong_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="BOT_KEYS") as raised:
        loaded(tmp_path, BOT_KEYS="hunter2")
    assert "hunter2" not in str(raised.value)
    assert "bot new-key" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOT_PORT", "eighty"),
        ("BOT_PORT", "0"),
        ("ASSISTANT_DEADLINE", "-1"),
        ("MAX_BODY", "12"),
        ("MAX_TEXT", "1"),
        ("MESSAGES_PER_MINUTE", "0"),
        ("MESSAGES_PER_ADDRESS_PER_MINUTE", "none"),
        ("CONVERSATIONS_PER_ADDRESS_PER_HOUR", "0"),
    ],
)
def test_settings_name_the_variable_that_is_wrong(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        loaded(tmp_path, **{name: value})


def test_settings_read_every_variable(tmp_path: Path) -> None:
    key = new_key()
    settings = loaded(
        tmp_path,
        BOT_HOST="0.0.0.0",
        BOT_PORT="9000",
        ASSISTANT_URL="http://127.0.0.1:7000/",
        ASSISTANT_DEADLINE="2.5",
        DATABASE_URL="postgresql://db/helper",
        BOT_KEYS=key,
        BOT_REGION="ca",
        BOT_LANGUAGE="fr",
        CENTRE_FILE="/etc/centre.yml",
        CORS_ORIGINS="https://a.example, https://b.example,",
        MAX_BODY="5000",
        MAX_TEXT="500",
        MESSAGES_PER_MINUTE="3",
        MESSAGES_PER_ADDRESS_PER_MINUTE="30",
        CONVERSATIONS_PER_ADDRESS_PER_HOUR="6",
        TRANSCRIPT_DAYS="7",
        SAFETY_EVENT_DAYS="90",
        TRUSTED_PROXIES="10.0.0.1",
    )
    assert settings == Settings(
        host="0.0.0.0",
        port=9000,
        assistant_url="http://127.0.0.1:7000",
        assistant_deadline=2.5,
        database_url="postgresql://db/helper",
        keys=(key,),
        var=tmp_path / "var",
        region="ca",
        language="fr",
        centre_file=Path("/etc/centre.yml"),
        cors_origins=("https://a.example", "https://b.example"),
        max_body=5000,
        max_text=500,
        messages_per_minute=3,
        messages_per_address_per_minute=30,
        conversations_per_address_per_hour=6,
        transcript_days=7,
        safety_event_days=90,
        trusted_proxies=("10.0.0.1",),
    )


def test_settings_are_the_only_reader_of_the_environment() -> None:
    """What the assistant's own process reads and what starts it are apart."""
    apart = {"settings.py", "supervisor.py"}
    readers = [
        path.relative_to(PROJECT)
        for path in sorted((PROJECT / "bot").rglob("*.py"))
        if path.name not in apart and "rasa" not in path.relative_to(PROJECT).parts
        if "os.environ" in path.read_text(encoding="utf-8")
        or "getenv" in path.read_text(encoding="utf-8")
    ]
    assert readers == []
