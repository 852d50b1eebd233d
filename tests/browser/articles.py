"""Collections to browse and the ways about the Articles tab, for its browser tests; expects nothing of it."""

from __future__ import annotations

from dataclasses import replace

from playwright.sync_api import Locator, Page, expect

from index.types import Article, make_article
from qa.ui import text
from qa.ui import text_articles as words
from tests.browser.pages import to_articles
from tests.qa.ui.fakes import FakeCollection, FakeService

SOURCES = ("Harbour Post", "The Evening Gazette", "Science Weekly", None)
TAX_TEXTS = (
    "Parliament debates the harbour tax on Friday.\n\nThe tax brings in 12 million euros a year.",
    "Parliament voted on Friday to extend the harbour tax.\n\nThe vote was 90 to 30.\n\n"
    "The tax brings in 12 million euros a year.",
    "Parliament voted on Friday to extend the harbour tax until spring.\n\nThe vote was 90 to 30.\n\n"
    "The tax brings in 14 million euros a year.",
)
TAX = make_article(
    TAX_TEXTS[0],
    title="Harbour tax",
    url="https://harbour.example/tax",
    source="Harbour Post",
    published_at="2024-04-03",
)


def numbered(number: int) -> Article:
    """One of many: three a day in April 2024, from sources in turn; every tenth without a day."""
    return make_article(
        f"Text number {number} about the harbour.",
        title=f"Story {number:02}",
        url=f"https://news.example/{number}",
        source=SOURCES[number % len(SOURCES)],
        published_at=None if number % 10 == 0 else f"2024-04-{1 + number // 3:02}",
    )


def collection(num_articles: int = 45) -> FakeCollection:
    """Many articles, which came hour by hour, and one that was revised twice."""
    store = FakeCollection()
    for number in range(1, num_articles + 1):
        store.now = f"2024-05-01T{number // 6:02}:00:00+00:00"
        store.accept([numbered(number)])
    for hour, body in enumerate(TAX_TEXTS):
        store.now = f"2024-05-02T{9 + hour:02}:30:00+00:00"
        revised = make_article(body, title=TAX.title, url=TAX.url, source=TAX.source, published_at=TAX.published_at)
        store.accept([replace(revised, article_id=TAX.article_id)])
    store.update()
    return store


def service(num_articles: int = 45) -> FakeService:
    return FakeService(collection(num_articles))


def open_view(page: Page, name: str) -> None:
    """One of the views of the Articles tab, from wherever the page is."""
    to_articles(page)
    page.get_by_role("tab", name=name, exact=True).click()


def opened_articles(page: Page) -> None:
    """The list, once it is there."""
    to_articles(page)
    expect(page.locator(".aq-list-waiting").first).to_have_count(0)


def control(page: Page, label: str) -> Locator:
    """One of the list's filters, or its order."""
    return page.locator(".aq-browse-filters").get_by_label(label, exact=True)


def titles(page: Page) -> Locator:
    return page.locator(".block.aq-listing .aq-row-title")


def read(page: Page, title: str) -> None:
    """Open an article of the list."""
    page.get_by_placeholder(text.SEARCH_PLACEHOLDER).fill(title)
    expect(titles(page)).to_have_count(1)
    titles(page).first.click()
    expect(page.locator(".aq-reader h2")).to_have_text(title)


def remove(page: Page) -> None:
    """Remove the article that is open."""
    page.get_by_role("button", name=words.REMOVE, exact=True).click()
    page.locator(".aq-confirm").get_by_role("button", name=words.REMOVE_YES).click()
    expect(page.locator(".aq-undo")).to_be_visible()
