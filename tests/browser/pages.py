"""Opens pages over a fake service in Chromium, with what all browser tests do on them; knows nothing of any one tab."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect

from qa.kept import Kept
from qa.ui import text
from tests.qa.ui.fakes import FakeService
from tests.qa.ui.serving import served

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",  # other sites are not there
]
PATIENCE_SECONDS = 30
"""How long what is expected may take: a busy machine is no fault of the page."""
QUESTION_BOX = f"textarea[placeholder='{text.QUESTION_PLACEHOLDER}']"
SHORT_ANSWER = ".aq-lead:not(.aq-lead-waiting) .aq-short-answer"
SCREENSHOTS = Path(os.environ.get("ARTICLE_QA_SCREENSHOTS") or Path(__file__).parents[2] / "test-artefacts")
WIDE, PHONE = {"width": 1360, "height": 860}, {"width": 390, "height": 844}


class _Current:
    """The service of the test that runs now, whichever that is, so that one server is enough for a module."""

    def __init__(self) -> None:
        self.service = FakeService()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.service, name)


class Site:
    """One server and the browser's contexts for a module's tests: starting both for each would take seconds."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._cleanups = ExitStack()
        self._current = _Current()
        self._contexts: dict[str, BrowserContext] = {}
        self._url: str | None = None

    def serve(self, service: FakeService) -> str:
        """The address of the module's server, which has this service from now on."""
        self._current.service = service
        self._url = self._url or self._cleanups.enter_context(served(self._current))  # type: ignore[arg-type]
        return self._url

    def context(self, **options: Any) -> BrowserContext:
        """One with these options, with the assets of the page in its cache."""
        key = repr(sorted(options.items()))
        if key not in self._contexts:
            self._contexts[key] = self._browser.new_context(**options)
            self._cleanups.callback(self._contexts[key].close)
        return self._contexts[key]

    def new_context(self, **options: Any) -> BrowserContext:
        return self._browser.new_context(**options)

    def close(self) -> None:
        self._cleanups.close()


class Pages:
    """Opens pages, each of a service of its own, and notes what must not happen on any."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._cleanups = ExitStack()
        self._opened: list[Page] = []
        self.problems: list[str] = []

    def __call__(
        self, service: FakeService, *, width: int = 1360, height: int = 860, kept: Kept | None = None, **options: Any
    ) -> Page:
        """:param kept: Given, the page has a server and a context of its own: both remember."""
        options["viewport"] = {"width": width, "height": height}
        assert all(page.is_closed() for page in self._opened), "a second page would take the first one's service away"
        if kept is None:
            url, context = self._site.serve(service), self._site.context(**options)
        else:
            url = self._cleanups.enter_context(served(service, kept=kept))
            context = self._site.new_context(**options)
            self._cleanups.callback(context.close)
        page = context.new_page()
        self._opened.append(page)
        page.on("request", lambda request: self._note_other_sites(request.url))
        page.on("pageerror", lambda error: self._note(f"script error: {error}"))
        page.on("console", lambda message: self._note(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: self.problems.append("a dialog opened"))
        page.goto(url, timeout=2_000 * PATIENCE_SECONDS)
        expect(page.locator(QUESTION_BOX)).to_be_visible(timeout=2_000 * PATIENCE_SECONDS)
        return page

    def close(self) -> None:
        for page in self._opened:
            page.close()
        self._cleanups.close()

    def _note(self, problem: str) -> None:
        # Gradio complains of its own requests that were on their way when a page was left or loaded again. Where a
        # server really goes away, a test finds it by what then is missing on the page.
        if not any(complaint in problem for complaint in ("AbortError", "Connection errored out")):
            self.problems.append(problem)

    def _note_other_sites(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "data:", "blob:http://127.0.0.1:")):
            self.problems.append(f"asked for {url}")


def ask(page: Page, question: str) -> None:
    page.locator(QUESTION_BOX).fill(question)
    page.locator(QUESTION_BOX).press("Enter")


def to_articles(page: Page) -> None:
    page.get_by_role("tab", name=text.TAB_ARTICLES).click()


def screenshot(page: Page, name: str) -> None:
    """Keep what the page looks like, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")
