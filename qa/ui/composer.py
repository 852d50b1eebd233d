"""The box at the bottom of the conversation: question, buttons, filters; knows nothing of what is done with them."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from qa.ui import text
from qa.ui.arguments import MAX_QUESTION_CHARS
from qa.ui.ask_options import AskOptions
from qa.ui.assets import ASK_SCRIPT
from qa.ui.components import html_panel
from qa.ui.filters_html import chips_html, form_html


@dataclass(frozen=True, slots=True)
class Composer:
    """Its components. ``options`` and ``is_editing`` are the session's: what the next question is asked with, and
    whether it takes the place of the last one."""

    question: gr.Textbox
    send: gr.Button
    stop: gr.Button
    clear: gr.Button
    form: gr.HTML
    chips: gr.HTML
    options: gr.State
    is_editing: gr.State


def build_composer(beside: gr.HTML | None = None) -> Composer:
    """Build it inside the current Blocks.

    :param beside: What else stands beside its lower buttons, not rendered yet.
    """
    options, is_editing = gr.State(AskOptions()), gr.State(False)
    with gr.Column(elem_classes="aq-composer"):
        chips = ask_html(chips_html(AskOptions()), "aq-filter-slot")
        with gr.Row(elem_classes="aq-composer-row"):
            question = _question_box()
            send = gr.Button(text.SEND, variant="primary", scale=0, min_width=84, elem_classes="aq-send")
            stop = gr.Button(text.STOP, variant="stop", scale=0, min_width=84, visible=False, elem_classes="aq-stop")
        with gr.Row(elem_classes="aq-options"):
            form = ask_html(form_html(AskOptions()), "aq-form-slot")
            if beside is not None:
                beside.render()  # type: ignore[no-untyped-call]  # Gradio says no types here
            clear = gr.Button(
                text.NEW_CONVERSATION, size="sm", scale=0, min_width=92, interactive=False, elem_classes="aq-plain"
            )
    return Composer(question, send, stop, clear, form, chips, options, is_editing)


def ask_html(value: str, css_class: str) -> gr.HTML:
    """HTML made on the server, with what the Ask tab's buttons do (see assets/ask.js)."""
    return html_panel(value, css_class, script=ASK_SCRIPT)


def _question_box() -> gr.Textbox:
    return gr.Textbox(
        label=text.QUESTION_LABEL,
        show_label=False,
        placeholder=text.QUESTION_PLACEHOLDER,
        lines=1,
        max_lines=6,
        max_length=MAX_QUESTION_CHARS,
        autofocus=True,
        container=False,
        scale=1,
        elem_classes="aq-question-box",
    )
