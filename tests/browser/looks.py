"""What is wrong with a page's looks in light and in dark, by axe's rules and the screen's width; knows no one page."""

from __future__ import annotations

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.pages import screenshot

_SERIOUS = ("serious", "critical")
_SECONDS_TO_SETTLE = 0.3
_DARK = re.compile(r"\bdark\b")


def looks(page: Page, name: str) -> list[str]:
    """What is serious, in either scheme; a picture of each is kept as ``NAME-light`` and ``NAME-dark``."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two
        body = expect(page.locator("body"))
        (body.to_have_class if scheme == "dark" else body.not_to_have_class)(_DARK)
        page.wait_for_timeout(1_000 * _SECONDS_TO_SETTLE)
        screenshot(page, f"{name}-{scheme}")
        found += [
            f"{name}-{scheme}: {violation['id']}: {violation['nodes'][0]['html'][:200]}"
            for violation in Axe().run(page).response["violations"]
            if violation["impact"] in _SERIOUS
        ]
        if page.evaluate("document.documentElement.scrollWidth - innerWidth") > 0:
            found.append(f"{name}-{scheme}: is wider than the screen")
    return found
