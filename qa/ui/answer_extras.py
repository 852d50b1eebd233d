"""What stands around an answer as HTML: the days it was asked of, and notes; knows nothing of the answer's own text."""

from __future__ import annotations

from collections.abc import Sequence

from qa.date_windows import DateWindow
from qa.types import Note
from qa.ui import text
from qa.ui.html import escape, list_items
from qa.window_text import shown_window


def window_html(window: DateWindow, number: int, *, is_removable: bool) -> str:
    """A chip that says which days counted for more, with a button that asks question ``number`` again without them."""
    label = f'<span title="{escape(text.WINDOW_TOOLTIP)}">{escape(shown_window(window))}</span>'
    return f'<span class="aq-window">{label}{_remove(window, number) if is_removable else ""}</span>'


def notes_html(notes: Sequence[Note]) -> str:
    """The notes as a list; nothing when there are none."""
    if not notes:
        return ""
    items = list_items([f'<span class="aq-note-{escape(note.kind)}">{escape(note.text)}</span>' for note in notes])
    return f'<ul class="aq-notes" aria-label="{escape(text.NOTES_LABEL)}">{items}</ul>'


def _remove(window: DateWindow, number: int) -> str:
    description = escape(text.WINDOW_REMOVE.format(phrase=window.phrase))
    return (
        f'<button type="button" class="aq-window-remove" data-action="drop-window" data-exchange="{number}" '
        f'title="{description}" aria-label="{description}">{escape(text.REMOVE_SIGN)}</button>'
    )
