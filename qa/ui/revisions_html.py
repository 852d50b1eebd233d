"""The revisions of an article as HTML, and what changed from one to the next; knows nothing of the store."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from index.library import Revision
from qa.ui import text
from qa.ui import text_articles as words
from qa.ui.html import button, day, escape, list_items

# Beyond, comparing takes too long: paragraphs are then shown as removed and added, whole.
_MAX_PARAGRAPHS = 400
_MAX_WORDS = 800
_PARAGRAPH = re.compile(r"\n\s*\n")
_TOKEN = re.compile(r"\s+|[^\s]+")


def revisions_html(history: Sequence[Revision], shown: Revision, *, is_diff: bool = False) -> str:
    """When each revision came, newest first, and what opens it; nothing when there is only one.

    :param shown: The one that is being read.
    :param is_diff: Whether what changed in it is shown instead of its text.
    """
    if len(history) < 2:
        return ""
    items = []
    for number, revision in zip(range(len(history), 0, -1), history, strict=True):
        is_shown = revision.revision_id == shown.revision_id
        is_current = revision is history[0]
        label = f"{number}. {words.REVISION_CAME.format(when=moment(revision.accepted_at))}"
        tag = f' <span class="aq-tag">{escape(words.REVISION_CURRENT)}</span>' if is_current else ""
        article_id, revision_id = revision.article.article_id, revision.revision_id
        read = button(
            words.REVISION_OPEN,
            "revision",
            "aq-text-button",
            article=article_id,
            revision=revision_id,
            key=f"read-{number}",
        )
        changed = button(
            words.DIFF_SHOW, "diff", "aq-text-button", article=article_id, revision=revision_id, key=f"diff-{number}"
        )
        actions = ("" if is_shown and not is_diff else read) + (
            "" if number == 1 or (is_shown and is_diff) else changed
        )
        current = ' aria-current="true"' if is_shown else ""
        items.append(
            f'<div{current}><span>{escape(label)}{tag}</span><span class="aq-revision-actions">{actions}</span></div>'
        )
    title = words.REVISIONS.format(count=len(history))
    is_open = " open" if is_diff or shown is not history[0] else ""
    return (
        f'<details class="aq-revisions"{is_open}><summary>{escape(title)}</summary>'
        f"<ol reversed>{list_items(items)}</ol></details>"
    )


def moment(accepted_at: str) -> str:
    """ "2024-05-01T10:03:07+00:00" as "1 May 2024, 10:03"."""
    return f"{day(accepted_at, text.NO_DATE)}, {accepted_at[11:16]}" if len(accepted_at) >= 16 else accepted_at


def diff_html(old: Revision, new: Revision) -> str:
    """What changed, paragraph by paragraph; what stayed is only counted."""
    fields = [
        f"<li>{escape(words.DIFF_FIELD.format(name=name, old=_or_dash(before), new=_or_dash(after)))}</li>"
        for key, name in words.DIFF_FIELDS.items()
        if (before := getattr(old.article, key)) != (after := getattr(new.article, key))
    ]
    changes = _paragraph_changes(_paragraphs(old.article.text), _paragraphs(new.article.text))
    body = "".join(changes) or f'<p class="aq-note">{escape(words.DIFF_NOTHING)}</p>'
    listed = f'<ul class="aq-diff-fields">{"".join(fields)}</ul>' if fields else ""
    against = escape(words.DIFF_AGAINST.format(when=moment(old.accepted_at)))
    return (
        f'<h3>{escape(words.DIFF_TITLE)}</h3><p class="aq-note">{against}</p>{listed}<div class="aq-diff">{body}</div>'
    )


def _paragraph_changes(old: Sequence[str], new: Sequence[str]) -> list[str]:
    if max(len(old), len(new)) > _MAX_PARAGRAPHS:
        return [*map(_removed, old), *map(_added, new)] if list(old) != list(new) else []
    pieces: list[str] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            num = i2 - i1
            skipped = words.DIFF_SKIPPED_ONE if num == 1 else words.DIFF_SKIPPED.format(count=num)
            pieces.append(f'<p class="aq-diff-same">{escape(skipped)}</p>')
        else:
            both = min(i2 - i1, j2 - j1)
            pieces += [_word_changes(old[i1 + number], new[j1 + number]) for number in range(both)]
            pieces += [*map(_removed, old[i1 + both : i2]), *map(_added, new[j1 + both : j2])]
    return [] if all("aq-diff-same" in piece for piece in pieces) else pieces


def _word_changes(old: str, new: str) -> str:
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    if max(len(before), len(after)) > 2 * _MAX_WORDS:
        return _removed(old) + _added(new)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < 0.4:  # word by word would be a patchwork
        return _removed(old) + _added(new)
    pieces = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            pieces.append(escape("".join(before[i1:i2])))
            continue
        if i2 > i1:
            pieces.append(_marked("del", words.DIFF_REMOVED, "".join(before[i1:i2])))
        if j2 > j1:
            pieces.append(_marked("ins", words.DIFF_ADDED, "".join(after[j1:j2])))
    return f"<p>{''.join(pieces)}</p>"


def _removed(paragraph: str) -> str:
    return f"<p>{_marked('del', words.DIFF_REMOVED, paragraph)}</p>"


def _added(paragraph: str) -> str:
    return f"<p>{_marked('ins', words.DIFF_ADDED, paragraph)}</p>"


def _marked(element: str, label: str, shown: str) -> str:
    return f'<{element}><span class="aq-visually-hidden">{escape(label)} </span>{escape(shown)}</{element}>'


def _paragraphs(whole: str) -> list[str]:
    return [paragraph.strip() for paragraph in _PARAGRAPH.split(whole) if paragraph.strip()]


def _or_dash(value: str | None) -> str:
    return value or "–"
