"""Asks, before a handler of the page changes articles, whether its request may; knows nothing of what it changes."""

from __future__ import annotations

import gradio as gr

from qa.ui import text_articles as words
from qa.ui.access.identity import identity_of
from qa.ui.html import notice


def may_write(request: gr.Request | None) -> bool:
    """Whether buttons that change something are shown; what they do asks again."""
    return request is not None and identity_of(request.headers).may_write


def only_editors_html() -> str:
    """What readers see in place of what they may not do."""
    return notice("quiet", words.ONLY_EDITORS_TITLE, words.ONLY_EDITORS_TEXT)
