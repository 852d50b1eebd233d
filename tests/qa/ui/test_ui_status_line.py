"""The status line says what has come while the page is open, until the next question."""

from __future__ import annotations

from typing import Any

import pytest

from index.types import make_article
from qa.ui.status_line import Known, Seen, StatusLine, arrivals, status_html
from tests.qa.ui.fakes import LANDING, LICENCE, FakeCollection, FakeLoading, FakeService


def _status(generation: str, num_articles: int, **more: Any) -> dict[str, Any]:
    return {"generation": generation, "num_articles": num_articles, **more}


KNOWN = Known("gen-000001/3", 3)


@pytest.mark.parametrize(
    ("status", "known", "expected"),
    [
        (_status("gen-000001", 3), KNOWN, None),
        (_status("gen-000002", 4), KNOWN, "1 new article since you opened this page"),
        (_status("gen-000002", 1_203), KNOWN, "1,200 new articles since you opened this page"),
        (_status("gen-000002", 3), KNOWN, "Articles changed since you opened this page"),
        (_status("gen-000002", 2), KNOWN, "Articles changed since you opened this page"),
        (_status("gen-000002", 5), Known("gen-000001/3", 3, 2), "2 new articles since your last question"),
        (_status("gen-000001", 2), Known("None/0", 0), "2 new articles since you opened this page"),
    ],
)
def test_what_is_new_is_counted(status: dict[str, Any], known: Known, expected: str | None) -> None:
    assert arrivals(status, known) == expected


def test_the_notice_stands_in_the_polite_live_region() -> None:
    html = status_html(_status("gen-000002", 4), KNOWN)
    assert html.startswith('<div class="aq-status" role="status">')
    assert '<li class="aq-arrivals">1 new article since you opened this page</li>' in html
    assert "aq-arrivals" not in status_html(_status("gen-000001", 3), KNOWN)
    assert "aq-arrivals" not in status_html(_status("gen-000002", 4))


@pytest.fixture
def service() -> FakeService:
    return FakeService(store=FakeCollection([LICENCE]))


def _line(service: FakeService) -> StatusLine:
    import gradio as gr

    with gr.Blocks():
        return StatusLine(service)


def test_articles_that_come_while_the_page_is_open_are_announced_until_the_next_question(service: FakeService) -> None:
    line = _line(service)
    opened = line.look()
    assert "aq-arrivals" not in opened.html
    assert line.look(opened.known) == opened

    service.collection.add([LANDING])
    announced = line.look(opened.known)
    assert "1 new article since you opened this page" in announced.html
    assert announced.index_key != opened.index_key
    assert line.look(announced.known) == announced  # stays, and nothing is drawn anew

    asked = line.look(announced.known, num_asked=1)
    assert "aq-arrivals" not in asked.html
    service.collection.add([make_article("A third piece of news.", url="https://third.example")])
    assert "1 new article since your last question" in line.look(asked.known, num_asked=1).html


def test_what_is_known_is_kept_while_the_status_fails(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    line = _line(service)
    known = line.look().known
    assert known is not None
    with monkeypatch.context() as patch:
        patch.setattr(service, "loading", lambda: FakeLoading(is_ready=True, error="the model is damaged"))
        assert line.look(known).known == known


def test_before_the_models_are_loaded_nothing_is_known(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "loading", lambda: FakeLoading(is_ready=False))
    seen = _line(service).look()
    assert isinstance(seen, Seen)
    assert seen.known is None
    assert not seen.is_ready
