"""Articles as HTML: the list, one article to read, what became of added files; knows nothing of questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from index.library import Revision
from index.types import AddReport, ClusterMember
from qa.ui import text
from qa.ui.also_in_html import also_in_html
from qa.ui.html import Span, button, day, escape, link, list_items, marked_paragraphs, notice


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the list is shown: articles whose title, source or address contains ``query``."""

    query: str = ""
    offset: int = 0
    size: int = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one file or pasted text."""

    name: str
    report: AddReport


def list_html(revisions: Sequence[Revision], total: int, page: Page, opened: str | None) -> str:
    """One page of the list; ``opened`` is the id of the article being read."""
    if not total:
        if page.query:
            return f'<p class="aq-hint">{escape(text.LIST_NO_MATCH.format(query=page.query))}</p>'
        return notice("quiet", text.LIST_EMPTY_TITLE, text.LIST_EMPTY_TEXT)
    rows = [_row(revision, revision.article.article_id == opened) for revision in revisions]
    return f'<ol class="aq-list">{list_items(rows)}</ol>{_paging(len(revisions), total, page)}'


def _row(revision: Revision, is_open: bool) -> str:
    article = revision.article
    origin = f"{escape(article.source or text.UNKNOWN_SOURCE)} · {escape(day(article.published_at, text.NO_DATE))}"
    current = ' aria-current="true"' if is_open else ""
    return (
        f'<button type="button" class="aq-row" data-action="read" data-article="{escape(article.article_id)}"{current}>'
        f'<span class="aq-row-title">{escape(article.title)}</span><span class="aq-origin">{origin}</span></button>'
    )


def _paging(num_shown: int, total: int, page: Page) -> str:
    if total <= page.size:
        return f'<p class="aq-paging">{escape(count_words(total))}</p>'
    first, last = page.offset + 1, page.offset + num_shown
    newer = button(text.NEWER, "page", offset=max(0, page.offset - page.size)) if page.offset else ""
    older = button(text.OLDER, "page", offset=page.offset + page.size) if last < total else ""
    counted = escape(text.LIST_COUNT.format(first=f"{first:,}", last=f"{last:,}", total=f"{total:,}"))
    return f'<div class="aq-paging"><span>{counted}</span><nav>{newer}{older}</nav></div>'


def count_words(total: int) -> str:
    return text.LIST_COUNT_ONE if total == 1 else text.LIST_COUNT_ALL.format(total=f"{total:,}")


def article_html(
    revision: Revision,
    *,
    actions: str,
    quote: tuple[Span, str] | None = None,
    num_revisions: int = 1,
    removal: str = "",
    also_in: Sequence[ClusterMember] = (),
) -> str:
    """One article, whole.

    :param actions: Buttons for the head of the view, safe HTML.
    :param quote: Offsets and words to highlight; looked for again when the article was revised since.
    :param removal: What asks whether to remove the article, safe HTML; empty when it was not asked for.
    :param also_in: Other articles that tell the same story nearly word for word.
    """
    article = revision.article
    span = _find(article.text, quote)
    changed = f'<p class="aq-note">{escape(text.ARTICLE_CHANGED)}</p>' if quote is not None and span is None else ""
    spans = [(span, ' class="aq-focus"')] if span is not None else []
    return (
        f'<article class="aq-panel aq-reader"><header class="aq-actions">{actions}</header>{removal}'
        f"<h2>{escape(article.title)}</h2>{_details(revision, num_revisions)}"
        f"{also_in_html(also_in, article.source)}{changed}"
        f'<div class="aq-text">{marked_paragraphs(article.text, spans)}</div></article>'
    )


def _details(revision: Revision, num_revisions: int) -> str:
    article = revision.article
    details = [escape(article.source or text.UNKNOWN_SOURCE), escape(day(article.published_at, text.NO_DATE))]
    details.append(escape(text.ADDED_AT.format(day=day(revision.accepted_at, text.NO_DATE))))
    if num_revisions > 1:
        details.append(escape(text.REVISIONS.format(count=num_revisions)))
    original = link(article.url, text.ORIGINAL, text.ORIGINAL_LABEL.format(title=article.title))
    return f'<p class="aq-origin">{" · ".join(details)}{" · " + original if original else ""}</p>'


def _find(article_text: str, quote: tuple[Span, str] | None) -> Span | None:
    if quote is None:
        return None
    (start, end), words = quote
    if article_text[start:end] == words:
        return start, end
    found = article_text.find(words) if words else -1
    return (found, found + len(words)) if found >= 0 else None


def adders_heading_html() -> str:
    return f"<h2>{escape(text.ADD_TITLE)}</h2><p>{escape(text.UPLOAD_HINT)}</p>"


def removal_html(article_id: str) -> str:
    yes = button(text.REMOVE_YES, "remove", "aq-button aq-danger", article=article_id)
    no = button(text.REMOVE_NO, "read", article=article_id)
    return f'<div class="aq-confirm" role="alertdialog"><p>{escape(text.REMOVE_QUESTION)}</p>{yes}{no}</div>'


def verdicts_html(verdicts: Sequence[Verdict], ending: str = "") -> str:
    """One line a file: what it brought, or why it was refused. ``ending`` is safe HTML."""
    return f'<ul class="aq-verdicts" aria-live="polite">{list_items([_verdict(v) for v in verdicts])}</ul>{ending}'


def _verdict(verdict: Verdict) -> str:
    report = verdict.report.to_json()
    tags = "".join(_tag(word, report[key]) for key, word in text.VERDICT_WORDS if report[key])
    if verdict.report.rejected:
        tags += _tag(text.VERDICT_REJECTED, len(verdict.report.rejected))
    if not tags:
        tags = f'<span class="aq-tag aq-tag-rejected">{escape(text.VERDICT_EMPTY)}</span>'
    reasons = "".join(_reason(r.item, r.reason, verdict.name) for r in verdict.report.rejected[:20])
    return f'<div><span class="aq-file">{escape(verdict.name)}</span>{tags}</div>{reasons}'


def _tag(word: str, count: int) -> str:
    shown = word if count == 1 else f"{count:,} {word}"
    return f'<span class="aq-tag aq-tag-{word}">{escape(shown)}</span>'


def _reason(item: str, reason: str, name: str) -> str:
    where = "" if item == name else f"{escape(item)}: "
    return f'<p class="aq-reason">{where}{escape(reason)}</p>'
