"""Turns what an address answered into articles or rejections, identified by their address; fetches nothing."""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from index.errors import BadInputError
from index.fetching import Fetched
from index.readers import ReadLimits, read_bytes
from index.readers.decoding import decode_declared
from index.readers.future_dates import MAX_DAYS_AHEAD
from index.readers.limits import DEFAULT_LIMITS
from index.sources.addresses import clean_address, host_of, is_front_page, is_same_site, resolve
from index.sources.content import Kind, content_kind
from index.sources.feed import FeedEntry
from index.types import Article, Rejection, make_article

_ENDINGS: dict[Kind, str] = {
    "html": ".html",
    "pdf": ".pdf",
    "docx": ".docx",
    "epub": ".epub",
    "eml": ".eml",
    "json": ".json",
    "jsonl": ".jsonl",
    "markdown": ".md",
    "text": ".txt",
}
# Less is what is left of a page that needs scripts, a login, or consent to cookies.
MIN_PAGE_TEXT_BYTES = 140
_HARDLY_ANY = "no article text found but {text!r}; it may need scripts or a login, so save the page and add the file"
_TEXT_KINDS = ("html", "markdown", "text", "json", "jsonl")
_LINK_TAG = re.compile(rb"<link\b[^<>]{0,2000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-zA-Z-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+))")
_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json")


def read_page(
    page: Fetched, *, now: datetime, entry: FeedEntry | None = None, limits: ReadLimits = DEFAULT_LIMITS
) -> Iterator[Article | Rejection]:
    """The article of a page. Of an address that somebody named, also the articles of a JSON or JSON lines file.

    An article's url is the page's canonical address if that belongs to the same site, else the address that answered;
    rejections are named after the address that was asked for.

    :param now: Aware; dates more than two days later are left out.
    :param entry: What the feed or sitemap that led here says of the page; it fills what the page leaves open.
    """
    item = page.requested_url
    try:
        kind = content_kind(page.body, page.media_type)
        if kind in ("feed", "sitemap"):
            raise BadInputError(f"is itself a {kind}, not an article page; add it by its own address")
        if kind in ("json", "jsonl") and entry is not None:
            raise BadInputError("is JSON, not an article page")
        if is_front_page(page.url) and not is_front_page(item):
            raise BadInputError(f"leads to the front page {page.url}: the article is probably gone")
        body = _in_utf8(page) if kind in _TEXT_KINDS else page.body
    except BadInputError as error:
        yield Rejection(item, str(error))
        return
    # The reader knows nothing of where the page is, hence of no relative address.
    canonical = next((link for link, _ in _links(page, "canonical")), None) if kind == "html" else None
    for result in read_bytes(f"page{_ENDINGS[kind]}", body, identity=item, limits=limits, today=now.date()):
        if kind == "html" and isinstance(result, Article) and len(result.text.encode()) < MIN_PAGE_TEXT_BYTES:
            result = Rejection("page.html", _HARDLY_ANY.format(text=result.text[:80]))
        if isinstance(result, Rejection):
            yield _explained(result, page, kind)
        elif kind in ("json", "jsonl"):
            yield result
        else:
            yield _identified(result, page.url, canonical, entry, now)


def _identified(
    article: Article, answered: str, canonical: str | None, entry: FeedEntry | None, now: datetime
) -> Article:
    """The article under its address, with what the feed knows where the page says nothing."""
    address = clean_address(answered) or answered
    metadata = dict(article.metadata)
    canonical = canonical or resolve(address, article.url or address)
    is_believed = canonical is not None and is_same_site(canonical, address) and not is_front_page(canonical)
    url = canonical if is_believed and canonical is not None else address
    source = article.source
    if not source or (article.url and not is_believed and source == host_of(article.url)):
        source = host_of(url)
    day, future = article.published_at, None
    if day is not None and day > (now + timedelta(days=MAX_DAYS_AHEAD)).date().isoformat():
        day, future = None, day
    if entry is not None:
        day = day or entry.published_at
        future = future or entry.published_at_as_given
        facts = {"author": entry.author, "language": entry.language}
        metadata = {key: value for key, value in facts.items() if value} | metadata
    if future and day is None:
        metadata["published_at_as_given"] = future
    title = article.title
    if entry is not None and entry.title and _is_first_line(title, article.text):
        title = entry.title
    return make_article(article.text, title=title, url=url, source=source, published_at=day, metadata=metadata)


def _is_first_line(title: str, text: str) -> bool:
    """Whether the page gave no title: then the text's beginning stands in for it."""
    return title == make_article(text).title


def _explained(rejection: Rejection, page: Fetched, kind: Kind) -> Rejection:
    """The rejection under the page's address; one line of a file keeps its number."""
    item = page.requested_url + rejection.item.removeprefix(f"page{_ENDINGS[kind]}")
    feed = declared_feed(page) if kind == "html" else None
    if feed is None:
        return Rejection(item, rejection.reason)
    return Rejection(item, f"no article text found, but the page names a feed: add {feed}")


def declared_feed(page: Fetched) -> str | None:
    """The first feed that an HTML page names for programs to find (<link rel="alternate">), or None."""
    return next((link for link, kind in _links(page, "alternate") if kind in _FEED_TYPES), None)


def _links(page: Fetched, relation: str) -> Iterator[tuple[str, str]]:
    """Address and media type of each <link> of a page that has this relation to it."""
    for tag in _LINK_TAG.findall(page.body[:500_000]):
        found = _ATTRIBUTE.findall(tag.decode("utf-8", "replace"))
        attributes = {name.lower(): html.unescape(a or b or c).strip() for name, a, b, c in found}
        address = resolve(page.url, attributes.get("href", ""))
        if relation in attributes.get("rel", "").lower().split() and attributes.get("href") and address:
            yield address, attributes.get("type", "").lower()


def _in_utf8(page: Fetched) -> bytes:
    """The body as the readers find it without the header: its charset goes before a guess, not before the truth."""
    if not page.charset:
        return page.body
    try:
        return codecs.BOM_UTF8 + decode_declared(page.body, page.charset).encode("utf-8")
    except BadInputError:  # the server is wrong about it, so the readers judge by the page itself
        return page.body
