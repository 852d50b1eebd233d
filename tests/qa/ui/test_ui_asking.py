"""What a question is asked with, confidence in words, copied text, and what is said when the articles do not answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from index.types import Filters, make_article
from qa.ui import text
from qa.ui.answer_html import announcement, earlier_html, latest_html
from qa.ui.article_beside import quoted_words
from qa.ui.ask_options import AskOptions, read_options
from qa.ui.confidence import confidence_meaning
from qa.ui.conversation import Exchange, Phase, with_event
from qa.ui.copy_text import answer_with_sources, plain_answer
from qa.ui.filters_html import chips_html, form_html
from qa.ui.html import escape
from qa.ui.nearest_sentence import nearest_sentence
from qa.ui.not_found_html import closest_articles
from tests.browser.asking import COMMISSION, licence_events
from tests.qa.ui.fakes import (
    LANDING,
    LICENCE,
    LICENCE_QUESTION,
    LICENCE_TEXT,
    PRICE_QUESTION,
    QUOTE,
    answer,
    licence_answer,
    retrieved,
)

PASSAGES = (retrieved(LICENCE, 1), retrieved(LANDING, 2))
ANSWER = licence_answer(PASSAGES[0], PASSAGES)
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)> '"


def not_found(**options: str) -> Exchange:
    nothing = answer(PRICE_QUESTION, "not_in_articles", passages=PASSAGES)
    asked_with = read_options(options)
    return Exchange(PRICE_QUESTION, Phase.DONE, passages=PASSAGES, answer=nothing, options=asked_with)


# Options


def test_what_a_browser_reports_becomes_options() -> None:
    options = read_options(
        {"published_after": "2022-08-01", "published_before": "", "source": "Finance Daily", "mode": "fast"}
    )
    assert options == AskOptions(published_after="2022-08-01", source="Finance Daily", mode="fast")
    assert options.filters == Filters("2022-08-01", None, "Finance Daily")
    assert AskOptions(as_of="2022-08-01").filters is None


@pytest.mark.parametrize("bad", ["yesterday", "2022-13-01", 7, None, ["2022-08-01"], "", "<b>"])
def test_what_is_no_day_counts_as_none(bad: object) -> None:
    assert read_options({"published_after": bad, "as_of": bad, "source": 5, "mode": bad}) == AskOptions()


def test_a_source_of_any_length_is_cut() -> None:
    assert len(read_options({"source": "x" * 10_000}).source or "") == 500


def test_each_option_is_a_chip_that_can_be_removed() -> None:
    html = chips_html(AskOptions("2022-08-01", "2022-08-31", "Finance Daily", "2022-09-01", "fast"))
    for field in ("published_after", "published_before", "source", "as_of", "mode"):
        assert html.count(f'data-field-name="{field}"') == 1
    assert "Only Finance Daily" in html
    assert chips_html(AskOptions()) == ""


def test_days_in_the_wrong_order_are_said() -> None:
    assert escape(text.FILTERS_IMPOSSIBLE) in chips_html(AskOptions("2022-09-01", "2022-08-01"))
    assert escape(text.FILTERS_IMPOSSIBLE) not in chips_html(AskOptions("2022-08-01", "2022-08-01"))


def test_the_form_offers_the_sources_there_are_and_keeps_one_that_is_gone() -> None:
    html = form_html(AskOptions(source="Gone"), [("", 3), ("Example News", 1200), (HOSTILE, 1)])
    assert "Example News (1,200)" in html
    assert '<option value="Gone" selected>' in html
    assert html.count("<option") == 4
    assert "<script" not in html


# Words


@pytest.mark.parametrize(
    ("confidence", "often"),
    [(1.0, "more than 9"), (0.95, "more than 9"), (0.91, "about 9"), (0.5, "about 5"), (0.1, "less than 2")],
)
def test_confidence_says_how_often_it_is_right_and_never_always(confidence: float, often: str) -> None:
    assert f"Right {often} times in 10" in confidence_meaning(confidence)


def test_what_is_announced_changes_once_a_phase() -> None:
    exchange = Exchange(LICENCE_QUESTION, Phase.SEARCHING)
    said = [announcement(exchange)]
    for event in licence_events():
        exchange = with_event(exchange, event)
        said.append(announcement(exchange))
    assert list(dict.fromkeys(said)) == [
        text.SEARCHING,
        text.SAID_SHORT_ANSWER.format(answer="National Development and Reform Commission"),
        text.SAID_DONE.format(answer=COMMISSION, count=2),
    ]


# Copying


def test_a_copied_answer_is_plain_text() -> None:
    assert plain_answer(ANSWER) == (
        f"{COMMISSION}\n\nThe licence must come from the National Development and Reform Commission. "
        "Li Auto and WM Motor had the same trouble and bought factories."
    )


def test_copied_sources_are_numbered_with_outlet_title_date_and_address() -> None:
    copied = answer_with_sources(ANSWER)
    assert "Commission. [1] Li Auto" in copied
    assert (
        "[1] Example News, “Xiaomi is still waiting for its car licence”, 26 Aug 2022, "
        f"https://news.example/xiaomi-licence\n    “{QUOTE}”"
    ) in copied
    assert copied.index("[1] Example News") < copied.index("[2] Example News")


def test_a_script_as_address_is_not_copied() -> None:
    found = retrieved(replace(LICENCE, url="javascript:alert(1)"))
    assert "javascript" not in answer_with_sources(licence_answer(found, (found,)))


# No answer


def test_what_was_looked_for_is_said_with_its_filters() -> None:
    html = latest_html((not_found(source="Finance Daily", published_after="2022-08-01"),))
    assert f"“{escape(PRICE_QUESTION)}”" in html
    assert "From 1 Aug 2022 · Only Finance Daily" in html
    assert 'data-action="drop-filters"' in html
    assert 'data-action="add-articles"' in html
    assert "drop-filters" not in latest_html((not_found(),))


def test_the_closest_articles_are_named_with_their_nearest_sentence_and_never_an_id() -> None:
    html = latest_html((not_found(),))
    assert "Example News" in html
    assert "26 Aug 2022" in html
    assert "build electric cars on its own" in html
    assert LICENCE.article_id not in html


def test_each_article_is_close_once() -> None:
    twice = replace(not_found(), passages=(PASSAGES[0], retrieved(LICENCE, 3), PASSAGES[1]))
    assert [found.rank for found in closest_articles(twice)] == [1, 2]


def test_an_earlier_question_cannot_be_asked_again() -> None:
    html = earlier_html((not_found(source="A"), Exchange("And?")))
    assert "drop-filters" not in html
    assert 'data-action="edit"' not in html


def test_the_nearest_sentence_shares_most_words() -> None:
    passage = PASSAGES[0].passage
    start, end = nearest_sentence(passage, "Who had bought factories from other companies?")
    assert passage.text[start:end].startswith("Other young brands")


# What buttons stand for


def test_buttons_name_the_words_that_are_highlighted() -> None:
    done = Exchange(LICENCE_QUESTION, Phase.DONE, passages=PASSAGES, answer=ANSWER)
    start = LICENCE_TEXT.index(QUOTE)
    by_marker = quoted_words(done, {"marker": "1"})
    assert by_marker == (LICENCE.article_id, ((start, start + len(QUOTE)), QUOTE))
    assert quoted_words(done, {"lead": "1"}) == by_marker
    assert quoted_words(done, {"rank": "2"}) == (LANDING.article_id, ((0, len(LANDING.text)), LANDING.text))
    nearest = quoted_words(not_found(), {"nearest": "1"})
    assert nearest is not None
    (start, end), words = nearest[1]
    assert LICENCE_TEXT[start:end] == words
    assert "\n" not in words


@pytest.mark.parametrize("reported", [{}, {"marker": "9"}, {"rank": "x"}, {"nearest": -1}, {"marker": None}])
def test_a_button_that_stands_for_nothing_opens_nothing(reported: dict[str, object]) -> None:
    assert quoted_words(Exchange("Who?", Phase.DONE), reported) is None


def test_hostile_text_is_escaped_in_every_new_place() -> None:
    article = make_article(f"{HOSTILE} costs much.", title=HOSTILE, source=HOSTILE, published_at=HOSTILE)
    passages = (retrieved(article),)
    nothing = answer(HOSTILE, "not_in_articles", passages=passages, standalone_question=f"{HOSTILE}?")
    asked_with = AskOptions(source=HOSTILE)
    exchange = Exchange(HOSTILE, Phase.DONE, passages=passages, answer=nothing, options=asked_with)
    html = latest_html((exchange,)) + chips_html(asked_with, is_editing=True) + form_html(asked_with)
    assert "<script" not in html
    assert "<img" not in html
    assert "' >" not in html
