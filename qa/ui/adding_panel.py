"""The part of the Articles tab that adds: files, a pasted text, a web address; knows nothing of lists or questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from index.errors import ArticleQAError
from qa.ui import text
from qa.ui import text_articles as words
from qa.ui.access.identity import require_editor
from qa.ui.adding import Adding, Source, add_sources, address_source, file_source, text_source
from qa.ui.articles_html import current_html, verdicts_html
from qa.ui.assets import ARTICLES_SCRIPT
from qa.ui.components import PRIVATE, event_data, html_panel, number_in
from qa.ui.endpoints import delete_uploads
from qa.ui.html import escape, notice, progress_bar
from qa.ui.permission import may_write, only_editors_html
from qa.ui.ports import QuestionService
from qa.ui.waiting import loading_bars

Updates = list[Any]
WRITING: dict[str, Any] = {"concurrency_id": "writing", "concurrency_limit": 1}
# Apart from other writing: a long feed is read for minutes, and nobody should wait for that with a file.
_FETCHING: dict[str, Any] = {"concurrency_id": "fetching", "concurrency_limit": 2}


@dataclass(frozen=True, slots=True)
class AddingWidgets:
    permission: gr.HTML
    body_of: gr.Column
    files: gr.File
    address: gr.Textbox
    again: gr.HTML
    minutes: gr.State
    fetch: gr.Button
    title: gr.Textbox
    body: gr.Textbox
    paste: gr.Button
    report: gr.HTML


class AddingPanel:
    """Builds its components inside the current Blocks."""

    def __init__(self, service: QuestionService) -> None:
        self._service = service
        self.widgets = _build()

    def wire(self, blocks: gr.Blocks, refresh: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Connect the events; call once, after every component of the page exists.

        :param refresh: Called with the values of ``inputs`` after anything was added; returns values for ``outputs``.
        """
        w = self.widgets
        blocks.load(self.permit, None, [w.permission, w.body_of], queue=False, **PRIVATE)
        w.again.input(self.choose_again, [w.minutes], [w.minutes], queue=False, **PRIVATE)
        fetching = [w.address, w.minutes]
        for event in (
            w.files.upload(self.add_files, [w.files], [w.report, w.files], **PRIVATE, **WRITING),
            w.fetch.click(self.add_address, fetching, [w.report, w.address], **PRIVATE, **_FETCHING),
            w.address.submit(self.add_address, fetching, [w.report, w.address], **PRIVATE, **_FETCHING),
            w.paste.click(self.add_text, [w.title, w.body], [w.report, w.title, w.body], **PRIVATE, **WRITING),
        ):
            event.then(refresh, list(inputs), list(outputs), **PRIVATE)

    def permit(self, request: gr.Request) -> Updates:
        is_editor = may_write(request)
        return ["" if is_editor else only_editors_html(), gr.update(visible=is_editor)]

    def choose_again(self, minutes: int, event: gr.EventData) -> int:
        chosen = number_in(event_data(event).get("value"))
        return chosen if chosen in words.AGAIN else minutes

    def add_files(self, paths: Sequence[str] | None, request: gr.Request) -> Iterator[Updates]:
        files = [Path(path) for path in paths or ()]
        try:
            for report, _ in self._add([file_source(path, path.name) for path in files], request):
                yield [report, gr.skip()]
        finally:
            delete_uploads(files)
        yield [gr.skip(), None]

    def add_text(self, title: str | None, body: str | None, request: gr.Request) -> Iterator[Updates]:
        title = (title or "").strip()
        for report, is_stored in self._add([text_source(title or text.PASTED, title, body or "")], request):
            yield [report, *(["", ""] if is_stored else [gr.skip(), gr.skip()])]

    def add_address(self, address: str | None, minutes: int, request: gr.Request) -> Iterator[Updates]:
        address = (address or "").strip()
        if "://" not in address and "." in address:
            address = f"https://{address}"
        for report, is_stored in self._add(lambda: [self._address_source(address, minutes)], request):
            yield [report, "" if is_stored else gr.skip()]

    def _address_source(self, address: str, minutes: int) -> Source:
        return address_source(self._service.addresses, address, every_minutes=minutes)

    def _add(self, sources: Any, request: gr.Request) -> Iterator[tuple[str, bool]]:
        """The report as HTML after each step, and whether all of it was stored by then without a refusal.

        :param sources: What to add, or what makes it once the models are loaded.
        """
        try:
            require_editor(request)
            for bar in loading_bars(self._service):
                yield bar, False
            chosen = sources() if callable(sources) else sources
            for state in add_sources(self._service.collection, chosen):
                refused = any(verdict.report.rejected for verdict in state.verdicts)
                yield report_html(state), state.is_done and not refused
        except ArticleQAError as error:
            yield notice("error", str(error)), False


def report_html(state: Adding) -> str:
    """A line for each source, and how far the whole is."""
    remaining = state.names[len(state.verdicts) :]
    step = state.step
    if remaining:
        bar = progress_bar(*(step.stage, step.done, step.total) if step is not None else (text.STAGE_UPLOADED, 0, 0))
        current = current_html(remaining[0], bar)
        return verdicts_html(state.verdicts, current=current, waiting=remaining[1:])
    if state.problem is not None:
        ending = notice("error", text.NOT_INDEXED.format(error=state.problem))
    elif step is not None:
        ending = progress_bar(step.stage, step.done, step.total)
    elif state.is_done and any(verdict.report.added or verdict.report.revised for verdict in state.verdicts):
        ending = f'<p class="aq-note">{escape(text.INDEXED)}</p>'
    else:
        ending = ""
    return verdicts_html(state.verdicts, ending)


def _build() -> AddingWidgets:
    with gr.Column(elem_classes="aq-add"):
        permission = html_panel("", "aq-permission", script=ARTICLES_SCRIPT)
        with gr.Column(elem_classes="aq-add-body") as body_of:
            _heading(words.DROP_TITLE, words.DROP_HINT, is_first=True)
            files = gr.File(
                label=text.UPLOAD_LABEL,
                show_label=False,
                file_count="multiple",
                type="filepath",
                height=140,
                elem_classes="aq-drop",
            )
            _heading(words.ADDRESS_TITLE, words.ADDRESS_HINT)
            with gr.Row(elem_classes="aq-paste-row aq-address-row"):
                address = field(words.ADDRESS_LABEL, words.ADDRESS_PLACEHOLDER)
                again = html_panel(_again_html(), "aq-again", script=ARTICLES_SCRIPT)
                fetch = _button(words.ADDRESS_BUTTON)
            _heading(words.PASTE_TITLE)
            body = field(text.PASTE_TEXT_LABEL, text.PASTE_TEXT_PLACEHOLDER, lines=4, max_lines=12)
            with gr.Row(elem_classes="aq-paste-row"):
                title = field(text.PASTE_TITLE_LABEL, text.PASTE_TITLE_LABEL)
                paste = _button(text.PASTE_BUTTON)
        report = html_panel("", "aq-report aq-live", script=ARTICLES_SCRIPT)
    minutes = gr.State(0)
    return AddingWidgets(permission, body_of, files, address, again, minutes, fetch, title, body, paste, report)


def _again_html() -> str:
    options = "".join(f'<option value="{minutes}">{escape(often)}</option>' for minutes, often in words.AGAIN.items())
    return (
        '<div class="aq-pick"><select data-field="again" data-key="again" '
        f'aria-label="{escape(words.AGAIN_LABEL)}">{options}</select></div>'
    )


def _heading(title: str, hint: str = "", *, is_first: bool = False) -> None:
    shown = f"<p>{escape(hint)}</p>" if hint else ""
    classes = "aq-add-heading" if is_first else "aq-add-heading aq-add-next"
    gr.HTML(f"<h2>{escape(title)}</h2>{shown}", apply_default_css=False, elem_classes=classes)


def _button(label: str) -> gr.Button:
    return gr.Button(label, size="sm", scale=0, min_width=100, elem_classes="aq-plain")


def field(label: str, placeholder: str, lines: int = 1, max_lines: int = 1) -> gr.Textbox:
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
