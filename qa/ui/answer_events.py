"""What happens while a question is answered, as JSON objects for programs; knows nothing of how they are sent.

Each is ``{"event": name, "data": object}``, and there are three: ``evidence`` (the passages, and what they say by
themselves, before anything is written), ``token`` (more of a draft that is not checked yet) and ``done`` (the Answer).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from qa.types import Done, Event, EvidenceFound, TextWritten, passage_json

EVENT_NAMES = ("evidence", "token", "done", "error")


def event_objects(events: Iterator[Event]) -> Iterator[dict[str, Any]]:
    """The events as JSON objects. Closing this closes ``events``, which stops the writing."""
    draft = ""
    with closing(events):  # type: ignore[type-var]  # the service's iterators are generators
        for event in events:
            if isinstance(event, EvidenceFound):
                yield _object("evidence", _evidence(event))
            elif isinstance(event, TextWritten):
                yield _object("token", _token(draft, event.draft))
                draft = event.draft
            elif isinstance(event, Done):
                yield _object("done", event.answer.to_json())


def _object(name: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"event": name, "data": data}


def _evidence(event: EvidenceFound) -> dict[str, Any]:
    return {
        "standalone_question": event.standalone_question,
        "passages": [passage_json(retrieved) for retrieved in event.passages],
        "answer": event.answer.to_json() if event.answer is not None else None,
    }


def _token(before: str, draft: str) -> dict[str, Any]:
    """``text`` is what is new; should a draft not go on where the last one ended, it is the whole of it."""
    goes_on = draft.startswith(before)
    return {"text": draft[len(before) :] if goes_on else draft, "replaces": not goes_on, "draft": draft}
