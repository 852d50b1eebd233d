"""Hundreds of hostile texts on the Articles tab, see tests/browser/xss.py: none runs, each can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from index.types import Rejection, make_article
from qa.ui import text
from qa.ui import text_articles as words
from qa.ui.articles_panel import MAX_QUERY_CHARS
from tests.browser.articles import open_view, opened_articles, titles
from tests.browser.pages import Pages
from tests.browser.xss import BATCHES, READING, SMALL_BATCHES, expect_harmless, expect_in, hostile_article, shown
from tests.browser.xss_vectors import VECTORS
from tests.qa.ui.fakes import FakeCollection, FakeService

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_list_of_articles_and_the_reader(opened: Pages) -> None:
    """Rows, filters, arrivals; the reader with several of them in each field of an article."""
    store = FakeCollection(hostile_article(vector) for vector in VECTORS)
    page = opened(FakeService(store))
    sources = [shown(source) for source, _ in store.sources()]
    expect(page.locator("#aq-source option")).to_have_count(len(sources) + 1)
    expect_in(page.locator("#aq-source"), VECTORS)
    opened_articles(page)
    expect_in(page.locator(".aq-browse-filters"), VECTORS)
    found: list[str] = []
    is_last = False
    while not is_last:
        rows = titles(page)
        on_page = [shown(title) for title in rows.all_text_contents()]
        expect_harmless(page)
        found += on_page
        later = page.get_by_role("button", name=words.NEXT)
        is_last = later.count() == 0 or later.is_disabled()
        if not is_last:
            later.click()
            expect(rows.first).not_to_have_text(on_page[0])
            page.wait_for_timeout(300)
    assert set(found) == {shown(vector) for vector in VECTORS}
    open_view(page, words.VIEW_ARRIVALS)
    expect(page.locator(".aq-list .aq-row:visible").first).to_be_visible()
    expect_harmless(page)
    page.close()
    articles = {shown(" ".join(batch)): hostile_article(" ".join(batch)) for batch in BATCHES}
    page = opened(FakeService(FakeCollection(articles.values())))
    opened_articles(page)
    rows = titles(page)
    for row in range(rows.count()):
        batch = [articles[shown(rows.nth(row).inner_text())].title]
        rows.nth(row).click()
        for place in ("h2", ".aq-origin", ".aq-text"):
            expect_in(page.locator(f"{READING} {place}"), batch)
        expect_harmless(page)
    assert rows.count() > 1


def test_searching_and_filtering(opened: Pages) -> None:
    store = FakeCollection(hostile_article(vector) for vector in VECTORS)
    page = opened(FakeService(store))
    opened_articles(page)
    for batch in SMALL_BATCHES:
        query = " ".join(batch)[:MAX_QUERY_CHARS].strip()
        page.get_by_placeholder(text.SEARCH_PLACEHOLDER).fill(query)
        expect_in(page.locator(".aq-found"), [query])
        expect_harmless(page)
    page.get_by_placeholder(text.SEARCH_PLACEHOLDER).fill("")
    names = page.locator(".aq-browse-filters [data-field=source] option").all_text_contents()
    for number in range(1, len(names), 10):
        page.locator(".aq-browse-filters [data-field=source]").select_option(index=number)
        name = names[number].rsplit(" (", 1)[0]
        expect_in(page.locator(".aq-found"), [name])
        expect_in(page.locator(".aq-chart"), [name])
        expect_harmless(page)
    assert len(names) > 300


def test_what_changed(opened: Pages) -> None:
    """Every vector as a paragraph that came, one that went and a word that changed, and in title and source."""
    first = "\n\n".join(f"Said before: {vector}" for vector in VECTORS)
    second = "\n\n".join(f"Said after: {vector} {vector}" for vector in VECTORS)
    store = FakeCollection([make_article(first, title=" ".join(VECTORS), source=" ".join(VECTORS), article_id="one")])
    store.accept([make_article(second, title="Title", source="Source", article_id="one")])
    page = opened(FakeService(store))
    opened_articles(page)
    titles(page).first.click()
    page.locator(f"{READING} summary").click()
    page.get_by_role("button", name=words.DIFF_SHOW).first.click()
    for place in (".aq-diff", ".aq-diff-fields"):
        expect_in(page.locator(f"{READING} {place}"), VECTORS)
    expect_harmless(page)


def test_files_addresses_and_pasted_texts(opened: Pages, tmp_path: Path) -> None:
    """Names of files, what a feed's entries are called and why they were refused, titles of texts."""
    service = FakeService()
    page = opened(service)
    open_view(page, words.VIEW_ADD)
    upload = page.locator(".aq-drop input[type=file]")
    batches = [VECTORS[start : start + 20] for start in range(0, len(VECTORS), 20)]
    for batch in batches:
        files = [{"name": f"{vector}.txt", "mimeType": "text/plain", "buffer": vector.encode()} for vector in batch]
        upload.set_input_files(files)  # type: ignore[arg-type]  # a TypedDict
        expect(page.locator(".block.aq-report .aq-verdicts li")).to_have_count(len(batch))
        expect_harmless(page)
        address = f"https://feed.example/{batches.index(batch)}"
        service.addresses.prepared[address] = [Rejection(f"Entry {vector}", f"Because of {vector}") for vector in batch]
        page.get_by_placeholder(words.ADDRESS_PLACEHOLDER).fill(address)
        page.get_by_role("button", name=words.ADDRESS_BUTTON).click()
        expect_in(page.locator(".block.aq-report"), [f"Because of {vector}" for vector in batch])
        expect_in(page.locator(".block.aq-report"), [f"Entry {vector}" for vector in batch])
        page.get_by_placeholder(words.ADDRESS_PLACEHOLDER).fill(f"https://feed.example/path {' '.join(batch)}")
        page.get_by_role("button", name=words.ADDRESS_BUTTON).click()
        expect_in(page.locator(".block.aq-report"), [f"https://feed.example/path {' '.join(batch)}"])
        page.get_by_placeholder(text.PASTE_TITLE_LABEL).fill(f"Title {' '.join(batch)}")
        page.get_by_role("button", name=text.PASTE_BUTTON).click()
        expect_in(page.locator(".block.aq-report .aq-file"), [f"Title {' '.join(batch)}"])
        expect_harmless(page)
