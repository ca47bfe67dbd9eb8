"""Trackers that never grow: the last turns of each conversation, in memory.

Rasa rebuilds the whole tracker at every message, so a turn costs more the longer people talk.
The helper keeps the record (bot/store), so the assistant needs only what its rules look back at:
the slots, the active form and a few turns. Losing it all costs a visitor nothing but context.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Iterable, List, Optional, Text

from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActiveLoop,
    Event,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker


class RecentTrackerStore(TrackerStore):
    """Keeps the last `turns` visitor messages of the last `conversations` conversations."""

    def __init__(
        self,
        domain: Optional[Domain] = None,
        event_broker: Optional[EventBroker] = None,
        turns: int = 6,
        conversations: int = 20000,
        **kwargs: Any,
    ) -> None:
        """Creates an empty store.

        Args:
            turns: visitor messages kept of each conversation.
            conversations: conversations kept; the one idle longest is forgotten first.
        """
        self._turns = turns
        self._conversations = conversations
        self._events: OrderedDict[Text, List[Event]] = OrderedDict()
        super().__init__(domain, event_broker)

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Keeps the state and the last turns of a tracker; an empty one is forgotten."""
        if not tracker.events:
            self._events.pop(tracker.sender_id, None)
            return
        self._events[tracker.sender_id] = self._recent(tracker)
        self._events.move_to_end(tracker.sender_id)
        while len(self._events) > self._conversations:
            self._events.popitem(last=False)

    async def retrieve(self, sender_id: Text) -> Optional[DialogueStateTracker]:
        """The tracker of a conversation, or None."""
        events = self._events.get(sender_id)
        if events is None:
            return None
        return DialogueStateTracker.from_events(sender_id, events, self.domain.slots)

    async def retrieve_full_tracker(self, sender_id: Text) -> Optional[DialogueStateTracker]:
        """The same as `retrieve`: nothing older is kept."""
        return await self.retrieve(sender_id)

    async def keys(self) -> Iterable[Text]:
        """Ids of the conversations kept."""
        return list(self._events)

    def _recent(self, tracker: DialogueStateTracker) -> List[Event]:
        events = list(tracker.events)
        said = [i for i, event in enumerate(events) if isinstance(event, UserUttered)]
        if len(said) <= self._turns:
            return events
        state: List[Event] = [SessionStarted()]
        state += [
            SlotSet(name, slot.value)
            for name, slot in tracker.slots.items()
            if slot.value is not None
        ]
        if tracker.active_loop_name:
            state.append(ActiveLoop(tracker.active_loop_name))
        return [*state, ActionExecuted(ACTION_LISTEN_NAME), *events[said[-self._turns] :]]
