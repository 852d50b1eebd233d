"""A small bar chart of articles per day or month and source, as inline SVG with a table beside it; fetches nothing.

The bars stretch with the page, so every word stands outside of the SVG, where it keeps its size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from index.library_listing import DayCount
from qa.ui import text_articles as words
from qa.ui.html import day, escape, list_items

MAX_DAYS = 1_000
_NUM_DAYS = 30
_NUM_MONTHS = 24
_NUM_SOURCES = 5
_WIDTH, _HEIGHT = 600.0, 120.0
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Bars:
    """``counts[period][source]``; every period from the first to the last is in ``periods`` (ISO days or months).

    ``sources`` are the ones with a colour, most articles first; None stands for all others together.
    """

    unit: str
    periods: tuple[str, ...]
    sources: tuple[str | None, ...]
    counts: dict[str, Counter[str | None]]

    def total(self, period: str) -> int:
        return self.counts[period].total() if period in self.counts else 0


def bars_of(day_counts: Sequence[DayCount], unit: str = "") -> Bars | None:
    """What to draw of the newest days or months; None when there is nothing.

    :param day_counts: In the order of days.
    :param unit: "day" or "month"; else days, when most articles are of the last thirty.
    """
    if not day_counts:
        return None
    newest = date.fromisoformat(day_counts[-1].day)
    first_day = date.fromordinal(max(1, newest.toordinal() - _NUM_DAYS + 1))
    if unit not in (words.UNIT_DAY, words.UNIT_MONTH):
        num_all = sum(count.num_articles for count in day_counts)
        num_late = sum(count.num_articles for count in day_counts if count.day >= first_day.isoformat())
        unit = words.UNIT_DAY if 2 * num_late >= num_all else words.UNIT_MONTH
    if unit == words.UNIT_DAY:
        days = (newest - first_day).days + 1
        periods = tuple((first_day + timedelta(days=number)).isoformat() for number in range(days))
    else:
        periods = tuple(_months_until(newest, date.fromisoformat(day_counts[0].day)))
    size = 10 if unit == words.UNIT_DAY else 7
    drawn = [
        (count.day[:size], count.source, count.num_articles) for count in day_counts if count.day[:size] >= periods[0]
    ]
    by_source: Counter[str] = Counter()
    for _, source, num_articles in drawn:
        by_source[source] += num_articles
    shown = [source for source, _ in sorted(by_source.items(), key=lambda pair: (-pair[1], pair[0]))]
    # One more colour needs no more room than "others" for a single source.
    shown = shown[: _NUM_SOURCES if len(shown) > _NUM_SOURCES + 1 else _NUM_SOURCES + 1]
    counts: dict[str, Counter[str | None]] = {}
    for period, source, num_articles in drawn:
        counts.setdefault(period, Counter())[source if source in shown else None] += num_articles
    has_others = len(by_source) > len(shown)
    return Bars(unit, periods, (*shown, None) if has_others else tuple(shown), counts)


def chart_html(bars: Bars | None) -> str:
    """The chart with its legend, whose entries filter, and its table."""
    if bars is None:
        return ""
    title = words.CHART_DAYS if bars.unit == words.UNIT_DAY else words.CHART_MONTHS
    most = max(bars.periods, key=bars.total)
    description = words.CHART_DESCRIPTION.format(
        total=sum(bars.total(period) for period in bars.periods),
        first=_named(bars.periods[0]),
        last=_named(bars.periods[-1]),
        unit=bars.unit,
        most=bars.total(most),
        when=_named(most),
    )
    middle = _named(bars.periods[len(bars.periods) // 2]) if len(bars.periods) > 6 else ""
    ends = [_named(bars.periods[0]), middle, _named(bars.periods[-1])] if len(bars.periods) > 1 else [_named(most)]
    axis = "".join(f"<span>{escape(label)}</span>" for label in ends)
    return (
        f'<section class="aq-chart"><header><h2>{escape(title)}</h2>{_units(bars.unit)}</header>'
        f'<div class="aq-plot"><span class="aq-most" aria-hidden="true">{bars.total(most):,}</span>'
        f"{_svg(bars, title, description)}"
        f'<div class="aq-axis" aria-hidden="true">{axis}</div></div>{_legend(bars)}{_table(bars)}</section>'
    )


def _svg(bars: Bars, title: str, description: str) -> str:
    most = max(bars.total(period) for period in bars.periods) or 1
    step = _WIDTH / len(bars.periods)
    width = step * (0.82 if len(bars.periods) > 12 else 0.6)
    drawn = []
    for number, period in enumerate(bars.periods):
        left, top = number * step + (step - width) / 2, _HEIGHT
        pieces = []
        for colour, source in enumerate(bars.sources):
            height = _HEIGHT * bars.counts.get(period, Counter())[source] / most
            if height:
                top -= height
                pieces.append(
                    f'<rect class="{_colour(colour, source)}" x="{left:.1f}" y="{top:.2f}" width="{width:.1f}" '
                    f'height="{height:.2f}"/>'
                )
        if pieces:
            # The whole column shows its numbers, not only the bar.
            pieces.append(
                f'<rect class="aq-column" x="{number * step:.1f}" y="0" width="{step:.1f}" height="{_HEIGHT}"/>'
            )
            drawn.append(f"<g><title>{escape(_spoken(bars, period))}</title>{''.join(pieces)}</g>")
    return (
        f'<svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" preserveAspectRatio="none" role="img" '
        'aria-labelledby="aq-chart-title" aria-describedby="aq-chart-text">'
        f'<title id="aq-chart-title">{escape(title)}</title>'
        f'<desc id="aq-chart-text">{escape(description)}</desc>{"".join(drawn)}</svg>'
    )


def _units(chosen: str) -> str:
    buttons = "".join(
        f'<button type="button" class="aq-toggle" data-action="unit" data-unit="{unit}" data-key="unit-{unit}" '
        f'aria-pressed="{"true" if unit == chosen else "false"}">{escape(words.CHART_UNIT_HEAD[unit])}</button>'
        for unit in (words.UNIT_DAY, words.UNIT_MONTH)
    )
    return f'<div class="aq-toggles" role="group" aria-label="{escape(words.CHART_UNIT)}">{buttons}</div>'


def _legend(bars: Bars) -> str:
    entries = []
    for number, source in enumerate(bars.sources):
        swatch = f'<i class="aq-swatch {_colour(number, source)}" aria-hidden="true"></i>'
        count = sum(bars.counts[period][source] for period in bars.counts)
        label = f"{swatch}<span>{escape(_source_name(source))}</span> <b>{count:,}</b>"
        if source is None:
            entries.append(f'<span class="aq-legend">{label}</span>')
        else:
            hint = escape(words.CHART_ONLY.format(source=_source_name(source)))
            entries.append(
                f'<button type="button" class="aq-legend" data-action="only" data-source="{escape(source)}" '
                f'data-key="only-{number}" title="{hint}">{label}</button>'
            )
    return f'<ul class="aq-legends">{list_items(entries)}</ul>'


def _table(bars: Bars) -> str:
    heads = [words.CHART_UNIT_HEAD[bars.unit], words.CHART_ALL, *(_source_name(source) for source in bars.sources)]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    rows = "".join(
        f'<tr><th scope="row">{escape(_named(period))}</th><td>{bars.total(period):,}</td>'
        + "".join(f"<td>{bars.counts[period][source]:,}</td>" for source in bars.sources)
        + "</tr>"
        for period in reversed(bars.periods)
        if bars.total(period)
    )
    return (
        f'<details class="aq-chart-table"><summary>{escape(words.CHART_TABLE)}</summary>'
        f'<div tabindex="0" role="region" aria-label="{escape(words.CHART_TABLE)}">'
        f"<table><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _spoken(bars: Bars, period: str) -> str:
    some = [f"{_source_name(source)} {num:,}" for source in bars.sources if (num := bars.counts[period][source])]
    return f"{_named(period)}: {bars.total(period):,} ({', '.join(some)})"


def _source_name(source: str | None) -> str:
    return words.CHART_OTHERS if source is None else source or words.NO_SOURCE


def _colour(number: int, source: str | None) -> str:
    return "aq-colour-others" if source is None else f"aq-colour-{number}"


def _named(period: str) -> str:
    if len(period) == 7:
        return f"{_MONTHS[int(period[5:]) - 1]} {int(period[:4])}"
    return day(period, "")


def _months_until(newest: date, oldest: date) -> list[str]:
    """The months up to the newest, as many as are drawn and go back to the oldest, at least six."""
    last = newest.year * 12 + newest.month - 1
    num_months = max(6, min(_NUM_MONTHS, last - (oldest.year * 12 + oldest.month - 1) + 1))
    first = max(12, last - num_months + 1)
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(first, last + 1)]
