"""The Ask tab in its main states, light and dark, wide and on a phone: axe finds nothing serious, pictures are kept.

The pictures lie in the folder that ``ARTICLE_QA_SCREENSHOTS`` names, else in test-artefacts/.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from qa.ui import text
from tests.browser.asking import asking_service
from tests.browser.pages import PHONE, SHORT_ANSWER, WIDE, Pages, ask, screenshot
from tests.qa.ui.fakes import LICENCE_QUESTION, PRICE_QUESTION, FakeService
from tests.qa.ui.serving import changed

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", ["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_state(opened: Pages, scheme: str, size: str) -> None:
    is_phone = size == "phone"
    service = asking_service()
    page = opened(service, **(PHONE if is_phone else WIDE), color_scheme=scheme, has_touch=is_phone)
    expect(page.locator(".aq-state")).to_be_visible(timeout=20_000)
    found = {}
    for state in _states(page, service, is_phone=is_phone):
        page.wait_for_timeout(400)
        screenshot(page, f"ask-{scheme}-{size}-{state}")
        found[state] = serious(page)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, state
    assert {state: problems for state, problems in found.items() if problems} == {}


def serious(page: Page) -> list[str]:
    """What axe calls serious or critical: the rule and the elements, as HTML."""
    response = Axe().run(page).response
    assert len(response["passes"]) > 10, "axe looked at nothing"
    violations: list[dict[str, Any]] = response["violations"]
    return [
        f"{violation['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for violation in violations
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def _states(page: Page, service: FakeService, *, is_phone: bool) -> Iterator[str]:
    """Brings the page into one state after the other."""
    yield "1-empty"
    with changed(service, word_seconds=1.5):
        ask(page, LICENCE_QUESTION)
        expect(page.locator(SHORT_ANSWER)).to_be_visible(timeout=20_000)
        yield "2-evidence"
        expect(page.locator(".aq-draft")).to_contain_text("The licence", timeout=20_000)
        yield "3-writing"
    expect(page.locator(".aq-finished")).to_be_visible(timeout=30_000)
    yield "4-answer"
    chip = page.locator(".aq-answer .aq-chip").last
    if is_phone:
        chip.tap()
    else:
        chip.hover()
    expect(page.locator(".aq-popover")).to_be_visible()
    yield "5-quote"
    if is_phone:
        page.locator(".aq-popover button").tap()
    else:
        chip.click()
    expect(page.locator(".aq-reader mark")).to_be_in_viewport()
    yield "6-article"
    page.get_by_role("button", name=text.BACK_TO_CHAT if is_phone else text.BACK_TO_SOURCES).first.click()
    page.locator(".aq-filters summary").click()
    page.locator("[data-field=published_after]").fill("2022-08-01")
    page.locator("[data-field=source]").select_option("Finance Daily")
    expect(page.locator(".aq-filter-chips li")).to_have_count(2)
    yield "7-filters"
    page.keyboard.press("Escape")
    ask(page, PRICE_QUESTION)
    expect(page.locator(".aq-not-found")).to_be_visible(timeout=20_000)
    yield "8-not-in-articles"
    page.locator(".aq-remedies").scroll_into_view_if_needed()
    yield "9-not-in-articles-end"
