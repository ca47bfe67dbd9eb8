"""The stories of tests/conversations, told to the real stack in this process.

A story is a file that a nurse can read: what the visitor says or presses, and what the helper must
do. `must` may name the outcome, topic, covers (topics answered), kinds (of the parts, in order),
first (kind of the first part), contains and lacks (words, in any case), and offers (a topic among
the buttons).
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from fakes import QUESTION
from support import CENTRE, texts_of

from bot.batch import private_service
from bot.outcomes import Outcome
from bot.service import Service
from bot.settings import Settings
from bot.store import new_key
from bot.supervisor import MODEL, RASA
from bot.turn import Message

FOLDER = Path(__file__).parents[1] / "conversations"
STORIES = sorted(FOLDER.glob("*.yml"))
CHECKS = {"outcome", "topic", "covers", "kinds", "first", "contains", "lacks", "offers"}


def told(path: Path) -> dict[str, Any]:
    story: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return story


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_story_can_be_read(path: Path) -> None:
    story = told(path)
    assert set(story) == {"title", "turns"}
    for turn in story["turns"]:
        assert set(turn) in ({"visitor", "must"}, {"presses", "must"}), turn
        assert turn["must"], turn
        assert set(turn["must"]) <= CHECKS, turn
        wanted = turn["must"].get("outcome", [])
        for name in wanted if isinstance(wanted, list) else [wanted]:
            assert name in set(Outcome), name


def test_stories_have_titles_of_their_own() -> None:
    titles = [told(path)["title"] for path in STORIES]
    assert len(titles) >= 25
    assert len(set(titles)) == len(titles)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    if not RASA.exists() or not MODEL.exists():
        pytest.skip("there is no trained model: run `make setup train`")
    folder = tmp_path_factory.mktemp("stories")
    (folder / "centre.yml").write_text(CENTRE, encoding="utf-8")
    settings = Settings(
        keys=(new_key(),),
        var=folder,
        centre_file=folder / "centre.yml",
        assistant_url="http://127.0.0.1:9",
    )
    async with private_service(settings) as service:
        await service.helper.turn(Message(await begun(service), QUESTION))
        yield service


async def begun(service: Service) -> str:
    conversation = str(uuid.uuid4())
    await service.helper.record.create(conversation, "web", "en", "us", sandbox=True)
    return conversation


@pytest.mark.stack
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
async def test_conversation(service: Service, path: Path) -> None:
    conversation = await begun(service)
    for number, told_turn in enumerate(told(path)["turns"], start=1):
        said, button = told_turn.get("visitor", ""), told_turn.get("presses")
        message = Message(conversation, said, button, region="us")
        turn = await service.helper.turn(message)
        wrong = list(_unmet(told_turn["must"], turn))
        assert not wrong, f"turn {number}, {said or button!r}: {'; '.join(wrong)}"


def _unmet(must: dict[str, Any], turn: Any) -> Iterator[str]:
    """What the helper did not do as it must, in words."""
    kinds = [part["kind"] for part in turn.parts]
    read = texts_of(turn.parts)
    buttons = {button["id"] for part in turn.parts for button in part["buttons"]}
    got = {
        "outcome": turn.outcome,
        "topic": turn.topic,
        "covers": sorted(turn.covers),
        "kinds": kinds,
        "first": kinds[0],
    }
    for name, wanted in must.items():
        if name in {"outcome", "topic", "first"}:
            choices = wanted if isinstance(wanted, list) else [wanted]
            if got[name] not in choices:
                yield f"{name} is {got[name]}, not {wanted}"
        elif name == "covers":
            if not set(wanted) <= set(turn.covers):
                yield f"covers {got[name]}, not {wanted}"
        elif name == "kinds":
            if kinds != wanted:
                yield f"kinds are {kinds}, not {wanted}"
        elif name == "contains":
            yield from (f"lacks {word!r}" for word in _words(wanted) if word not in read)
        elif name == "lacks":
            yield from (f"contains {word!r}" for word in _words(wanted) if word in read)
        elif name == "offers" and f"topic:{wanted}" not in buttons:
            yield f"offers {sorted(buttons)}, not {wanted}"


def _words(wanted: Any) -> list[str]:
    return [str(word).lower() for word in (wanted if isinstance(wanted, list) else [wanted])]
