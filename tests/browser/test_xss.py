"""Hundreds of hostile texts on the Ask tab, see tests/browser/xss.py: none runs, each can be read letter by letter."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from index.errors import ModelError
from qa.conversations import owner_of
from qa.feedback import MAX_WORDS_CHARS
from qa.kept import Kept
from qa.kept_exchanges import KeptExchange
from qa.question_made import MadeQuestion
from qa.types import Done
from qa.ui import memory_panel, text
from tests.browser.pages import Pages, ask
from tests.browser.xss import (
    BATCHES,
    LATEST,
    PLANTED,
    SMALL_BATCHES,
    SOURCES,
    ask_batch,
    expect_harmless,
    expect_in,
    hostile_events,
    script,
    shown,
)
from tests.browser.xss_vectors import RUN, VECTORS
from tests.qa.ui.fakes import FakeService

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_PARTS = """() => [".aq-question", ".aq-short-answer", ".aq-answer", ".aq-asked-with", ".aq-understood"]
  .map((part) => document.querySelector(`.block.aq-latest ${part}`).textContent)
  .concat(document.querySelector(".block.aq-after").textContent)"""
_POPOVERS = """(chips) => chips.map((chip) => document.getElementById(chip.dataset.pop).textContent)"""
_CARDS = """() => [...document.querySelectorAll(".block.aq-sources .aq-card")].map((card) =>
  ["h3", ".aq-origin", "blockquote", "mark"].map((part) => card.querySelector(part).textContent))"""


def test_there_are_more_than_three_hundred_vectors_and_each_does_something() -> None:
    assert len(set(VECTORS)) >= 300
    assert all(len(vector) < 400 for vector in VECTORS)


def test_what_is_looked_for_would_be_seen(opened: Pages) -> None:
    page = opened(FakeService())
    planted = [
        f"<img src=x onerror={RUN}>",
        "<a href=' javascript:x'>x</a>",
        f"<style>{RUN}</style>",
        "<iframe></iframe>",
        "<a href=//evil.example/x>x</a>",
        "<span srcset='/a 1x, http://evil.example/b 2x'>x</span>",
    ]
    for vector in planted:
        page.locator(LATEST).evaluate("(element, vector) => { element.innerHTML = vector; }", vector)
        assert page.evaluate(PLANTED) != [], vector
    page.locator(LATEST).evaluate("(element) => { element.innerHTML = ''; }")
    expect_harmless(page)
    page.wait_for_timeout(300)
    opened.problems.clear()


def test_questions_answers_quotes_and_sources(opened: Pages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Question, model output, title, address, source, body, quote, popover, notes and suggestions on the Ask tab."""
    offered: list[str] = []
    monkeypatch.setattr(
        memory_panel, "suggestions", lambda *_: [MadeQuestion("what", vector, vector) for vector in offered]
    )
    kept = Kept.at(tmp_path / "conversations.sqlite")
    page = opened(FakeService(script=script("answered", BATCHES)), kept=kept)
    for number, batch in enumerate(BATCHES):
        offered[:] = batch
        ask_batch(page, batch, number % 10)
        expect(page.locator(".block.aq-after .aq-suggestion")).to_have_count(len(batch))
        expect_in(page.locator(f"{LATEST} .aq-lead-evidence"), batch[:1])
        for part in page.evaluate(_PARTS):
            assert [vector for vector in batch if shown(vector) not in "".join(part.split())] == []
        cards = page.evaluate(_CARDS)
        assert len(cards) == len(batch)
        for vector, parts in zip(batch, cards, strict=True):
            assert [part for part in parts if shown(vector) not in "".join(part.split())] == []
        pops = page.locator(f"{LATEST} .aq-answer .aq-chip").evaluate_all(_POPOVERS)
        assert len(pops) == len(batch)
        for vector, pop in zip(batch, pops, strict=True):
            assert shown(f"It is said that {vector}") in "".join(pop.split())
        page.locator(f"{LATEST} .aq-answer .aq-chip").first.hover()
        expect_in(page.locator(".aq-popover"), [f"It is said that {batch[0]}"])
        expect_in(page.locator(f"{LATEST} .aq-exchange"), batch)
        expect_harmless(page)
        if number % 10 == 9:  # what came before is sent with each question
            page.get_by_role("button", name=text.NEW_CONVERSATION).click()
            expect(page.locator(f"{LATEST} .aq-exchange")).to_have_count(0)
    page.reload()
    expect(page.locator(f"{LATEST} .aq-exchange")).to_be_visible()
    for place in (LATEST, SOURCES):
        expect_in(page.locator(place), BATCHES[-1])
    expect_harmless(page)
    opened.problems[:] = [problem for problem in opened.problems if "AbortError" not in problem]


def test_no_answer_and_failures(opened: Pages) -> None:
    """What was looked for, the closest articles, the words of an error."""
    service = FakeService(script=script("not_in_articles", SMALL_BATCHES))
    page = opened(service)
    for batch in SMALL_BATCHES:
        ask_batch(page, batch)
        expect_in(page.locator(f"{LATEST} .aq-looked-for"), batch)
        expect_in(page.locator(f"{LATEST} .aq-closest-articles"), batch[:3])
        expect_in(page.locator(SOURCES), batch)
        expect_harmless(page)
        page.get_by_role("button", name=text.NEW_CONVERSATION).click()
        expect(page.locator(f"{LATEST} .aq-exchange")).to_have_count(0)
    for start in range(0, len(VECTORS), 60):
        service.error = ModelError(" ".join(VECTORS[start : start + 60]))
        ask(page, f"Why {start}?")
        expect_in(page.locator(f"{LATEST} .aq-error"), VECTORS[start : start + 60])
        expect_harmless(page)


def test_kept_conversations_and_feedback(opened: Pages, tmp_path: Path) -> None:
    """The list of conversations, one that is opened again, and both fields of the feedback."""
    secret = "ab" * 32
    owner = owner_of(None, secret)
    assert owner is not None
    kept = Kept.at(tmp_path / "conversations.sqlite", max_conversations=1000)
    for vector in VECTORS:
        given = hostile_events([vector])[-1]
        assert isinstance(given, Done)
        kept.conversations.save(owner, [KeptExchange(vector, given.answer)])
    page = opened(FakeService(), kept=kept)
    page.evaluate("(secret) => localStorage.setItem('aq-owner', secret)", secret)
    page.reload()
    items = page.locator(".aq-history-item")
    expect(items).to_have_count(len(VECTORS))
    expect_in(page.locator("dialog.aq-history"), [vector[:200] for vector in VECTORS])
    expect_harmless(page)
    for batch in BATCHES:
        page.get_by_role("button", name=text.HISTORY_OPEN).click()
        items.nth(VECTORS[::-1].index(batch[0])).click()
        expect_in(page.locator(LATEST), batch[:1])
        page.get_by_role("button", name=text.THUMB_DOWN).click()
        said = " ".join(batch)[:MAX_WORDS_CHARS]
        page.get_by_label(text.RIGHT_ANSWER_LABEL).fill(said)
        page.get_by_label(text.COMMENT_LABEL).fill(said)
        page.get_by_role("button", name=text.FEEDBACK_SEND).click()
        expect(page.locator(".aq-thanks")).to_have_text(text.FEEDBACK_THANKS)
        page.get_by_role("button", name=text.FEEDBACK_CHANGE).click()
        expect(page.get_by_label(text.COMMENT_LABEL)).to_be_visible()
        for label in (text.RIGHT_ANSWER_LABEL, text.COMMENT_LABEL):
            assert shown(page.get_by_label(label).input_value()) == shown(said)
        expect_harmless(page)
    opened.problems[:] = [problem for problem in opened.problems if "AbortError" not in problem]
