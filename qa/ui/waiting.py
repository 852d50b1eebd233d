"""Waits for the models and says how far they are; knows nothing of what is to be done then."""

from __future__ import annotations

import time
from collections.abc import Iterator

from qa.ui.html import progress_bar
from qa.ui.ports import LoadingState, QuestionService

_POLL_SECONDS = 0.3


def loading_states(service: QuestionService) -> Iterator[LoadingState]:
    """The state of loading, again and again until it is over; nothing when it is over already."""
    while not (loading := service.loading()).is_ready and loading.error is None:
        yield loading
        time.sleep(_POLL_SECONDS)


def loading_bars(service: QuestionService) -> Iterator[str]:
    """The same as HTML."""
    for loading in loading_states(service):
        yield progress_bar(loading.stage, loading.done, loading.total)
