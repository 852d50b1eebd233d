"""Turns text that others wrote into HTML that can only ever be text; knows nothing of answers or pages.

Everything from an article, a model, a file name or a question goes through :func:`escape` before it is shown.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from datetime import date
from urllib.parse import urlsplit

# Control characters other than tab and line feed, and the marks that reorder text on screen: a title must not be able
# to make the words around it read differently.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_UNSAFE_IN_ADDRESS = re.compile(r"[\s<>\"'`\\^{|}\x00-\x20\x7f-\x9f]")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PARAGRAPHS = re.compile(r"\n\s*\n")

Span = tuple[int, int]


def escape(text: object) -> str:
    """``text`` as HTML that shows it, safe in element content and in quoted attributes."""
    return html.escape(_INVISIBLE.sub("", str(text)), quote=True)


def web_address(url: str | None) -> str | None:
    """``url`` when it is a plain http or https address that may become a link, else None."""
    if url is None or _UNSAFE_IN_ADDRESS.search(url):
        return None
    try:
        parts = urlsplit(url)
        hostname = parts.hostname
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and hostname and "@" not in parts.netloc else None


def link(url: str | None, label: str, description: str) -> str:
    """A link to another site, or nothing when the address is none; the site learns nothing of this page."""
    address = web_address(url)
    if address is None:
        return ""
    return (
        f'<a class="aq-link" href="{escape(address)}" target="_blank" rel="noopener noreferrer nofollow" '
        f'aria-label="{escape(description)}">{escape(label)}</a>'
    )


def button(label: str, action: str, css_class: str = "aq-button", *, spoken: str = "", **data: object) -> str:
    """A button that reports ``action`` and ``data`` to the server (see assets/panel.js).

    :param spoken: What it is called where the label alone does not say enough; begins with the label.
    """
    attributes = "".join(f' data-{name.replace("_", "-")}="{escape(value)}"' for name, value in data.items())
    name = f' aria-label="{escape(spoken)}"' if spoken else ""
    return (
        f'<button type="button" class="{css_class}" data-action="{action}"{name}{attributes}>{escape(label)}</button>'
    )


def day(iso_date: str | None, missing: str) -> str:
    """ "2024-03-28" as "28 Mar 2024"; what is no date is shown as it is."""
    if iso_date is None:
        return missing
    try:
        parsed = date.fromisoformat(iso_date[:10])
    except ValueError:
        return iso_date
    return f"{parsed.day} {_MONTHS[parsed.month - 1]} {parsed.year}"


def marked(text: str, spans: Iterable[tuple[Span, str]]) -> str:
    """``text`` escaped, with each span inside ``<mark>``.

    :param spans: (start, end) offsets into ``text`` and the attributes of that mark, already safe. Spans that are empty
        or lie outside the text are left out, and one that overlaps an earlier one starts where that one ends.
    """
    pieces = []
    position = 0
    for (start, end), attributes in sorted(spans):
        start = max(start, position)
        if start >= end or end > len(text):
            continue
        pieces += [escape(text[position:start]), f"<mark{attributes}>{escape(text[start:end])}</mark>"]
        position = end
    return "".join(pieces) + escape(text[position:])


def marked_paragraphs(text: str, spans: Sequence[tuple[Span, str]] = ()) -> str:
    """Like :func:`marked`, as paragraphs: an empty line starts a new one, and a span may run across it."""
    pieces = []
    for start, end in _paragraph_spans(text):
        inside = [((max(a, start) - start, min(b, end) - start), attributes) for (a, b), attributes in spans]
        pieces.append(f"<p>{marked(text[start:end], inside)}</p>")
    return "".join(pieces)


def _paragraph_spans(text: str) -> list[Span]:
    breaks = [match.span() for match in _PARAGRAPHS.finditer(text)]
    starts = [0, *(end for _, end in breaks)]
    ends = [*(start for start, _ in breaks), len(text)]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if text[start:end].strip()]


def paragraphs(pieces_of_html: str) -> str:
    """HTML without any block in it, already safe, as paragraphs: an empty line starts a new one."""
    blocks = (block.strip() for block in _PARAGRAPHS.split(pieces_of_html))
    return "".join(f"<p>{block}</p>" for block in blocks if block)


def list_items(items: Sequence[str]) -> str:
    return "".join(f"<li>{item}</li>" for item in items)


def progress_bar(stage: str, done: int, total: int) -> str:
    """A bar with its stage; without a known total it moves to say that work goes on."""
    stage = stage[:1].upper() + stage[1:]
    if total <= 0:
        return (
            f'<div class="aq-progress" role="progressbar" aria-label="{escape(stage)}"><span class="aq-progress-label">'
            f'{escape(stage)}</span><span class="aq-track"><i class="aq-fill aq-moving"></i></span></div>'
        )
    percent = min(100, max(0, round(100 * done / total)))
    return (
        f'<div class="aq-progress" role="progressbar" aria-label="{escape(stage)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent}"><span class="aq-progress-label">{escape(stage)} '
        f'<b>{percent}%</b></span><span class="aq-track"><i class="aq-fill" style="width:{percent}%"></i></span></div>'
    )


def notice(kind: str, title: str, text: str = "", extra: str = "") -> str:
    """A short message set off from the rest. ``kind`` is "error", "quiet" or "good"; ``extra`` is safe HTML."""
    role = "alert" if kind == "error" else "status"
    body = f"<p>{escape(text)}</p>" if text else ""
    return f'<div class="aq-notice aq-{kind}" role="{role}"><strong>{escape(title)}</strong>{body}{extra}</div>'
