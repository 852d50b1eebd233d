"""The list of articles as HTML: rows, pages, filters and what is shown of them; knows nothing of the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from index.library import Revision
from index.library_listing import ListFilters
from qa.ui import text
from qa.ui import text_articles as words
from qa.ui.html import button, day, escape, list_items, notice

_MAX_SOURCES = 500
_PREFIX = "s:"  # before a source in a choice, so that the unknown one differs from any


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the list is shown, of which articles (see :class:`index.library_listing.ListFilters`).

    ``unit``: what a bar of the chart stands for, "" for what suits the articles.
    """

    query: str = ""
    offset: int = 0
    size: int = 20
    source: str | None = None
    after: str | None = None
    before: str | None = None
    sort: str = "newest"
    unit: str = ""

    @property
    def filters(self) -> ListFilters:
        return ListFilters(self.query, self.source, self.after, self.before)

    @property
    def is_filtered(self) -> bool:
        return self.filters != ListFilters()

    @property
    def is_impossible(self) -> bool:
        return bool(self.after and self.before and self.after > self.before)

    def changed(self, field: str, value: str) -> Page:
        """With one field as a control of the page reports it; the list begins anew. Anything may be reported."""
        if field == "source":
            source = value.removeprefix(_PREFIX)[:2000] if value.startswith(_PREFIX) else None
            return replace(self, source=source, offset=0)
        if field == "after":
            return replace(self, after=_plausible_day(value), offset=0)
        if field == "before":
            return replace(self, before=_plausible_day(value), offset=0)
        if field == "sort" and value in words.SORTS:
            return replace(self, sort=value, offset=0)
        if field == "unit" and value in (words.UNIT_DAY, words.UNIT_MONTH):
            return replace(self, unit=value)
        return self

    def without(self, name: str) -> Page:
        """Without one filter, or without all."""
        page = replace(self, offset=0)
        if name == "all":
            return replace(page, query="", source=None, after=None, before=None)
        return replace(page, query="") if name == "query" else page.changed(name, "")


def _plausible_day(value: str) -> str | None:
    """A date field reports each year while it is typed: 0002, 0020, 0202."""
    return value if len(value) == 10 and value[:4].isdecimal() and value >= "1000" else None


def filters_html(page: Page, sources: Sequence[tuple[str, int]]) -> str:
    """The controls; they report what changes as it changes."""
    named = {source for source, _ in sources[:_MAX_SOURCES]}
    choices = [("", words.ANY_SOURCE)]
    if page.source is not None and page.source not in named:
        choices.append((_PREFIX + page.source, page.source or words.NO_SOURCE))
    choices += [
        (_PREFIX + source, words.SOURCE_OPTION.format(source=source or words.NO_SOURCE, count=count))
        for source, count in sources[:_MAX_SOURCES]
    ]
    chosen = "" if page.source is None else _PREFIX + page.source
    return (
        f'<div class="aq-browse-filters" role="group" aria-label="{escape(words.FILTERS)}">'
        f"{_select('source', words.SOURCE, choices, chosen)}"
        f"{_day('after', words.FROM, page.after)}{_day('before', words.UNTIL, page.before)}"
        f"{_select('sort', words.SORT, list(words.SORTS.items()), page.sort)}</div>"
    )


def _select(field: str, label: str, choices: Sequence[tuple[str, str]], chosen: str) -> str:
    options = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(shown)}</option>'
        for value, shown in choices
    )
    return (
        f'<label class="aq-pick aq-pick-{field}"><span>{escape(label)}</span>'
        f'<select data-field="{field}" data-key="{field}" data-value="{escape(chosen)}" '
        f'aria-label="{escape(label)}">{options}</select></label>'
    )


def _day(field: str, label: str, value: str | None) -> str:
    return (
        f'<label class="aq-pick"><span>{escape(label)}</span>'
        f'<input type="date" data-field="{field}" data-key="{field}" aria-label="{escape(label)}" '
        f'data-value="{escape(value or "")}" value="{escape(value or "")}"></label>'
    )


def found_html(total: int, page: Page) -> str:
    """How many there are, and each filter with a button that removes it."""
    count = words.FOUND_NONE if not total else words.FOUND_ONE if total == 1 else words.FOUND.format(total=total)
    chips = [_chip(name, shown) for name, shown in _filter_words(page)]
    if len(chips) > 1:
        chips.append(button(words.CLEAR, "drop", "aq-text-button", name="all", key="drop-all"))
    with_filters = f" {escape(words.FOUND_WITH)}" if chips else ""
    listed = f'<ul class="aq-browse-chips">{list_items(chips)}</ul>' if chips else ""
    return f'<div class="aq-found"><p>{escape(count)}{with_filters}</p>{listed}</div>'


def _filter_words(page: Page) -> Iterator[tuple[str, str]]:
    if page.query:
        yield "query", words.CHIP_QUERY.format(value=page.query)
    if page.source is not None:
        yield "source", words.CHIP_SOURCE.format(value=page.source or words.NO_SOURCE)
    if page.after:
        yield "after", words.CHIP_AFTER.format(value=day(page.after, ""))
    if page.before:
        yield "before", words.CHIP_BEFORE.format(value=day(page.before, ""))


def _chip(name: str, shown: str) -> str:
    label = escape(words.REMOVE_FILTER.format(filter=shown))
    return (
        f'<button type="button" class="aq-browse-chip" data-action="drop" data-name="{name}" data-key="drop-{name}" '
        f'aria-label="{label}" title="{label}"><span>{escape(shown)}</span>'
        f'<i aria-hidden="true">{escape(words.SIGN_REMOVE)}</i></button>'
    )


def list_html(
    revisions: Sequence[Revision], total: int, page: Page, opened: str | None, revised: Mapping[int, str]
) -> str:
    """One page of the list.

    :param opened: The id of the article being read.
    :param revised: The ISO date of each revision that is not its article's first.
    """
    if page.is_impossible:
        return notice("error", words.WRONG_ORDER)
    if not total:
        if page.is_filtered:
            clear = button(words.CLEAR, "drop", name="all", key="drop-all-empty")
            return notice("quiet", words.NO_MATCH_TITLE, words.NO_MATCH_TEXT, clear)
        return _empty()
    rows = [_row(revision, revision.article.article_id == opened, revised) for revision in revisions]
    return (
        f'<ol class="aq-list" start="{page.offset + 1}">{list_items(rows)}</ol>{_paging(len(revisions), total, page)}'
    )


def _empty() -> str:
    ways = list_items([f"<strong>{escape(name)}</strong> {escape(what)}" for name, what in words.EMPTY_WAYS])
    return (
        f'<div class="aq-browse-empty"><h2>{escape(words.EMPTY_TITLE)}</h2><p>{escape(words.EMPTY_TEXT)}</p>'
        f"<ul>{ways}</ul>{button(words.EMPTY_BUTTON, 'open-add', 'aq-button aq-primary')}</div>"
    )


def _row(revision: Revision, is_open: bool, revised: Mapping[int, str]) -> str:
    article = revision.article
    origin = f"{escape(article.source or text.UNKNOWN_SOURCE)} · {escape(day(article.published_at, text.NO_DATE))}"
    if revision.revision_id in revised:
        origin += f" · {escape(words.REVISED_TAG)} {escape(day(revised[revision.revision_id], ''))}"
    current = ' aria-current="true"' if is_open else ""
    return (
        f'<button type="button" class="aq-row" data-action="read" data-article="{escape(article.article_id)}" '
        f'data-key="row-{escape(article.article_id)}"{current}>'
        f'<span class="aq-row-title">{escape(article.title)}</span><span class="aq-origin">{origin}</span></button>'
    )


def _paging(num_shown: int, total: int, page: Page) -> str:
    if total <= page.size:
        return ""
    first, last = page.offset + 1, page.offset + num_shown
    previous = _turn(words.PREVIOUS, "previous", max(0, page.offset - page.size), is_possible=page.offset > 0)
    following = _turn(words.NEXT, "next", page.offset + page.size, is_possible=last < total)
    counted = escape(words.PAGE_OF.format(first=first, last=last, total=total))
    return (
        f'<div class="aq-paging"><span>{counted}</span><nav aria-label="{escape(words.PAGES)}">'
        f"{previous}{following}</nav></div>"
    )


def _turn(label: str, key: str, offset: int, *, is_possible: bool) -> str:
    """Both buttons always stand there, so that neither moves under the finger."""
    disabled = "" if is_possible else " disabled"
    return (
        f'<button type="button" class="aq-button" data-action="page" data-offset="{offset}" data-key="{key}"'
        f"{disabled}>{escape(label)}</button>"
    )


def skeleton_html(num_rows: int = 6) -> str:
    """What stands in the list's place until the models are loaded."""
    row = '<span class="aq-skeleton"></span><span class="aq-skeleton"></span>'
    return f'<ol class="aq-list aq-list-waiting" aria-hidden="true">{list_items([row] * num_rows)}</ol>'
