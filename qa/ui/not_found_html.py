"""What is shown when the articles do not answer, as HTML: what was looked for, what comes close, what one can do.

Knows nothing of how an exchange is laid out around it.
"""

from __future__ import annotations

from collections.abc import Iterator

from index.types import RetrievedPassage
from qa.types import Answer
from qa.ui import text
from qa.ui.chips_html import origin
from qa.ui.conversation import Exchange
from qa.ui.filters_html import shown_options
from qa.ui.html import button, escape, list_items
from qa.ui.nearest_sentence import nearest_sentence
from qa.window_text import shown_window

_MAX_CLOSEST = 3


def not_found_html(exchange: Exchange, answer: Answer, number: int, *, is_latest: bool) -> str:
    """The whole of it; what asks again is offered for the last exchange only."""
    num_read = len(exchange.passages)
    reason = text.NOT_FOUND_READ.format(count=num_read) if num_read else text.NOT_FOUND_NOTHING
    return (
        f'<div class="aq-not-found"><p class="aq-not-found-title">{escape(text.NOT_IN_ARTICLES_TITLE)}</p>'
        f"<p>{escape(reason)}</p>{_looked_for(exchange, answer)}{_closest(exchange, answer, number)}"
        f"{_remedies(exchange, answer, number) if is_latest else ''}</div>"
    )


def closest_articles(exchange: Exchange) -> list[RetrievedPassage]:
    """The best passage of each of the closest articles."""
    by_article: dict[str, RetrievedPassage] = {}
    for retrieved in exchange.passages:
        by_article.setdefault(retrieved.passage.article_id, retrieved)
    return list(by_article.values())[:_MAX_CLOSEST]


def _looked_for(exchange: Exchange, answer: Answer) -> str:
    facts = [(text.LOOKED_FOR, f"“{answer.standalone_question}”")]
    if answer.date_window is not None:
        facts.append((text.LOOKED_WINDOW, shown_window(answer.date_window)))
    filters = [label for field, label in shown_options(exchange.options) if field != "mode"]
    facts.append((text.LOOKED_FILTERS, " · ".join(filters) or text.LOOKED_EVERYWHERE))
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return f'<dl class="aq-looked-for">{rows}</dl>'


def _closest(exchange: Exchange, answer: Answer, number: int) -> str:
    closest = closest_articles(exchange)
    if not closest:
        return ""
    items = list_items([_close(retrieved, answer.standalone_question, number) for retrieved in closest])
    return f'<h4>{escape(text.CLOSEST_ARTICLES)}</h4><ol class="aq-closest-articles">{items}</ol>'


def _close(retrieved: RetrievedPassage, question: str, number: int) -> str:
    passage = retrieved.passage
    start, end = nearest_sentence(passage, question)
    return (
        f'<button type="button" class="aq-close" data-action="open-article" data-exchange="{number}" '
        f'data-nearest="{retrieved.rank}"><span class="aq-close-title">{escape(passage.title)}</span>'
        f'<span class="aq-close-origin">{origin(passage)}</span>'
        f'<span class="aq-close-sentence">{escape(passage.text[start:end])}</span></button>'
    )


def _remedies(exchange: Exchange, answer: Answer, number: int) -> str:
    buttons = "".join(_again(exchange, answer, number))
    add = button(text.NO_ARTICLES_BUTTON, "add-articles", "aq-button")
    return f'<h4>{escape(text.REMEDIES)}</h4><div class="aq-remedies">{buttons}{add}</div>'


def _again(exchange: Exchange, answer: Answer, number: int) -> Iterator[str]:
    if exchange.options.filters is not None:
        yield button(text.WITHOUT_FILTERS, "drop-filters", "aq-button aq-primary", exchange=number)
    if answer.date_window is not None:
        label = text.WINDOW_REMOVE.format(phrase=answer.date_window.phrase)
        yield button(label, "drop-window", "aq-button aq-primary", exchange=number)
    yield button(text.EDIT, "edit", exchange=number)
