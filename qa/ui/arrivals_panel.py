"""The part of the Articles tab that says what arrived and how the sources stand; knows nothing of lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from index.errors import ArticleQAError
from qa.ui import text_articles as words
from qa.ui.access.identity import require_editor
from qa.ui.arrivals_html import latest_html, log_html, sources_html
from qa.ui.assets import ARTICLES_SCRIPT
from qa.ui.components import PRIVATE, event_data, html_panel
from qa.ui.html import notice
from qa.ui.listing_html import skeleton_html
from qa.ui.permission import may_write
from qa.ui.ports import QuestionService

_NUM_MINUTES = 20
_NUM_LATEST = 10


@dataclass(frozen=True, slots=True)
class ArrivalsWidgets:
    latest: gr.HTML
    sources: gr.HTML
    log: gr.HTML


class ArrivalsPanel:
    """Builds its components inside the current Blocks."""

    def __init__(self, service: QuestionService) -> None:
        self._service = service
        with gr.Row(elem_classes="aq-articles"):
            with gr.Column(scale=6, min_width=320):
                latest = html_panel(skeleton_html(), "aq-arrived", script=ARTICLES_SCRIPT)
            with gr.Column(scale=5, min_width=300):
                sources = html_panel("", "aq-sources-watched aq-live", script=ARTICLES_SCRIPT)
                log = html_panel("", "aq-logged", script=ARTICLES_SCRIPT)
        self.widgets = ArrivalsWidgets(latest, sources, log)

    def wire(self) -> None:
        w = self.widgets
        w.sources.select(self.stop_source, None, [w.sources], **PRIVATE)

    def shown(self, request: gr.Request | None) -> list[str]:
        """A value for each widget; the models must be loaded."""
        try:
            store = self._service.collection
            latest, log = (
                latest_html(store.arrivals(limit=_NUM_LATEST)),
                log_html(store.arrival_counts(limit=_NUM_MINUTES)),
            )
        except ArticleQAError as error:
            latest, log = notice("error", str(error)), ""
        return [latest, self.shown_sources(request), log]

    def shown_sources(self, request: gr.Request | None, message: str = "") -> str:
        try:
            sources: list[dict[str, Any]] = self._service.status().get("sources") or []
        except ArticleQAError as error:
            return notice("error", str(error))
        return sources_html(sources, is_editor=may_write(request), message=message)

    def stop_source(self, request: gr.Request, event: gr.EventData) -> str:
        data = event_data(event)
        if data.get("action") != "stop-source":
            return self.shown_sources(request)
        address = str(data.get("address", ""))[:4000]
        try:
            require_editor(request)
            self._service.addresses.forget(address)
        except ArticleQAError as error:
            return self.shown_sources(request, notice("error", str(error)))
        return self.shown_sources(request, notice("good", words.SOURCE_STOPPED.format(address=address)))
