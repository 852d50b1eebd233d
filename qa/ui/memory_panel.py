"""History, thumbs and suggested questions on the Ask tab, and what their events do; knows nothing of storage formats.

It hangs on the Ask tab by little: the tab places its two panels, tells when a question starts and ends, and shows a
conversation that is given to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from index.errors import ArticleQAError
from qa.conversations import owner_of
from qa.feedback import Opinion
from qa.kept import Kept
from qa.question_made import MadeQuestion
from qa.suggestions import suggestions
from qa.ui.access.identity import identity_of
from qa.ui.after_html import after_html
from qa.ui.ask_options import AskOptions
from qa.ui.ask_panel import AskPanel
from qa.ui.assets import MEMORY_SCRIPT
from qa.ui.components import PRIVATE, event_data, html_panel, number_in
from qa.ui.conversation import Conversation, Phase
from qa.ui.history_html import ALL, history_html
from qa.ui.ports import QuestionService
from qa.ui.remembering import Given, Memory, Remembered, Shelf, kept_exchanges, shown_conversation

Updates = list[Any]


class MemoryPanel:
    """Makes its components before the tab is built, which renders them in their places."""

    def __init__(self, service: QuestionService, kept: Kept) -> None:
        self._service = service
        self._memory = Memory(kept)
        self.state = gr.State(Remembered())
        # Without the list there is still the browser's secret to be told, for the thumbs.
        css_class = "aq-history-panel" if self._memory.is_on else "aq-history-panel aq-history-off"
        empty = history_html(Shelf(), is_known=False)
        self.history = html_panel(empty, css_class, script=MEMORY_SCRIPT, render=False)
        self.after = html_panel("", "aq-after", script=MEMORY_SCRIPT, render=False)

    def wire(self, asking: AskPanel) -> None:
        """Connect the events, those of the tab too; call once, after every component of the page exists."""
        self._asking = asking
        w, c = asking.widgets, asking.widgets.composer
        composed = [w.conversation, c.options, c.is_editing]
        suggested = self.after.submit(self.start_suggestion, composed, w.asking, **PRIVATE)
        started, answering = asking.wire(also_started=[suggested])
        mine = [self.state, self.history, self.after]
        for event in started:
            event.then(lambda: "", None, [self.after], queue=False, **PRIVATE)
        for event in answering:
            event.then(self.answered, [w.conversation, self.state], mine, **PRIVATE)
        c.clear.click(self.leave, [self.state], mine, **PRIVATE)
        self.history.submit(self.hello, [w.conversation, self.state], [*mine, *w.shown], **PRIVATE)
        self.history.select(self.arrange, [self.state], [self.state, self.history], **PRIVATE)
        self.history.input(self.open, [self.state], [*mine, *w.shown], cancels=answering, **PRIVATE)
        self.after.select(self.say, [w.conversation, self.state], [self.state, self.after], **PRIVATE)

    # What the events do

    def hello(
        self, conversation: Conversation, remembered: Remembered, event: gr.EventData, request: gr.Request
    ) -> Updates:
        """The browser says its secret, and which conversation it showed before it was refreshed."""
        data = event_data(event)
        secret = data.get("secret")
        remembered = replace(remembered, secret_owner=owner_of(None, secret if isinstance(secret, str) else None))
        if conversation:  # already asked something
            return [remembered, self._history(remembered, request), gr.skip(), *self._unchanged()]
        return self._opened(remembered, data.get("conversation"), request)

    def open(self, remembered: Remembered, event: gr.EventData, request: gr.Request) -> Updates:
        """Show a conversation of the list."""
        return self._opened(remembered, event_data(event).get("conversation"), request)

    def answered(self, conversation: Conversation, remembered: Remembered, request: gr.Request) -> Updates:
        """Keep what was answered, and offer what can be said of it and asked next."""
        if not conversation or conversation[-1].phase is not Phase.DONE:
            return [gr.skip(), gr.skip(), ""]
        owner = self._memory.owner(remembered, identity_of(request.headers))
        problem = None
        if owner is not None:
            try:
                remembered = self._memory.save(owner, remembered, conversation, self._service.collection)
            except ArticleQAError as error:
                problem = str(error)
        history = self._history(remembered, request, problem=problem)
        return [remembered, history, self._after(conversation, remembered, request)]

    def leave(self, remembered: Remembered, request: gr.Request) -> Updates:
        """Start over: what was asked stays in the list."""
        remembered = Remembered(remembered.secret_owner)
        return [remembered, self._history(remembered, request), ""]

    def arrange(self, remembered: Remembered, event: gr.EventData, request: gr.Request) -> Updates:
        """What is done in the list: delete one or all, keep or not keep."""
        data = event_data(event)
        action, conversation_id = data.get("action"), str(data.get("conversation", ""))
        owner = self._memory.owner(remembered, identity_of(request.headers))
        if owner is None:
            return [gr.skip(), gr.skip()]
        try:
            if action == "ask-delete":
                return [gr.skip(), self._history(remembered, request, asking=conversation_id)]
            if action == "delete-conversation":
                remembered = self._deleted(owner, remembered, conversation_id)
            elif action == "keep":
                self._memory.set_keeps(owner, data.get("value") is True)
        except ArticleQAError as error:
            return [remembered, self._history(remembered, request, problem=str(error))]
        return [remembered, self._history(remembered, request)]

    def say(
        self, conversation: Conversation, remembered: Remembered, event: gr.EventData, request: gr.Request
    ) -> Updates:
        """A thumb, or the form with the reason."""
        data = event_data(event)
        owner = self._memory.owner(remembered, identity_of(request.headers))
        if owner is None or not conversation or conversation[-1].phase is not Phase.DONE:
            return [gr.skip(), gr.skip()]
        action, given = data.get("action"), self._given(conversation, remembered)
        if action in ("feedback-form", "feedback-cancel"):
            is_open = action == "feedback-form"
            return [remembered, self._after(conversation, remembered, request, is_form_open=is_open)]
        try:
            if action == "thumb" and given is not None and given.opinion.verdict == data.get("verdict"):
                remembered = self._memory.take_back(owner, remembered, conversation)
                return [remembered, self._after(conversation, remembered, request)]
            opinion = _opinion(data)
            remembered = self._memory.say(owner, remembered, conversation, opinion, self._service.collection)
        except ArticleQAError as error:
            return [remembered, self._after(conversation, remembered, request, problem=str(error))]
        is_open = action == "thumb" and opinion.verdict == "down"
        return [remembered, self._after(conversation, remembered, request, is_form_open=is_open, was_said=True)]

    def start_suggestion(
        self, conversation: Conversation, options: AskOptions, is_editing: bool, event: gr.EventData
    ) -> Updates:
        """Ask a suggested question."""
        offered = _suggestions(conversation)
        number = number_in(event_data(event).get("number"))
        if number is None or number >= len(offered):
            return self._asking.start("", conversation, options, is_editing)
        made = offered[number]
        return self._asking.start(made.question, conversation, options, is_editing, is_alone=made.is_whole)

    # Inside

    def _opened(self, remembered: Remembered, conversation_id: object, request: gr.Request) -> Updates:
        owner = self._memory.owner(remembered, identity_of(request.headers))
        problem = found = None
        if owner is not None and isinstance(conversation_id, str) and conversation_id:
            try:
                found = self._memory.opened(owner, conversation_id)
            except ArticleQAError as error:
                problem = str(error)
        if found is None:
            return [remembered, self._history(remembered, request, problem=problem), gr.skip(), *self._unchanged()]
        kept, opinions = found
        remembered = replace(remembered, conversation_id=kept.conversation_id, version=kept.version, opinions=opinions)
        conversation = shown_conversation(kept)
        after = self._after(conversation, remembered, request)
        shown = self._asking.shown_updates(conversation)
        return [remembered, self._history(remembered, request), after, *shown]

    def _deleted(self, owner: str, remembered: Remembered, conversation_id: str) -> Remembered:
        """What is on the page stays there until it is left; only nothing of it is kept."""
        if conversation_id == ALL:
            self._memory.delete_all(owner)
        else:
            self._memory.delete(owner, conversation_id)
        is_this = conversation_id in (ALL, remembered.conversation_id)
        return Remembered(remembered.secret_owner) if is_this else remembered

    def _history(
        self, remembered: Remembered, request: gr.Request, *, asking: str | None = None, problem: str | None = None
    ) -> str:
        shelf = self._memory.shelf(self._memory.owner(remembered, identity_of(request.headers)))
        shelf = replace(shelf, problem=problem) if problem is not None else shelf
        return history_html(shelf, current=remembered.conversation_id, asking=asking)

    def _after(self, conversation: Conversation, remembered: Remembered, request: gr.Request, **shown: Any) -> str:
        given = self._given(conversation, remembered)
        owner = self._memory.owner(remembered, identity_of(request.headers))
        answer = conversation[-1].answer if conversation else None
        return after_html(
            given.opinion if given is not None else None,
            [made.question for made in _suggestions(conversation)],
            number=len(conversation) - 1,
            has_thumbs=owner is not None and answer is not None and answer.outcome != "no_articles",
            **shown,
        )

    def _given(self, conversation: Conversation, remembered: Remembered) -> Given | None:
        return remembered.opinions.get(len(kept_exchanges(conversation)) - 1)

    def _unchanged(self) -> Updates:
        return [gr.skip()] * len(self._asking.widgets.shown)


def _suggestions(conversation: Conversation) -> Sequence[MadeQuestion]:
    answer = conversation[-1].answer if conversation else None
    if answer is None:
        return ()
    return suggestions(answer, [exchange.question for exchange in conversation])


def _opinion(data: dict[str, Any]) -> Opinion:
    """:raises BadInputError: If it is none."""
    if data.get("action") == "thumb":
        return Opinion(data.get("verdict"))  # type: ignore[arg-type]  # it checks
    words = {name: str(data.get(name) or "") for name in ("comment", "right_answer")}
    return Opinion("down", data.get("reason") or None, **words)
