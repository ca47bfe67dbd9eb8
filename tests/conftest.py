"""A whole helper in this process: real store, spool, screen and web app; a fake assistant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeAssistant
from support import CENTRE, Here, Open, OpenWeb, Visitor, client_of

from bot.answers import Answers, load_answers
from bot.service import Service, build_service
from bot.settings import Settings
from bot.store import new_key

collect_ignore = ["rasa"]  # needs Rasa: these run in its environment (tests/assistant.ini)


@cache
def answers_read_once() -> Answers:
    return load_answers()


@pytest.fixture(autouse=True)
def _answers_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers are the same in every test; reading them takes half a second."""
    monkeypatch.setattr("bot.service.load_answers", answers_read_once)


@pytest.fixture
async def assistant() -> AsyncIterator[FakeAssistant]:
    """A fake assistant that answers until told otherwise."""
    fake = FakeAssistant()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
def settings(tmp_path: Path, assistant: FakeAssistant) -> Settings:
    """Settings of a helper with a folder of its own and a centre that is set up."""
    centre = tmp_path / "centre.yml"
    centre.write_text(CENTRE, encoding="utf-8")
    return Settings(
        assistant_url=assistant.url,
        keys=(new_key(),),
        var=tmp_path / "var",
        centre_file=centre,
        cors_origins=("https://clinic.example",),
        messages_per_minute=10_000,
        messages_per_address_per_minute=100_000,
        conversations_per_address_per_hour=100_000,
    )


@pytest.fixture
async def open_here(settings: Settings, assistant: FakeAssistant) -> AsyncIterator[Open]:
    """Start helpers with settings changed; all are stopped after the test."""
    started: list[Service] = []

    async def open_one(**changes: Any) -> Here:
        service = build_service(replace(settings, **changes))
        await service.start()
        started.append(service)
        return Here(service, assistant)

    yield open_one
    for service in started:
        await service.stop()


@pytest.fixture
async def here(open_here: Open) -> Here:
    """A started helper."""
    return await open_here()


@pytest.fixture
async def open_web(open_here: Open) -> AsyncIterator[OpenWeb]:
    """Web applications with settings changed, each with a visitor who has begun."""
    opened: list[Visitor] = []

    async def open_one(**changes: Any) -> Visitor:
        here = await open_here(**changes)
        visitor = Visitor(client_of(here.service))
        opened.append(visitor)
        await visitor.begin()
        return visitor

    yield open_one
    for visitor in opened:
        await visitor.http.aclose()


@pytest.fixture
async def visitor(open_web: OpenWeb) -> Visitor:
    """A visitor of a web application."""
    return await open_web()
