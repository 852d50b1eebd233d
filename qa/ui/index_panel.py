"""The part of the Articles tab that looks after the index: status, rebuilding, earlier states; knows no articles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from index.errors import ArticleQAError
from qa.ui import text
from qa.ui import text_articles as words
from qa.ui.adding_panel import WRITING
from qa.ui.assets import ARTICLES_SCRIPT
from qa.ui.background import Finished, steps
from qa.ui.components import PRIVATE, event_data, html_panel
from qa.ui.html import escape, notice, progress_bar
from qa.ui.index_html import generations_html, index_html
from qa.ui.permission import may_write, only_editors_html
from qa.ui.ports import QuestionService
from qa.ui.waiting import loading_bars


@dataclass(frozen=True, slots=True)
class IndexWidgets:
    status: gr.HTML
    rebuild: gr.Button
    rebuilt: gr.HTML
    permission: gr.HTML
    generations: gr.HTML


class IndexPanel:
    """Builds its components inside the current Blocks."""

    def __init__(self, service: QuestionService) -> None:
        self._service = service
        with gr.Row(elem_classes="aq-articles"):
            with gr.Column(scale=6, min_width=320):
                status = html_panel('<div class="aq-card aq-waiting"></div>', "aq-index", script=ARTICLES_SCRIPT)
                permission = html_panel("", "aq-permission", script=ARTICLES_SCRIPT)
                with gr.Row(elem_classes="aq-rebuild-row"):
                    rebuild = gr.Button(text.REBUILD, size="sm", scale=0, min_width=130, elem_classes="aq-plain")
                    gr.HTML(
                        f"<p>{escape(words.REBUILD_HINT)}</p>", apply_default_css=False, elem_classes="aq-hint-line"
                    )
                rebuilt = html_panel("", "aq-rebuilt aq-live", script=ARTICLES_SCRIPT)
            with gr.Column(scale=5, min_width=300):
                generations = html_panel(
                    generations_html(None, is_editor=False), "aq-generations aq-live", script=ARTICLES_SCRIPT
                )
        self.widgets = IndexWidgets(status, rebuild, rebuilt, permission, generations)

    def wire(self, blocks: gr.Blocks, refresh: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Connect the events; call once, after every component of the page exists.

        :param refresh: Called with the values of ``inputs`` once the index changed; returns values for ``outputs``.
        """
        w = self.widgets
        blocks.load(self.permit, None, [w.permission, w.rebuild], queue=False, **PRIVATE)
        w.rebuild.click(self.rebuild, None, [w.rebuilt], **PRIVATE, **WRITING).then(
            refresh, list(inputs), list(outputs), **PRIVATE
        )
        w.generations.select(self.select, None, [w.generations], **PRIVATE).then(
            refresh, list(inputs), list(outputs), **PRIVATE
        )

    def permit(self, request: gr.Request) -> list[Any]:
        is_editor = may_write(request)
        return ["" if is_editor else only_editors_html(), gr.update(visible=is_editor)]

    def shown(self) -> str:
        """The status; the models must be loaded."""
        try:
            return index_html(self._service.status())
        except ArticleQAError as error:
            return notice("error", str(error))

    def rebuild(self) -> Iterator[str]:
        try:
            yield from loading_bars(self._service)
            store = self._service.collection
            for step in steps(lambda progress: store.rebuild(progress=progress)):
                if isinstance(step, Finished):
                    yield notice("good", text.REBUILT.format(generation=step.result or text.STATUS_NO_GENERATION))
                else:
                    yield progress_bar(step.stage, step.done, step.total)
        except ArticleQAError as error:
            yield notice("error", str(error))

    def select(self, request: gr.Request, event: gr.EventData) -> str:
        """Look at the kept states, ask whether to go back to one, go back."""
        data = event_data(event)
        action, name = data.get("action"), str(data.get("name", ""))[:100]
        is_editor = may_write(request)
        if action == "hide":
            return generations_html(None, is_editor=is_editor)
        message, asked = "", name if action == "ask-back" else ""
        try:
            if action == "roll-back":
                live = self._service.collection.rollback(name)
                message = notice("good", words.ROLLED_BACK.format(name=live))
        except ArticleQAError as error:
            message = notice("error", str(error))
        try:
            infos = self._service.collection.generations()
        except ArticleQAError as error:
            return generations_html(None, is_editor=is_editor, message=notice("error", str(error)))
        return generations_html(infos, is_editor=is_editor, asked=asked, message=message)
