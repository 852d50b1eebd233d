"""The Ask tab: conversation, composer and sources panel, and what their events do; knows nothing of articles' storage.

The conversation lives in the session's state as plain values; HTML is made from it at each step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from index.errors import ArticleQAError
from qa.ui import text
from qa.ui.answer_html import earlier_html, empty_html, latest_html
from qa.ui.answering import answered
from qa.ui.arguments import MAX_QUESTION_CHARS
from qa.ui.article_beside import article_beside_html
from qa.ui.ask_options import AskOptions, read_options
from qa.ui.components import PRIVATE, event_data, number_in
from qa.ui.composer import Composer, ask_html, build_composer
from qa.ui.conversation import Conversation, Exchange, Phase, is_under_way, stopped
from qa.ui.filters_html import chips_html, form_html
from qa.ui.html import notice
from qa.ui.ports import QuestionService
from qa.ui.sources_html import sources_html
from qa.ui.waiting import loading_states

Updates = list[Any]


@dataclass(frozen=True, slots=True)
class AskWidgets:
    """The components of the tab."""

    conversation: gr.State
    empty: gr.HTML
    earlier: gr.HTML
    latest: gr.HTML
    sources: gr.HTML
    composer: Composer

    @property
    def shown(self) -> list[Any]:
        """Those that show the conversation, in the order of :meth:`AskPanel.shown_updates`."""
        c = self.composer
        return [self.conversation, self.empty, self.earlier, self.latest, self.sources, c.send, c.stop, c.clear]

    @property
    def asking(self) -> list[Any]:
        """``shown``, then what :meth:`AskPanel._composed` gives."""
        c = self.composer
        return [*self.shown, c.question, c.options, c.is_editing, c.form, c.chips]


class AskPanel:
    """Builds the tab inside the current Blocks.

    :param examples: Questions offered before the first one is asked.
    :param num_parallel: How many questions are answered at once; others wait their turn.
    :param below_answer: What stands under the last answer, not rendered yet; ``in_composer``: likewise, beside the
        buttons under the question's box.
    """

    def __init__(
        self,
        service: QuestionService,
        *,
        examples: Sequence[str],
        num_parallel: int,
        below_answer: gr.HTML | None = None,
        in_composer: gr.HTML | None = None,
    ) -> None:
        self._service = service
        self._below_answer = below_answer
        self._in_composer = in_composer
        self._examples = tuple(examples)
        self._num_parallel = num_parallel
        self.widgets = self._build()

    def _build(self) -> AskWidgets:
        conversation = gr.State(())
        with gr.Row(elem_classes="aq-ask"):
            with gr.Column(scale=7, min_width=320, elem_classes="aq-main"):
                with gr.Column(elem_classes="aq-transcript"):
                    empty = ask_html(empty_html(self._examples, has_articles=True), "aq-empty-slot")
                    earlier, latest = ask_html("", "aq-earlier"), ask_html("", "aq-latest")
                    if self._below_answer is not None:
                        self._below_answer.render()  # type: ignore[no-untyped-call]  # Gradio says no types here
                composer = build_composer(self._in_composer)
            with gr.Column(scale=5, min_width=300, elem_classes="aq-side"):
                sources = ask_html(sources_html(()), "aq-sources")
        return AskWidgets(conversation, empty, earlier, latest, sources, composer)

    def wire(self, also_started: Sequence[Any] = ()) -> tuple[list[Any], list[Any]]:
        """Connect the events; call once, after every component of the page exists.

        :param also_started: Further events that put a question into the conversation, as :meth:`start` does.
        :return: The events that start questions, and those that answer them.
        """
        w, c = self.widgets, self.widgets.composer
        composed = [w.conversation, c.options, c.is_editing]
        started = [
            gr.on([c.question.submit, c.send.click], self.start, [c.question, *composed], w.asking, **PRIVATE),
            w.empty.select(self.start_example, composed, w.asking, **PRIVATE),
            w.latest.input(self.start_again, [w.conversation, c.options], w.asking, **PRIVATE),
            *also_started,
        ]
        answering = [self._then_answer(event) for event in started]
        c.stop.click(self.stop, [w.conversation], w.shown, cancels=answering, **PRIVATE)
        c.clear.click(self.clear, [c.options], w.asking, cancels=answering, **PRIVATE)
        w.latest.submit(self.edit, [w.conversation, c.options], w.asking, cancels=answering, **PRIVATE)
        c.chips.submit(self.stop_editing, [c.options], [c.is_editing, c.chips], **PRIVATE)
        # By default what is changed while the server is busy with the change before would be lost.
        c.form.input(self.choose, [c.is_editing], [c.options, c.chips], trigger_mode="always_last", **PRIVATE)
        for panel in (w.earlier, w.latest, w.sources):
            panel.select(self.select, [w.conversation], [w.sources], trigger_mode="always_last", **PRIVATE)
        return started, answering

    def _then_answer(self, started: Any) -> Any:
        w = self.widgets
        answering = started.then(
            self.answer, [w.conversation], w.shown,
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

    def form(self, options: AskOptions, *, is_kept: bool = False) -> str:
        """The filters' form with the sources there are now.

        :param is_kept: Whether what was chosen in it meanwhile stays; otherwise it shows ``options``.
        """
        try:
            return form_html(options, self._service.collection.sources(), is_kept=is_kept)
        except ArticleQAError:
            return form_html(options)  # the invitation beside it says what is wrong

    # What the events do

    def start(
        self,
        question: str,
        conversation: Conversation,
        options: AskOptions,
        is_editing: bool,
        *,
        is_alone: bool = False,
    ) -> Updates:
        """Put a question into the conversation; a second one waits in its box until the first is answered.

        :param is_alone: It is no follow-up, whatever its words look like.
        """
        asked = (question or "").strip()
        if not asked or is_under_way(conversation):
            return self._skipped()
        if len(asked) > MAX_QUESTION_CHARS:
            problem = text.QUESTION_TOO_LONG.format(length=f"{len(asked):,}", most=f"{MAX_QUESTION_CHARS:,}")
            failed = Exchange(asked[:200] + "…", Phase.FAILED, problem=problem)
            return [*self.shown_updates((*conversation, failed)), *[gr.skip()] * 5]
        before = conversation[:-1] if is_editing else conversation
        waiting = Exchange(asked, options=options, is_alone=is_alone)
        return [*self.shown_updates((*before, waiting)), *self._composed(options, question="")]

    def start_example(
        self, conversation: Conversation, options: AskOptions, is_editing: bool, event: gr.EventData
    ) -> Updates:
        number = number_in(event_data(event).get("number"))
        if number is None or not 0 <= number < len(self._examples):
            return self._skipped()
        return self.start(self._examples[number], conversation, options, is_editing)

    def start_again(self, conversation: Conversation, options: AskOptions, event: gr.EventData) -> Updates:
        """Ask the last question once more: as it was, without the days it speaks of, or without any filter."""
        action = event_data(event).get("action")
        if not self._is_last(conversation, event) or is_under_way(conversation):
            return self._skipped()
        last = conversation[-1]
        again = Exchange(last.question, options=last.options, is_alone=last.is_alone)
        if action == "drop-window":
            again = replace(again, use_date_window=False)
        elif action == "drop-filters":
            options = options.without_filters()
            again = replace(again, options=last.options.without_filters(), use_date_window=last.use_date_window)
        elif action != "again":
            return self._skipped()
        composed = self._composed(options, with_form=action == "drop-filters")
        return [*self.shown_updates((*conversation[:-1], again)), *composed]

    def edit(self, conversation: Conversation, options: AskOptions, event: gr.EventData) -> Updates:
        """Put the last question back into its box; what is sent next takes its place."""
        if not self._is_last(conversation, event):
            return self._skipped()
        question = conversation[-1].question
        composed = self._composed(options, question=question, is_editing=True)
        return [*self.shown_updates(stopped(conversation)), *composed]

    def stop_editing(self, options: AskOptions) -> Updates:
        return [False, chips_html(options)]

    def choose(self, is_editing: bool, event: gr.EventData) -> Updates:
        """The filters' form changed."""
        options = read_options(event_data(event))
        return [options, chips_html(options, is_editing=is_editing)]

    def answer(self, conversation: Conversation) -> Iterator[Updates]:
        """Answer the last question, step by step."""
        if not conversation or conversation[-1].phase is not Phase.WAITING:
            return
        *before, exchange = conversation
        try:
            yield from self._wait_for_models(conversation)
            yield self.shown_updates((*before, replace(exchange, phase=Phase.SEARCHING)))
            for changed in answered(self._service, exchange, before):
                yield self.shown_updates((*before, changed))
        except ArticleQAError as error:
            yield self.shown_updates((*before, replace(exchange, phase=Phase.FAILED, problem=str(error))))

    def _wait_for_models(self, conversation: Conversation) -> Iterator[Updates]:
        for loading in loading_states(self._service):
            updates = [gr.skip()] * len(self.widgets.shown)
            updates[self.widgets.shown.index(self.widgets.latest)] = latest_html(conversation, loading)
            yield updates

    def stop(self, conversation: Conversation) -> Updates:
        return self.shown_updates(stopped(conversation))

    def fail(self, conversation: Conversation) -> Updates:
        """After an error nobody foresaw: say so, and keep the question."""
        if not is_under_way(conversation):
            return [gr.skip()] * len(self.widgets.shown)
        failed = replace(conversation[-1], phase=Phase.FAILED)
        return self.shown_updates((*conversation[:-1], failed))

    def clear(self, options: AskOptions) -> Updates:
        return [*self.shown_updates(()), *self._composed(options)]

    def select(self, conversation: Conversation, event: gr.EventData) -> Any:
        """A chip or a button in the conversation or beside it."""
        data = event_data(event)
        number = number_in(data.get("exchange"))
        if number is None or not 0 <= number < len(conversation):
            return gr.skip()
        if data.get("action") == "open-article":
            return article_beside_html(self._service.collection, conversation[number], number, data)
        return sources_html(conversation, number)

    # What is shown

    def shown_updates(self, conversation: Conversation) -> Updates:
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
            gr.update(interactive=bool(conversation)),
        ]

    def _composed(
        self, options: AskOptions, *, question: str | None = None, is_editing: bool = False, with_form: bool = False
    ) -> Updates:
        """Updates for the composer's part of ``widgets.asking``.

        :param question: What stands in the box; None leaves it as it is.
        :param with_form: Whether the options were changed elsewhere than in the form, so that it must follow.
        """
        box = gr.skip() if question is None else question
        form = self.form(options) if with_form else gr.skip()
        return [box, options, is_editing, form, chips_html(options, is_editing=is_editing)]

    def _skipped(self) -> Updates:
        return [gr.skip()] * len(self.widgets.asking)

    def _is_last(self, conversation: Conversation, event: gr.EventData) -> bool:
        return bool(conversation) and number_in(event_data(event).get("exchange")) == len(conversation) - 1
