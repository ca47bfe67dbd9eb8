"""Pictures stand in a page: no outside reference, ids of their own, colours of the page."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from bot.evaluation import pictures
from bot.evaluation.confidence import Histogram, Point, Rejection
from bot.evaluation.confusion import Matrix
from bot.evaluation.intervals import Figure, Share, Target
from bot.evaluation.safety import TradeOff

PICTURES = {
    "shares": lambda name: pictures.shares_picture(
        [Figure("fine", Share(9, 10), Target(0.8)), Figure("not", Share(1, 10), Target(0.8))], name
    ),
    "nothing": lambda name: pictures.shares_picture([Figure("a", Share(0, 0))], name),
    "histogram": lambda name: pictures.histogram_picture(Histogram((0, 3), (1, 0)), name, 0.6),
    "rejection": lambda name: pictures.rejection_picture(
        Rejection((Point(0.9, 0.5, 1.0), Point(0.1, 1.0, 0.75)), 0.9, 0.95), name
    ),
    "confusion": lambda name: pictures.confusion_picture(
        Matrix(("a", "b"), ("a", "b", "anything else"), ((2, 1, 0), (0, 3, 1))), name
    ),
    "empty": lambda name: pictures.confusion_picture(Matrix((), (), ()), name),
    "vote": lambda name: pictures.trade_off_picture(
        [TradeOff(0.5, Share(9, 10), Share(1, 10))], name
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_whole_and_self_contained(name: str) -> None:
    svg = PICTURES[name](name)
    ElementTree.fromstring(svg)
    assert svg.startswith('<svg aria-hidden="true" ')
    assert not re.search(r'(href|src)="(?!#)', svg)
    assert set(re.findall(r"url\(#([a-z]+)", svg)) <= {name}
    assert all(found.startswith(f"{name}-") for found in re.findall(r'\bid="([^"]+)"', svg))


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_follow_the_colours_of_the_page(name: str) -> None:
    svg = PICTURES[name](name)
    assert not re.search(r"(fill|stroke): #", svg)
    for tag in re.findall(r"<text [^>]*>", svg):
        assert "currentColor" in tag


def test_pictures_are_the_same_each_time() -> None:
    assert PICTURES["histogram"]("again") == PICTURES["histogram"]("again")


def test_pictures_say_by_shape_what_they_say_by_colour() -> None:
    good = pictures.shares_picture([Figure("a", Share(9, 10), Target(0.8))], "x")
    bad = pictures.shares_picture([Figure("a", Share(9, 10), Target(0.95))], "x")
    assert "var(--blue)" in good
    assert "var(--orange)" not in good
    assert "var(--orange)" in bad
