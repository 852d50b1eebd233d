"""The Articles tab: list, reader, adding, removing, rebuilding; knows nothing of questions and answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from index.errors import ArticleQAError
from qa.ui import text
from qa.ui.adding import Adding, Source, add_sources, file_source, text_source
from qa.ui.articles_html import Page, adders_heading_html, article_html, list_html, removal_html, verdicts_html
from qa.ui.background import Finished, steps
from qa.ui.components import PRIVATE, event_data, html_panel, number_in
from qa.ui.endpoints import delete_uploads
from qa.ui.html import button, notice, progress_bar
from qa.ui.ports import QuestionService
from qa.ui.waiting import loading_bars

Updates = list[Any]


@dataclass(frozen=True, slots=True)
class ArticlesWidgets:
    page: gr.State
    opened: gr.State
    search: gr.Textbox
    listing: gr.HTML
    reader: gr.HTML
    rebuild: gr.Button
    rebuilt: gr.HTML
    files: gr.File
    title: gr.Textbox
    body: gr.Textbox
    paste: gr.Button
    report: gr.HTML


class ArticlesPanel:
    """Builds the tab inside the current Blocks."""

    def __init__(self, service: QuestionService) -> None:
        self._service = service
        self.widgets = self._build()

    def _build(self) -> ArticlesWidgets:
        page, opened = gr.State(Page()), gr.State(None)
        with gr.Row(elem_classes="aq-articles"):
            with gr.Column(scale=6, min_width=320, elem_classes="aq-collection"):
                with gr.Row(elem_classes="aq-toolbar"):
                    search = _field(text.SEARCH_LABEL, text.SEARCH_PLACEHOLDER)
                    rebuild = gr.Button(text.REBUILD, size="sm", scale=0, min_width=120, elem_classes="aq-plain")
                rebuilt = html_panel("", "aq-rebuilt")
                listing = html_panel("", "aq-listing")
            with gr.Column(scale=5, min_width=300, elem_classes="aq-side"):
                reader = html_panel("", "aq-reading")
                with gr.Column(elem_classes="aq-add"):
                    files, title, body, paste = _adders()
                    report = html_panel("", "aq-report")
        adding = (files, title, body, paste, report)
        return ArticlesWidgets(page, opened, search, listing, reader, rebuild, rebuilt, *adding)

    def wire(self) -> None:
        """Connect the events; call once, after every component of the page exists."""
        w = self.widgets
        writing: dict[str, Any] = {"concurrency_id": "writing", "concurrency_limit": 1}
        view = [w.page, w.opened, w.listing, w.reader]
        w.search.change(self.search, [w.search, w.opened], [w.page, w.listing], trigger_mode="always_last", **PRIVATE)
        w.listing.select(self.select, [w.page, w.opened], view, **PRIVATE)
        w.reader.select(self.select, [w.page, w.opened], view, **PRIVATE)
        events = [
            w.files.upload(self.add_files, [w.files], [w.report, w.files], **PRIVATE, **writing),
            w.paste.click(self.add_text, [w.title, w.body], [w.report, w.title, w.body], **PRIVATE, **writing),
            w.rebuild.click(self.rebuild, None, [w.rebuilt], **PRIVATE, **writing),
        ]
        for event in events:
            event.then(self.refresh, [w.page, w.opened], [w.listing], **PRIVATE)

    # What the events do

    def refresh(self, page: Page, opened: str | None) -> str:
        try:
            revisions, total = self._service.collection.articles(offset=page.offset, limit=page.size, query=page.query)
            if not revisions and total:  # the last page emptied while it was shown
                revisions, total = self._service.collection.articles(limit=page.size, query=page.query)
                page = replace(page, offset=0)
        except ArticleQAError as error:
            return notice("error", str(error))
        return list_html(revisions, total, page, opened)

    def search(self, query: str | None, opened: str | None) -> Updates:
        page = Page(query=(query or "").strip()[:200])
        return [page, self.refresh(page, opened)]

    def select(self, page: Page, opened: str | None, event: gr.EventData) -> Updates:
        """A row, a page or a button of the reader."""
        data = event_data(event)
        action, article_id = data.get("action"), str(data.get("article", ""))
        if action == "page":
            page = replace(page, offset=number_in(data.get("offset")) or 0)
            return [page, opened, self.refresh(page, opened), gr.skip()]
        if action == "read":
            return [page, article_id, self.refresh(page, article_id), self._reader(article_id)]
        if action == "ask-remove":
            return [page, opened, gr.skip(), self._reader(article_id, removal=removal_html(article_id))]
        if action == "remove":
            shown = self._removed(article_id)
            return [page, None, self.refresh(page, None), shown]
        return [page, None, self.refresh(page, None), ""]

    def _reader(self, article_id: str, removal: str = "") -> str:
        close = button(text.CLOSE_ARTICLE, "close")
        remove = "" if removal else button(text.REMOVE, "ask-remove", "aq-button aq-danger-quiet", article=article_id)
        try:
            revision = self._service.collection.article(article_id)
            num_revisions = len(self._service.collection.history(article_id))
            also_in = self._service.collection.also_in(revision.revision_id)
        except ArticleQAError as error:
            return f'<div class="aq-panel">{notice("error", str(error))}</div>'
        return article_html(
            revision, actions=close + remove, num_revisions=num_revisions, removal=removal, also_in=also_in
        )

    def _removed(self, article_id: str) -> str:
        try:
            title = self._service.collection.article(article_id).article.title
            self._service.collection.remove([article_id])
        except ArticleQAError as error:
            return f'<div class="aq-panel">{notice("error", str(error))}</div>'
        return notice("good", text.REMOVED.format(title=title))

    def add_files(self, paths: Sequence[str] | None) -> Iterator[Updates]:
        files = [Path(path) for path in paths or ()]
        try:
            for report, _ in self._add([file_source(path, path.name) for path in files]):
                yield [report, gr.skip()]
        finally:
            delete_uploads(files)
        yield [gr.skip(), None]

    def add_text(self, title: str | None, body: str | None) -> Iterator[Updates]:
        title = (title or "").strip()
        for report, is_stored in self._add([text_source(title or text.PASTED, title, body or "")]):
            yield [report, *(["", ""] if is_stored else [gr.skip(), gr.skip()])]

    def rebuild(self) -> Iterator[str]:
        try:
            yield from loading_bars(self._service)
            for step in steps(lambda progress: self._service.collection.rebuild(progress=progress)):
                if isinstance(step, Finished):
                    yield notice("good", text.REBUILT.format(generation=step.result or text.STATUS_NO_GENERATION))
                else:
                    yield progress_bar(step.stage, step.done, step.total)
        except ArticleQAError as error:
            yield notice("error", str(error))

    def _add(self, sources: Sequence[Source]) -> Iterator[tuple[str, bool]]:
        """The report as HTML after each step, and whether all of it was stored by then without a refusal."""
        try:
            for bar in loading_bars(self._service):
                yield bar, False
            for state in add_sources(self._service.collection, sources):
                refused = any(verdict.report.rejected for verdict in state.verdicts)
                yield _report_html(state), state.is_done and not refused
        except ArticleQAError as error:
            yield notice("error", str(error)), False


def _report_html(state: Adding) -> str:
    if state.step is not None:
        ending = progress_bar(state.step.stage, state.step.done, state.step.total)
    elif not state.is_done:
        ending = progress_bar(text.STAGE_UPLOADED, 0, 0)
    elif state.problem is not None:
        ending = notice("error", text.NOT_INDEXED.format(error=state.problem))
    elif any(verdict.report.added or verdict.report.revised for verdict in state.verdicts):
        ending = f'<p class="aq-note">{text.INDEXED}</p>'
    else:
        ending = ""
    return verdicts_html(state.verdicts, ending)


def _adders() -> tuple[gr.File, gr.Textbox, gr.Textbox, gr.Button]:
    gr.HTML(adders_heading_html(), apply_default_css=False)
    files = gr.File(
        label=text.UPLOAD_LABEL,
        show_label=False,
        file_count="multiple",
        type="filepath",
        height=132,
        elem_classes="aq-drop",
    )
    body = _field(text.PASTE_TEXT_LABEL, text.PASTE_TEXT_PLACEHOLDER, lines=3, max_lines=12)
    with gr.Row(elem_classes="aq-paste-row"):
        title = _field(text.PASTE_TITLE_LABEL, text.PASTE_TITLE_LABEL)
        paste = gr.Button(text.PASTE_BUTTON, size="sm", scale=0, min_width=100, elem_classes="aq-plain")
    return files, title, body, paste


def _field(label: str, placeholder: str, lines: int = 1, max_lines: int = 1) -> gr.Textbox:
    """A text field whose label is for those who do not see it."""
    return gr.Textbox(
        label=label,
        show_label=False,
        placeholder=placeholder,
        lines=lines,
        max_lines=max_lines,
        container=False,
        scale=1,
        elem_classes="aq-field",
    )
