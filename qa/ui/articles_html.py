"""One article to read and what became of added files, as HTML; knows nothing of lists or questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from index.library import Revision
from index.types import AddReport, ClusterMember
from qa.ui import text
from qa.ui import text_articles as words
from qa.ui.also_in_html import also_in_html
from qa.ui.html import Span, button, day, escape, link, list_items, marked_paragraphs


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one file or pasted text."""

    name: str
    report: AddReport
    notes: tuple[str, ...] = ()


def article_html(
    revision: Revision,
    *,
    actions: str,
    quote: tuple[Span, str] | None = None,
    num_revisions: int = 1,
    removal: str = "",
    also_in: Sequence[ClusterMember] = (),
    revisions: str = "",
    body: str | None = None,
) -> str:
    """One article, whole.

    :param actions: Buttons for the head of the view, safe HTML.
    :param quote: Offsets and words to highlight; looked for again when the article was revised since.
    :param removal: What asks whether to remove the article, safe HTML; empty when it was not asked for.
    :param also_in: Other articles that tell the same story nearly word for word.
    :param revisions: The list of its revisions, safe HTML; their number stands for it otherwise.
    :param body: What is shown in place of the text, safe HTML.
    """
    article = revision.article
    span = _find(article.text, quote)
    changed = f'<p class="aq-note">{escape(text.ARTICLE_CHANGED)}</p>' if quote is not None and span is None else ""
    spans = [(span, ' class="aq-focus"')] if span is not None else []
    return (
        f'<article class="aq-panel aq-reader"><header class="aq-actions">{actions}</header>{removal}'
        f'<h2 tabindex="-1">{escape(article.title)}</h2>{_details(revision, 1 if revisions else num_revisions)}'
        f"{also_in_html(also_in, article.source)}{revisions}{changed}"
        f"{body or _text(article.text, spans)}</article>"
    )


def _text(article_text: str, spans: Sequence[tuple[Span, str]]) -> str:
    return f'<div class="aq-text">{marked_paragraphs(article_text, spans)}</div>'


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


def removal_html(article_id: str) -> str:
    yes = button(words.REMOVE_YES, "remove", "aq-button aq-danger", article=article_id, key="remove-yes")
    no = button(words.REMOVE_NO, "read", article=article_id, key="remove-no")
    return (
        f'<div class="aq-confirm" role="alertdialog" aria-label="{escape(words.REMOVE)}">'
        f"<p>{escape(words.REMOVE_QUESTION)}</p>{yes}{no}</div>"
    )


def verdicts_html(
    verdicts: Sequence[Verdict], ending: str = "", *, current: str = "", waiting: Sequence[str] = ()
) -> str:
    """One line a file: what it brought, why it was refused, how far it is, or that it waits.

    :param current: The line of the file that is being read, safe HTML.
    :param ending: What comes after the lines, safe HTML.
    """
    lines = [_verdict(verdict) for verdict in verdicts]
    lines += [current] if current else []
    lines += [waiting_html(name) for name in waiting]
    return f'<ul class="aq-verdicts">{list_items(lines)}</ul>{ending}'


def current_html(name: str, bar: str) -> str:
    """A file that is being read; ``bar`` is safe HTML."""
    return f'<div><span class="aq-file">{escape(name)}</span></div>{bar}'


def waiting_html(name: str) -> str:
    tag = f'<span class="aq-tag">{escape(words.WAITING)}</span>'
    return f'<div><span class="aq-file aq-waits">{escape(name)}</span>{tag}</div>'


def _verdict(verdict: Verdict) -> str:
    report = verdict.report.to_json()
    tags = "".join(_tag(word, report[key]) for key, word in text.VERDICT_WORDS if report[key])
    if verdict.report.rejected:
        tags += _tag(text.VERDICT_REJECTED, len(verdict.report.rejected))
    if not tags:
        tags = f'<span class="aq-tag aq-tag-rejected">{escape(text.VERDICT_EMPTY)}</span>'
    reasons = "".join(_reason(r.item, r.reason, verdict.name) for r in verdict.report.rejected[:20])
    notes = "".join(f'<p class="aq-reason">{escape(note)}</p>' for note in verdict.notes)
    return f'<div><span class="aq-file">{escape(verdict.name)}</span>{tags}</div>{reasons}{notes}'


def _tag(word: str, count: int) -> str:
    shown = word if count == 1 else f"{count:,} {word}"
    return f'<span class="aq-tag aq-tag-{word}">{escape(shown)}</span>'


def _reason(item: str, reason: str, name: str) -> str:
    where = "" if item == name else f"{escape(item)}: "
    return f'<p class="aq-reason">{where}{escape(reason)}</p>'
