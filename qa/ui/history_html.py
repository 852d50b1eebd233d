"""The list of kept conversations as HTML; knows nothing of where they are kept."""

from __future__ import annotations

from qa.conversations import Summary
from qa.ui import text
from qa.ui.html import button, day, escape, list_items, notice
from qa.ui.remembering import Shelf

ALL = "all"
"""In place of a conversation's id: all of them are to be deleted."""


def history_html(shelf: Shelf, *, current: str | None = None, asking: str | None = None, is_known: bool = True) -> str:
    """The button and the dialog that it opens.

    :param current: The conversation on the page.
    :param asking: The conversation that is to be deleted if that is confirmed, or :data:`ALL`.
    :param is_known: False before the browser said whose page it is.
    """
    opener = button(text.HISTORY_OPEN, "show-history", "aq-plain aq-history-open")
    opener = opener.replace("<button ", '<button aria-haspopup="dialog" ', 1)
    close = button(text.HISTORY_CLOSE, "close-history")
    ready = f' data-ready="1" data-conversation="{escape(current or "")}"' if is_known else ""
    return (
        f'<div class="aq-history-slot"{ready}>{opener}'
        '<dialog class="aq-history" aria-labelledby="aq-history-title">'
        f'<header><h2 id="aq-history-title">{escape(text.HISTORY_TITLE)}</h2>{close}</header>'
        f"{_body(shelf, current, asking)}{_foot(shelf, asking)}</dialog></div>"
    )


def _body(shelf: Shelf, current: str | None, asking: str | None) -> str:
    if shelf.problem is not None:
        return notice("error", text.HISTORY_PROBLEM, shelf.problem)
    if not shelf.summaries:
        hint = text.HISTORY_EMPTY if shelf.keeps else text.HISTORY_OFF
        return f'<p class="aq-hint">{escape(hint)}</p>'
    items = list_items([_item(one, current, asking) for one in shelf.summaries])
    return f'<ol class="aq-history-list">{items}</ol>'


def _item(summary: Summary, current: str | None, asking: str | None) -> str:
    number = text.HISTORY_QUESTION if summary.num_questions == 1 else text.HISTORY_QUESTIONS
    facts = f"{number.format(count=summary.num_questions)} · {day(summary.changed_at, text.NO_DATE)}"
    is_current = ' aria-current="true"' if summary.conversation_id == current else ""
    opener = (
        f'<button type="button" class="aq-history-item" data-action="open-conversation"{is_current} '
        f'data-conversation="{escape(summary.conversation_id)}"><span class="aq-history-question">'
        f'{escape(summary.title)}</span><span class="aq-history-facts">{escape(facts)}</span></button>'
    )
    if summary.conversation_id == asking:
        return opener + _confirm(text.HISTORY_DELETE_QUESTION, summary.conversation_id)
    label = escape(text.HISTORY_DELETE_LABEL.format(title=summary.title))
    return opener + (
        f'<button type="button" class="aq-button aq-danger-quiet" data-action="ask-delete" aria-label="{label}" '
        f'data-conversation="{escape(summary.conversation_id)}">{escape(text.HISTORY_DELETE)}</button>'
    )


def _confirm(question: str, conversation_id: str) -> str:
    yes = button(text.HISTORY_DELETE, "delete-conversation", "aq-button aq-danger", conversation=conversation_id)
    no = button(text.REMOVE_NO, "keep-conversation")
    asked = escape(question)
    return f'<div class="aq-history-confirm" role="group" aria-label="{asked}"><p>{asked}</p>{yes}{no}</div>'


def _foot(shelf: Shelf, asking: str | None) -> str:
    keeps = " checked" if shelf.keeps else ""
    choice = (
        f'<label class="aq-switch"><input type="checkbox" data-switch="keep"{keeps}><span>{escape(text.HISTORY_KEEP)}'
        f"<small>{escape(text.HISTORY_KEEP_HINT)}</small></span></label>"
    )
    if asking == ALL:
        delete = _confirm(text.HISTORY_DELETE_ALL_QUESTION, ALL)
    else:
        delete = button(text.HISTORY_DELETE_ALL, "ask-delete", "aq-button aq-danger-quiet", conversation=ALL)
    return f'<div class="aq-history-foot">{choice}{delete}</div>'
