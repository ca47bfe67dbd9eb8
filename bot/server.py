"""`bot run`: the web server and the assistant in one command, both ended by one Ctrl-C."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import uvicorn

from bot.batch import assistant_answers
from bot.channels.web.app import create_app
from bot.service import build_service
from bot.settings import Settings
from bot.supervisor import Supervisor

log = logging.getLogger(__name__)

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


async def serve(settings: Settings) -> None:
    """Serve until stopped. Without a model or its environment the cards still work.

    The assistant is stopped with the application: uvicorn ends the process by the signal it got,
    so nothing after `serve` is sure to run.

    Raises:
        ContentError, StoreError, OSError: the helper itself cannot start.
    """
    app = create_app(build_service(settings, await _supervisor(settings)))
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        server_header=False,
        forwarded_allow_ips=",".join(settings.trusted_proxies) or None,
        timeout_graceful_shutdown=5,
    )
    await uvicorn.Server(config).serve()


async def _supervisor(settings: Settings) -> Supervisor | None:
    """What keeps the assistant alive, unless one answers already or lives on another machine."""
    if urlsplit(settings.assistant_url).hostname not in _LOOPBACK:
        return None
    if await assistant_answers(settings.assistant_url):
        log.info("an assistant answers at %s already", settings.assistant_url)
        return None
    return Supervisor(settings.assistant_url, settings.var / "assistant.log")
