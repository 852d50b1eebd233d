"""The article that a chip or a button of the conversation stands for, to read beside it; knows nothing of Gradio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from index.errors import ArticleQAError
from index.types import RetrievedPassage
from qa.types import Citation
from qa.ui import text
from qa.ui.articles_html import article_html
from qa.ui.components import number_in
from qa.ui.conversation import Exchange
from qa.ui.html import Span, button, notice
from qa.ui.nearest_sentence import nearest_sentence
from qa.ui.ports import ArticleStore
from qa.ui.sources_html import close_sheet_button

Quoted = tuple[str, tuple[Span, str]]


def article_beside_html(store: ArticleStore, exchange: Exchange, number: int, reported: Mapping[str, Any]) -> str:
    """The article with the words highlighted that ``reported`` names, or why it cannot be shown."""
    back = close_sheet_button() + button(text.BACK_TO_SOURCES, "sources", exchange=number)
    quoted = quoted_words(exchange, reported)
    if quoted is None:
        return f'<section class="aq-panel">{back}{notice("error", text.FAILED_UNEXPECTED)}</section>'
    article_id, quote = quoted
    try:
        revision = store.article(article_id)
        return article_html(
            revision,
            actions=back,
            quote=quote,
            num_revisions=len(store.history(article_id)),
            also_in=store.also_in(revision.revision_id),
        )
    except ArticleQAError as error:
        return f'<section class="aq-panel">{back}{notice("error", str(error))}</section>'


def quoted_words(exchange: Exchange, reported: Mapping[str, Any]) -> Quoted | None:
    """The article, the offsets into it and the words that a button stands for.

    :param reported: A citation's "marker", the "lead" quote, the "rank" of a whole passage, or "nearest": the rank of a
        passage of which the sentence nearest to the question is meant.
    """
    if "lead" in reported and exchange.lead is not None:
        return _of_citation(exchange.lead)
    marker = number_in(reported.get("marker"))
    citation = exchange.citation(marker) if marker is not None else None
    if citation is not None:
        return _of_citation(citation)
    retrieved = _passage(exchange, reported.get("rank"))
    if retrieved is not None:
        passage = retrieved.passage
        return passage.article_id, ((passage.start, passage.end), passage.text)
    retrieved = _passage(exchange, reported.get("nearest"))
    if retrieved is not None:
        passage = retrieved.passage
        asked = exchange.answer.standalone_question if exchange.answer is not None else exchange.question
        start, end = nearest_sentence(passage, asked)
        return passage.article_id, ((passage.start + start, passage.start + end), passage.text[start:end])
    return None


def _of_citation(citation: Citation) -> Quoted:
    return citation.retrieved.passage.article_id, (citation.article_span, citation.quote)


def _passage(exchange: Exchange, rank: object) -> RetrievedPassage | None:
    number = number_in(rank)
    return exchange.passage(number) if number is not None else None
