"""Hundreds of hostile texts, what is made of them, and what must hold wherever a page shows them.

A place passes when the text can be read there as it was written (so nothing of it was taken for markup), no element
has what only such a text brings, no script ran, the policy had nothing to refuse and nothing was asked of other sites.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from playwright.sync_api import Locator, Page, expect

from index.types import Article, ClusterMember, make_article
from qa.date_windows import DateWindow
from qa.types import Citation, Done, Event, EvidenceFound, Note, TextWritten
from qa.ui import text
from qa.ui.html import escape
from tests.browser.pages import QUESTION_BOX, ask
from tests.browser.xss_vectors import VECTORS
from tests.qa.ui.fakes import answer, retrieved

_FIRST_MARKER = 101  # a vector may have "[1]" in it, which must not become a chip
# Many in one text, since each exchange with the page takes a second.
BATCHES = [VECTORS[start : start + 10] for start in range(0, len(VECTORS), 10)]
SMALL_BATCHES = [VECTORS[start : start + 6] for start in range(0, len(VECTORS), 6)]
"""As many as the panel of sources shows beside an answer that was refused."""
LATEST, SOURCES, READING = ".block.aq-latest", ".block.aq-sources", ".block.aq-reading"
_READ = "(place) => place.textContent + [...place.querySelectorAll('input, option')].map((one) => one.value).join(' ')"
PLANTED = """() => {
  const found = [];
  const search = (root) => root.querySelectorAll("*").forEach((element) => {
    for (const { name, value } of element.attributes) {
      const plain = value.replace(/[\\s\\x00-\\x1f]/g, "").toLowerCase();
      const isAddress = /^(xlink:)?href$|^src|^(form)?action$|^data$|^poster$|^background$|^style$/.test(name);
      const isScript = /^(javascript|vbscript|data:text)/.test(plain);
      const isElsewhere = plain.includes("evil.example") && !element.matches("a.aq-link")
        && (name === "srcset" || new URL(value, location.href).origin !== location.origin);
      if (name.startsWith("on") || (isAddress && (isScript || isElsewhere)))
        found.push(element.outerHTML.slice(0, 200));
    }
    if (element.matches("script, style, base, meta, link, template") && element.outerHTML.includes("__ran"))
      found.push(element.outerHTML.slice(0, 200));
    if (element.closest(".block") && element.matches("iframe, object, embed, img, math, marquee, xss, video, audio"))
      found.push(element.outerHTML.slice(0, 200));
    if (element.shadowRoot) search(element.shadowRoot);
  });
  search(document);
  return found;
}"""


def shown(vector: str) -> str:
    """``vector`` as it can be read: control characters and white space are not looked at."""
    return "".join(html.unescape(escape(vector)).split())


def expect_in(place: Locator, vectors: Sequence[str]) -> None:
    missing = list(vectors)
    for _ in range(300):
        read = "".join(str(place.evaluate(_READ)).split())
        missing = [vector for vector in vectors if shown(vector) not in read]
        if not missing:
            return
        place.page.wait_for_timeout(50)
    raise AssertionError(f"not shown as they are: {missing}")


def expect_harmless(page: Page) -> None:
    """Nothing ran and nothing is there that could; what was asked of other sites fails the test by itself."""
    assert page.evaluate(PLANTED) == []
    assert page.evaluate("window.__ran || 0") == 0
    assert page.title() == text.PRODUCT
    assert page.url.startswith("http://127.0.0.1:")


def hostile_article(vector: str) -> Article:
    """One whose every field is ``vector``."""
    body = f"{vector}\n\nIt is said that {vector}\n\nAnd the end of {vector}."
    article = make_article(body, title=vector, source=vector, published_at="2024-01-01")
    return replace(article, url=vector)


def hostile_events(batch: Sequence[str], outcome: str = "answered") -> list[Event]:
    """An answer of which every part is from the batch; its passages and quotes have one vector each."""
    joined = " ".join(batch)
    passages = []
    for rank, vector in enumerate(batch, start=1):
        member = ClusterMember(99, "other", vector, vector, f"{vector} {rank}", "2024-01-01")
        passages.append(replace(retrieved(hostile_article(vector), rank), also_in=(member,)))
    citations = []
    for number, (found, vector) in enumerate(zip(passages, batch, strict=True)):
        start = found.passage.text.index(f"It is said that {vector}")
        citations.append(Citation(_FIRST_MARKER + number, found, start, start + len(f"It is said that {vector}")))
    written = " ".join(f"{vector} [{_FIRST_MARKER + number}]" for number, vector in enumerate(batch))
    is_answered = outcome == "answered"
    final = answer(
        joined,
        outcome,
        short_answer=joined if is_answered else None,
        answer=f"{joined} It is written: {written}" if is_answered else "",
        citations=tuple(citations) if is_answered else (),
        passages=tuple(passages),
        standalone_question=f"{joined} in other words",
        date_window=DateWindow(joined, 0, len(joined), date(2024, 1, 1), None, True),
        notes=(Note("age", joined),) if is_answered else (),
    )
    return [EvidenceFound(joined, tuple(passages)), TextWritten(joined), Done(final)]


def script(outcome: str, batches: Sequence[Sequence[str]]) -> dict[str, list[Event]]:
    return {" ".join(batch).strip(): hostile_events(batch, outcome) for batch in batches}


def ask_batch(page: Page, batch: Sequence[str], number: int = 0) -> None:
    """:param number: How many questions the conversation has so far."""
    ask(page, " ".join(batch))
    expect(page.locator(f"{LATEST} .aq-exchange[data-exchange='{number}'][data-phase=done]")).to_be_visible()
    expect(page.locator(QUESTION_BOX)).to_have_value("")
