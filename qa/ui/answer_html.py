"""The conversation as HTML: each question with its answer as far as it is known; knows nothing of the sources panel."""

from __future__ import annotations

from collections.abc import Sequence

from qa.types import Answer
from qa.ui import text
from qa.ui.answer_extras import notes_html, window_html
from qa.ui.chips_html import details_html, with_chips
from qa.ui.conversation import Conversation, Exchange, Phase
from qa.ui.copy_text import answer_with_sources, plain_answer
from qa.ui.filters_html import shown_options
from qa.ui.html import button, escape, list_items, notice, paragraphs, progress_bar
from qa.ui.lead_html import lead_html, skeleton_html
from qa.ui.not_found_html import not_found_html
from qa.ui.ports import LoadingState


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
    hints = list_items([f"<b>{escape(name)}</b> {escape(hint)}" for name, hint in text.EMPTY_HINTS])
    keys = list_items([f"<kbd>{escape(key)}</kbd> {escape(does)}" for key, does in text.SHORTCUTS])
    return (
        f'<div class="aq-empty"><h2>{escape(text.EMPTY_TITLE)}</h2><p>{escape(text.EMPTY_TEXT)}</p>'
        f'{offered if choices else ""}<ul class="aq-hints">{hints}</ul>'
        f'<ul class="aq-keys" aria-label="{escape(text.SHORTCUTS_TITLE)}">{keys}</ul></div>'
    )


def announcement(exchange: Exchange, *, is_loading: bool = False) -> str:
    """What is read out to those who do not see the page: one sentence a phase, not one a word."""
    if exchange.phase is Phase.FAILED:
        return ""  # an alert says it
    if exchange.phase is Phase.STOPPED:
        return text.SAID_STOPPED
    if exchange.answer is not None:
        if exchange.answer.outcome != "answered":
            return text.NOT_IN_ARTICLES_TITLE if exchange.answer.outcome == "not_in_articles" else ""
        return text.SAID_DONE.format(answer=exchange.answer.short_answer, count=len(exchange.answer.citations))
    if is_loading:
        return text.WAITING_FOR_MODELS
    if exchange.shown is not None:
        return text.SAID_SHORT_ANSWER.format(answer=exchange.shown.short_answer)
    return text.SEARCHING if not exchange.passages else text.READING.format(count=len(exchange.passages))


def _exchange(exchange: Exchange, number: int, loading: LoadingState | None = None, *, is_latest: bool = True) -> str:
    busy = "true" if exchange.is_under_way else "false"
    said = f' data-announce="{escape(announcement(exchange, is_loading=loading is not None))}"' if is_latest else ""
    details = details_html(exchange.citations, number)
    return (
        f'<section class="aq-exchange" data-exchange="{number}" data-phase="{exchange.phase}"{said}>'
        f'<h3 class="aq-question"><span class="aq-visually-hidden">{escape(text.YOU)}: </span>'
        f"{escape(exchange.question)}</h3>{_asked_with(exchange, number, is_latest=is_latest)}"
        f'<div class="aq-reply" aria-busy="{busy}">{_reply(exchange, number, loading, is_latest=is_latest)}</div>'
        f"{details}</section>"
    )


def _asked_with(exchange: Exchange, number: int, *, is_latest: bool) -> str:
    """The days, source and mode it was asked with, as chips."""
    chips = "".join(f'<span class="aq-window">{escape(label)}</span>' for _, label in shown_options(exchange.options))
    if exchange.answer is not None and exchange.answer.date_window is not None:
        chips += window_html(exchange.answer.date_window, number, is_removable=is_latest)
    understood = ""
    if exchange.answer is not None and exchange.answer.standalone_question.strip() != exchange.question.strip():
        words = text.UNDERSTOOD_AS.format(question=exchange.answer.standalone_question)
        understood = f'<p class="aq-understood">{escape(words)}</p>'
    return f'{understood}<div class="aq-asked-with">{chips}</div>'


def _reply(exchange: Exchange, number: int, loading: LoadingState | None, *, is_latest: bool) -> str:
    if exchange.phase is Phase.FAILED:
        problem = exchange.problem or text.FAILED_UNEXPECTED
        return notice("error", text.FAILED_TITLE, problem) + _actions(exchange, number, is_latest=is_latest)
    if exchange.phase is Phase.LOST:
        return notice("quiet", text.LOST_TITLE, exchange.problem or "") + _actions(
            exchange, number, is_latest=is_latest
        )
    answer = exchange.answer
    if answer is not None and answer.outcome == "no_articles":
        start = button(text.NO_ARTICLES_BUTTON, "add-articles", "aq-button aq-primary")
        return notice("quiet", text.NO_ARTICLES_TITLE, text.NO_ARTICLES_TEXT, start)
    if answer is not None and answer.outcome == "not_in_articles":
        return not_found_html(exchange, answer, number, is_latest=is_latest)
    if exchange.phase is Phase.STOPPED:
        lead = lead_html(exchange, number) if exchange.draft or exchange.shown is not None else ""
        said = f'<p class="aq-meta">{escape(text.STOPPED if lead else text.STOPPED_EARLY)}</p>'
        return lead + _written(exchange, number) + said + _actions(exchange, number, is_latest=is_latest)
    if answer is None and loading is not None:
        bar = progress_bar(loading.stage, loading.done, loading.total)
        return f'<div class="aq-activity"><p>{escape(text.WAITING_FOR_MODELS)}</p>{bar}</div>'
    if answer is None and not exchange.draft and exchange.shown is None:
        return _working(exchange) + skeleton_html()
    lead = _working(exchange) + lead_html(exchange, number)
    return lead + _written(exchange, number) + _after(exchange, number, is_latest=is_latest)


def _working(exchange: Exchange) -> str:
    """One line that says what is being done, or how long it took: it keeps its place and height."""
    if exchange.answer is not None:
        label = text.ANSWERED_IN.format(seconds=f"{exchange.answer.seconds.total:.1f}")
        return f'<p class="aq-working aq-finished">{escape(label)}</p>'
    if exchange.draft_parts[1]:
        label = text.WRITING
    elif exchange.phase is Phase.WRITING:
        label = text.READING.format(count=len(exchange.passages))
    else:
        label = text.SEARCHING
    return f'<p class="aq-working">{escape(label)}</p>'


def _written(exchange: Exchange, number: int) -> str:
    """The text under the short answer; nothing where it would only say the quote again."""
    answer = exchange.answer
    if answer is not None:
        if _only_repeats(answer, exchange):
            return ""
        return f'<div class="aq-answer">{paragraphs(with_chips(answer, number))}</div>'
    _, written = exchange.draft_parts
    if written:
        return f'<div class="aq-answer aq-draft">{paragraphs(escape(written))}</div>'
    if not exchange.is_under_way or exchange.options.mode == "fast":
        return ""
    lines = '<span class="aq-skeleton"></span>' * 2
    return f'<div class="aq-answer aq-draft" aria-hidden="true"><p>{lines}</p></div>'


def _only_repeats(answer: Answer, exchange: Exchange) -> bool:
    written = " ".join(plain_answer(answer).removeprefix(answer.short_answer or "").split())
    lead = " ".join(exchange.lead.quote.split()) if exchange.lead is not None else ""
    return written.rstrip(".") in ("", lead.rstrip("."))


def _after(exchange: Exchange, number: int, *, is_latest: bool) -> str:
    if exchange.answer is None:
        return ""
    return notes_html(exchange.answer.notes) + _actions(exchange, number, is_latest=is_latest)


def _actions(exchange: Exchange, number: int, *, is_latest: bool) -> str:
    """What can be done with an answer: copy it, read its sources, ask again, change the question."""
    answer = exchange.answer
    buttons = ""
    if answer is not None:
        buttons += _copy_button(text.COPY, plain_answer(answer))
        buttons += _copy_button(text.COPY_WITH_SOURCES, answer_with_sources(answer))
    if exchange.passages:
        buttons += button(text.SOURCES_BUTTON, "sources", "aq-action aq-on-phones", exchange=number)
    if is_latest:
        buttons += button(text.EDIT, "edit", "aq-action", exchange=number)
        buttons += button(text.RETRY, "again", "aq-action", exchange=number)
    return f'<div class="aq-actions-row">{buttons}</div>'


def _copy_button(label: str, words: str) -> str:
    return button(label, "copy", "aq-action", copy=words, copied=text.COPIED, copy_failed=text.COPY_FAILED)
