"""Puts the helper together from its settings; the only place that knows every part."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot import safety
from bot.answers import load_answers
from bot.assistant import Assistant
from bot.centre import load_centre
from bot.compose import Composer
from bot.metrics import Metrics
from bot.record import Record
from bot.replies import Part
from bot.safety.cards import load_cards
from bot.safety.contacts import Contact, contact
from bot.settings import Settings
from bot.store import Spool, Store, StoreError
from bot.supervisor import NotSetUp, Supervisor
from bot.texts import Texts, load_texts
from bot.turn import Helper

log = logging.getLogger(__name__)

#: Seconds between tries to write what waits in the spool.
REPLAY_EVERY = 5.0
#: Seconds between two looks for what has been kept long enough.
PURGE_EVERY = 3600.0


@dataclass
class Service:
    """A running helper with what it stands on."""

    settings: Settings
    helper: Helper
    texts: Texts
    supervisor: Supervisor | None = None
    _upkeep: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Prepare the store and begin to replay the spool; a dead store does not stop the start."""
        try:
            await asyncio.to_thread(self.helper.record.store.migrate)
        except StoreError as error:
            log.error("The store is not usable: %s Messages go to the spool.", error)
            self.helper.metrics.count("store_failures")
        if self.supervisor is not None:
            try:
                await self.supervisor.start()
            except NotSetUp as error:
                log.error("%s Until then only cards and fallbacks are shown.", error)
        self._upkeep = [
            asyncio.create_task(_for_ever(REPLAY_EVERY, self._replay)),
            asyncio.create_task(_for_ever(PURGE_EVERY, self._purge)),
        ]

    async def stop(self) -> None:
        """Stop and close everything, the assistant that was started here included."""
        if self.supervisor is not None:
            await self.supervisor.stop()
        for task in self._upkeep:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.helper.assistant.close()
        await asyncio.to_thread(self.helper.record.close)

    async def _replay(self) -> None:
        try:
            if not await self.helper.record.ready():  # gone at the start, or replaced since
                await asyncio.to_thread(self.helper.record.store.migrate)
            replayed = await self.helper.record.replay()
            if replayed:
                log.info("replayed %d records from the spool", replayed)
        except (StoreError, OSError) as error:
            log.warning("replay failed: %s", type(error).__name__)
            self.helper.metrics.count("replay_failures")

    async def _purge(self) -> None:
        try:
            deleted = await self.helper.record.purge(
                self.settings.transcript_days, self.settings.safety_event_days
            )
            if deleted:
                log.info("retention: %d conversations and safety events deleted", deleted)
        except StoreError as error:
            log.warning("purge failed: %s", type(error).__name__)
            self.helper.metrics.count("purge_failures")

    def emergency(self, region: str) -> Contact:
        """The emergency service of a region; North America's where the region is unknown."""
        found = contact(region, "emergency") or contact("us", "emergency")
        assert found is not None
        return found


async def _for_ever(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do something again and again until cancelled, first after a few seconds."""
    await asyncio.sleep(min(seconds, REPLAY_EVERY))
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  one bad time must not be the last
            log.error("upkeep failed: %s", type(error).__name__)
        await asyncio.sleep(seconds)


def build_service(settings: Settings, supervisor: Supervisor | None = None) -> Service:
    """A helper for these settings; nothing is started yet.

    Args:
        supervisor: keeps the assistant alive from the helper's start to its stop; None when the
            assistant is somebody else's process.

    Raises:
        ContentError, StoreError, SettingsError: something a deployer must put right.
    """
    safety.load()
    load_cards()
    texts = load_texts(settings.language)
    answers = load_answers()
    metrics = Metrics()
    composer = Composer(answers, texts, load_centre(settings.centre_file))
    store = Store(settings.database, settings.keys)
    helper = Helper(
        record=Record(store, Spool(settings.var / "spool", settings.keys), metrics),
        assistant=Assistant(settings.assistant_url, settings.assistant_deadline),
        composer=composer,
        answers=answers,
        metrics=metrics,
        max_text=settings.max_text,
        deadline_with_card=settings.assistant_deadline_with_card,
        too_long=Part("text", texts.get("too_long"), key="too_long"),
        empty=Part("text", texts.get("empty"), key="empty"),
    )
    return Service(settings, helper, texts, supervisor)
