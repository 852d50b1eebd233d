"""Asking in a real browser: streaming, chips and their quotes, the article beside, stopping, editing, copying."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from index.errors import ModelError
from qa.ui import text
from tests.browser.asking import COMMISSION, asking_service
from tests.browser.pages import QUESTION_BOX, SHORT_ANSWER, Pages, ask
from tests.qa.ui.fakes import (
    LICENCE,
    LICENCE_QUESTION,
    PRICE_QUESTION,
    QUOTE,
    FakeCollection,
    FakeLoading,
    FakeService,
)
from tests.qa.ui.serving import changed

pytestmark = pytest.mark.browser

FINISHED = ".aq-latest .aq-working.aq-finished"
POPOVER = ".aq-popover"


def answered(page: Page) -> None:
    ask(page, LICENCE_QUESTION)
    expect(page.locator(FINISHED)).to_be_visible()


def test_the_short_answer_in_its_quote_comes_first_and_the_text_streams_under_it(opened: Pages) -> None:
    service = asking_service(word_seconds=0.6)
    page = opened(service)
    ask(page, LICENCE_QUESTION)
    expect(page.locator(SHORT_ANSWER)).to_have_text("National Development and Reform Commission")
    expect(page.locator(".aq-lead blockquote mark")).to_have_text("National Development and Reform Commission")
    expect(page.locator(".aq-lead-origin")).to_contain_text("Example News · 26 Aug 2022")
    expect(page.locator(".aq-draft .aq-skeleton").first).to_be_visible()
    expect(page.locator(".aq-draft")).to_contain_text("The licence must")
    expect(page.locator(".aq-lead blockquote mark")).to_be_visible()
    with changed(service, word_seconds=0.0):
        expect(page.locator(FINISHED)).to_be_visible()
    expect(page.locator(SHORT_ANSWER)).to_have_text(COMMISSION)
    expect(page.locator(".aq-answer .aq-chip")).to_have_count(2)
    expect(page.locator(".block.aq-sources mark[data-marker='1']")).to_have_text(QUOTE)
    expect(page.locator(QUESTION_BOX)).to_have_value("")


@pytest.mark.parametrize("width", [390, 1360])
def test_nothing_jumps_while_an_answer_streams(opened: Pages, width: int) -> None:
    """Cumulative layout shift from the question to the whole answer; what follows a click within 0.5 s counts too."""
    page = opened(asking_service(word_seconds=0.1), width=width)
    expect(page.locator(".aq-state")).to_be_visible()
    page.wait_for_timeout(500)
    page.evaluate(
        "window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(e => window.shift += e.value))"
        ".observe({type: 'layout-shift'})"
    )
    answered(page)
    page.wait_for_timeout(500)
    shift = page.evaluate("window.shift")
    print(f"layout shift at {width} px: {shift:.4f}")
    assert shift < 0.1


def test_only_phases_are_read_out(opened: Pages) -> None:
    page = opened(asking_service(word_seconds=0.1))
    page.evaluate(
        "window.said = []; new MutationObserver(() => window.said.push(document.querySelector('body > [role=status]')"
        ".textContent)).observe(document.querySelector('body > [role=status]'), {childList: true, characterData: true})"
    )
    answered(page)
    page.wait_for_timeout(300)
    said = page.evaluate("window.said")
    assert said[-2:] == [
        text.SAID_SHORT_ANSWER.format(answer="National Development and Reform Commission"),
        text.SAID_DONE.format(answer=COMMISSION, count=2),
    ]
    assert len(said) <= 4
    assert page.locator(".aq-reply[aria-live]").count() == 0


# Chips


def test_a_chip_shows_its_quote_under_the_pointer(opened: Pages) -> None:
    page = opened(asking_service())
    answered(page)
    page.locator(".aq-answer .aq-chip").nth(1).hover()
    expect(page.locator(POPOVER)).to_contain_text("Li Auto and WM Motor, had the same trouble")
    expect(page.locator(POPOVER)).to_contain_text(f"{LICENCE.title}Example News · 26 Aug 2022")
    assert LICENCE.article_id not in page.locator("body").inner_text()
    expect(page.locator("mark.aq-pointed")).to_have_text("Li Auto and WM Motor, had the same trouble")
    page.locator(f"{POPOVER} .aq-details-quote").hover()  # it can be reached with the pointer
    page.wait_for_timeout(400)
    expect(page.locator(POPOVER)).to_be_visible()
    page.mouse.move(5, 5)
    expect(page.locator(POPOVER)).to_be_hidden()


def test_a_click_opens_the_article_beside_at_the_quote(opened: Pages) -> None:
    long = "\n\n".join([*("Some words before it." for _ in range(60)), LICENCE.text])
    service = asking_service()
    page = opened(service)
    answered(page)
    service.store._histories[LICENCE.article_id][0] = _with_text(service.store, long)
    page.locator(".aq-answer .aq-chip").first.click()
    expect(page.locator(".aq-reader h2")).to_have_text(LICENCE.title)
    expect(page.locator(".aq-reader mark")).to_have_text(QUOTE)
    expect(page.locator(".aq-reader mark")).to_be_in_viewport()
    expect(page.locator(".aq-latest .aq-question")).to_be_in_viewport()
    page.get_by_role("button", name=text.BACK_TO_SOURCES).click()
    expect(page.locator(".block.aq-sources h2")).to_have_text(text.SOURCES_TITLE)


def _with_text(store: FakeCollection, words: str) -> object:
    revision = store.article(LICENCE.article_id)
    return replace(revision, article=replace(revision.article, text=words))


def test_chips_work_by_keyboard(opened: Pages) -> None:
    page = opened(asking_service())
    answered(page)
    chip = page.locator(".aq-answer .aq-chip").first
    page.keyboard.press("Escape")
    chip.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(chip).to_be_focused()
    expect(page.locator(POPOVER)).to_contain_text(QUOTE)
    page.keyboard.press("Escape")
    expect(page.locator(POPOVER)).to_be_hidden()
    expect(chip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".aq-reader mark")).to_have_text(QUOTE)
    expect(page.get_by_role("button", name=text.BACK_TO_SOURCES)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".block.aq-sources h2")).to_have_text(text.SOURCES_TITLE)
    expect(chip).to_be_focused()


def test_on_a_phone_a_tap_shows_the_quote_and_the_article_comes_as_a_sheet(opened: Pages) -> None:
    page = opened(asking_service(), width=390, height=844, has_touch=True, is_mobile=True)
    answered(page)
    expect(page.locator(".block.aq-sources")).to_be_hidden()
    chip = page.locator(".aq-answer .aq-chip").first
    chip.tap()
    expect(page.locator(POPOVER)).to_contain_text(QUOTE)
    expect(page.locator(".block.aq-sources")).to_be_hidden()
    page.locator(POPOVER).get_by_role("button", name=text.OPEN_ARTICLE).tap()
    sheet = page.get_by_role("dialog")
    expect(sheet.locator(".aq-reader mark")).to_have_text(QUOTE)
    expect(sheet.locator(".aq-reader mark")).to_be_in_viewport()
    assert page.evaluate("document.querySelector('.aq-main').inert")
    sheet.get_by_role("button", name=text.BACK_TO_CHAT).tap()
    expect(page.locator(".block.aq-sources")).to_be_hidden()
    expect(page.locator(".aq-latest .aq-question")).to_be_visible()
    assert not page.evaluate("document.querySelector('.aq-main').inert")
    page.get_by_role("button", name=text.SOURCES_BUTTON, exact=True).tap()
    expect(page.get_by_role("dialog").locator("h2")).to_have_text(text.SOURCES_TITLE)
    page.keyboard.press("Escape")
    expect(page.locator(".block.aq-sources")).to_be_hidden()


def test_confidence_says_what_it_means(opened: Pages) -> None:
    page = opened(asking_service())
    answered(page)
    confidence = page.locator("button.aq-confidence")
    expect(confidence).to_have_text("High confidence")
    confidence.click()
    expect(page.locator(POPOVER)).to_contain_text("Right about 9 times in 10")
    page.keyboard.press("Escape")
    expect(page.locator(POPOVER)).to_be_hidden()
    described = page.evaluate(
        "document.getElementById(document.querySelector('button.aq-confidence').getAttribute('aria-describedby'))"
        ".textContent"
    )
    assert "about 9 times in 10" in described


# Stopping, asking again, editing, copying


def test_stopping_keeps_what_is_there_and_asking_again_answers(opened: Pages) -> None:
    service = asking_service(word_seconds=1.5)  # it must not be over before it is stopped, on a busy machine either
    page = opened(service)
    ask(page, LICENCE_QUESTION)
    expect(page.locator(".aq-draft")).to_contain_text("The licence")
    page.get_by_role("button", name=text.STOP).click()
    expect(page.locator(".aq-meta")).to_have_text(text.STOPPED)
    expect(page.locator(".aq-draft")).to_contain_text("The licence")
    for _ in range(200):
        if service.num_stopped:
            break
        page.wait_for_timeout(100)
    assert service.num_stopped == 1
    expect(page.locator(".aq-meta")).to_have_text(text.STOPPED)
    with changed(service, word_seconds=0.0):
        page.get_by_role("button", name=text.RETRY).click()
        expect(page.locator(FINISHED)).to_be_visible()
    expect(page.locator(".aq-exchange")).to_have_count(1)


def test_escape_stops_and_slash_goes_to_the_question(opened: Pages) -> None:
    page = opened(asking_service(word_seconds=1.5))
    ask(page, LICENCE_QUESTION)
    expect(page.locator(".aq-draft")).to_contain_text("The licence")
    page.keyboard.press("Escape")
    expect(page.locator(".aq-meta")).to_have_text(text.STOPPED)
    page.locator(".aq-action:visible").first.focus()
    page.keyboard.press("/")
    expect(page.locator(QUESTION_BOX)).to_be_focused()
    page.keyboard.type("1/2")
    expect(page.locator(QUESTION_BOX)).to_have_value("1/2")


def test_an_edited_question_replaces_the_last_one(opened: Pages) -> None:
    service = asking_service()
    page = opened(service)
    answered(page)
    page.get_by_role("button", name=text.EDIT).click()
    expect(page.locator(QUESTION_BOX)).to_have_value(LICENCE_QUESTION)
    expect(page.locator(QUESTION_BOX)).to_be_focused()
    expect(page.locator(".aq-filter-chips")).to_contain_text(text.EDITING)
    page.locator(QUESTION_BOX).fill("Who approved it?")
    page.keyboard.press("Enter")
    expect(page.locator(".aq-not-found")).to_be_visible()
    expect(page.locator(".aq-exchange")).to_have_count(1)
    expect(page.locator(".aq-filter-chips")).to_have_count(0)
    assert service.asked[-1]["history"] == []


def test_editing_can_be_given_up(opened: Pages) -> None:
    page = opened(asking_service())
    answered(page)
    page.get_by_role("button", name=text.EDIT).click()
    page.get_by_role("button", name=text.EDITING_STOP).click()
    expect(page.locator(".aq-filter-chips")).to_have_count(0)
    ask(page, PRICE_QUESTION)
    expect(page.locator(".aq-exchange")).to_have_count(2)


def test_an_answer_is_copied_alone_or_with_its_sources(opened: Pages) -> None:
    page = opened(asking_service(), permissions=["clipboard-read", "clipboard-write"])
    answered(page)
    page.get_by_role("button", name=text.COPY, exact=True).click()
    expect(page.get_by_role("button", name=text.COPIED)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").startswith(f"{COMMISSION}\n\nThe licence must")
    page.get_by_role("button", name=text.COPY_WITH_SOURCES).click()
    page.wait_for_timeout(300)
    copied = page.evaluate("navigator.clipboard.readText()")
    assert (
        "[1] Example News, “Xiaomi is still waiting for its car licence”, 26 Aug 2022, https://news.example" in copied
    )


# The conversation


def test_shift_enter_makes_a_line_and_enter_sends(opened: Pages) -> None:
    service = FakeService()
    page = opened(service)
    page.locator(QUESTION_BOX).fill("What does")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("the car cost?")
    assert service.asked == []
    page.keyboard.press("Enter")
    expect(page.locator(".aq-latest .aq-question")).to_contain_text("What does\nthe car cost?")


def test_follow_ups_carry_the_conversation_as_plain_text(opened: Pages) -> None:
    service = asking_service()
    page = opened(service)
    answered(page)
    ask(page, "And what did Bloomberg say?")
    expect(page.locator(".aq-not-found")).to_be_visible()
    expect(page.locator(".aq-earlier.block .aq-question")).to_contain_text(LICENCE_QUESTION)
    asked = service.asked[-1]
    assert [turn["role"] for turn in asked["history"]] == ["user", "assistant"]
    assert "[1]" not in asked["history"][1]["content"]
    assert "<" not in asked["history"][1]["content"]
    page.locator(".aq-earlier .aq-answer .aq-chip").first.click()
    expect(page.locator(".aq-reader mark")).to_have_text(QUOTE)


def test_starting_over_forgets_the_conversation(opened: Pages) -> None:
    service = asking_service()
    page = opened(service)
    answered(page)
    page.get_by_role("button", name=text.NEW_CONVERSATION).click()
    expect(page.locator(".aq-empty")).to_be_visible()
    expect(page.locator(".aq-exchange")).to_have_count(0)
    ask(page, PRICE_QUESTION)
    expect(page.locator(".aq-not-found")).to_be_visible()
    assert service.asked[-1]["history"] == []


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ModelError("the answering model is <missing>"), "the answering model is <missing>"),
        (RuntimeError("secret detail"), text.FAILED_UNEXPECTED),
    ],
)
def test_a_failure_is_one_line_and_the_question_stays(opened: Pages, error: Exception, shown: str) -> None:
    service = asking_service(error=error)
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
    expect(page.locator(SHORT_ANSWER)).to_be_visible()
    expect(page.locator(".aq-state")).to_have_text(text.STATUS_READY)
    expect(page.locator(".aq-status")).to_contain_text("2 articles")
    expect(page.locator(".aq-status")).to_contain_text("gen-000001")
    expect(page.locator(".aq-status")).to_contain_text("Qwen2.5-Coder-1.5B-Instruct")


def test_a_model_that_cannot_be_loaded_is_said(opened: Pages) -> None:
    page = opened(FakeService(state=FakeLoading("x", 0, 1, is_ready=False, error="no room on the disk")))
    expect(page.locator(".aq-state-error")).to_contain_text("no room on the disk")
