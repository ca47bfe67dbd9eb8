"""The measurements: what is right, and what it costs. Nothing here knows what the result should be.

Times are seconds of wall time, seen from the client, over connections that are kept open.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
from material import KINDS, OUT_OF_SCOPE, Case
from servers import Door

FALLBACK = "nlu_fallback"
#: The turns of a session that are reported; each asks the session's own question.
TURNS = (1, 50, 200)
#: Sessions of one turn beside the long ones: the first turn is short and its time scatters.
FIRST_TURNS = 20
#: Clients at once, turns of each of their conversations, conversations of each client.
CLIENTS = 8
TURNS_OF_A_CLIENT = 5
CONVERSATIONS_OF_A_CLIENT = 5
#: Messages before memory is read.
MESSAGES_BEFORE_MEMORY = 20


@dataclass(frozen=True)
class Prediction:
    """The intent of a message: the best that was ranked, and whether the side fell back."""

    best: str
    fell_back: bool


def predict(http: httpx.Client, text: str) -> Prediction:
    """What a Rasa server makes of a message, the fallback undone (`/model/parse`).

    Raises:
        httpx.HTTPError: not answered.
    """
    body: dict[str, Any] = http.post("/model/parse", json={"text": text}).raise_for_status().json()
    names = [row["name"] for row in body.get("intent_ranking", []) if row["name"] != FALLBACK]
    intent = str(body["intent"]["name"])
    return Prediction(names[0] if names else intent, intent == FALLBACK)


@dataclass
class Score:
    """Counts over messages of one kind.

    right: the best intent is right, or leads to the right answer, fallback undone.
    exact: the best intent is right itself, fallback undone.
    served: with the fallback in force, the right answer was given; a message out of scope is
        served when it is refused, in whatever words.
    wrong: with the fallback in force, a wrong answer was given.
    """

    total: int = 0
    right: int = 0
    exact: int = 0
    served: int = 0
    wrong: int = 0


def is_right(case: Case, prediction: Prediction, answers: Mapping[str, str]) -> bool:
    """Whether the best intent, fallback undone, leads to an answer that is right."""
    fair = {answers.get(name, name) for name in case.expected}
    return answers.get(prediction.best, prediction.best) in fair


def _is_served(case: Case, prediction: Prediction, right: bool) -> bool:
    if case.kind == OUT_OF_SCOPE:
        refused = prediction.fell_back or prediction.best.startswith("out_of_scope")
        return refused or right
    return right and not prediction.fell_back


def score(
    cases: Sequence[Case], predictions: Sequence[Prediction], answers: Mapping[str, str]
) -> dict[str, Score]:
    """Scores by kind, and of "all"."""
    scores = {kind: Score() for kind in (*KINDS, "all")}
    for case, prediction in zip(cases, predictions, strict=True):
        right = is_right(case, prediction, answers)
        served = _is_served(case, prediction, right)
        for row in (scores[case.kind], scores["all"]):
            row.total += 1
            row.right += right
            row.exact += prediction.best in case.expected
            row.served += served
            row.wrong += not served and not prediction.fell_back
    return scores


def timed(door: Door, conversation: str, text: str) -> float:
    """Seconds one turn took."""
    began = time.perf_counter()
    door.say(conversation, text)
    return time.perf_counter() - began


def talk(door: Door, messages: Sequence[str], number: int) -> None:
    """Some messages, each in a conversation of its own."""
    for i in range(number):
        door.say(door.begin(), messages[i % len(messages)])


@dataclass
class TurnTimes:
    """Seconds of turns 1, 50 and 200, one entry for each session."""

    seconds: dict[int, list[float]] = field(default_factory=lambda: {turn: [] for turn in TURNS})

    def median(self, turn: int) -> float:
        """The median over sessions."""
        return statistics.median(self.seconds[turn])


def session(door: Door, messages: Sequence[str], number: int, times: TurnTimes) -> None:
    """One session to the last turn of TURNS; the measured turns ask the same question."""
    conversation = door.begin()
    probe = messages[number % len(messages)]
    for turn in range(1, TURNS[-1] + 1):
        text = probe if turn in TURNS else messages[(number + turn) % len(messages)]
        took = timed(door, conversation, text)
        if turn in TURNS:
            times.seconds[turn].append(took)


def turn_times(
    doors: Mapping[str, Door],
    messages: Sequence[str],
    sessions: int,
    done: Callable[[str], None],
) -> dict[str, TurnTimes]:
    """Turn times of each door; sessions take turns, and so does the order of the doors."""
    times = {name: TurnTimes() for name in doors}
    for number in range(FIRST_TURNS):
        for name in alternating(doors, number):
            door = doors[name]
            text = messages[number % len(messages)]
            times[name].seconds[1].append(timed(door, door.begin(), text))
    for number in range(sessions):
        for name in alternating(doors, number):
            session(doors[name], messages, number, times[name])
            done(f"{name}: session {number + 1} of {TURNS[-1]} turns")
    return times


def alternating(names: Iterable[str], number: int) -> list[str]:
    """The names, the other way round every second time."""
    order = list(names)
    return order if number % 2 == 0 else order[::-1]


def throughput(door: Door, messages: Sequence[str]) -> float:
    """Turns a second with CLIENTS at once, each in one conversation after the other."""

    def one(number: int) -> None:
        for start in range(CONVERSATIONS_OF_A_CLIENT):
            conversation = door.begin()
            for turn in range(TURNS_OF_A_CLIENT):
                index = number * 7 + start * TURNS_OF_A_CLIENT + turn
                door.say(conversation, messages[index % len(messages)])

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(one, range(CLIENTS)))
    turns = CLIENTS * CONVERSATIONS_OF_A_CLIENT * TURNS_OF_A_CLIENT
    return turns / (time.perf_counter() - began)
