"""The short answer with the quote it rests on as HTML, from the first skeleton on; knows nothing of what stands below.

Its three parts keep their places from the first evidence to the whole answer, so that nothing jumps.
"""

from __future__ import annotations

from qa.types import Answer, Citation
from qa.ui import text
from qa.ui.chips_html import chip, explained, origin
from qa.ui.confidence import confidence_level, confidence_meaning, confidence_words, is_unsure
from qa.ui.conversation import Exchange
from qa.ui.html import Span, button, escape, marked

_SKELETON = '<span class="aq-skeleton"></span>'


def lead_html(exchange: Exchange, number: int) -> str:
    """The short answer as far as it is known: the final one, the one that the model decided on, or the evidence's."""
    shown, (decided, _) = exchange.shown, exchange.draft_parts
    short = exchange.answer.short_answer if exchange.answer is not None else None
    short = short or decided or (shown.short_answer if shown is not None else None)
    if not short:
        return skeleton_html()
    is_certain = shown is not None and (shown.short_answer or "") == short
    confidence = _confidence(shown, number) if is_certain and shown is not None else _checking(exchange)
    unsure = " aq-unsure" if is_certain and shown is not None and is_unsure(shown.confidence) else ""
    return (
        f'<div class="aq-lead{unsure}"><p class="aq-short-answer">{escape(short)}</p>'
        f"{_evidence(exchange, short, number)}"
        f'<p class="aq-lead-foot">{confidence}</p></div>'
    )


def skeleton_html() -> str:
    """The place of a short answer that is being looked for."""
    return (
        f'<div class="aq-lead aq-lead-waiting" aria-hidden="true"><p class="aq-short-answer">{_SKELETON}</p>'
        f'<div class="aq-lead-evidence">{_SKELETON * 3}</div><p class="aq-lead-foot">{_SKELETON}</p></div>'
    )


def _evidence(exchange: Exchange, short: str, number: int) -> str:
    citation = exchange.lead
    if citation is None:
        lines = _SKELETON * 3 if exchange.is_under_way else ""
        return f'<div class="aq-lead-evidence" aria-hidden="true">{lines}</div>' if lines else ""
    quote = marked(citation.quote, [(span, "") for span in [_span_of(short, citation.quote)] if span is not None])
    same = next((c for c in exchange.citations if _overlap(c, citation)), None)
    cited = chip(same, number) if same is not None else ""
    passage = citation.retrieved.passage
    opener = button(text.OPEN_ARTICLE, "open-article", "aq-text-button", exchange=number, lead=1)
    return (
        f'<div class="aq-lead-evidence"><blockquote>{quote}{cited}</blockquote>'
        f'<p class="aq-lead-origin"><span>{origin(passage)} · {escape(passage.title)}</span> {opener}</p></div>'
    )


def _overlap(one: Citation, other: Citation) -> bool:
    """Whether two quotes share words of one passage: then the number of the one may stand at the other."""
    same_passage = one.retrieved.passage.passage_id == other.retrieved.passage.passage_id
    return same_passage and one.start < other.end and other.start < one.end


def _span_of(short: str, quote: str) -> Span | None:
    """Where the short answer stands in the quote; all of the quote when it stands there in other words."""
    start = quote.casefold().find(short.casefold()) if len(quote.casefold()) == len(quote) else quote.find(short)
    return (start, start + len(short)) if start >= 0 else (0, len(quote))


def _confidence(answer: Answer, number: int) -> str:
    words, level = confidence_words(answer.confidence), confidence_level(answer.confidence)
    return explained(words, f"aq-confidence aq-{level}", confidence_meaning(answer.confidence), number)


def _checking(exchange: Exchange) -> str:
    return f'<span class="aq-checking">{escape(text.CHECKING)}</span>' if exchange.is_under_way else ""
