"""Puts the page together: header, tabs and API in one Gradio app; knows nothing of serving it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from qa.kept import Kept
from qa.ui import text
from qa.ui.api import add_endpoints
from qa.ui.articles_panel import ArticlesPanel
from qa.ui.ask_options import AskOptions
from qa.ui.ask_panel import AskPanel
from qa.ui.endpoints import Endpoints
from qa.ui.guarded_blocks import GuardedBlocks, upload_folder
from qa.ui.html import escape
from qa.ui.listing_html import Page
from qa.ui.memory_panel import MemoryPanel
from qa.ui.ports import QuestionService
from qa.ui.status_line import StatusLine

_UPLOADS_LIVE_SECONDS = 3600
_MAX_SESSIONS = 1_000  # Gradio keeps 150 KB or more of each until there are too many, of every call to its API too


def build_blocks(
    service: QuestionService,
    *,
    examples: Sequence[str] = (),
    num_parallel: int = 2,
    max_queue: int = 64,
    kept: Kept | None = None,
) -> gr.Blocks:
    """The whole page and its API.

    :param examples: Questions offered before the first one is asked.
    :param num_parallel: How many questions are answered at once.
    :param max_queue: How many requests may wait; more are refused at once.
    :param kept: Where conversations and feedback are kept; None to keep none, and to show nothing of them.
    """
    blocks: gr.Blocks
    with GuardedBlocks(
        title=text.PRODUCT,
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(_UPLOADS_LIVE_SECONDS, _UPLOADS_LIVE_SECONDS),
    ) as blocks:
        # First, so that no handler of the page takes an endpoint's name.
        add_endpoints(Endpoints(service, upload_folder=upload_folder()), num_parallel=num_parallel)
        with gr.Row(elem_classes="aq-header"):
            gr.HTML(_brand(), apply_default_css=False, elem_classes="aq-brand-slot")
            status = StatusLine(service)
        with gr.Tabs(elem_classes="aq-tabs"):
            with gr.Tab(text.TAB_ASK):
                memory = MemoryPanel(service, kept) if kept is not None else None
                asking = AskPanel(
                    service,
                    examples=examples,
                    num_parallel=num_parallel,
                    below_answer=memory.after if memory is not None else None,
                    in_composer=memory.history if memory is not None else None,
                )
            with gr.Tab(text.TAB_ARTICLES):
                articles = ArticlesPanel(service)
        if memory is not None:
            memory.wire(asking)
        else:
            asking.wire()
        articles.wire(blocks)

        _follow_status(blocks, status, articles, asking)
    # Only what is off the queue may be called directly: the status line's ticks.
    blocks.queue(max_size=max_queue, api_open=False, default_concurrency_limit=8)
    blocks.state_session_capacity = _MAX_SESSIONS
    return blocks


def _follow_status(blocks: gr.Blocks, status: StatusLine, articles: ArticlesPanel, asking: AskPanel) -> None:
    """Let both tabs follow when the status line notices that the articles changed."""

    def follow(page: Page, opened: str | None, options: AskOptions, request: gr.Request) -> list[Any]:
        """The Articles tab, the invitation to ask and the sources to choose from, after the articles changed."""
        return [*articles.follow(page, opened, request), asking.invitation(), asking.form(options, is_kept=True)]

    w, composer = articles.widgets, asking.widgets.composer
    status.wire(
        blocks,
        follow,
        inputs=[w.page, w.opened, composer.options],
        outputs=[*articles.followed, asking.widgets.empty, composer.form],
        conversation=asking.widgets.conversation,
    )


def _brand() -> str:
    return (
        '<div class="aq-brand"><svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8"/>'
        '<path d="M9 9h14v2.4H9zm0 5h9v2.4H9zm0 5h6v2.4H9z"/><rect class="aq-dot" x="17" y="18" '
        f'width="7" height="5" rx="1.2"/></svg><div><h1>{escape(text.PRODUCT)}</h1>'
        f"<p>{escape(text.TAGLINE)}</p></div></div>"
    )
