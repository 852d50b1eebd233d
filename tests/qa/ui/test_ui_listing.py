"""The list's filters as the page reports them, and its HTML: whatever comes is taken as text or not at all."""

from __future__ import annotations

import pytest

from index.library import Revision
from index.library_listing import Arrival, ArrivalCount, DayCount, ListFilters
from index.types import Article, make_article
from qa.ui import text_articles as words
from qa.ui.arrivals_html import latest_html, log_html, sources_html
from qa.ui.chart_html import bars_of, chart_html
from qa.ui.index_html import generations_html, index_html
from qa.ui.listing_html import Page, filters_html, found_html, list_html
from qa.ui.revisions_html import diff_html, revisions_html
from tests.qa.ui.fakes import FakeCollection

HOSTILE = "<img src=x onerror=alert(1)>\"'`"
CAME = "2024-05-01T10:00:00+00:00"


def _revision(number: int, text: str, **fields: str | None) -> Revision:
    article: Article = make_article(text, article_id="a", **fields)  # type: ignore[arg-type]  # only strings
    return Revision(number, article, CAME)


# What the controls report


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("source", "s:A", Page(source="A")),
        ("source", "s:", Page(source="")),
        ("source", "", Page()),
        ("source", "A", Page()),
        ("after", "2024-04-05", Page(after="2024-04-05")),
        ("after", "0202-04-05", Page()),
        ("after", "", Page()),
        ("before", "nonsense!!", Page()),
        ("sort", "title", Page(sort="title")),
        ("sort", "title; DROP TABLE", Page()),
        ("unit", "month", Page(unit="month")),
        ("unit", "year", Page()),
        ("size", "100000", Page()),
        ("", "", Page()),
    ],
)
def test_what_a_control_reports_is_taken_if_it_can_be_meant(field: str, value: str, expected: Page) -> None:
    assert Page().changed(field, value) == expected


def test_a_changed_filter_begins_the_list_anew_and_the_order_stays() -> None:
    page = Page(query="q", offset=40, source="A", after="2024-01-01", before="2024-02-01", sort="title")
    assert page.changed("before", "2024-03-01").offset == 0
    assert page.without("source") == Page("q", 0, 20, None, "2024-01-01", "2024-02-01", "title")
    assert page.without("query").query == ""
    assert page.without("all") == Page(sort="title")
    assert page.filters == ListFilters("q", "A", "2024-01-01", "2024-02-01")


def test_a_source_that_is_gone_stays_chosen() -> None:
    assert f'value="s:{"Gone"}" selected' in filters_html(Page(source="Gone"), [("A", 2)])


# HTML


def test_nothing_that_others_wrote_becomes_markup() -> None:
    old = _revision(1, f"{HOSTILE}\n\n{HOSTILE} one", title=HOSTILE, source=HOSTILE)
    new = _revision(2, f"{HOSTILE}\n\n{HOSTILE} two", title=f"{HOSTILE}!", source=HOSTILE, published_at="2024-01-01")
    page = Page(query=HOSTILE, source=HOSTILE)
    store = FakeCollection([new.article])
    sources = [{"address": HOSTILE, "name": HOSTILE, "last_error": HOSTILE, "every_minutes": 5, "last_checked": CAME}]
    made = [
        filters_html(page, [(HOSTILE, 3)]),
        found_html(1, page),
        list_html([new], 1, page, "a", {2: "2024-05-01"}),
        chart_html(bars_of([DayCount("2024-01-01", HOSTILE, 1)])),
        revisions_html([new, old], old, is_diff=True),
        diff_html(old, new),
        latest_html([Arrival(1, HOSTILE, HOSTILE, HOSTILE, CAME, "added")]),
        log_html([ArrivalCount("2024-05-01T10:00", 1, 1)]),
        sources_html(sources, is_editor=True),
        index_html({"generation": HOSTILE, "problem": HOSTILE, "models": {"embedder": HOSTILE}}),
        generations_html(store.generations(), is_editor=True, asked="gen-000001", message=""),
    ]
    for html in made:
        assert "<img" not in html
        assert 'onerror=alert(1)>"' not in html


def test_a_long_list_of_sources_is_bounded() -> None:
    assert filters_html(Page(), [(f"Source {n}", 1) for n in range(2_000)]).count("<option") < 520


# What changed


def test_equal_texts_have_no_changes() -> None:
    assert words.DIFF_NOTHING in diff_html(_revision(1, "Same."), _revision(2, "Same."))


def test_changed_fields_are_named() -> None:
    html = diff_html(_revision(1, "Same.", title="Old"), _revision(2, "Same.", title="New", published_at="2024-01-02"))
    assert "Title: Old → New" in html
    assert "Date: – → 2024-01-02" in html


def test_a_changed_word_is_marked_and_the_rest_is_not() -> None:
    html = diff_html(_revision(1, "It cost 12 million euros."), _revision(2, "It cost 14 million euros."))
    assert "12</del>" in html
    assert "14</ins>" in html
    assert "It cost " in html


def test_paragraphs_that_came_and_went_are_marked_whole() -> None:
    html = diff_html(_revision(1, "Stays.\n\nGoes away now."), _revision(2, "Comes in.\n\nStays."))
    assert "Comes in.</ins>" in html
    assert "Goes away now.</del>" in html
    assert words.DIFF_SKIPPED_ONE in html


def test_very_long_texts_are_compared_in_bounded_time() -> None:
    old = "\n\n".join(f"Paragraph {n}." for n in range(2_000))
    new = "\n\n".join(f"Section {n}." for n in range(2_000))
    assert diff_html(_revision(1, old), _revision(2, new)).count("<del>") == 2_000
    one = " ".join(f"word{n % 7}" for n in range(20_000))
    assert "<ins>" in diff_html(_revision(1, one), _revision(2, one + " more"))


# The chart


def test_days_without_articles_have_their_place() -> None:
    bars = bars_of([DayCount("2024-04-01", "A", 1), DayCount("2024-04-10", "B", 2)])
    assert bars is not None
    assert bars.unit == "day"
    assert (len(bars.periods), bars.periods[0], bars.periods[-1]) == (30, "2024-03-12", "2024-04-10")
    assert bars.total("2024-04-10") == 2
    assert bars.total("2024-04-05") == 0


def test_articles_of_many_months_are_counted_by_month() -> None:
    bars = bars_of([DayCount(f"2023-{month:02}-05", "A", 3) for month in range(1, 13)])
    assert bars is not None
    assert bars.unit == "month"
    assert (bars.periods[0], bars.periods[-1], len(bars.periods)) == ("2023-01", "2023-12", 12)
    assert sum(bars.total(period) for period in bars.periods) == 36


def test_many_sources_share_a_colour() -> None:
    counts = [DayCount("2024-04-01", f"Source {n:02}", 20 - n) for n in range(20)]
    bars = bars_of(counts)
    assert bars is not None
    assert bars.sources == (*(f"Source {n:02}" for n in range(5)), None)
    assert bars.total("2024-04-01") == sum(20 - n for n in range(20))
    assert words.CHART_OTHERS in chart_html(bars)


def test_one_source_more_than_colours_is_no_other() -> None:
    bars = bars_of([DayCount("2024-04-01", str(n), 1) for n in range(6)])
    assert bars is not None
    assert None not in bars.sources


def test_the_chart_says_in_words_what_it_shows() -> None:
    html = chart_html(bars_of([DayCount("2024-04-01", "", 4), DayCount("2024-04-02", "A", 1)], "day"))
    assert "5 articles from 4 Mar 2024 to 2 Apr 2024; the most in one day: 4, 1 Apr 2024." in html
    assert f"1 Apr 2024: 4 ({words.NO_SOURCE} 4)" in html
    assert "<table>" in html


@pytest.mark.parametrize("day", ["0001-01-02", "9999-12-31"])
@pytest.mark.parametrize("unit", ["", "day", "month"])
def test_the_ends_of_the_calendar_can_be_drawn(day: str, unit: str) -> None:
    assert "<svg" in chart_html(bars_of([DayCount(day, "A", 1)], unit))


def test_nothing_dated_is_no_chart() -> None:
    assert chart_html(bars_of([])) == ""
