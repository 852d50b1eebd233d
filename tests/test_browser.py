"""The page in a real browser, over a fake service: every flow of a reader, and text from articles that stays text.

Needs Chromium (``ARTICLE_QA_CHROMIUM``, /usr/bin/chromium, or the one that Playwright installs); skipped without one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from index.errors import BuilderBusyError
from index.types import Article, make_article
from qa.types import Done, Event, EvidenceFound, TextWritten
from qa.ui import text
from tests.browser.pages import SHORT_ANSWER, Pages, ask, to_articles
from tests.qa.ui.fakes import (
    LANDING,
    LICENCE,
    LICENCE_QUESTION,
    QUOTE,
    FakeCollection,
    FakeService,
    answer,
    cited,
    retrieved,
)

pytestmark = pytest.mark.browser

RUN = "window.__ran = (window.__ran || 0) + 1"
HOSTILE = [
    f"<script>{RUN}</script>",
    f'<img src=x onerror="{RUN}">',
    f"<svg/onload={RUN}>",
    f"<iframe srcdoc='<script>parent.{RUN.removeprefix('window.')}</script>'></iframe>",
    f'"><img src=x onerror="{RUN}">',
    f"' onmouseover='{RUN}' x='",
    f'<a href="javascript:{RUN}">click</a>',
    f"[click](javascript:{RUN})",
    "![pixel](https://evil.example/pixel.png)",
    "<img src=https://evil.example/pixel.png>",
    "<link rel=stylesheet href=https://evil.example/x.css><style>@import url(https://evil.example/y.css)</style>",
    f"${{{RUN}}} {{{{constructor.constructor('{RUN}')()}}}} `${{{RUN}}}`",
    f"</p></div></section><script>{RUN}</script>",
    f"<details open ontoggle={RUN}>",
    f"<math><mtext></table><mglyph><style><img src=x onerror={RUN}>",
    f"\\u003cscript\\u003e{RUN}\\u003c/script\\u003e &lt;script&gt;{RUN}&lt;/script&gt;",
    f"$$\\href{{javascript:{RUN}}}{{x}}$$",
]


# Articles


def test_files_are_added_with_a_verdict_each(opened: Pages, tmp_path: Path) -> None:
    new, empty, known = (tmp_path / name for name in ("tides.md", "empty.txt", "licence.jsonl"))
    new.write_text("# Tides at the new harbour\n\nThe harbour's tides reach five metres in spring.")
    empty.write_text("")
    known.write_text('{"text": "x y z"}\n{"text": ""}\nnot json\n')
    page = opened(FakeService())
    to_articles(page)
    page.locator(".aq-add input[type=file]").set_input_files([new, empty, known])
    verdicts = page.locator(".aq-verdicts li")
    expect(verdicts).to_have_count(3)
    expect(verdicts.nth(0)).to_contain_text("tides.md")
    expect(verdicts.nth(0)).to_contain_text("added")
    expect(verdicts.nth(1)).to_contain_text("rejected")
    expect(verdicts.nth(2)).to_contain_text("2 rejected")
    expect(page.locator(".block.aq-report")).to_contain_text(text.INDEXED)
    expect(page.locator(".block.aq-listing")).to_contain_text("Tides at the new harbour")
    expect(page.locator(".aq-status")).to_contain_text("4 articles", timeout=6_000)


def test_a_pasted_text_becomes_an_article(opened: Pages) -> None:
    page = opened(FakeService(FakeCollection()))
    to_articles(page)
    page.get_by_placeholder(text.PASTE_TEXT_PLACEHOLDER).fill("A text of some words about tides.")
    page.get_by_placeholder(text.PASTE_TITLE_LABEL).fill("Tides")
    page.get_by_role("button", name=text.PASTE_BUTTON).click()
    expect(page.locator(".aq-verdicts")).to_contain_text("added")
    expect(page.locator(".aq-row-title")).to_have_text("Tides")
    expect(page.get_by_placeholder(text.PASTE_TEXT_PLACEHOLDER)).to_have_value("")


def test_an_empty_text_is_refused_with_its_reason(opened: Pages) -> None:
    page = opened(FakeService())
    to_articles(page)
    page.get_by_role("button", name=text.PASTE_BUTTON).click()
    expect(page.locator(".aq-verdicts")).to_contain_text("rejected")
    expect(page.locator(".aq-reason")).to_contain_text("text")


def test_stored_but_not_searchable_yet_is_said(opened: Pages) -> None:
    service = FakeService()
    service.store.busy = BuilderBusyError("another builder works")
    page = opened(service)
    to_articles(page)
    page.get_by_placeholder(text.PASTE_TEXT_PLACEHOLDER).fill("A text of some words about tides.")
    page.get_by_role("button", name=text.PASTE_BUTTON).click()
    expect(page.locator(".block.aq-report .aq-error")).to_contain_text("another builder works")


def test_removing_asks_first(opened: Pages) -> None:
    page = opened(FakeService())
    to_articles(page)
    page.locator(".aq-row", has_text=LANDING.title).click()
    expect(page.locator(".aq-reader h2")).to_have_text(LANDING.title)
    page.get_by_role("button", name=text.REMOVE, exact=True).click()
    page.get_by_role("button", name=text.REMOVE_NO).click()
    expect(page.locator(".aq-row")).to_have_count(2)
    page.get_by_role("button", name=text.REMOVE, exact=True).click()
    page.locator(".aq-confirm").get_by_role("button", name=text.REMOVE_YES).click()
    expect(page.locator(".block.aq-reading")).to_contain_text("was removed")
    expect(page.locator(".aq-row")).to_have_count(1)


def test_the_list_is_searched_and_paged(opened: Pages) -> None:
    many = [
        make_article(f"Text number {n}.", title=f"Story {n:02}", published_at=f"2024-01-{n:02}") for n in range(1, 31)
    ]
    page = opened(FakeService(FakeCollection(many)))
    to_articles(page)
    expect(page.locator(".aq-row-title").first).to_have_text("Story 30")
    expect(page.locator(".aq-paging")).to_contain_text("1–20 of 30")
    page.get_by_role("button", name=text.OLDER).click()
    expect(page.locator(".aq-row-title").first).to_have_text("Story 10")
    page.get_by_placeholder(text.SEARCH_PLACEHOLDER).fill("story 29")
    expect(page.locator(".aq-row")).to_have_count(1)
    page.get_by_placeholder(text.SEARCH_PLACEHOLDER).fill("<b>nothing</b>")
    expect(page.locator(".block.aq-listing")).to_contain_text("<b>nothing</b>")


def test_rebuilding_shows_its_progress(opened: Pages) -> None:
    page = opened(FakeService(FakeCollection([LICENCE], build_seconds=0.0)))
    to_articles(page)
    page.get_by_role("button", name=text.REBUILD).click()
    expect(page.locator(".block.aq-rebuilt .aq-good")).to_contain_text("gen-000002")


def test_articles_added_elsewhere_appear_by_themselves(opened: Pages) -> None:
    service = FakeService()
    page = opened(service)
    to_articles(page)
    expect(page.locator(".aq-row")).to_have_count(2)
    service.store.add([make_article("Some words about tides.", title="Tides", published_at="2025-01-01")])
    expect(page.locator(".aq-row")).to_have_count(3, timeout=6_000)
    expect(page.locator(".aq-status")).to_contain_text("newest 1 Jan 2025")


# Looks and safety


@pytest.mark.parametrize("width", [390, 860, 1360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(opened: Pages, width: int, scheme: str) -> None:
    long_word = "Donaudampfschifffahrtsgesellschaft" * 8
    article = replace(LICENCE, title=long_word, source=long_word, text=f"{LICENCE.text} {long_word}")
    page = opened(FakeService(FakeCollection([article])), width=width, color_scheme=scheme)
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
    for act in (lambda: ask(page, LICENCE_QUESTION), lambda: to_articles(page)):
        act()
        page.wait_for_timeout(700)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def hostile_article(vector: str) -> Article:
    article = make_article(f"{vector}\n\n{QUOTE} {vector}", title=vector, source=vector, published_at="2024-01-01")
    return replace(article, url=vector if vector.startswith("javascript") else f"javascript:{RUN}//{vector}")


def hostile_script(vector: str) -> list[Event]:
    found = retrieved(hostile_article(vector))
    final = answer(
        vector,
        "answered",
        short_answer=vector,
        answer=f"{vector} [1]",
        citations=(cited(found, QUOTE),),
        passages=(found,),
        standalone_question=f"{vector}?",
    )
    return [EvidenceFound(vector, (found,)), TextWritten(vector), Done(final)]


def test_text_of_others_is_only_ever_text(opened: Pages) -> None:
    store = FakeCollection(hostile_article(vector) for vector in HOSTILE)
    page = opened(FakeService(store, script={vector.strip(): hostile_script(vector) for vector in HOSTILE}))
    for vector in HOSTILE:
        ask(page, vector)
        expect(page.locator(".aq-latest .aq-question")).to_contain_text(vector.strip())
        expect(page.locator(f".aq-latest {SHORT_ANSWER}")).to_have_text(vector.strip(), timeout=10_000)
        expect(page.locator(".aq-card h3")).to_have_text(vector.strip())
        page.locator(".aq-latest .aq-text-button").click()
        expect(page.locator(".aq-reader h2")).to_have_text(vector.strip())
    to_articles(page)
    for row in range(len(HOSTILE)):
        page.locator(".aq-row").nth(row).click()
        expect(page.locator(".block.aq-reading .aq-reader h2")).to_have_text(
            page.locator(".aq-row-title").nth(row).inner_text()
        )
    for vector in HOSTILE:
        page.get_by_placeholder(text.SEARCH_PLACEHOLDER).fill(f"{vector} nowhere")
        page.get_by_placeholder(text.PASTE_TITLE_LABEL).fill(vector)
        page.get_by_role("button", name=text.PASTE_BUTTON).click()
        expect(page.locator(".aq-file")).to_have_text(vector.strip())
        expect(page.locator(".block.aq-listing .aq-hint")).to_contain_text(vector.strip())
    assert page.locator("a[href^='javascript' i], .aq-panel img, .aq-reply img, .aq-listing img").count() == 0
    assert page.evaluate("window.__ran || 0") == 0


def test_markup_that_got_in_could_run_nothing(opened: Pages) -> None:
    page = opened(FakeService())
    page.evaluate(f"""document.body.insertAdjacentHTML('beforeend', `<img src=x onerror="{RUN}">`)""")
    page.evaluate(f"document.body.appendChild(Object.assign(document.createElement('script'), {{text: '{RUN}'}}))")
    page.wait_for_timeout(500)
    assert page.evaluate("window.__ran || 0") == 0
    assert sum("Content Security Policy" in problem for problem in opened.problems) == 2
    opened.problems.clear()
