"""A browser for a module's tests and a way to open pages in it; knows nothing of what is on them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Playwright and Gradio are imported where a browser is used: every run of any test imports this module.
if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.pages import Pages, Site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Needs Chromium (``ARTICLE_QA_CHROMIUM``, /usr/bin/chromium, or the one that Playwright installs)."""
    from playwright.sync_api import Error, expect, sync_playwright

    from tests.browser.pages import FLAGS, PATIENCE_SECONDS

    installed = os.environ.get("ARTICLE_QA_CHROMIUM", "/usr/bin/chromium")
    executable = installed if Path(installed).exists() else None
    expect.set_options(timeout=1_000 * PATIENCE_SECONDS)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        except Error as error:
            pytest.skip(f"no Chromium to test with: {error.message.splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(browser: Browser) -> Iterator[Site]:
    from tests.browser.pages import Site

    site = Site(browser)
    yield site
    site.close()


@pytest.fixture
def opened(site: Site) -> Iterator[Pages]:
    """Opens pages; afterwards none of them may have had an error or asked for anything elsewhere."""
    from tests.browser.pages import Pages

    pages = Pages(site)
    yield pages
    pages.close()
    assert pages.problems == []
