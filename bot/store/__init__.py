"""What the helper keeps: conversations, turns, and safety events without text.

`Store` writes to the database, `Spool` to a folder while the database is gone.
"""

from bot.store.cipher import new_key
from bot.store.errors import StoreError, UnknownConversation
from bot.store.records import StoredConversation, StoredSafetyEvent, StoredTurn
from bot.store.spool import Spool
from bot.store.store import Store

__all__ = [
    "Spool",
    "Store",
    "StoreError",
    "StoredConversation",
    "StoredSafetyEvent",
    "StoredTurn",
    "UnknownConversation",
    "new_key",
]
