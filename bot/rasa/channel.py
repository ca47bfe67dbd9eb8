"""The one way into the assistant: a call over loopback that answers with words and understanding.

Rasa's REST channel answers every failure with an empty list and lets a typed "/intent{}" drive the
dialogue. This one parses once, returns what was understood beside what is to be said, and gives
a failure its own status. Only the helper (bot/assistant.py) calls it.

    POST /webhooks/helper/turn  {"conversation": "...", "text": "...", "context": {...}}
    200  {"replies": [{"response": "utter_x", ...}], "understood": {...}, "active_form": null}
    400 / 500 / 503  {"error": "..."}
    GET  /webhooks/helper/ready  200 when a model is loaded, 503 otherwise
    DELETE /webhooks/helper/conversation/<id>  forgets what was said
"""

from __future__ import annotations

import logging
from typing import Any, Awaitable, Callable, Dict, List, Optional, Text

from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, UserMessage
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import INTENT, INTENT_NAME_KEY
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

logger = logging.getLogger(__name__)

#: Characters of a message that reach the pipeline; the helper sends no more than this.
MAX_CHARACTERS = 4000
#: What stands in for a leading "/", which Rasa would read as a command.
NOT_A_COMMAND = "\u2044"


class RepliesWithKeys(CollectingOutputChannel):
    """Collects replies together with the name of the response each came from."""

    @classmethod
    def name(cls) -> Text:
        """The name of the channel in trackers."""
        return "helper"

    async def send_response(self, recipient_id: Text, message: Dict[Text, Any]) -> None:
        """Keeps the response's key and text; the helper has the words, sources and buttons."""
        self.messages.append(
            {
                "response": message.get("utter_action"),
                "text": message.get("text"),
                "custom": message.get("custom") or None,
            }
        )


class HelperChannel(InputChannel):
    """Channel of the helper: one call a turn."""

    @classmethod
    def name(cls) -> Text:
        """The address is /webhooks/<name>/."""
        return "helper"

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The routes of the channel."""
        routes = Blueprint("helper_channel")

        @routes.route("/ready", methods=["GET"])
        async def ready(request: Request) -> HTTPResponse:
            loaded = _agent(request) is not None
            return response.json({"ready": loaded}, status=200 if loaded else 503)

        @routes.route("/turn", methods=["POST"])
        async def turn(request: Request) -> HTTPResponse:
            agent = _agent(request)
            if agent is None:
                return response.json({"error": "no model is loaded"}, status=503)
            call = _checked(request.json)
            if call is None:
                return response.json({"error": "conversation and text must be strings"}, status=400)
            try:
                return response.json(await _answer(agent, **call))
            except Exception as error:  # noqa: BLE001  the caller has a reply of its own; it needs a status
                logger.error("A turn failed: %s", type(error).__name__)
                return response.json({"error": type(error).__name__}, status=500)

        @routes.route("/conversation/<conversation:str>", methods=["DELETE"])
        async def forget(request: Request, conversation: str) -> HTTPResponse:
            agent = _agent(request)
            if agent is not None:  # saving an empty tracker forgets it (tracker_store.py)
                await agent.tracker_store.save(DialogueStateTracker(conversation, []))
            return response.json({"forgotten": True})

        return routes


def _agent(request: Request) -> Optional[Agent]:
    """The agent of this server when it has a model."""
    agent = getattr(request.app.ctx, "agent", None)
    return agent if agent is not None and agent.is_ready() else None


def _checked(body: Any) -> Optional[Dict[Text, Any]]:
    """The call's fields, or None when they are of the wrong shape."""
    if not isinstance(body, dict):
        return None
    conversation, text = body.get("conversation"), body.get("text")
    if not isinstance(conversation, str) or not conversation or not isinstance(text, str):
        return None
    context = body.get("context")
    return {
        "conversation": conversation,
        "text": not_a_command(text)[:MAX_CHARACTERS],
        "context": context if isinstance(context, dict) else {},
    }


def not_a_command(text: Text) -> Text:
    """The text with a leading "/" made harmless.

    >>> not_a_command("  /restart")
    '⁄restart'
    """
    stripped = text.strip()
    return NOT_A_COMMAND + stripped[1:] if stripped.startswith("/") else stripped


async def _answer(
    agent: Agent, conversation: Text, text: Text, context: Dict[Text, Any]
) -> Dict[Text, Any]:
    """Parses once, runs the dialogue on it and returns both."""
    output = RepliesWithKeys()
    message = UserMessage(
        text,
        output_channel=output,
        sender_id=conversation,
        input_channel="helper",
        metadata={"context": context},
    )
    assert agent.processor is not None
    understood = await agent.processor.parse_message(message)
    message.parse_data = _small(understood)
    message.metadata = {}
    await agent.handle_message(message)
    tracker = await agent.tracker_store.retrieve(conversation)
    return {
        "replies": output.messages,
        "understood": _understanding(understood),
        "active_form": tracker.active_loop_name if tracker else None,
    }


def _small(understood: Dict[Text, Any]) -> Dict[Text, Any]:
    """What the dialogue needs of the parse; rankings would only make the tracker heavy."""
    return {
        "text": understood.get("text", ""),
        INTENT: understood[INTENT],
        "entities": understood.get("entities", []),
    }


def _understanding(understood: Dict[Text, Any]) -> Dict[Text, Any]:
    ranking: List[Dict[Text, Any]] = understood.get("intent_ranking", [])
    return {
        "intent": understood[INTENT].get(INTENT_NAME_KEY),
        "ranking": [
            {"intent": row["name"], "confidence": round(float(row["confidence"]), 4)}
            for row in ranking
            if row["name"] != "nlu_fallback"
        ],
        "decision": understood.get("decision"),
        "also": understood.get("also", []),
        "danger": understood.get("danger"),
    }
