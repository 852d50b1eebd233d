"""The filters of a question as HTML: the form to set them and the chips that show them; knows nothing of answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qa.ui import text
from qa.ui.ask_options import AskOptions
from qa.ui.html import day, escape, list_items

_MAX_SOURCES = 500
_ICON = (
    '<svg viewBox="0 0 16 16" width="15" height="15" aria-hidden="true">'
    '<path d="M1.5 4h13M4 8h8M6.5 12h3" fill="none" stroke="currentColor" stroke-width="1.7" '
    'stroke-linecap="round"/></svg>'
)


def form_html(options: AskOptions, sources: Sequence[tuple[str, int]] = (), *, is_kept: bool = False) -> str:
    """A disclosure with one field for each option; what it holds is reported as a whole when it changes.

    :param sources: (name, number of articles) of each source there is; articles without one are no choice.
    :param is_kept: Whether the fields keep what was chosen in them since ``options`` were read.
    """
    fields = (
        _date_field("published_after", text.FILTER_AFTER, options.published_after)
        + _date_field("published_before", text.FILTER_BEFORE, options.published_before)
        + _source_field(options.source, sources)
        + _date_field("as_of", text.AS_OF_LABEL, options.as_of, text.AS_OF_TOOLTIP)
    )
    mode = (
        f'<label class="aq-switch"><input type="checkbox" role="switch" data-field="mode" '
        f'data-value="{options.mode}"{" checked" if options.mode == "fast" else ""}>'
        f"<span>{escape(text.MODE_FAST)}<small>{escape(text.MODE_FAST_HINT)}</small></span></label>"
    )
    return (
        f'<details class="aq-filters"{" data-kept" if is_kept else ""}><summary>{_ICON}{escape(text.FILTERS)}</summary>'
        f'<div class="aq-filters-panel" role="group" aria-label="{escape(text.FILTERS)}">'
        f'<div class="aq-fields">{fields}</div>{mode}'
        f'<p class="aq-filters-hint">{escape(text.FILTERS_HINT)}</p></div></details>'
    )


def chips_html(options: AskOptions, *, is_editing: bool = False) -> str:
    """What the next question is asked with, each with a button that removes it; nothing when there is nothing."""
    chips = [_removable(label, field) for field, label in shown_options(options)]
    if is_editing:
        chips.insert(0, _removable(text.EDITING, "editing", text.EDITING_STOP))
    if not chips:
        return ""
    problem = (
        f'<p class="aq-filter-problem" role="alert">{escape(text.FILTERS_IMPOSSIBLE)}</p>'
        if options.is_impossible
        else ""
    )
    return f'<ul class="aq-filter-chips" aria-label="{escape(text.FILTERS_ACTIVE)}">{list_items(chips)}</ul>{problem}'


def shown_options(options: AskOptions) -> Iterator[tuple[str, str]]:
    """(field, words) for each option that is not as usual."""
    if options.published_after:
        yield "published_after", text.FILTER_AFTER_CHIP.format(day=day(options.published_after, ""))
    if options.published_before:
        yield "published_before", text.FILTER_BEFORE_CHIP.format(day=day(options.published_before, ""))
    if options.source:
        yield "source", text.FILTER_SOURCE_CHIP.format(source=options.source)
    if options.as_of:
        yield "as_of", text.AS_OF_CHIP.format(day=day(options.as_of, ""))
    if options.mode == "fast":
        yield "mode", text.MODE_FAST_CHIP


def _removable(label: str, field: str, description: str = "") -> str:
    description = escape(description or text.FILTER_REMOVE.format(filter=label))
    return (
        f'<span>{escape(label)}</span><button type="button" data-action="clear-field" data-field-name="{field}" '
        f'aria-label="{description}">{escape(text.REMOVE_SIGN)}</button>'
    )


def _date_field(name: str, label: str, value: str | None, hint: str = "") -> str:
    shown = escape(value or "")
    described = f'<small id="aq-hint-{name}">{escape(hint)}</small>' if hint else ""
    by = f' aria-describedby="aq-hint-{name}"' if hint else ""
    return (
        f'<div class="aq-field-row"><label for="aq-{name}">{escape(label)}</label>'
        f'<input id="aq-{name}" type="date" data-field="{name}" data-value="{shown}" value="{shown}" '
        f'max="9999-12-31"{by}>{described}</div>'
    )


def _source_field(value: str | None, sources: Sequence[tuple[str, int]]) -> str:
    options = [_option("", text.FILTER_ANY_SOURCE, value or "")]
    named = [(name, count) for name, count in sources if name][:_MAX_SOURCES]
    options += [_option(name, f"{name} ({count:,})", value or "") for name, count in named]
    if value and all(name != value for name, _ in named):
        options.append(_option(value, value, value))
    chosen = escape(value or "")
    select = f'<select id="aq-source" data-field="source" data-value="{chosen}">{"".join(options)}</select>'
    return f'<div class="aq-field-row"><label for="aq-source">{escape(text.FILTER_SOURCE)}</label>{select}</div>'


def _option(value: str, label: str, chosen: str) -> str:
    selected = " selected" if value == chosen else ""
    return f'<option value="{escape(value)}"{selected}>{escape(label)}</option>'
