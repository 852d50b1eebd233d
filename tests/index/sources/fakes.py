"""A web that is a dictionary, and feeds parsed without starting a process; know nothing of HTTP."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from index.errors import BadInputError, FetchError, PermanentFetchError
from index.fetching import Fetched
from index.readers import ReadLimits
from index.sources import parse_worker

NOW = datetime(2024, 3, 10, 12, tzinfo=UTC)
SITE = "https://news.example"

_PARAGRAPHS = (
    "The council of {place} decided on Friday to rebuild the old pier, which a storm had broken two winters ago. "
    "Work is to begin in May and to last until the autumn of next year.",
    "The new pier of {place} will cost 12 million euros, the mayor said after the meeting. Half of the money comes "
    "from the state, a third from the town, and the rest from people who gave for it.",
    "Fishermen of {place} welcomed the decision. They had to land their catch in the next harbour since the storm, "
    "an hour away by boat, and many had thought of giving up their trade.",
)


def article_html(place: str, *, head: str = "", lang: str = "en", title: str | None = None) -> bytes:
    """A page with an article about ``place``."""
    title = f"{place} rebuilds its pier" if title is None else title
    paragraphs = "".join(f"<p>{text.format(place=place)}</p>" for text in _PARAGRAPHS)
    named = f"<title>{title}</title>" if title else ""
    heading = f"<h1>{title}</h1>" if title else ""
    return (
        f'<!DOCTYPE html><html lang="{lang}"><head><meta charset="utf-8">{named}{head}</head>'
        f"<body><nav><a href='/'>Home</a></nav><article>{heading}{paragraphs}</article></body></html>"
    ).encode()


def fetched(
    url: str,
    body: bytes,
    *,
    media_type: str | None = "text/html",
    charset: str | None = None,
    requested: str | None = None,
) -> Fetched:
    return Fetched(url, requested or url, "fetched", body, media_type, charset, None, None)


def rss(*items: str, head: str = "<title>Lindby News</title>") -> bytes:
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{"".join(items)}</channel></rss>'.encode()


def item(link: str | None, title: str = "", *, guid: str | None = None, date: str | None = None) -> str:
    parts = [f"<title>{title}</title>" if title else ""]
    parts += [f"<link>{link}</link>"] if link is not None else []
    parts += [f'<guid isPermaLink="false">{guid}</guid>'] if guid else []
    parts += [f"<pubDate>{date}</pubDate>"] if date else []
    return f"<item>{''.join(parts)}<description>Only a blurb.</description></item>"


@dataclass(frozen=True, slots=True)
class Asked:
    url: str
    etag: str | None
    last_modified: str | None


class FakeWeb:
    """Answers from ``pages``: a Fetched, or an error to raise. A page with the etag that was sent is not modified."""

    def __init__(self, pages: dict[str, Fetched | FetchError] | None = None) -> None:
        self.pages = dict(pages or {})
        self.asked: list[Asked] = []

    @property
    def asked_urls(self) -> list[str]:
        return [asked.url for asked in self.asked]

    def put(self, url: str, body: bytes, *, etag: str | None = None, media_type: str | None = "text/html") -> str:
        self.pages[url] = replace(fetched(url, body, media_type=media_type), etag=etag)
        return url

    def fetch(self, url: str, *, etag: str | None = None, last_modified: str | None = None) -> Fetched:
        self.asked.append(Asked(url, etag, last_modified))
        page = self.pages.get(url) or PermanentFetchError(f"{url} answers 404", status=404)
        if isinstance(page, FetchError):
            raise page
        if etag is not None and etag == page.etag:
            return replace(page, status="not_modified", body=b"", etag=None)
        return replace(page, requested_url=url)


def parse_here(kind: str, body: bytes, *, url: str, charset: str | None, limits: ReadLimits) -> dict[str, Any]:
    """What the process does, in this one; starting one takes longer than all else in a test."""
    try:
        if kind == "sitemap":
            return parse_worker.read_sitemap(body)
        if body.lstrip().startswith(b"{"):
            return parse_worker.read_json_feed(body)
        return parse_worker.read_feed(body, url, charset)
    except ValueError as error:
        raise BadInputError(f"the {kind} cannot be parsed: {error}") from error
