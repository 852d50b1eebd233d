"""An answer as plain text to copy, alone or with its sources; knows nothing of HTML."""

from __future__ import annotations

import re

from qa.types import Answer, Citation
from qa.ui import text
from qa.ui.html import day, web_address

_MARKERS = re.compile(r"\s?\[\d{1,3}\]")


def plain_answer(answer: Answer) -> str:
    """The short answer and the text under it, without markers; never the same words twice."""
    return _joined(answer, _MARKERS.sub("", answer.answer).strip())


def answer_with_sources(answer: Answer) -> str:
    """The same with its markers, and under it a numbered line for each source: outlet, title, date, address, quote."""
    sources = "\n".join(_source(c) for c in sorted(answer.citations, key=lambda citation: citation.marker))
    return "\n\n".join(part for part in (_joined(answer, answer.answer.strip()), _headed(sources)) if part)


def _joined(answer: Answer, written: str) -> str:
    short = (answer.short_answer or "").strip()
    return "\n\n".join(part for part in (short, written) if part) if written != short else short


def _headed(sources: str) -> str:
    return f"{text.COPY_SOURCES_TITLE}\n{sources}" if sources else ""


def _source(citation: Citation) -> str:
    passage = citation.retrieved.passage
    facts = [
        passage.source or text.UNKNOWN_SOURCE,
        f"“{passage.title}”",
        day(passage.published_at, text.NO_DATE),
        web_address(passage.url) or "",
    ]
    return f"[{citation.marker}] {', '.join(fact for fact in facts if fact)}\n    “{' '.join(citation.quote.split())}”"
