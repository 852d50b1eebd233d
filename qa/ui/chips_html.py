"""Citation chips and what pops up at them as HTML: quote, outlet, title, date; knows nothing of answers' phases.

A chip names the id of the hidden element with its details; assets/popover.js shows a copy of that beside the chip.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from index.types import Passage
from qa.types import Answer, Citation
from qa.ui import text
from qa.ui.html import button, day, escape

_MARKER = re.compile(r"\[(\d{1,3})\]")
_MAX_QUOTE_CHARS = 420


def with_chips(answer: Answer, number: int) -> str:
    """The answer's text with a chip for each marker that stands for a citation; other brackets stay text."""
    citations = {citation.marker: citation for citation in answer.citations}
    pieces = []
    position = 0
    for match in _MARKER.finditer(answer.answer):
        citation = citations.get(int(match.group(1)))
        if citation is None:
            continue
        pieces += [escape(answer.answer[position : match.start()].rstrip(" ")), chip(citation, number)]
        position = match.end()
    return "".join(pieces) + escape(answer.answer[position:])


def chip(citation: Citation, number: int) -> str:
    """A button for one citation of exchange ``number`` of the conversation."""
    passage, marker = citation.retrieved.passage, citation.marker
    source, when = passage.source or text.UNKNOWN_SOURCE, day(passage.published_at, text.NO_DATE)
    label = escape(text.CHIP_LABEL.format(marker=marker, source=source, day=when))
    pop = f"aq-pop-{number}-{marker}"
    return (
        f'<button type="button" class="aq-chip" data-action="open-article" data-exchange="{number}" '
        f'data-marker="{marker}" data-pop="{pop}" aria-describedby="{pop}" aria-label="{label}">{marker}</button>'
    )


def details_html(citations: Iterable[Citation], number: int) -> str:
    """What the chips of exchange ``number`` show, hidden until then."""
    return "".join(_details(citation, number) for citation in citations)


def explained(label: str, css_class: str, explanation: str, number: int) -> str:
    """Words with a dotted line under them; ``explanation`` pops up at them. One in each exchange."""
    pop = f"aq-pop-{number}-explained"
    return (
        f'<button type="button" class="{css_class}" data-pop="{pop}" aria-describedby="{pop}">{escape(label)}</button>'
        f'<span class="aq-details" id="{pop}" hidden>{escape(explanation)}</span>'
    )


def origin(passage: Passage) -> str:
    """Outlet and day, never an id."""
    outlet, when = passage.source or text.UNKNOWN_SOURCE, day(passage.published_at, text.NO_DATE)
    return f'<b class="aq-outlet">{escape(outlet)}</b> · {escape(when)}'


def _details(citation: Citation, number: int) -> str:
    passage, quote = citation.retrieved.passage, citation.quote
    shown = quote if len(quote) <= _MAX_QUOTE_CHARS else quote[: _MAX_QUOTE_CHARS - 1] + "…"
    opener = button(text.OPEN_ARTICLE, "open-article", exchange=number, marker=citation.marker)
    return (
        f'<div class="aq-details" id="aq-pop-{number}-{citation.marker}" hidden>'
        f'<p class="aq-details-quote">“{escape(shown)}”</p><p class="aq-details-title">{escape(passage.title)}</p>'
        f'<p class="aq-details-origin">{origin(passage)}</p>{opener}</div>'
    )
