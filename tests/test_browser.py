"""The page in a real browser, over a fake service: every flow of a reader, and text from articles that stays text.

Needs Chromium (``ARTICLE_QA_CHROMIUM``, /usr/bin/chromium, or the one that Playwright installs); skipped without one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, Route, expect, sync_playwright

from index.errors import BuilderBusyError, ModelError
from index.types import Article, make_article
from qa.date_windows import DateWindow
from qa.types import Done, Event, EvidenceFound, Note, TextWritten
from qa.ui import text
from tests.qa.ui.fakes import (
    LANDING,
    LICENCE,
    LICENCE_QUESTION,
    PRICE_QUESTION,
    QUOTE,
    FakeCollection,
    FakeLoading,
    FakeService,
    answer,
    cited,
    licence_answer,
    retrieved,
)
from tests.qa.ui.serving import changed, served

pytestmark = pytest.mark.browser

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
QUESTION_BOX = f"textarea[placeholder='{text.QUESTION_PLACEHOLDER}']"
SHORT_ANSWER = ".aq-short-answer"
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    installed = os.environ.get("ARTICLE_QA_CHROMIUM", "/usr/bin/chromium")
    executable = installed if Path(installed).exists() else None
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        except Error as error:
            pytest.skip(f"no Chromium to test with: {error.message.splitlines()[0]}")
        yield browser
        browser.close()


class Pages:
    """Opens pages, each of a service of its own, and notes what must not happen on any."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._cleanups = ExitStack()
        self.problems: list[str] = []

    def __call__(self, service: FakeService, *, width: int = 1360, height: int = 860, **options: Any) -> Page:
        url = self._cleanups.enter_context(served(service))
        context = self._browser.new_context(viewport={"width": width, "height": height}, **options)
        self._cleanups.callback(context.close)
        page = context.new_page()
        page.route("**/*", self._refuse_other_sites)
        page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        page.on("console", lambda message: self.problems.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: self.problems.append("a dialog opened"))
        page.goto(url)
        expect(page.locator(QUESTION_BOX)).to_be_visible(timeout=20_000)
        return page

    def close(self) -> None:
        self._cleanups.close()

    def _refuse_other_sites(self, route: Route) -> None:
        if "://127.0.0.1:" in route.request.url or route.request.url.startswith(("data:", "blob:")):
            route.continue_()
        else:
            self.problems.append(f"asked for {route.request.url}")
            route.abort()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Pages]:
    pages = Pages(browser)
    yield pages
    pages.close()
    assert pages.problems == []


def ask(page: Page, question: str) -> None:
    page.locator(QUESTION_BOX).fill(question)
    page.keyboard.press("Enter")


def to_articles(page: Page) -> None:
    page.get_by_role("tab", name=text.TAB_ARTICLES).click()


# Asking


def test_an_answer_is_streamed_with_its_evidence_first(opened: Pages) -> None:
    page = opened(FakeService(word_seconds=0.3))
    ask(page, LICENCE_QUESTION)
    expect(page.locator(".block.aq-sources h2")).to_have_text(text.EVIDENCE_TITLE)
    expect(page.locator(".aq-draft")).to_contain_text("The National")
    expect(page.locator(".aq-reply")).to_have_attribute("aria-busy", "true")
    expect(page.locator(SHORT_ANSWER)).to_have_text("The National Development and Reform Commission", timeout=10_000)
    expect(page.locator(".aq-reply")).to_have_attribute("aria-busy", "false")
    expect(page.locator(".aq-latest button.aq-chip")).to_have_count(2)
    expect(page.locator(".block.aq-sources mark[data-marker='1']")).to_have_text(QUOTE)
    expect(page.locator(QUESTION_BOX)).to_have_value("")


def test_a_chip_points_to_its_quote_and_the_article_opens_there(opened: Pages) -> None:
    page = opened(FakeService())
    ask(page, LICENCE_QUESTION)
    page.locator("button.aq-chip", has_text="2").click()
    expect(page.locator("mark.aq-pointed")).to_have_text("Li Auto and WM Motor, had the same trouble")
    page.get_by_role("button", name=text.OPEN_ARTICLE).first.click()
    expect(page.locator(".aq-reader h2")).to_have_text(LICENCE.title)
    expect(page.locator(".aq-reader mark")).to_have_text(QUOTE)
    expect(page.locator(".aq-reader mark")).to_be_in_viewport()
    page.get_by_role("button", name=text.BACK_TO_SOURCES).click()
    expect(page.locator(".block.aq-sources h2")).to_have_text(text.SOURCES_TITLE)


def test_a_date_window_is_shown_and_removed_by_asking_again(opened: Pages) -> None:
    window = DateWindow("this week", 0, 9, date(2022, 8, 22), date(2022, 8, 28), strict=True)
    passages = (retrieved(LICENCE),)
    notes = (Note("age", "From an article of 26 August 2022, 8 months before."),)
    dated = replace(licence_answer(passages[0], passages), date_window=window, notes=notes)
    service = FakeService(script={LICENCE_QUESTION: [EvidenceFound(LICENCE_QUESTION, passages), Done(dated)]})
    page = opened(service)
    ask(page, LICENCE_QUESTION)
    expect(page.locator(".aq-window")).to_contain_text("this week: 22 to 28 August 2022")
    expect(page.locator(".aq-notes")).to_have_text(notes[0].text)
    service.script.clear()
    page.get_by_role("button", name=text.WINDOW_REMOVE.format(phrase="this week")).click()
    expect(page.locator(".aq-window")).to_have_count(0)
    expect(page.locator(SHORT_ANSWER)).to_have_text("The National Development and Reform Commission", timeout=10_000)
    expect(page.locator(".aq-question")).to_have_count(1)
    assert [asked.get("use_date_window", True) for asked in service.asked] == [True, False]


def test_links_to_originals_open_elsewhere_and_tell_nothing(opened: Pages) -> None:
    page = opened(FakeService())
    ask(page, LICENCE_QUESTION)
    link = page.get_by_role("link", name=text.ORIGINAL).first
    expect(link).to_have_attribute("href", str(LICENCE.url))
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")


def test_what_the_articles_do_not_say_is_said(opened: Pages) -> None:
    page = opened(FakeService())
    page.get_by_role("button", name=PRICE_QUESTION).click()
    expect(page.locator(".aq-latest .aq-notice")).to_contain_text(text.NOT_IN_ARTICLES_TITLE)
    expect(page.locator(".block.aq-sources h2")).to_have_text(text.CLOSEST_TITLE)
    expect(page.locator(SHORT_ANSWER)).to_have_count(0)


def test_without_articles_the_page_leads_to_adding_one(opened: Pages) -> None:
    page = opened(FakeService(FakeCollection()))
    expect(page.locator(".aq-empty")).to_contain_text(text.NO_ARTICLES_TITLE)
    ask(page, LICENCE_QUESTION)
    page.locator(".aq-latest").get_by_role("button", name=text.NO_ARTICLES_BUTTON).click()
    expect(page.locator(".aq-add")).to_be_visible()


def test_shift_enter_makes_a_line_and_enter_sends(opened: Pages) -> None:
    service = FakeService()
    page = opened(service)
    page.locator(QUESTION_BOX).fill("What does")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("the car cost?")
    assert service.asked == []
    page.keyboard.press("Enter")
    expect(page.locator(".aq-latest .aq-question")).to_contain_text("What does\nthe car cost?")


def test_stopping_keeps_the_draft_and_asking_again_answers(opened: Pages) -> None:
    service = FakeService(word_seconds=0.5)
    page = opened(service)
    ask(page, LICENCE_QUESTION)
    expect(page.locator(".aq-draft")).to_contain_text("National")
    page.get_by_role("button", name=text.STOP).click()
    expect(page.locator(".aq-meta")).to_have_text(text.STOPPED)
    expect(page.locator(".aq-draft")).to_contain_text("National")
    page.wait_for_timeout(1500)
    assert service.num_stopped == 1
    expect(page.locator(".aq-meta")).to_have_text(text.STOPPED)
    with changed(service, word_seconds=0.0):
        page.get_by_role("button", name=text.RETRY).click()
        expect(page.locator(SHORT_ANSWER)).to_be_visible()
    expect(page.locator(".aq-exchange")).to_have_count(1)


def test_follow_ups_carry_the_conversation_as_plain_text(opened: Pages) -> None:
    service = FakeService()
    page = opened(service)
    ask(page, LICENCE_QUESTION)
    expect(page.locator(SHORT_ANSWER)).to_be_visible()
    page.locator(".aq-date input").fill("2024-03-28")
    page.wait_for_timeout(300)
    ask(page, "And what did Bloomberg say?")
    expect(page.locator(".aq-latest .aq-notice")).to_be_visible()
    expect(page.locator(".aq-earlier.block .aq-question")).to_contain_text(LICENCE_QUESTION)
    asked = service.asked[-1]
    assert asked["as_of"] == "2024-03-28"
    assert [turn["role"] for turn in asked["history"]] == ["user", "assistant"]
    assert "[1]" not in asked["history"][1]["content"]
    assert "<" not in asked["history"][1]["content"]
    page.locator(".aq-earlier button.aq-chip").first.click()  # the panel goes back to that answer's sources
    expect(page.locator(".block.aq-sources h2")).to_have_text(text.SOURCES_TITLE)


def test_starting_over_forgets_the_conversation(opened: Pages) -> None:
    service = FakeService()
    page = opened(service)
    ask(page, LICENCE_QUESTION)
    expect(page.locator(SHORT_ANSWER)).to_be_visible()
    page.get_by_role("button", name=text.NEW_CONVERSATION).click()
    expect(page.locator(".aq-empty")).to_be_visible()
    expect(page.locator(".aq-exchange")).to_have_count(0)
    ask(page, PRICE_QUESTION)
    expect(page.locator(".aq-latest .aq-notice")).to_be_visible()
    assert service.asked[-1]["history"] == []


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ModelError("the answering model is <missing>"), "the answering model is <missing>"),
        (RuntimeError("secret detail"), text.FAILED_UNEXPECTED),
    ],
)
def test_a_failure_is_one_line_and_the_question_stays(opened: Pages, error: Exception, shown: str) -> None:
    service = FakeService(error=error)
    page = opened(service)
    ask(page, LICENCE_QUESTION)
    expect(page.locator(".aq-latest .aq-error p")).to_have_text(shown)
    expect(page.locator(".aq-latest .aq-question")).to_contain_text(LICENCE_QUESTION)
    assert "secret" not in page.locator("body").inner_text()
    with changed(service, error=None):
        page.get_by_role("button", name=text.RETRY).click()
        expect(page.locator(SHORT_ANSWER)).to_be_visible()


def test_loading_is_visible_and_a_question_waits_for_it(opened: Pages) -> None:
    service = FakeService(state=FakeLoading("joining the answering model", 3, 10, is_ready=False))
    page = opened(service)
    expect(page.locator(".aq-status [role=progressbar]")).to_have_attribute("aria-valuenow", "30")
    ask(page, LICENCE_QUESTION)
    expect(page.locator(".aq-activity")).to_contain_text(text.WAITING_FOR_MODELS)
    service.state = FakeLoading()
    expect(page.locator(SHORT_ANSWER)).to_be_visible(timeout=10_000)
    expect(page.locator(".aq-state")).to_have_text(text.STATUS_READY)
    expect(page.locator(".aq-status")).to_contain_text("2 articles")
    expect(page.locator(".aq-status")).to_contain_text("gen-000001")
    expect(page.locator(".aq-status")).to_contain_text("Qwen2.5-Coder-1.5B-Instruct")


def test_a_model_that_cannot_be_loaded_is_said(opened: Pages) -> None:
    page = opened(FakeService(state=FakeLoading("x", 0, 1, is_ready=False, error="no room on the disk")))
    expect(page.locator(".aq-state-error")).to_contain_text("no room on the disk")


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


def test_the_page_keeps_still_while_an_answer_is_written(opened: Pages) -> None:
    page = opened(FakeService(word_seconds=0.1))
    ask(page, LICENCE_QUESTION)
    expect(page.locator(".aq-draft")).to_be_visible()
    page.wait_for_timeout(400)
    page.evaluate(
        "window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(e => window.shift += e.value))"
        ".observe({type: 'layout-shift'})"
    )
    expect(page.locator(SHORT_ANSWER)).to_be_visible(timeout=10_000)
    page.wait_for_timeout(300)
    assert page.evaluate("window.shift") < 0.1


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
        page.get_by_role("button", name=text.OPEN_ARTICLE).click()
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
