"""How passages are read without a model of their own: the sentence nearest to the question is the span."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.evidence import Reading
from tests.fakes import HashEmbedder
from tests.qa.helpers import LIBRARY, PIER, make_passage
from tests.qa.sentence_reader import SentenceReader


@pytest.fixture
def reader() -> SentenceReader:
    return SentenceReader(HashEmbedder())


def span_text(text: str, reading: Reading) -> str:
    return text[reading.start : reading.end]


def test_span_is_the_sentence_that_shares_the_questions_words(reader: SentenceReader) -> None:
    (reading,) = reader.read("What did the pier cost?", [make_passage(PIER.text)])
    assert span_text(PIER.text, reading) == "The pier cost 12 million euros and took three years to build."
    (reading,) = reader.read("When will ferries to Korsund start?", [make_passage(PIER.text)])
    assert span_text(PIER.text, reading).startswith("Mayor Ada Holm")


def test_one_reading_a_passage_in_order(reader: SentenceReader) -> None:
    passages = [make_passage(PIER.text, number=1), make_passage(LIBRARY.text, number=2)]
    readings = reader.read("How many books were lost in the flood?", passages)
    assert len(readings) == 2
    assert readings[1].relevance > readings[0].relevance
    assert span_text(LIBRARY.text, readings[1]) == "About 1,200 books were lost in the flood."
    backwards = reader.read("How many books were lost in the flood?", passages[::-1])
    assert [(r.start, r.end) for r in backwards] == [(r.start, r.end) for r in readings[::-1]]


def test_no_passages_give_no_readings(reader: SentenceReader) -> None:
    assert reader.read("Who?", []) == []


def test_the_question_itself_scores_one(reader: SentenceReader) -> None:
    (reading,) = reader.read("The pier cost 12 million euros.", [make_passage("The pier cost 12 million euros.")])
    assert reading.span_score == pytest.approx(1.0, abs=1e-5)
    assert reading.no_answer_score == pytest.approx(0.0, abs=1e-5)


def test_question_of_stop_words_alone_is_read_too(reader: SentenceReader) -> None:
    (reading,) = reader.read("Who was it?", [make_passage(PIER.text)])
    assert span_text(PIER.text, reading) in PIER.text


def test_model_is_named_after_the_embedder(reader: SentenceReader) -> None:
    assert reader.model_id == "sentence-similarity:hash-words"


printable = st.text(min_size=1, max_size=60).filter(lambda text: bool(text.strip()))


@settings(max_examples=60, deadline=None)
@given(printable, st.lists(printable, min_size=1, max_size=3))
def test_scores_are_shares_and_spans_lie_inside(question: str, texts: list[str]) -> None:
    passages = [make_passage(text.strip(), number=number) for number, text in enumerate(texts, start=1)]
    readings = SentenceReader(HashEmbedder()).read(question, passages)
    assert len(readings) == len(passages)
    for passage, reading in zip(passages, readings, strict=True):
        assert 0 <= reading.start < reading.end <= len(passage.text)
        assert -1e-6 <= reading.span_score <= 1 + 1e-6
        assert reading.span_score + reading.no_answer_score == pytest.approx(1.0)
