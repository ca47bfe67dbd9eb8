"""Trackers that never grow."""

from __future__ import annotations

import asyncio

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.rasa.tracker_store import RecentTrackerStore

DOMAIN = Domain.from_yaml(
    """
version: "3.1"
intents: [greet]
slots:
  name:
    type: text
    mappings: [{type: custom}]
forms:
  callback_form:
    required_slots: [name]
"""
)


@pytest.fixture
def store() -> RecentTrackerStore:
    return RecentTrackerStore(DOMAIN, turns=3, conversations=5)


def run(work):
    return asyncio.new_event_loop().run_until_complete(work)


def said(tracker: DialogueStateTracker, *texts: str) -> DialogueStateTracker:
    for text in texts:
        tracker.update(UserUttered(text, intent={"name": "greet", "confidence": 1.0}))
        tracker.update(ActionExecuted("utter_greet"))
        tracker.update(ActionExecuted("action_listen"))
    return tracker


def new(sender: str = "c") -> DialogueStateTracker:
    return DialogueStateTracker(sender, DOMAIN.slots)


def words(tracker: DialogueStateTracker):
    return [event.text for event in tracker.events if isinstance(event, UserUttered)]


def test_store_returns_what_was_said(store: RecentTrackerStore) -> None:
    run(store.save(said(new(), "one", "two")))
    assert words(run(store.retrieve("c"))) == ["one", "two"]


def test_store_knows_no_stranger(store: RecentTrackerStore) -> None:
    assert run(store.retrieve("stranger")) is None


def test_store_keeps_the_last_turns_only(store: RecentTrackerStore) -> None:
    tracker = new()
    sizes = []
    for number in range(40):
        run(store.save(said(tracker, str(number))))
        tracker = run(store.retrieve("c"))
        sizes.append(len(tracker.events))
    assert words(tracker) == ["37", "38", "39"]
    assert max(sizes[5:]) == min(sizes[5:]), "turn 40 costs what turn 6 costs"


def test_store_keeps_slots_and_the_form_past_the_turns_it_drops(store: RecentTrackerStore) -> None:
    tracker = new()
    tracker.update(SlotSet("name", "Kim"))
    tracker.update(ActiveLoop("callback_form"))
    run(store.save(said(tracker, *"abcdefgh")))
    kept = run(store.retrieve("c"))
    assert kept.get_slot("name") == "Kim"
    assert kept.active_loop_name == "callback_form"
    assert words(kept) == ["f", "g", "h"]


def test_store_is_ready_to_listen_after_it_dropped_turns(store: RecentTrackerStore) -> None:
    run(store.save(said(new(), *"abcdefgh")))
    assert run(store.retrieve("c")).latest_action_name == "action_listen"


def test_store_forgets_the_conversation_idle_longest(store: RecentTrackerStore) -> None:
    for number in range(5):
        run(store.save(said(new(f"c{number}"), "x")))
    run(store.save(said(new("c0"), "again")))
    run(store.save(said(new("c5"), "x")))
    assert set(run(store.keys())) == {"c0", "c2", "c3", "c4", "c5"}


def test_store_forgets_a_conversation_whose_tracker_is_empty(store: RecentTrackerStore) -> None:
    run(store.save(said(new(), "my words")))
    run(store.save(new()))
    assert run(store.retrieve("c")) is None
    assert list(run(store.keys())) == []
