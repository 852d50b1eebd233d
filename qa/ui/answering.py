"""Asks the service and turns its events into states of an exchange; knows nothing of HTML or of Gradio."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from qa.ui.conversation import Exchange, Phase, turns, with_event
from qa.ui.ports import QuestionService

_MIN_SECONDS_BETWEEN_DRAFTS = 0.05  # more often than this nobody can read, and each one is a message


def answered(service: QuestionService, exchange: Exchange, before: Sequence[Exchange]) -> Iterator[Exchange]:
    """The exchange after each event; drafts that come too fast for the eye are left out.

    Without a model that writes it is asked for the evidence only, and says so.

    :raises ArticleQAError: If the question cannot be answered.
    """
    options = exchange.options
    if options.mode == "full" and not (service.status().get("models") or {}).get("generator"):
        exchange = replace(exchange, options=replace(options, mode="fast"))
    shown_at = 0.0
    events = service.ask(
        exchange.question,
        as_of=options.as_of,
        history=[] if exchange.is_alone else turns(before),
        mode=exchange.options.mode,
        filters=options.filters,
        use_date_window=exchange.use_date_window,
    )
    with closing(events):  # type: ignore[type-var]  # the service's iterators are generators
        for event in events:
            was_draft = bool(exchange.draft)
            exchange = with_event(exchange, event)
            now = time.monotonic()
            if exchange.phase is Phase.DONE or not was_draft or now - shown_at >= _MIN_SECONDS_BETWEEN_DRAFTS:
                shown_at = now
                yield exchange
