"""What all panels of the page share: HTML components that report clicks, and reading what they report."""

from __future__ import annotations

from typing import Any

import gradio as gr

from qa.ui.assets import PANEL_SCRIPT

# Handlers of the page are no part of the API, and the page shows its own progress.
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def html_panel(value: str, css_class: str, *, script: str = PANEL_SCRIPT, render: bool = True) -> gr.HTML:
    """HTML made on the server, whose buttons raise ``select`` events; without ``render`` it is put in place later."""
    return gr.HTML(value, js_on_load=script, apply_default_css=False, elem_classes=css_class, render=render)


def event_data(event: gr.EventData) -> dict[str, Any]:
    """What a button reported; anything may stand in it, since browsers send it."""
    data = event._data
    return data if isinstance(data, dict) else {}


def number_in(value: object) -> int | None:
    """The count in a reported value such as "12", or None."""
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else None
