"""Finds the days that a question speaks of, by its words or by the articles about an event.

Knows nothing of answers.
"""

from __future__ import annotations

from datetime import date

from index.protocols import PassageSnapshot
from index.retriever import Retriever
from index.types import Filters
from qa.date_windows import DateWindow, date_window
from qa.event_dates import event_phrase, event_window

_NUM_HITS = 30


class WindowFinder:
    """:param retriever: Looks for the articles about an event."""

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever

    def find(self, question: str, snapshot: PassageSnapshot, reference: date) -> DateWindow | None:
        """The window that counts for a question; None when there is none.

        One that starts after the reference day is none (articles that tell of the coming week are of this one), nor is
        one that leaves nothing out ("by 2050").
        """
        window = date_window(question, reference) or self._event_window(question, snapshot, reference)
        if window is None:
            return None
        if window.after is None:
            return window if window.before is not None and window.before < reference else None
        return window if window.after <= reference else None

    def _event_window(self, question: str, snapshot: PassageSnapshot, reference: date) -> DateWindow | None:
        event = event_phrase(question)
        if event is None:
            return None
        known = Filters(published_before=reference.isoformat())
        hits = self._retriever.retrieve(snapshot, event.noun, _NUM_HITS, filters=known)
        return event_window(event, question, hits, reference)
