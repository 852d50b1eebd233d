"""The Articles tab: its list and reader, and the views beside them put together; knows nothing of questions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from index.errors import ArticleQAError
from qa.ui import text
from qa.ui import text_articles as words
from qa.ui.adding_panel import AddingPanel, field
from qa.ui.arrivals_panel import ArrivalsPanel
from qa.ui.assets import ARTICLES_SCRIPT
from qa.ui.chart_html import MAX_DAYS, bars_of, chart_html
from qa.ui.components import PRIVATE, event_data, html_panel, number_in
from qa.ui.html import notice
from qa.ui.index_panel import IndexPanel
from qa.ui.listing_html import Page, filters_html, found_html, list_html, skeleton_html
from qa.ui.ports import QuestionService
from qa.ui.reader_panel import Reader

Updates = list[Any]
MAX_QUERY_CHARS = 200


@dataclass(frozen=True, slots=True)
class ArticlesWidgets:
    page: gr.State
    opened: gr.State
    search: gr.Textbox
    filters: gr.HTML
    found: gr.HTML
    listing: gr.HTML
    reader: gr.HTML
    chart: gr.HTML


class ArticlesPanel:
    """Builds the tab inside the current Blocks."""

    def __init__(self, service: QuestionService) -> None:
        self._service = service
        self._reader = Reader(service)
        with gr.Tabs(elem_classes="aq-views"):
            with gr.Tab(words.VIEW_BROWSE, elem_id="aq-view-browse"):
                self.widgets = _build()
            with gr.Tab(words.VIEW_ADD, elem_id="aq-view-add"):
                self.adding = AddingPanel(service)
            with gr.Tab(words.VIEW_ARRIVALS, elem_id="aq-view-arrivals"):
                self.arrivals = ArrivalsPanel(service)
            with gr.Tab(words.VIEW_INDEX, elem_id="aq-view-index"):
                self.index = IndexPanel(service)

    @property
    def followed(self) -> list[Any]:
        """What :meth:`follow` gives values for, once the articles changed."""
        w, arrived = self.widgets, self.arrivals.widgets
        return [
            *(w.filters, w.found, w.listing, w.chart),
            *(arrived.latest, arrived.sources, arrived.log, self.index.widgets.status),
        ]

    def wire(self, blocks: gr.Blocks) -> None:
        """Connect the events; call once, after every component of the page exists."""
        w = self.widgets
        inputs = [w.page, w.opened]
        listed = [w.page, w.found, w.listing, w.chart]
        w.search.change(self.search, [w.search, *inputs], listed, trigger_mode="always_last", **PRIVATE)
        w.filters.input(self.choose, inputs, listed, trigger_mode="always_last", **PRIVATE)
        w.found.select(self.drop, inputs, [w.search, w.filters, *listed], **PRIVATE)
        w.chart.select(self.from_chart, inputs, [w.filters, *listed], **PRIVATE)
        view = [w.page, w.opened, w.search, w.filters, w.found, w.listing, w.chart, w.reader]
        for panel in (w.listing, w.reader, self.arrivals.widgets.latest):
            # What was clicked on shows before its event is over; the next click must not be lost for that.
            panel.select(self.select, inputs, view, trigger_mode="always_last", **PRIVATE)
        self.adding.wire(blocks, self.follow, inputs, self.followed)
        self.arrivals.wire()
        self.index.wire(blocks, self.follow, inputs, self.followed)

    # The list

    def follow(self, page: Page, opened: str | None, request: gr.Request) -> Updates:
        """Everything that shows articles, after they changed."""
        filters, found, listing, chart = self._all(page, opened)
        return [
            *(filters, found, listing, chart),
            *(*self.arrivals.shown(request), self.index.shown()),
        ]

    def search(self, query: str | None, page: Page, opened: str | None) -> Updates:
        page = replace(page, query=(query or "").strip()[:MAX_QUERY_CHARS].replace("\x00", ""), offset=0)
        return [page, *self._listed(page, opened)]

    def choose(self, page: Page, opened: str | None, event: gr.EventData) -> Updates:
        """Another source, day or order; the controls keep what they show."""
        data = event_data(event)
        for name in ("source", "after", "before", "sort"):
            if name in data:
                page = page.changed(name, str(data[name]))
        return [page, *self._listed(page, opened)]

    def drop(self, page: Page, opened: str | None, event: gr.EventData) -> Updates:
        """Remove one filter, or all."""
        page = page.without(str(event_data(event).get("name", "")))
        filters, *listed = self._all(page, opened)
        return [page.query, filters, page, *listed]

    def from_chart(self, page: Page, opened: str | None, event: gr.EventData) -> Updates:
        """Show one source only, or another unit of time."""
        data = event_data(event)
        if data.get("action") == "only":
            page = replace(page, source=str(data.get("source", ""))[:2000], offset=0)
        else:
            page = page.changed("unit", str(data.get("unit", "")))
        filters, *listed = self._all(page, opened)
        return [filters, page, *listed]

    def _all(self, page: Page, opened: str | None) -> Updates:
        """Filters, count, list and chart."""
        try:
            sources = self._service.collection.sources()
        except ArticleQAError:
            sources = []  # what is wrong stands in the list's place
        return [filters_html(page, sources), *self._listed(page, opened)]

    def _listed(self, page: Page, opened: str | None) -> Updates:
        """Count, list and chart."""
        if page.is_impossible:
            return [found_html(0, page), list_html([], 0, page, opened, {}), ""]
        try:
            counts = self._service.collection.day_counts(page.filters, num_days=MAX_DAYS)
        except ArticleQAError as error:
            return ["", notice("error", str(error)), ""]
        return [*self._part(page, opened), chart_html(bars_of(counts, page.unit))]

    def _part(self, page: Page, opened: str | None) -> Updates:
        """Count and list."""
        store, filters = self._service.collection, page.filters

        def read(offset: int) -> tuple[list[Any], int]:
            return store.articles(
                offset=offset,
                limit=page.size,
                query=filters.query,
                source=filters.source,
                published_after=filters.published_after,
                published_before=filters.published_before,
                sort=page.sort,
            )

        try:
            revisions, total = read(page.offset)
            if not revisions and total:  # the last page emptied while it was shown
                page = replace(page, offset=0)
                revisions, total = read(0)
            revised = store.revised_on([revision.revision_id for revision in revisions])
        except ArticleQAError as error:
            return ["", notice("error", str(error))]
        return [found_html(total, page), list_html(revisions, total, page, opened, revised)]

    # The reader

    def select(self, page: Page, opened: str | None, request: gr.Request, event: gr.EventData) -> Iterator[Updates]:
        """A row, a page or a button of the reader."""
        data = event_data(event)
        action, article_id, token = data.get("action"), str(data.get("article", ""))[:500], str(data.get("token", ""))
        same = [gr.skip()] * 3
        if action == "drop":
            page = page.without("all")
            yield [page, opened, page.query, *self._all(page, opened), gr.skip()]
        elif action == "page":
            page = replace(page, offset=number_in(data.get("offset")) or 0)
            yield [page, opened, *same[:2], *self._part(page, opened), gr.skip(), gr.skip()]
        elif action in ("read", "browse"):
            shown = self._reader.article(article_id, request)
            yield [page, article_id, *same[:2], *self._part(page, article_id), gr.skip(), shown]
        elif action in ("revision", "diff"):
            shown = self._reader.revision(article_id, data.get("revision"), request, is_diff=action == "diff")
            yield [page, opened, *same, gr.skip(), gr.skip(), shown]
        elif action == "ask-remove":
            yield [page, opened, *same, gr.skip(), gr.skip(), self._reader.asked_to_remove(article_id, request)]
        elif action in ("remove", "undo"):
            removing = action == "remove"
            changing = self._reader.removing(article_id, request) if removing else self._reader.undoing(token)
            for shown in changing:
                yield [page, None, *same, gr.skip(), gr.skip(), shown]
            yield [page, None, gr.skip(), *self._all(page, None), gr.skip()]
        elif action == "forget":
            self._reader.forget(token)
            yield [gr.skip()] * 8
        else:
            yield [page, None, *same[:2], *self._part(page, None), gr.skip(), ""]


def _build() -> ArticlesWidgets:
    page, opened = gr.State(Page()), gr.State(None)
    with gr.Row(elem_classes="aq-articles"):
        with gr.Column(scale=6, min_width=320, elem_classes="aq-collection"):
            search = field(text.SEARCH_LABEL, text.SEARCH_PLACEHOLDER)
            filters = html_panel(filters_html(Page(), []), "aq-filtering", script=ARTICLES_SCRIPT)
            found = html_panel("<div class='aq-found'><p>…</p></div>", "aq-found-slot aq-live", script=ARTICLES_SCRIPT)
            listing = html_panel(skeleton_html(), "aq-listing", script=ARTICLES_SCRIPT)
        with gr.Column(scale=5, min_width=300, elem_classes="aq-side"):
            reader = html_panel("", "aq-reading", script=ARTICLES_SCRIPT)
            chart = html_panel('<div class="aq-card aq-waiting"></div>', "aq-charting", script=ARTICLES_SCRIPT)
    return ArticlesWidgets(page, opened, search, filters, found, listing, reader, chart)
