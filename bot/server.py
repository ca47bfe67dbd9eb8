"""`bot run`: the web server and the assistant in one command, both ended by one Ctrl-C."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import uvicorn

from bot.batch import assistant_answers
from bot.channels.web.app import create_app
from bot.service import build_service
from bot.settings import Settings
from bot.supervisor import NotSetUp, Supervisor

log = logging.getLogger(__name__)

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


async def serve(settings: Settings) -> None:
    """Serve until stopped. Without a model or its environment the cards still work.

    Raises:
        ContentError, StoreError, OSError: the helper itself cannot start.
    """
    app = create_app(build_service(settings))
    supervisor = await _assistant(settings)
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
    try:
        await uvicorn.Server(config).serve()
    finally:
        if supervisor is not None:
            await supervisor.stop()


async def _assistant(settings: Settings) -> Supervisor | None:
    """Start the assistant, unless one answers already or lives on another machine."""
    if urlsplit(settings.assistant_url).hostname not in _LOOPBACK:
        return None
    if await assistant_answers(settings.assistant_url):
        log.info("an assistant answers at %s already", settings.assistant_url)
        return None
    supervisor = Supervisor(settings.assistant_url, settings.var / "assistant.log")
    try:
        await supervisor.start()
    except NotSetUp as error:
        log.error("%s Until then only cards and fallbacks are shown.", error)
        return None
    return supervisor
