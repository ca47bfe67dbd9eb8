"""The plain page: nothing inline, nothing from elsewhere, every file there."""

from __future__ import annotations

from html import unescape
from html.parser import HTMLParser

import pytest
from support import OpenWeb, Visitor

from bot.settings import Settings
from bot.texts import load_texts


class Page(HTMLParser):
    """What a page holds: tags with their attributes, and the text inside script and style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self._within = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._within = tag

    def handle_data(self, data: str) -> None:
        if self._within in {"script", "style"} and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._within = ""


@pytest.fixture
async def page(visitor: Visitor) -> Page:
    response = await visitor.http.get("/")
    assert response.headers["content-type"].startswith("text/html")
    return Page(response.text)


async def test_page_has_no_inline_script_or_style(page: Page) -> None:
    assert page.inline == []
    for tag, attributes in page.tags:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag


async def test_page_loads_its_own_files_only(page: Page, visitor: Visitor) -> None:
    wanted = [
        attributes[name]
        for tag, attributes in page.tags
        for name in ("src", "href")
        if tag in {"script", "link", "img"} and name in attributes
    ]
    assert len(wanted) >= 2
    for path in wanted:
        assert path is not None
        assert path.startswith("/static/")
        response = await visitor.http.get(path)
        assert response.status_code == 200, path
        assert len(response.content) > 100


async def test_page_shows_the_emergency_number_as_a_link_without_script(page: Page) -> None:
    hrefs = [attributes.get("href") for tag, attributes in page.tags if tag == "a"]
    assert hrefs[0] == "tel:911"


async def test_page_has_a_language_and_a_label_for_its_field(page: Page) -> None:
    tags = dict(page.tags)
    assert tags["html"]["lang"] == "en"
    assert tags["label"]["for"] == tags["textarea"]["id"]


async def test_page_has_every_word_that_its_script_reads(page: Page, visitor: Visitor) -> None:
    """The script's words come from data-* attributes; a missing one would read "undefined"."""
    script = (await visitor.http.get("/static/page.js")).text
    given = next(a for tag, a in page.tags if tag == "template" and a.get("id") == "words")
    used = {part.split(")")[0].split(",")[0] for part in script.split("words.")[1:]}
    names = {"".join(c for c in word if c.isalpha()) for word in used if word[0].isalpha()}
    for name in {n.split("turn")[0] or n for n in names}:
        dashed = "".join(f"-{c.lower()}" if c.isupper() else c for c in name)
        known = [key for key in given if key == f"data-{dashed}"]
        assert known or any(f"data-{dashed}".startswith(key) for key in given), name


async def test_page_says_that_no_centre_is_set_up(open_web: OpenWeb) -> None:
    visitor = await open_web(centre_file=Settings().centre_file)
    notice = load_texts("en").get("centre_not_configured")
    assert notice in unescape((await visitor.http.get("/")).text)


async def test_page_never_writes_html_made_of_text(visitor: Visitor) -> None:
    script = (await visitor.http.get("/static/page.js")).text
    for unsafe in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert unsafe not in script
