"""How often one may write: by conversation and by address. A card is never limited (see app)."""

from __future__ import annotations

import hashlib
import logging

from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from bot.settings import Settings

log = logging.getLogger(__name__)


class Limits:
    """Counts hits in this process's memory."""

    def __init__(self, settings: Settings) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._by_conversation = RateLimitItemPerMinute(settings.messages_per_minute)
        self._by_address = RateLimitItemPerMinute(settings.messages_per_address_per_minute)
        self._new = RateLimitItemPerHour(settings.conversations_per_address_per_hour)
        self._salt = hashlib.sha256(settings.keys[0].encode()).digest()[:16]

    async def message_allowed(self, conversation: str, address: str) -> bool:
        """Whether this conversation and this address may send one more message now."""
        first = await self._hit(self._by_conversation, conversation)
        second = await self._hit(self._by_address, self._hashed(address))
        return first and second

    async def conversation_allowed(self, address: str) -> bool:
        """Whether this address may begin one more conversation now."""
        return await self._hit(self._new, self._hashed(address))

    async def _hit(self, item: RateLimitItemPerMinute | RateLimitItemPerHour, name: str) -> bool:
        try:
            return await self._limiter.hit(item, name)
        except Exception as error:  # noqa: BLE001  a limiter that is down must not silence anybody
            log.warning("rate limits are not working: %s", type(error).__name__)
            return True

    def _hashed(self, address: str) -> str:
        """Addresses are personal data: only a keyed hash is kept, and not for long."""
        return hashlib.blake2b(address.encode(), key=self._salt, digest_size=12).hexdigest()
