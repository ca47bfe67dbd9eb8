"""Makes docs/screenshots/: the plain page in every state worth looking at, in Debian's Chromium.

make screenshots          (or: .venv/bin/python scripts/screenshots.py http://127.0.0.1:8000)
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from bot.settings import PROJECT
from bot.supervisor import free_port

OUT = PROJECT / "docs" / "screenshots"
CHROMIUM = "/usr/bin/chromium"
WIDTHS = {320: 640, 390: 844, 1280: 800}
#: What a visitor types in each picture.
SCENES = {
    "welcome": [],
    "answer": ["What are the signs of an overdose?"],
    "card": ["my husband took all his baclofen and he won't wake up"],
    "follow-up": ["what are the withdrawal symptoms", "how long does that last?"],
    "refusal": ["how many mg can I take at once?"],
    "help": ["I need help getting off this"],
}
#: Seconds for the assistant to start.
START = 120.0


def wait_until_ready(url: str) -> None:
    """Wait for the helper and its assistant."""
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz", timeout=10, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise SystemExit("The helper did not become ready.")


def type_in(page: Page, text: str) -> None:
    """Send a message and wait for the reply to be painted."""
    before = page.locator(".part").count()
    page.fill("#text", text)
    page.click("button[type=submit]")
    page.wait_for_function("n => document.querySelectorAll('.part').length > n", arg=before)
    page.wait_for_timeout(700)


def pictures(url: str) -> None:
    """Every scene at every width, light; the card also dark."""
    OUT.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        for scene, messages in SCENES.items():
            for width, height in WIDTHS.items():
                for scheme in ("light", "dark") if scene == "card" else ("light",):
                    context = browser.new_context(
                        viewport={"width": width, "height": height},
                        color_scheme="dark" if scheme == "dark" else "light",
                    )
                    page = context.new_page()
                    page.goto(url)
                    page.wait_for_selector(".said")
                    for text in messages:
                        type_in(page, text)
                    name = f"{scene}-{width}{'-dark' if scheme == 'dark' else ''}.png"
                    page.screenshot(path=OUT / name)
                    print(OUT / name)
                    context.close()
        browser.close()


def main() -> None:
    """Start a helper of our own unless an address is given."""
    if len(sys.argv) > 1:
        pictures(sys.argv[1])
        return
    with tempfile.TemporaryDirectory() as var:
        port, assistant = free_port(), free_port()
        env = {
            **os.environ,
            "BOT_VAR": var,
            "BOT_PORT": str(port),
            "ASSISTANT_URL": f"http://127.0.0.1:{assistant}",
            "CENTRE_FILE": str(PROJECT / "deploy" / "centre.example.yml"),
        }
        with (Path(var) / "run.log").open("wb") as log:
            bot = subprocess.Popen(
                [PROJECT / ".venv" / "bin" / "bot", "run"], env=env, stdout=log, stderr=log
            )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url)
            pictures(url)
        finally:
            bot.terminate()
            bot.wait(20)


if __name__ == "__main__":
    main()
