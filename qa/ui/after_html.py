"""What stands under the last answer as HTML: thumbs with reasons, and what to ask next; knows nothing of storage."""

from __future__ import annotations

from collections.abc import Sequence

from qa.feedback import MAX_WORDS_CHARS, Opinion, Reason
from qa.ui import text
from qa.ui.html import button, escape, notice

_THUMB = (
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round"{turned}>'
    '<path d="M7 10.5 11 3c1.6 0 2.6 1.1 2.4 2.7L13 9h5.6c1.4 0 2.4 1.3 2 2.7l-1.6 6.4c-.3 1.1-1.2 1.9-2.4 1.9H7z"/>'
    '<path d="M7 10.5H3.5V20H7"/></svg>'
)
_TURNED = ' style="transform:rotate(180deg)"'
REASONS: tuple[tuple[Reason, str], ...] = (
    ("wrong", text.REASON_WRONG),
    ("not_in_articles", text.REASON_NOT_IN_ARTICLES),
    ("wrong_source", text.REASON_WRONG_SOURCE),
    ("out_of_date", text.REASON_OUT_OF_DATE),
    ("other", text.REASON_OTHER),
)


def after_html(
    opinion: Opinion | None,
    suggestions: Sequence[str],
    *,
    number: int,
    has_thumbs: bool,
    is_form_open: bool = False,
    was_said: bool = False,
    problem: str | None = None,
) -> str:
    """All of it.

    :param number: Of the exchange that it belongs to.
    :param has_thumbs: Whether there is an answer of which something can be said.
    :param was_said: Whether what was said was stored just now, which is then confirmed.
    """
    thumbs = _thumbs(opinion, was_said=was_said) if has_thumbs else ""
    form = _form(opinion) if has_thumbs and is_form_open else ""
    failed = notice("error", text.FEEDBACK_FAILED, problem) if problem is not None else ""
    return f'<div class="aq-after-answer" data-exchange="{number}">{thumbs}{failed}{form}{_next(suggestions)}</div>'


def _thumbs(opinion: Opinion | None, *, was_said: bool) -> str:
    verdict = opinion.verdict if opinion is not None else None
    up = _thumb("up", text.THUMB_UP, _THUMB.format(turned=""), is_pressed=verdict == "up")
    down = _thumb("down", text.THUMB_DOWN, _THUMB.format(turned=_TURNED), is_pressed=verdict == "down")
    more = button(text.FEEDBACK_CHANGE, "feedback-form", "aq-action") if verdict == "down" else ""
    said = text.FEEDBACK_THANKS if was_said else ""
    return (
        f'<div class="aq-thumbs" role="group" aria-label="{escape(text.FEEDBACK_LABEL)}">'
        f'<span class="aq-thumbs-label">{escape(text.FEEDBACK_LABEL)}</span>{up}{down}{more}'
        f'<span class="aq-thanks" data-announce="{escape(said)}">{escape(said)}</span></div>'
    )


def _thumb(verdict: str, label: str, sign: str, *, is_pressed: bool) -> str:
    pressed = "true" if is_pressed else "false"
    return (
        f'<button type="button" class="aq-thumb" data-action="thumb" data-verdict="{verdict}" aria-pressed="{pressed}" '
        f'aria-label="{escape(label)}" title="{escape(label)}"><span aria-hidden="true">{sign}</span></button>'
    )


def _form(opinion: Opinion | None) -> str:
    reason = opinion.reason if opinion is not None else None
    choices = "".join(_choice(value, label, is_chosen=value == reason) for value, label in REASONS)
    right = _field("right_answer", text.RIGHT_ANSWER_LABEL, opinion.right_answer if opinion is not None else "")
    comment = _field("comment", text.COMMENT_LABEL, opinion.comment if opinion is not None else "")
    send = f'<button type="submit" class="aq-button aq-primary">{escape(text.FEEDBACK_SEND)}</button>'
    cancel = button(text.FEEDBACK_CANCEL, "feedback-cancel")
    return (
        f'<form class="aq-feedback" aria-label="{escape(text.FEEDBACK_FORM_LABEL)}"><fieldset><legend>'
        f"{escape(text.FEEDBACK_REASON_LABEL)}</legend>{choices}</fieldset>{right}{comment}"
        f'<p class="aq-feedback-hint">{escape(text.FEEDBACK_HINT)}</p>'
        f'<div class="aq-feedback-buttons">{send}{cancel}</div></form>'
    )


def _choice(value: str, label: str, *, is_chosen: bool) -> str:
    chosen = " checked" if is_chosen else ""
    return (
        f'<label class="aq-reason"><input type="radio" name="aq-reason" value="{value}"{chosen}>'
        f"<span>{escape(label)}</span></label>"
    )


def _field(name: str, label: str, value: str) -> str:
    return (
        f'<label class="aq-feedback-field"><span>{escape(label)}</span><input type="text" name="{name}" '
        f'maxlength="{MAX_WORDS_CHARS}" value="{escape(value)}" autocomplete="off"></label>'
    )


def _next(suggestions: Sequence[str]) -> str:
    if not suggestions:
        return ""
    buttons = "".join(button(one, "suggestion", "aq-suggestion", number=i) for i, one in enumerate(suggestions))
    return (
        f'<div class="aq-suggestions" role="group" aria-label="{escape(text.SUGGESTIONS_LABEL)}">'
        f'<p class="aq-label">{escape(text.SUGGESTIONS_LABEL)}</p>{buttons}</div>'
    )
