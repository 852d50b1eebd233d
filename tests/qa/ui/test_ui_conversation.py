"""A conversation as values, and as HTML."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

from qa.types import Done, EvidenceFound, TextWritten
from qa.ui import text
from qa.ui.answer_html import earlier_html, empty_html, latest_html
from qa.ui.conversation import Exchange, Phase, is_under_way, stopped, turns, with_event
from qa.ui.html import escape
from qa.ui.sources_html import sources_html
from tests.qa.ui.fakes import (
    LANDING,
    LICENCE,
    LICENCE_QUESTION,
    QUOTE,
    FakeLoading,
    answer,
    cited,
    licence_answer,
    retrieved,
)

PASSAGES = (retrieved(LICENCE, 1), retrieved(LANDING, 2))
ANSWER = licence_answer(PASSAGES[0], PASSAGES)
EVIDENCE = answer(
    LICENCE_QUESTION,
    "answered",
    short_answer="Reform Commission",
    answer=f"{QUOTE}. [1]",
    confidence=0.6,
    citations=(cited(PASSAGES[0], QUOTE),),
    passages=PASSAGES,
)
DONE = Exchange(LICENCE_QUESTION, Phase.DONE, passages=PASSAGES, answer=ANSWER)
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> ![i](https://evil.example/i.png) [c](javascript:x)"


class Seen(HTMLParser):
    """What a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_events_lead_from_a_question_to_its_answer() -> None:
    exchange = Exchange(LICENCE_QUESTION)
    exchange = with_event(exchange, EvidenceFound(LICENCE_QUESTION, PASSAGES))
    assert (exchange.phase, exchange.passages) == (Phase.WRITING, PASSAGES)
    exchange = with_event(exchange, TextWritten("The National"))
    assert exchange.draft == "The National"
    exchange = with_event(exchange, Done(ANSWER))
    assert exchange.phase is Phase.DONE
    assert exchange.answer is ANSWER


def test_what_the_evidence_says_is_kept_until_there_is_an_answer() -> None:
    exchange = with_event(Exchange(LICENCE_QUESTION), EvidenceFound(LICENCE_QUESTION, PASSAGES, EVIDENCE))
    assert exchange.evidence is EVIDENCE
    assert exchange.citations == EVIDENCE.citations
    assert exchange.citation(1) == EVIDENCE.citations[0]
    exchange = with_event(with_event(exchange, TextWritten("The National")), Done(ANSWER))
    assert exchange.citations == ANSWER.citations
    refused = with_event(exchange, Done(answer(LICENCE_QUESTION, "not_in_articles", passages=PASSAGES)))
    assert refused.citations == ()


def test_stopping_gives_up_only_what_is_under_way() -> None:
    writing = Exchange("And now?", Phase.WRITING, draft="It")
    assert stopped((DONE, writing)) == (DONE, replace(writing, phase=Phase.STOPPED))
    assert stopped((DONE,)) == (DONE,)
    assert stopped(()) == ()
    assert is_under_way((DONE, writing))
    assert not is_under_way((writing, DONE))


def test_history_is_plain_text_without_markers() -> None:
    failed = Exchange("Broken?", Phase.FAILED, problem="no model")
    assert turns((DONE, failed)) == [
        {"role": "user", "content": LICENCE_QUESTION},
        {
            "role": "assistant",
            "content": "The licence must come from the National Development and Reform Commission. "
            "Li Auto and WM Motor had the same trouble and bought factories.",
        },
    ]


def test_the_short_answer_stands_first() -> None:
    html = latest_html((DONE,))
    assert html.index("aq-short-answer") < html.index("aq-lead-evidence") < html.index('"aq-answer"')
    assert "High confidence" in html
    assert "about 9 times in 10" in html


def test_markers_of_citations_become_chips_and_others_stay_text() -> None:
    odd = replace(ANSWER, answer="One. [1] Two [7] and [x].", citations=ANSWER.citations[:1])
    html = latest_html((replace(DONE, answer=odd),))
    assert html.count('class="aq-chip"') == 2  # at the quote and at its sentence
    assert html.count('data-marker="2"') == 0
    assert "Two [7] and [x]." in html


def test_the_last_exchange_has_a_place_of_its_own() -> None:
    conversation = (DONE, Exchange("And who owns it?"))
    assert LICENCE_QUESTION in earlier_html(conversation)
    assert LICENCE_QUESTION not in latest_html(conversation)


def test_a_question_waiting_for_models_shows_how_far_they_are() -> None:
    html = latest_html((Exchange("Who?"),), FakeLoading("checking the answering model", 1, 4, is_ready=False))
    assert escape(text.WAITING_FOR_MODELS) in html
    assert 'aria-valuenow="25"' in html


def test_a_failure_is_one_line_and_keeps_the_question() -> None:
    html = latest_html((Exchange("Who?", Phase.FAILED, problem="the model is missing"),))
    assert "Who?" in html
    assert "the model is missing" in html
    assert 'role="alert"' in html


def test_what_the_evidence_says_is_shown_with_its_quote_until_the_model_writes() -> None:
    reading = Exchange(LICENCE_QUESTION, Phase.WRITING, evidence=EVIDENCE, passages=PASSAGES)
    html = latest_html((reading,))
    assert '<p class="aq-short-answer">Reform Commission</p>' in html
    assert "<mark>Reform Commission</mark>" in html
    assert html.count('class="aq-chip"') == 1
    assert 'aria-busy="true"' in html


def test_the_quote_stays_while_the_model_writes_under_it() -> None:
    reading = Exchange(LICENCE_QUESTION, Phase.WRITING, evidence=EVIDENCE, passages=PASSAGES)
    writing = latest_html((replace(reading, draft="Reform Commission\n\nThe licence must"),))
    assert "<mark>Reform Commission</mark>" in writing
    assert writing.index("<blockquote>") < writing.index("The licence must</p>")
    decided = latest_html((replace(reading, draft="The National Development and Reform Commission"),))
    assert '<p class="aq-short-answer">The National Development and Reform Commission</p>' in decided
    assert escape(text.CHECKING) in decided


def test_the_quote_that_was_shown_first_stays_when_it_holds_the_answer() -> None:
    done = replace(DONE, evidence=EVIDENCE)
    assert done.lead is EVIDENCE.citations[0]
    other = replace(ANSWER, short_answer="NIO", citations=ANSWER.citations[1:])
    assert replace(done, answer=other).lead is other.citations[0]


def test_a_text_that_only_repeats_the_quote_is_not_written_twice() -> None:
    fast = replace(DONE, answer=EVIDENCE, evidence=EVIDENCE)
    html = latest_html((fast,))
    assert '<div class="aq-answer' not in html
    shown = html[: html.index("aq-actions-row")]
    assert shown.count("The licence must come from") == 1


def test_what_the_evidence_says_stays_when_the_writing_is_stopped() -> None:
    html = latest_html((Exchange(LICENCE_QUESTION, Phase.STOPPED, evidence=EVIDENCE, passages=PASSAGES),))
    assert "<mark>Reform Commission</mark>" in html
    assert escape(text.STOPPED) in html


def test_evidence_that_says_nothing_is_not_shown() -> None:
    nothing = answer(LICENCE_QUESTION, "not_in_articles", answer="The articles do not say.", passages=PASSAGES)
    reading = Exchange(LICENCE_QUESTION, Phase.WRITING, passages=PASSAGES)
    assert latest_html((replace(reading, evidence=nothing),)) == latest_html((reading,))


def test_a_stopped_draft_stays_and_says_so() -> None:
    html = latest_html((Exchange("Who?", Phase.STOPPED, draft="NIO\n\nThe Nat"),))
    assert "The Nat" in html
    assert escape(text.STOPPED) in html


def test_what_a_follow_up_was_understood_as_is_said() -> None:
    followed = replace(ANSWER, question="And who owns it?", standalone_question="Who owns NIO?")
    assert "Who owns NIO?" in latest_html((replace(DONE, answer=followed),))
    assert "Understood" not in latest_html((DONE,))


def test_without_articles_the_page_invites_to_add_one() -> None:
    assert 'data-action="add-articles"' in empty_html(["Who?"], has_articles=False)
    none = Exchange("Who?", Phase.DONE, answer=answer("Who?", "no_articles"))
    assert 'data-action="add-articles"' in latest_html((none,))


def test_quotes_are_highlighted_inside_their_passage() -> None:
    html = sources_html((DONE,))
    assert f'<mark data-marker="1">{QUOTE}</mark>' in html
    assert html.count("<article") == 2  # both quotes are in one card; the other passage was read, too
    assert escape(text.OTHER_PASSAGES.format(count=1)) in html


def test_evidence_is_shown_before_the_answer() -> None:
    html = sources_html((Exchange("Who?", Phase.WRITING, passages=PASSAGES),))
    assert text.EVIDENCE_TITLE in html
    assert "<mark" not in html


def test_the_closest_passages_are_not_called_sources() -> None:
    nothing = answer("Price?", "not_in_articles", passages=PASSAGES)
    conversation = (Exchange("Price?", Phase.DONE, passages=PASSAGES, answer=nothing),)
    html = sources_html(conversation)
    assert text.CLOSEST_TITLE in html
    assert text.SOURCES_TITLE not in html
    assert escape(text.NOT_IN_ARTICLES_TITLE) in latest_html(conversation)


def test_hostile_text_makes_no_markup_anywhere() -> None:
    article = replace(LICENCE, title=HOSTILE, source=HOSTILE, url="javascript:alert(1)", text=f"{HOSTILE} {QUOTE}")
    passages = (retrieved(article),)
    hostile = answer(
        HOSTILE,
        "answered",
        short_answer=HOSTILE,
        answer=f"{HOSTILE} [1]",
        standalone_question=HOSTILE + "?",
        citations=(cited(passages[0], HOSTILE),),
        passages=passages,
    )
    exchange = Exchange(HOSTILE, Phase.DONE, draft=HOSTILE, passages=passages, answer=hostile)
    failed = Exchange(HOSTILE, Phase.FAILED, problem=HOSTILE)
    writing = Exchange(HOSTILE, Phase.WRITING, draft=HOSTILE, passages=passages)
    reading = Exchange(HOSTILE, Phase.WRITING, evidence=hostile, passages=passages)
    for stage in (exchange, writing, reading, failed):
        seen = Seen()
        seen.feed(latest_html((stage,)) + earlier_html((stage, stage)) + sources_html((stage,)))
        assert seen.tags.isdisjoint({"script", "img", "svg", "a"})
        assert {name for name in seen.attributes if name.startswith("on")} == set()
        assert seen.text.count("<script>alert(1)</script>") >= 3
