"""The Ask tab: conversation, composer and sources panel, and what their events do; knows nothing of articles' storage.

The conversation lives in the session's state as plain values; HTML is made from it at each step.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from index.errors import ArticleQAError
from qa.ui import text
from qa.ui.answer_html import date_html, earlier_html, empty_html, latest_html
from qa.ui.arguments import MAX_QUESTION_CHARS
from qa.ui.articles_html import article_html
from qa.ui.components import PRIVATE, event_data, html_panel, number_in
from qa.ui.conversation import Conversation, Exchange, Phase, is_under_way, stopped, turns, with_event
from qa.ui.html import Span, button, notice
from qa.ui.ports import QuestionService
from qa.ui.sources_html import sources_html
from qa.ui.waiting import loading_states

_MIN_SECONDS_BETWEEN_DRAFTS = 0.05  # more often than this nobody can read, and each one is a message

Updates = list[Any]


@dataclass(frozen=True, slots=True)
class AskWidgets:
    """The components of the tab, in the order in which :func:`_shown` updates those that show the conversation."""

    conversation: gr.State
    empty: gr.HTML
    earlier: gr.HTML
    latest: gr.HTML
    sources: gr.HTML
    send: gr.Button
    stop: gr.Button
    retry: gr.Button
    clear: gr.Button
    question: gr.Textbox
    date: gr.HTML
    as_of: gr.State

    @property
    def shown(self) -> list[Any]:
        shown: list[Any] = [self.conversation, self.empty, self.earlier, self.latest, self.sources]
        return [*shown, self.send, self.stop, self.retry, self.clear]


class AskPanel:
    """Builds the tab inside the current Blocks.

    :param examples: Questions offered before the first one is asked.
    :param num_parallel: How many questions are answered at once; others wait their turn.
    """

    def __init__(self, service: QuestionService, *, examples: Sequence[str], num_parallel: int) -> None:
        self._service = service
        self._examples = tuple(examples)
        self._num_parallel = num_parallel
        self.widgets = self._build()

    def _build(self) -> AskWidgets:
        conversation, as_of = gr.State(()), gr.State(None)
        with gr.Row(elem_classes="aq-ask"):
            with gr.Column(scale=7, min_width=320, elem_classes="aq-main"):
                with gr.Column(elem_classes="aq-transcript"):
                    empty = html_panel(empty_html(self._examples, has_articles=True), "aq-empty-slot")
                    earlier, latest = html_panel("", "aq-earlier"), html_panel("", "aq-latest")
                question, send, stop, date, retry, clear = _composer()
            with gr.Column(scale=5, min_width=300, elem_classes="aq-side"):
                sources = html_panel(sources_html(()), "aq-sources")
        shown = (conversation, empty, earlier, latest, sources, send, stop, retry, clear)
        return AskWidgets(*shown, question=question, date=date, as_of=as_of)

    def wire(self) -> None:
        """Connect the events; call once, after every component of the page exists."""
        w = self.widgets
        start_from = {"fn": self.start, "inputs": [w.question, w.conversation], "outputs": [*w.shown, w.question]}
        started = [
            gr.on([w.question.submit, w.send.click], **start_from, **PRIVATE),
            w.empty.select(self.start_example, [w.conversation], [*w.shown, w.question], **PRIVATE),
            w.retry.click(self.start_again, [w.conversation], w.shown, **PRIVATE),
            w.latest.input(self.start_without_window, [w.conversation], w.shown, **PRIVATE),
        ]
        answering = [self._then_answer(event) for event in started]
        w.stop.click(self.stop, [w.conversation], w.shown, cancels=answering, **PRIVATE)
        w.clear.click(self.clear, None, w.shown, cancels=answering, **PRIVATE)
        w.date.input(self.choose_date, None, [w.as_of], **PRIVATE)
        for panel in (w.earlier, w.latest, w.sources):
            panel.select(self.select, [w.conversation], [w.sources], **PRIVATE)

    def _then_answer(self, started: Any) -> Any:
        w = self.widgets
        answering = started.then(
            self.answer, [w.conversation, w.as_of], w.shown,
            concurrency_id="asking", concurrency_limit=self._num_parallel, **PRIVATE,
        )  # fmt: skip
        answering.failure(self.fail, [w.conversation], w.shown, **PRIVATE)
        return answering

    def invitation(self) -> str:
        """What stands where the conversation will be: examples, or that there is nothing to ask about yet."""
        try:
            _, total = self._service.collection.articles(limit=1)
        except ArticleQAError as error:
            return notice("error", str(error))
        return empty_html(self._examples, has_articles=total > 0)

    # What the events do

    def start(self, question: str, conversation: Conversation) -> Updates:
        """Put a question into the conversation; a second one waits in its box until the first is answered."""
        asked = (question or "").strip()
        if not asked or is_under_way(conversation):
            return [gr.skip()] * (len(self.widgets.shown) + 1)
        if len(asked) > MAX_QUESTION_CHARS:
            problem = f"The question has {len(asked):,} characters; at most {MAX_QUESTION_CHARS:,} are taken."
            failed = Exchange(asked[:200] + "…", Phase.FAILED, problem=problem)
            return [*self._shown((*conversation, failed)), gr.skip()]
        return [*self._shown((*conversation, Exchange(asked))), ""]

    def start_example(self, conversation: Conversation, event: gr.EventData) -> Updates:
        number = number_in(event_data(event).get("number"))
        if number is None or not 0 <= number < len(self._examples):
            return [gr.skip()] * (len(self.widgets.shown) + 1)
        return self.start(self._examples[number], conversation)

    def start_again(self, conversation: Conversation) -> Updates:
        """Ask the last question once more."""
        if not conversation or is_under_way(conversation):
            return [gr.skip()] * len(self.widgets.shown)
        return self._shown((*conversation[:-1], Exchange(conversation[-1].question)))

    def start_without_window(self, conversation: Conversation, event: gr.EventData) -> Updates:
        """Ask the last question once more, without the days that it was taken to speak of."""
        is_last = number_in(event_data(event).get("exchange")) == len(conversation) - 1
        if not conversation or not is_last or is_under_way(conversation):
            return [gr.skip()] * len(self.widgets.shown)
        again = Exchange(conversation[-1].question, use_date_window=False)
        return self._shown((*conversation[:-1], again))

    def answer(self, conversation: Conversation, as_of: str | None) -> Iterator[Updates]:
        """Answer the last question, step by step."""
        if not conversation or conversation[-1].phase is not Phase.WAITING:
            return
        *before, exchange = conversation
        try:
            yield from self._wait_for_models(conversation)
            yield self._shown((*before, replace(exchange, phase=Phase.SEARCHING)))
            for changed in self._exchanges(exchange, before, as_of):
                yield self._shown((*before, changed))
        except ArticleQAError as error:
            yield self._shown((*before, replace(exchange, phase=Phase.FAILED, problem=str(error))))

    def _exchanges(self, exchange: Exchange, before: list[Exchange], as_of: str | None) -> Iterator[Exchange]:
        """The exchange after each event; drafts that come too fast for the eye are left out."""
        shown_at = 0.0
        events = self._service.ask(
            exchange.question, as_of=as_of or None, history=turns(before), use_date_window=exchange.use_date_window
        )
        with closing(events):  # type: ignore[type-var]  # the service's iterators are generators
            for event in events:
                was_draft = bool(exchange.draft)
                exchange = with_event(exchange, event)
                now = time.monotonic()
                if exchange.phase is Phase.DONE or not was_draft or now - shown_at >= _MIN_SECONDS_BETWEEN_DRAFTS:
                    shown_at = now
                    yield exchange

    def _wait_for_models(self, conversation: Conversation) -> Iterator[Updates]:
        for loading in loading_states(self._service):
            updates = [gr.skip()] * len(self.widgets.shown)
            updates[self.widgets.shown.index(self.widgets.latest)] = latest_html(conversation, loading)
            yield updates

    def stop(self, conversation: Conversation) -> Updates:
        return self._shown(stopped(conversation))

    def fail(self, conversation: Conversation) -> Updates:
        """After an error nobody foresaw: say so, and keep the question."""
        if not is_under_way(conversation):
            return [gr.skip()] * len(self.widgets.shown)
        failed = replace(conversation[-1], phase=Phase.FAILED)
        return self._shown((*conversation[:-1], failed))

    def choose_date(self, event: gr.EventData) -> str | None:
        return str(event_data(event).get("value", "")) or None

    def clear(self) -> Updates:
        return self._shown(())

    def select(self, conversation: Conversation, event: gr.EventData) -> Any:
        """A chip or a button in the conversation or beside it."""
        data = event_data(event)
        number = number_in(data.get("exchange"))
        if number is None or not 0 <= number < len(conversation):
            return gr.skip()
        if data.get("action") == "open-article":
            return self._article(conversation[number], number, data)
        return sources_html(conversation, number)

    def _article(self, exchange: Exchange, number: int, data: dict[str, Any]) -> str:
        back = button(text.BACK_TO_SOURCES, "source", exchange=number)
        found = _quoted(exchange, data)
        if found is None:
            return f'<section class="aq-panel">{back}{notice("error", text.FAILED_UNEXPECTED)}</section>'
        article_id, quote = found
        try:
            collection = self._service.collection
            revision = collection.article(article_id)
            return article_html(
                revision,
                actions=back,
                quote=quote,
                num_revisions=len(collection.history(article_id)),
                also_in=collection.also_in(revision.revision_id),
            )
        except ArticleQAError as error:
            return f'<section class="aq-panel">{back}{notice("error", str(error))}</section>'

    def _shown(self, conversation: Conversation) -> Updates:
        """Updates for all of ``widgets.shown``."""
        busy = is_under_way(conversation)
        return [
            conversation,
            gr.update(visible=not conversation),
            earlier_html(conversation),
            latest_html(conversation),
            sources_html(conversation),
            gr.update(visible=not busy),
            gr.update(visible=busy),
            gr.update(interactive=bool(conversation) and not busy),
            gr.update(interactive=bool(conversation)),
        ]


def _composer() -> tuple[gr.Textbox, gr.Button, gr.Button, gr.HTML, gr.Button, gr.Button]:
    with gr.Column(elem_classes="aq-composer"):
        with gr.Row(elem_classes="aq-composer-row"):
            question = gr.Textbox(
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
            send = gr.Button(text.SEND, variant="primary", scale=0, min_width=84, elem_classes="aq-send")
            stop = gr.Button(text.STOP, variant="stop", scale=0, min_width=84, visible=False, elem_classes="aq-stop")
        with gr.Row(elem_classes="aq-options"):
            date = html_panel(date_html(), "aq-date-slot")
            retry = gr.Button(text.RETRY, size="sm", scale=0, min_width=92, interactive=False, elem_classes="aq-plain")
            clear = gr.Button(
                text.NEW_CONVERSATION, size="sm", scale=0, min_width=92, interactive=False, elem_classes="aq-plain"
            )
    return question, send, stop, date, retry, clear


def _quoted(exchange: Exchange, data: dict[str, Any]) -> tuple[str, tuple[Span, str]] | None:
    """The article, the offsets and the words that a card stands for: a citation's quote, or a whole passage."""
    marker, rank = number_in(data.get("marker")), number_in(data.get("rank"))
    citation = exchange.citation(marker) if marker is not None else None
    if citation is not None:
        return citation.retrieved.passage.article_id, (citation.article_span, citation.quote)
    retrieved = exchange.passage(rank) if rank is not None else None
    if retrieved is None:
        return None
    passage = retrieved.passage
    return passage.article_id, ((passage.start, passage.end), passage.text)
