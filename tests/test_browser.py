"""The page in a real browser, over a fake service: every flow of a reader, and text from articles that stays text.

Needs Chromium (``ARTICLE_QA_CHROMIUM``, /usr/bin/chromium, or the one that Playwright installs); skipped without one.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from index.types import Article, make_article
from qa.types import Done, Event, EvidenceFound, TextWritten
from qa.ui import text
from qa.ui import text_articles as words
from tests.browser.pages import SHORT_ANSWER, Pages, ask, to_articles
from tests.qa.ui.fakes import (
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
        expect(page.locator(f".aq-latest {SHORT_ANSWER}")).to_have_text(vector.strip())
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
        expect(page.locator(".aq-browse-chip")).to_contain_text(vector.strip())
    page.get_by_role("tab", name=words.VIEW_ADD, exact=True).click()
    for vector in HOSTILE:
        page.get_by_placeholder(text.PASTE_TITLE_LABEL).fill(vector)
        page.get_by_role("button", name=text.PASTE_BUTTON).click()
        expect(page.locator(".aq-file")).to_have_text(vector.strip())
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
