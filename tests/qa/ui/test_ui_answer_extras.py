"""The chip of a date window, its removal, and the notes under an answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from typing import Any

import gradio as gr
import pytest

from qa.date_windows import DateSource, DateWindow
from qa.types import Note
from qa.ui import text
from qa.ui.answer_html import earlier_html, latest_html
from qa.ui.ask_options import AskOptions
from qa.ui.ask_panel import AskPanel
from qa.ui.conversation import Exchange, Phase
from qa.ui.sources_html import sources_html
from tests.qa.ui.fakes import LANDING, LICENCE, LICENCE_QUESTION, FakeService, answer, licence_answer, retrieved

PASSAGES = (retrieved(LICENCE, 1), retrieved(LANDING, 2))
WINDOW = DateWindow("this week", 8, 17, date(2022, 11, 7), date(2022, 11, 13), strict=True)
ANSWER = replace(licence_answer(PASSAGES[0], PASSAGES), date_window=WINDOW)
DONE = Exchange(LICENCE_QUESTION, Phase.DONE, passages=PASSAGES, answer=ANSWER)
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


class Tags(HTMLParser):
    """The tags that a browser would make of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)


def without_answer(**changes: Any) -> Exchange:
    return replace(DONE, answer=answer(LICENCE_QUESTION, "not_in_articles", passages=PASSAGES, **changes))


def test_the_window_is_shown_above_the_answer_with_a_way_to_remove_it() -> None:
    html = latest_html((DONE,))
    assert "this week: 7 to 13 November 2022" in html
    assert html.index("aq-window") < html.index("aq-short-answer")
    assert 'data-action="drop-window" data-exchange="0"' in html
    assert text.WINDOW_REMOVE.format(phrase="this week") in html


def test_a_question_without_an_answer_shows_its_window_too() -> None:
    html = latest_html((without_answer(date_window=WINDOW),))
    assert html.index("aq-window") < html.index("aq-not-found")
    assert "drop-window" in html


def test_without_a_window_and_notes_there_is_no_sign_of_either() -> None:
    html = latest_html((replace(DONE, answer=replace(ANSWER, date_window=None)),))
    assert "aq-window" not in html
    assert "aq-notes" not in html


def test_an_earlier_answer_keeps_its_window_but_cannot_be_asked_again() -> None:
    html = earlier_html((DONE, Exchange("And who owns it?")))
    assert "this week: 7 to 13 November 2022" in html
    assert "drop-window" not in html


def test_notes_stand_under_the_answer() -> None:
    notes = (Note("age", "From an article of 12 March 2022, 8 months before."), Note("earlier", "Earlier: 10."))
    html = latest_html((replace(DONE, answer=replace(ANSWER, notes=notes)),))
    assert (
        html.index("aq-answer")
        < html.index("aq-note-age")
        < html.index("aq-note-earlier")
        < html.index("aq-actions-row")
    )
    assert "From an article of 12 March 2022, 8 months before." in html


def test_a_revised_source_says_when() -> None:
    revised = replace(PASSAGES[0], updated_on="2022-09-03")
    citations = tuple(replace(citation, retrieved=revised) for citation in ANSWER.citations)
    html = sources_html((replace(DONE, answer=replace(ANSWER, citations=citations)),))
    assert "updated on 3 Sep 2022" in html
    assert "updated on" not in sources_html((DONE,))


def test_windows_and_notes_can_only_be_text() -> None:
    source = DateSource("a", HOSTILE, "2022-11-08")
    window = DateWindow(f"since {HOSTILE}", 0, 5, date(2022, 11, 8), None, strict=False, source=source)
    changed = replace(ANSWER, date_window=window, notes=(Note("updated", HOSTILE),))
    html = latest_html((replace(DONE, answer=changed),))
    assert not Tags(html).tags & {"script", "img"}
    assert "&lt;script&gt;" in html


# Removal


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def panel(service: FakeService) -> AskPanel:
    with gr.Blocks():
        return AskPanel(service, examples=("Who?",), num_parallel=1)


def pressed(exchange: object, action: str = "drop-window") -> gr.EventData:
    return gr.EventData(None, {"action": action, "exchange": exchange})


def test_removing_the_window_asks_the_last_question_again_without_it(service: FakeService, panel: AskPanel) -> None:
    before = Exchange("What is it?", Phase.DONE, passages=PASSAGES, answer=replace(ANSWER, date_window=None))
    asked = replace(DONE, options=AskOptions(as_of="2022-11-10"))
    conversation = panel.start_again((before, asked), AskOptions(), pressed("1"))[0]
    assert conversation == (before, Exchange(LICENCE_QUESTION, use_date_window=False, options=asked.options))
    *_, last = panel.answer(conversation)
    assert last[0][-1].phase is Phase.DONE
    assert service.asked[-1]["question"] == LICENCE_QUESTION
    assert service.asked[-1]["as_of"] == "2022-11-10"
    assert service.asked[-1]["use_date_window"] is False


def test_asking_again_brings_the_window_back(service: FakeService, panel: AskPanel) -> None:
    without = replace(DONE, use_date_window=False)
    conversation = panel.start_again((without,), AskOptions(), pressed("0", "again"))[0]
    assert conversation == (Exchange(LICENCE_QUESTION),)
    list(panel.answer(conversation))
    assert "use_date_window" not in service.asked[-1]


@pytest.mark.parametrize("exchange", [0, "7", "x", None, -1])
def test_removal_of_any_other_window_changes_nothing(exchange: object, panel: AskPanel) -> None:
    updates = panel.start_again((DONE, DONE), AskOptions(), pressed(exchange))
    assert all(update == gr.skip() for update in updates)


def test_nothing_is_asked_again_while_a_question_is_under_way(panel: AskPanel) -> None:
    updates = panel.start_again((DONE, replace(DONE, phase=Phase.WRITING)), AskOptions(), pressed("1"))
    assert all(update == gr.skip() for update in updates)
    assert all(update == gr.skip() for update in panel.start_again((), AskOptions(), pressed("-1")))


def test_dropping_the_filters_asks_without_them_and_clears_them(panel: AskPanel) -> None:
    options = AskOptions(published_after="2022-01-01", source="A", as_of="2022-11-10", mode="fast")
    updates = panel.start_again((replace(DONE, options=options),), options, pressed("0", "drop-filters"))
    assert updates[0][-1].options == AskOptions(as_of="2022-11-10", mode="fast")
    assert AskOptions(as_of="2022-11-10", mode="fast") in updates[len(panel.widgets.shown) :]


def test_an_edited_question_takes_the_place_of_the_last_one(panel: AskPanel) -> None:
    updates = panel.edit((DONE, DONE), AskOptions(), pressed("1", "edit"))
    num_shown = len(panel.widgets.shown)
    assert updates[num_shown : num_shown + 3] == [LICENCE_QUESTION, AskOptions(), True]
    conversation = panel.start("Who else?", (DONE, DONE), AskOptions(), True)[0]
    assert [exchange.question for exchange in conversation] == [LICENCE_QUESTION, "Who else?"]


def test_editing_gives_up_what_is_under_way(panel: AskPanel) -> None:
    updates = panel.edit((replace(DONE, phase=Phase.WRITING, answer=None),), AskOptions(), pressed("0", "edit"))
    assert updates[0][-1].phase is Phase.STOPPED


def test_without_a_writing_model_only_quotes_are_asked_for(panel: AskPanel, service: FakeService) -> None:
    with_writer = service.status()
    service.status = lambda: with_writer | {"models": {"generator": None}}  # type: ignore[method-assign]
    *_, last = panel.answer((Exchange(LICENCE_QUESTION),))
    assert service.asked[-1]["mode"] == "fast"
    assert last[0][-1].options.mode == "fast"
