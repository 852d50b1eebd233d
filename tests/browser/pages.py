"""Opens pages over a fake service in Chromium, with what all browser tests do on them; knows nothing of any one tab."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Route, expect

from qa.kept import Kept
from qa.ui import text
from tests.qa.ui.fakes import FakeService
from tests.qa.ui.serving import served

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
QUESTION_BOX = f"textarea[placeholder='{text.QUESTION_PLACEHOLDER}']"
SHORT_ANSWER = ".aq-lead:not(.aq-lead-waiting) .aq-short-answer"
SCREENSHOTS = Path(os.environ.get("ARTICLE_QA_SCREENSHOTS") or Path(__file__).parents[2] / "test-artefacts")
WIDE, PHONE = {"width": 1360, "height": 860}, {"width": 390, "height": 844}


class Pages:
    """Opens pages, each of a service of its own, and notes what must not happen on any."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._cleanups = ExitStack()
        self.problems: list[str] = []

    def __call__(
        self, service: FakeService, *, width: int = 1360, height: int = 860, kept: Kept | None = None, **options: Any
    ) -> Page:
        url = self._cleanups.enter_context(served(service, kept=kept))
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


def ask(page: Page, question: str) -> None:
    page.locator(QUESTION_BOX).fill(question)
    page.locator(QUESTION_BOX).press("Enter")


def to_articles(page: Page) -> None:
    page.get_by_role("tab", name=text.TAB_ARTICLES).click()


def screenshot(page: Page, name: str) -> None:
    """Keep what the page looks like, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")
