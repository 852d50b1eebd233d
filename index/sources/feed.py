"""Reads RSS 2.0, RSS 1.0 (RDF), Atom and JSON feeds: which articles they announce; fetches none of them.

What a feed says of an article only fills what the article's own page leaves open.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from index.dates import parse_date
from index.errors import BadInputError
from index.readers.cleaning import clean_line
from index.readers.future_dates import MAX_DAYS_AHEAD
from index.readers.language import language_code
from index.readers.limits import DEFAULT_LIMITS, ReadLimits
from index.sources.addresses import resolve
from index.sources.parsing import parse_apart
from index.types import Rejection

DEFAULT_MAX_ENTRIES = 200
_TAG = re.compile(r"</?[a-zA-Z!][^<>]*>")
_NUMBERS_ONLY = re.compile(r"[\d\s/.:TZ+-]*")


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One article that a feed or sitemap announces.

    ``url`` is cleaned (see :func:`index.sources.addresses.clean_address`). ``published_at`` is an ISO date or None;
    ``published_at_as_given`` is a date that was left out since it lies in the future. ``changed_at`` (aware) is when
    the article last changed, if the feed says so.
    """

    url: str
    title: str | None = None
    author: str | None = None
    published_at: str | None = None
    guid: str | None = None
    published_at_as_given: str | None = None
    changed_at: datetime | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed's entries to read, newest first; ``num_found`` counts all of them before the newest were chosen."""

    title: str | None
    url: str
    language: str | None
    entries: tuple[FeedEntry, ...]
    rejected: tuple[Rejection, ...]
    num_found: int


def parse_feed(
    body: bytes,
    *,
    url: str,
    charset: str | None = None,
    now: datetime,
    max_entries: int = DEFAULT_MAX_ENTRIES,
    limits: ReadLimits = DEFAULT_LIMITS,
) -> Feed:
    """The feed in ``body``; broken XML is read as far as it can be understood.

    :param url: Where it came from: relative links start there unless the feed says otherwise (xml:base).
    :param charset: What the server says the encoding is.
    :param now: Aware; dates more than two days later are left out.
    :raises BadInputError: It is no feed, or takes too much to parse.
    """
    raw = parse_apart("feed", body, url=url, charset=charset, limits=limits)
    language = language_code(raw.get("language"))
    entries: list[FeedEntry] = []
    rejected: list[Rejection] = []
    for number, raw_entry in enumerate(raw["entries"], start=1):
        result = _entry(raw_entry, url, f"{url}, entry {number}", now, language)
        (entries if isinstance(result, FeedEntry) else rejected).append(result)  # type: ignore[arg-type]  # one of each
    entries = _once(entries)
    return Feed(
        title=_plain_title(raw),
        url=url,
        language=language,
        entries=newest(entries, max_entries),
        rejected=tuple(rejected),
        num_found=len(entries),
    )


def newest(entries: Sequence[FeedEntry], count: int) -> tuple[FeedEntry, ...]:
    """The ``count`` newest entries: by date, then in the order given; undated ones last."""
    return tuple(sorted(entries, key=lambda entry: entry.published_at or "", reverse=True)[:count])


def checked_date(raw: str | None, utc: str | None, now: datetime) -> tuple[str | None, str | None]:
    """The day that ``raw`` names, or None; and ``raw`` where its day lies too far in the future.

    :param utc: The same moment as another parser understood it, for forms that :mod:`index.dates` does not know
        (other languages, two-digit years). Not believed for bare numbers: "03/04/2024" names two days.
    """
    try:
        day = parse_date(raw)
    except BadInputError:
        day = utc[:10] if utc and not _NUMBERS_ONLY.fullmatch(raw or "") else None
    if day is not None and day > (now + timedelta(days=MAX_DAYS_AHEAD)).date().isoformat():
        return None, raw
    return day, None


def moment(text: str | None, now: datetime) -> datetime | None:
    """An ISO 8601 time as an aware one, UTC unless it says otherwise; None for anything else, and for the future."""
    try:
        value = datetime.fromisoformat((text or "").strip())
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware if aware <= now else None
    except (ValueError, OverflowError):
        return None


def _entry(raw: Mapping[str, Any], base: str, item: str, now: datetime, language: str | None) -> FeedEntry | Rejection:
    title = _plain_title(raw)
    name = f"{item} ({title[:80]})" if title else item
    if not raw.get("link"):
        return Rejection(name, "the entry has no link to an article; feeds are read for the pages they link to")
    url = resolve(base, raw["link"])
    if url is None:
        shown = clean_line(raw["link"])[:100]
        return Rejection(name, f"its link {shown!r} is no http or https address")
    day, future = checked_date(raw.get("published"), raw.get("published_utc"), now)
    return FeedEntry(
        url=url,
        title=title,
        author=clean_line(raw.get("author") or "")[:200] or None,
        published_at=day,
        guid=clean_line(raw.get("guid") or "") or None,
        published_at_as_given=clean_line(future) if future else None,
        changed_at=moment(raw.get("changed_utc"), now),
        language=language,
    )


def _once(entries: Sequence[FeedEntry]) -> list[FeedEntry]:
    """Each article once, where it stands first. Entries are one article when link or guid is the same.

    A guid that most entries share is no identity but a mistake of the feed's program, and is not looked at.
    """
    uses = Counter(entry.guid for entry in entries if entry.guid)
    links_of: dict[str, set[str]] = {}
    for entry in entries:
        if entry.guid:
            links_of.setdefault(entry.guid, set()).add(entry.url)
    useless = {guid for guid, count in uses.items() if len(links_of[guid]) > 2 and count > len(entries) / 2}
    seen: set[str] = set()
    kept = []
    for entry in entries:
        marks = {f"link {entry.url}"} | ({f"guid {entry.guid}"} if entry.guid and entry.guid not in useless else set())
        if not marks & seen:
            kept.append(entry)
        seen |= marks
    return kept


def _plain_title(raw: Mapping[str, Any]) -> str | None:
    """Titles are text with entities, or HTML inside XML; either way what a person would read is left."""
    title = raw.get("title") or ""
    if raw.get("title_type") in ("text/html", "application/xhtml+xml"):
        title = html.unescape(_TAG.sub("", title))
    return clean_line(clean_line(title)[:300]) or None  # a cut can leave a space at the end
