"""The conversation as HTML: questions, drafts, answers with citation chips; knows nothing of sources panels."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qa.types import Answer
from qa.ui import text
from qa.ui.answer_extras import notes_html, window_html
from qa.ui.conversation import Conversation, Exchange, Phase
from qa.ui.html import button, escape, notice, paragraphs, progress_bar
from qa.ui.ports import LoadingState

_MARKER = re.compile(r"\[(\d{1,3})\]")
_MAX_TOOLTIP_CHARS = 300


def earlier_html(conversation: Conversation) -> str:
    """All exchanges but the last, which changes while it is answered and has a place of its own."""
    return "".join(_exchange(exchange, number, is_latest=False) for number, exchange in enumerate(conversation[:-1]))


def latest_html(conversation: Conversation, loading: LoadingState | None = None) -> str:
    """The last exchange. ``loading`` is given while the question waits for the models."""
    if not conversation:
        return ""
    return _exchange(conversation[-1], len(conversation) - 1, loading)


def empty_html(examples: Sequence[str], *, has_articles: bool) -> str:
    """What stands in the place of a conversation before the first question."""
    if not has_articles:
        start = button(text.NO_ARTICLES_BUTTON, "add-articles", "aq-button aq-primary")
        return (
            f'<div class="aq-empty"><h2>{escape(text.NO_ARTICLES_TITLE)}</h2>'
            f"<p>{escape(text.NO_ARTICLES_TEXT)}</p>{start}</div>"
        )
    choices = "".join(button(question, "example", "aq-example", number=i) for i, question in enumerate(examples))
    offered = f'<p class="aq-label">{escape(text.EMPTY_EXAMPLES)}</p><div class="aq-examples">{choices}</div>'
    return (
        f'<div class="aq-empty"><h2>{escape(text.EMPTY_TITLE)}</h2><p>{escape(text.EMPTY_TEXT)}</p>'
        f"{offered if choices else ''}</div>"
    )


def date_html() -> str:
    """The browser's own date field; its value is reported when it changes."""
    tooltip = escape(text.AS_OF_TOOLTIP)
    return (
        f'<label class="aq-date" title="{tooltip}"><span>{escape(text.AS_OF_LABEL)}</span>'
        f'<input type="date" aria-label="{escape(text.AS_OF_LABEL)}" data-field="as_of" max="9999-12-31"></label>'
    )


def _exchange(exchange: Exchange, number: int, loading: LoadingState | None = None, *, is_latest: bool = True) -> str:
    busy = "true" if exchange.is_under_way else "false"
    reply = _reply(exchange, number, loading, is_latest=is_latest)
    return (
        f'<section class="aq-exchange" data-exchange="{number}" data-phase="{exchange.phase}">'
        f'<h3 class="aq-question"><span class="aq-visually-hidden">{escape(text.YOU)}: </span>'
        f"{escape(exchange.question)}</h3>"
        f'<div class="aq-reply" aria-live="polite" aria-busy="{busy}">{reply}</div>'
        "</section>"
    )


def _reply(exchange: Exchange, number: int, loading: LoadingState | None, *, is_latest: bool) -> str:
    if exchange.phase is Phase.FAILED:
        return notice("error", text.FAILED_TITLE, exchange.problem or text.FAILED_UNEXPECTED)
    if exchange.answer is not None:
        return _answer(exchange.answer, number, is_latest=is_latest)
    draft = f'<div class="aq-draft">{paragraphs(escape(exchange.draft))}</div>' if exchange.draft else ""
    if not draft and exchange.evidence is not None and exchange.evidence.outcome == "answered":
        draft = _found(exchange.evidence, number)
    if exchange.phase is Phase.STOPPED:
        return draft + f'<p class="aq-meta">{escape(text.STOPPED if draft else text.STOPPED_EARLY)}</p>'
    return draft + _activity(exchange, loading)


def _activity(exchange: Exchange, loading: LoadingState | None) -> str:
    if loading is not None:
        bar = progress_bar(loading.stage, loading.done, loading.total)
        return f'<div class="aq-activity"><p>{escape(text.WAITING_FOR_MODELS)}</p>{bar}</div>'
    if exchange.draft:
        label = text.WRITING
    elif exchange.phase is Phase.WRITING:
        label = text.READING.format(count=len(exchange.passages))
    else:
        label = text.SEARCHING
    skeleton = "" if exchange.draft else '<span class="aq-skeleton"></span><span class="aq-skeleton"></span>'
    return f'<div class="aq-activity"><p class="aq-working">{escape(label)}</p>{skeleton}</div>'


def _answer(answer: Answer, number: int, *, is_latest: bool) -> str:
    if answer.outcome == "no_articles":
        start = button(text.NO_ARTICLES_BUTTON, "add-articles", "aq-button aq-primary")
        return notice("quiet", text.NO_ARTICLES_TITLE, text.NO_ARTICLES_TEXT, start)
    window = window_html(answer.date_window, number, is_removable=is_latest) if answer.date_window is not None else ""
    if answer.outcome == "not_in_articles":
        return window + notice("quiet", text.NOT_IN_ARTICLES_TITLE, text.NOT_IN_ARTICLES_TEXT) + _meta(answer)
    unsure = " aq-unsure" if _confidence_words(answer) == text.CONFIDENCE_WORDS[-1][1] else ""
    short = f'<p class="aq-short-answer{unsure}">{escape(answer.short_answer)}</p>' if answer.short_answer else ""
    body = f'<div class="aq-answer">{paragraphs(_with_chips(answer, number))}</div>'
    return window + short + body + notes_html(answer.notes) + _meta(answer)


def _found(evidence: Answer, number: int) -> str:
    """The words that the evidence gives, with the sentence they stand in, while the model has not written yet."""
    short = f'<p class="aq-short-answer">{escape(evidence.short_answer or "")}</p>'
    quoted = paragraphs(_with_chips(evidence, number))
    return f'<div class="aq-found">{short}<div class="aq-answer">{quoted}</div></div>'


def _with_chips(answer: Answer, number: int) -> str:
    """The answer's text with a chip for each marker that stands for a citation; other brackets stay text."""
    quotes = {citation.marker: citation.quote for citation in answer.citations}
    pieces = []
    position = 0
    for match in _MARKER.finditer(answer.answer):
        marker = int(match.group(1))
        if marker not in quotes:
            continue
        pieces += [escape(answer.answer[position : match.start()].rstrip(" ")), _chip(marker, quotes[marker], number)]
        position = match.end()
    return "".join(pieces) + escape(answer.answer[position:])


def _chip(marker: int, quote: str, number: int) -> str:
    shown = quote if len(quote) <= _MAX_TOOLTIP_CHARS else quote[: _MAX_TOOLTIP_CHARS - 1] + "…"
    tooltip = escape(text.CITATION_TOOLTIP.format(marker=marker, quote=f"“{shown}”"))
    return (
        f'<button type="button" class="aq-chip" data-action="source" data-exchange="{number}" data-marker="{marker}" '
        f'title="{tooltip}" aria-label="{tooltip}">{marker}</button>'
    )


def _meta(answer: Answer) -> str:
    """How sure the answer is, in words, what the question was understood as, and how long it took."""
    seconds = f"<span>{answer.seconds.total:.1f} s</span>"
    if answer.standalone_question.strip() != answer.question.strip():
        seconds = f"<span>{escape(text.UNDERSTOOD_AS.format(question=answer.standalone_question))}</span>{seconds}"
    if answer.outcome != "answered":
        return f'<p class="aq-meta">{seconds}</p>'
    words = _confidence_words(answer)
    tooltip = text.CONFIDENCE_TOOLTIP.format(tenths=max(0, min(10, round(answer.confidence * 10))))
    level = words.split()[0].lower()
    return (
        f'<p class="aq-meta"><span class="aq-confidence aq-{level}" title="{escape(tooltip)}">{escape(words)}</span>'
        f"{seconds}</p>"
    )


def _confidence_words(answer: Answer) -> str:
    lowest = text.CONFIDENCE_WORDS[-1][1]
    return next((words for floor, words in text.CONFIDENCE_WORDS if answer.confidence >= floor), lowest)
