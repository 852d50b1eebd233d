"""The panel beside the conversation as HTML: cited quotes inside their passages; knows nothing of the conversation."""

from __future__ import annotations

from collections.abc import Sequence

from index.types import RetrievedPassage
from qa.types import Answer, Citation
from qa.ui import text
from qa.ui.also_in_html import also_in_html
from qa.ui.conversation import Conversation, Exchange
from qa.ui.html import button, day, escape, link, list_items, marked_paragraphs

_MAX_FOUND = 6


def sources_html(conversation: Conversation, number: int | None = None) -> str:
    """What the panel shows for one exchange of the conversation (the last one unless ``number`` says which)."""
    if not conversation:
        return _panel(text.SOURCES_TITLE, f'<p class="aq-hint">{escape(text.SOURCES_EMPTY)}</p>', None)
    number = len(conversation) - 1 if number is None else number
    exchange = conversation[number]
    answer = exchange.answer
    if answer is None:
        return _evidence(exchange, number)
    if answer.outcome == "answered":
        return _cited(answer, exchange, number)
    if exchange.passages:
        cards = [_passage_card(retrieved, number) for retrieved in exchange.passages[:_MAX_FOUND]]
        return _panel(text.CLOSEST_TITLE, _note(text.CLOSEST_NOTE) + _cards(cards, "aq-closest"), number)
    return _panel(text.SOURCES_TITLE, f'<p class="aq-hint">{escape(text.SOURCES_EMPTY)}</p>', number)


def close_sheet_button() -> str:
    """The way back to the conversation where the panel lies over it: on phones."""
    return button(text.BACK_TO_CHAT, "close-sheet", "aq-button aq-sheet-close")


def _evidence(exchange: Exchange, number: int) -> str:
    if not exchange.passages:
        waiting = '<div class="aq-card aq-waiting"></div>' * 2 if exchange.is_under_way else _hint()
        return _panel(text.SOURCES_TITLE, waiting, number)
    cards = [_passage_card(retrieved, number) for retrieved in exchange.passages[:_MAX_FOUND]]
    note = _note(text.EVIDENCE_NOTE) if exchange.is_under_way else ""
    return _panel(text.EVIDENCE_TITLE, note + _cards(cards, "aq-found"), number)


def _cited(answer: Answer, exchange: Exchange, number: int) -> str:
    grouped: dict[int, list[Citation]] = {}
    for citation in sorted(answer.citations, key=lambda citation: citation.marker):
        grouped.setdefault(citation.retrieved.passage.passage_id, []).append(citation)
    cards = [_citation_card(citations, number) for citations in grouped.values()]
    others = [retrieved for retrieved in exchange.passages if retrieved.passage.passage_id not in grouped][:_MAX_FOUND]
    return _panel(text.SOURCES_TITLE, _cards(cards, "aq-cited") + _others(others, number), number)


def _others(passages: Sequence[RetrievedPassage], number: int) -> str:
    if not passages:
        return ""
    cards = _cards([_passage_card(retrieved, number) for retrieved in passages], "aq-found")
    summary = escape(text.OTHER_PASSAGES.format(count=len(passages)))
    return f'<details class="aq-others"><summary>{summary}</summary>{cards}</details>'


def _citation_card(citations: Sequence[Citation], number: int) -> str:
    """A passage with every quote taken from it highlighted."""
    passage = citations[0].retrieved.passage
    spans = [((c.start, c.end), f' data-marker="{c.marker}"') for c in citations]
    badges = "".join(f'<span class="aq-chip aq-badge">{citation.marker}</span>' for citation in citations)
    opener = button(text.OPEN_ARTICLE, "open-article", exchange=number, marker=citations[0].marker)
    return _card(citations[0].retrieved, badges, marked_paragraphs(passage.text, spans), opener)


def _passage_card(retrieved: RetrievedPassage, number: int) -> str:
    opener = button(text.OPEN_ARTICLE, "open-article", exchange=number, rank=retrieved.rank)
    return _card(retrieved, "", marked_paragraphs(retrieved.passage.text), opener)


def _card(retrieved: RetrievedPassage, badges: str, body: str, opener: str) -> str:
    passage = retrieved.passage
    origin = f"{escape(passage.source or text.UNKNOWN_SOURCE)} · {escape(day(passage.published_at, text.NO_DATE))}"
    if retrieved.updated_on is not None:
        updated = text.UPDATED_ON.format(day=day(retrieved.updated_on, text.NO_DATE))
        origin += f' · <span class="aq-updated">{escape(updated)}</span>'
    original = link(passage.url, text.ORIGINAL, text.ORIGINAL_LABEL.format(title=passage.title))
    return (
        f'<article class="aq-card"><header>{badges}<div><h3>{escape(passage.title)}</h3>'
        f'<p class="aq-origin">{origin}</p>{also_in_html(retrieved.also_in, passage.source)}</div></header>'
        f"<blockquote>{body}</blockquote>"
        f"<footer>{opener}{original}</footer></article>"
    )


def _cards(cards: Sequence[str], css_class: str) -> str:
    return f'<ol class="aq-cards {css_class}">{list_items(cards)}</ol>'


def _note(note: str) -> str:
    return f'<p class="aq-note">{escape(note)}</p>'


def _hint() -> str:
    return f'<p class="aq-hint">{escape(text.SOURCES_EMPTY)}</p>'


def _panel(title: str, body: str, number: int | None) -> str:
    shown = "" if number is None else f' data-exchange="{number}"'
    head = f"{close_sheet_button()}<h2>{escape(title)}</h2>"
    return f'<section class="aq-panel" aria-label="{escape(title)}"{shown}>{head}{body}</section>'
