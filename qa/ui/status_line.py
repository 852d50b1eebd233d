"""The status line: what is loading, how many articles and how many new ones, which generation and model.

Knows nothing of the tabs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from index.errors import ArticleQAError
from qa.ui import text
from qa.ui.components import PRIVATE, html_panel
from qa.ui.html import day, escape, progress_bar
from qa.ui.ports import QuestionService

LOADING_POLL_SECONDS = 0.5
READY_POLL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Known:
    """The articles that the page's reader knows of: those there were when it was opened, or at the last question."""

    index_key: str
    num_articles: int
    num_asked: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What the line shows now. ``index_key`` changes with the articles, and only then; ``known`` is None until the
    models are loaded."""

    html: str = ""
    index_key: str = ""
    is_ready: bool = False
    known: Known | None = None


class StatusLine:
    """Builds the line inside the current Blocks and says what it should show."""

    def __init__(self, service: QuestionService) -> None:
        self._service = service
        self._seen = gr.State(Seen())
        self._line = html_panel("", "aq-status-slot")
        self._timer = gr.Timer(LOADING_POLL_SECONDS)

    def wire(
        self,
        blocks: gr.Blocks,
        follow: Callable[..., list[Any]],
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        *,
        conversation: gr.State,
    ) -> None:
        """Connect the events; call once, after every component of the page exists.

        :param conversation: The exchanges so far; a question dismisses the notice of new articles.
        :param follow: Called with the values of ``inputs`` and the request when the articles changed, by whatever way;
            returns values for ``outputs``, which show them.
        """

        def tick(seen: Seen, asked: Sequence[object], request: gr.Request, *values: Any) -> list[Any]:
            now = self.look(seen.known, num_asked=len(asked))
            if now == seen:
                return [gr.skip()] * (3 + len(outputs))
            is_changed = now.index_key != seen.index_key
            followed = follow(*values, request) if is_changed else [gr.skip()] * len(outputs)
            return [now, now.html, self._pace(now, seen), *followed]

        shown = [self._seen, self._line, self._timer, *outputs]
        # Off the queue: one small request a tick, and nothing at all to draw unless something changed.
        blocks.load(tick, [self._seen, conversation, *inputs], shown, queue=False, **PRIVATE)
        self._timer.tick(tick, [self._seen, conversation, *inputs], shown, queue=False, **PRIVATE)

    def look(self, known: Known | None = None, *, num_asked: int = 0) -> Seen:
        """What to show.

        :param known: What was known at the last look.
        :param num_asked: How many questions were asked on this page.
        """
        loading = self._service.loading()
        if loading.error is not None:
            return Seen(_line(_state("error", f"{text.STATUS_ERROR}: {loading.error}")), "", True, known)
        if not loading.is_ready:  # until then the service's status would keep everybody waiting
            bar = progress_bar(loading.stage, loading.done, loading.total)
            return Seen(_line(f'<div class="aq-loading">{bar}</div>'))
        try:
            status = self._service.status()
        except ArticleQAError as error:
            return Seen(_line(_state("error", str(error))), "", True, known)
        index_key, num_articles = _index_key(status), int(status.get("num_articles") or 0)
        if known is None or known.num_asked != num_asked:
            known = Known(index_key, num_articles, num_asked)
        return Seen(status_html(status, known), index_key, True, known)

    def _pace(self, now: Seen, seen: Seen) -> Any:
        if now.is_ready == seen.is_ready:
            return gr.skip()
        return gr.Timer(READY_POLL_SECONDS if now.is_ready else LOADING_POLL_SECONDS)


def status_html(status: dict[str, Any], known: Known | None = None) -> str:
    """The line for the service's status.

    :param known: The articles that the reader knows of; None when that does not matter.
    """
    problem = status.get("problem")
    state = _state("warning", str(problem)) if problem else _state("ready", text.STATUS_READY)
    news = arrivals(status, known) if known is not None else None
    # The line is a polite live region: what is new in it is read out when there is a pause.
    notice = f'<li class="aq-arrivals">{escape(news)}</li>' if news else ""
    return _line(state, notice + "".join(f"<li>{escape(fact)}</li>" for fact in _facts(status)))


def arrivals(status: dict[str, Any], known: Known) -> str | None:
    """What has come since the page was opened, or since the last question; None when nothing has."""
    if _index_key(status) == known.index_key:
        return None
    since = text.ARRIVALS_SINCE_QUESTION if known.num_asked else text.ARRIVALS_SINCE_OPENED
    num_new = int(status.get("num_articles") or 0) - known.num_articles
    if num_new <= 0:
        return text.ARRIVALS_CHANGED.format(since=since)
    return text.ARRIVALS_ONE.format(since=since) if num_new == 1 else text.ARRIVALS.format(count=num_new, since=since)


def _index_key(status: dict[str, Any]) -> str:
    return f"{status.get('generation')}/{status.get('num_articles')}"


def _facts(status: dict[str, Any]) -> list[str]:
    count = int(status.get("num_articles") or 0)
    facts = [text.STATUS_ONE_ARTICLE if count == 1 else text.STATUS_ARTICLES.format(count=f"{count:,}")]
    if status.get("newest_published_at"):
        facts.append(text.STATUS_NEWEST.format(day=day(str(status["newest_published_at"]), text.NO_DATE)))
    facts.append(str(status.get("generation") or text.STATUS_NO_GENERATION))
    generator = (status.get("models") or {}).get("generator")
    return [*facts, str(generator).rsplit("/", 1)[-1]] if generator else facts


def _state(kind: str, label: str) -> str:
    return f'<span class="aq-state aq-state-{kind}"><i aria-hidden="true"></i>{escape(label)}</span>'


def _line(state: str, facts: str = "") -> str:
    return f'<div class="aq-status" role="status">{state}<ul>{facts}</ul></div>'
