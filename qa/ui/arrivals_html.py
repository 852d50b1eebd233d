"""What arrived when, and how the sources stand, as HTML; knows nothing of the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from index.library_listing import Arrival, ArrivalCount
from qa.ui import text
from qa.ui import text_articles as words
from qa.ui.html import button, day, escape, list_items, notice
from qa.ui.revisions_html import moment


def latest_html(latest: Sequence[Arrival]) -> str:
    """The articles that came or changed last, to open."""
    if not latest:
        body = notice("quiet", words.ARRIVALS_EMPTY)
    else:
        body = f'<ol class="aq-list">{list_items([_arrival(arrival) for arrival in latest])}</ol>'
    return f'<section class="aq-panel"><h2>{escape(words.LATEST_TITLE)}</h2>{body}</section>'


def log_html(counts: Sequence[ArrivalCount]) -> str:
    """How much came when, by day and minute, newest first; nothing when nothing came."""
    if not counts:
        return ""
    days = [
        f"<h3>{escape(day(iso, text.NO_DATE))}</h3><ol>{list_items([_minute(count) for count in some])}</ol>"
        for iso, some in groupby(counts, key=lambda count: count.minute[:10])
    ]
    return (
        f'<section class="aq-panel aq-log"><h2>{escape(words.ARRIVALS_TITLE)}</h2>'
        f'<p class="aq-note">{escape(words.ARRIVALS_HINT)}</p><div class="aq-days">{"".join(days)}</div></section>'
    )


def _minute(count: ArrivalCount) -> str:
    tags = ""
    if count.added:
        tags += f'<span class="aq-tag aq-tag-added">{escape(words.ARRIVED_ADDED.format(count=count.added))}</span>'
    if count.revised:
        tags += f'<span class="aq-tag">{escape(words.ARRIVED_REVISED.format(count=count.revised))}</span>'
    return f'<time datetime="{escape(count.minute)}Z">{escape(count.minute[11:])}</time>{tags}'


def _arrival(arrival: Arrival) -> str:
    origin = f"{arrival.source or text.UNKNOWN_SOURCE} · {arrival.verdict} {moment(arrival.accepted_at)}"
    return (
        f'<button type="button" class="aq-row" data-action="browse" data-article="{escape(arrival.article_id)}">'
        f'<span class="aq-row-title">{escape(arrival.title)}</span>'
        f'<span class="aq-origin">{escape(origin)}</span></button>'
    )


def sources_html(sources: Sequence[Mapping[str, Any]], *, is_editor: bool, message: str = "") -> str:
    """How each source stands that is read again and again.

    :param message: What was just done, safe HTML.
    """
    if sources:
        listed = f'<ul class="aq-watched">{list_items([_source(source, is_editor) for source in sources])}</ul>'
    else:
        listed = f'<p class="aq-hint">{escape(words.SOURCES_EMPTY)}</p>'
    return f'<section class="aq-panel"><h2>{escape(words.SOURCES_TITLE)}</h2>{message}{listed}</section>'


def _source(source: Mapping[str, Any], is_editor: bool) -> str:
    address = str(source.get("address", ""))
    name = str(source.get("name") or address)
    facts = " · ".join(_facts(source))
    error = source.get("last_error")
    failing = f'<p class="aq-failing">{escape(words.SOURCE_FAILING.format(error=error))}</p>' if error else ""
    stop = ""
    if is_editor and source.get("every_minutes"):
        spoken = words.SOURCE_STOP_LABEL.format(address=address)
        stop = button(words.SOURCE_STOP, "stop-source", spoken=spoken, address=address)
    return (
        f'<div><span class="aq-file">{escape(name)}</span><p class="aq-origin">{escape(facts)}</p>{failing}</div>{stop}'
    )


def _facts(source: Mapping[str, Any]) -> Iterator[str]:
    if source.get("every_minutes"):
        yield words.SOURCE_EVERY.format(minutes=source["every_minutes"])
    checked, due = source.get("last_checked"), source.get("next_due")
    yield words.SOURCE_READ.format(when=moment(str(checked))) if checked else words.SOURCE_NEVER
    if due:
        yield words.SOURCE_DUE.format(when=moment(str(due)))
    if checked:
        added, revised = int(source.get("total_added") or 0), int(source.get("total_revised") or 0)
        yield words.SOURCE_TOTALS.format(added=added, revised=revised)
