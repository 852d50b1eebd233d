"""One article beside the list: its text, revisions, what changed, removing it and undoing that; knows no lists."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

import gradio as gr

from index.errors import ArticleQAError
from index.library import Revision
from qa.ui import text_articles as words
from qa.ui.access.identity import require_editor
from qa.ui.articles_html import article_html, removal_html
from qa.ui.background import Step, steps
from qa.ui.components import number_in
from qa.ui.html import button, escape, notice, progress_bar
from qa.ui.permission import may_write
from qa.ui.ports import ArticleStore, QuestionService
from qa.ui.removals import UNDO_SECONDS, Removals
from qa.ui.revisions_html import diff_html, moment, revisions_html


class Reader:
    """What the reading panel shows, as HTML."""

    def __init__(self, service: QuestionService) -> None:
        self._service = service
        self._removals = Removals()

    def article(self, article_id: str, request: gr.Request | None, *, removal: str = "") -> str:
        """The current revision.

        :param removal: What asks whether to remove it, safe HTML.
        """
        try:
            revision = self._service.collection.article(article_id)
            return self._shown(revision, may_write(request), removal=removal)
        except ArticleQAError as error:
            return f'<div class="aq-panel">{notice("error", str(error))}</div>'

    def revision(self, article_id: str, revision_id: object, request: gr.Request | None, *, is_diff: bool) -> str:
        """An older revision, or what changed in one."""
        wanted = number_in(revision_id)
        try:
            history = self._service.collection.history(article_id)
            found = next((revision for revision in history if revision.revision_id == wanted), None)
            if found is None:
                return f'<div class="aq-panel">{notice("error", words.REVISION_GONE)}</div>'
            return self._shown(found, may_write(request), is_diff=is_diff)
        except ArticleQAError as error:
            return f'<div class="aq-panel">{notice("error", str(error))}</div>'

    def asked_to_remove(self, article_id: str, request: gr.Request | None) -> str:
        return self.article(article_id, request, removal=removal_html(article_id))

    def _shown(self, revision: Revision, is_editor: bool, *, removal: str = "", is_diff: bool = False) -> str:
        store, article_id = self._service.collection, revision.article.article_id
        history = store.history(article_id)
        place = next(number for number, some in enumerate(history) if some.revision_id == revision.revision_id)
        actions = button(words.CLOSE, "close", key="close")
        if is_editor and not removal:
            quiet = "aq-button aq-danger-quiet"
            actions += button(words.REMOVE, "ask-remove", quiet, article=article_id, key="ask-remove")
        body = None
        if is_diff and place + 1 < len(history):
            body = diff_html(history[place + 1], revision)
        listed = revisions_html(history, revision, is_diff=is_diff)
        if place:
            back = button(words.REVISION_BACK, "read", article=article_id, key="read-current")
            old = words.REVISION_OLD.format(when=moment(revision.accepted_at))
            listed += f'<div class="aq-old"><p>{escape(old)}</p>{back}</div>'
        also_in = store.also_in(revision.revision_id)
        return article_html(revision, actions=actions, removal=removal, also_in=also_in, revisions=listed, body=body)

    # Removing

    def removing(self, article_id: str, request: gr.Request | None) -> Iterator[str]:
        """Delete the text everywhere, step by step, and offer to undo that for as long as it is in memory."""
        try:
            require_editor(request)
            store = self._service.collection
            revisions = store.take_out(article_id)
        except ArticleQAError as error:
            yield f'<div class="aq-panel">{notice("error", str(error))}</div>'
            return
        problem = yield from _updated(store, words.REMOVING)
        # From here on, since until here nothing could have been clicked.
        token = self._removals.hold(revisions)
        body = words.REMOVED_TEXT.format(seconds=UNDO_SECONDS)
        if problem is not None:
            body = words.REMOVED_NOT_INDEXED.format(error=problem)
        yield self._undo_html(token, revisions, body)

    def undoing(self, token: str) -> Iterator[str]:
        """Put back what was removed, oldest revision first."""
        revisions = self._removals.held(token)
        if revisions is None:
            yield notice("quiet", words.UNDO_LATE, words.UNDO_LATE_TEXT)
            return
        try:
            store = self._service.collection
            store.put_back(revisions)
        except ArticleQAError as error:
            # Nothing is lost by a failure: there is as much time again.
            yield self._undo_html(self._removals.hold(revisions), revisions, str(error))
            return
        self._removals.forget(token)
        problem = yield from _updated(store, words.UNDOING)
        body = words.UNDONE_TEXT if problem is None else words.UNDONE_NOT_INDEXED.format(error=problem)
        article = revisions[-1].article
        opening = button(words.REVISION_OPEN, "read", article=article.article_id, key="read-back")
        yield notice("good", words.UNDONE.format(title=article.title), body, opening)

    def forget(self, token: str) -> None:
        """The time is over on the page that offered to undo."""
        self._removals.forget(token)

    def _undo_html(self, token: str, revisions: list[Revision], body: str) -> str:
        label = words.UNDO_WITH.format(count=len(revisions)) if len(revisions) > 1 else words.UNDO
        undo = button(label, "undo", "aq-button aq-primary", token=token, key="undo")
        title = words.REMOVED.format(title=revisions[-1].article.title)
        timer = '<span class="aq-time-left" aria-hidden="true"><i></i></span>'
        return (
            f'<div class="aq-undo" data-seconds="{UNDO_SECONDS}" data-token="{escape(token)}" '
            f'data-over="{escape(words.UNDO_OVER)}">{notice("good", title, body, undo + timer)}</div>'
        )


def _updated(store: ArticleStore, stage: str) -> Generator[str, None, str | None]:
    """Bring the index up to date, yielding its progress.

    :return: Why that did not work; None when it did.
    """
    yield progress_bar(stage, 0, 0)
    try:
        for step in steps(partial(_update, store)):
            if isinstance(step, Step):
                yield progress_bar(step.stage, step.done, step.total)
    except ArticleQAError as error:
        return str(error)
    return None


def _update(store: ArticleStore, progress: Any) -> str | None:
    return store.update(progress=progress)
