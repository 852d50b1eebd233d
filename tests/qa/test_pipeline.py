"""One question through all hops, over real indexes with a fake embedder and a scripted generator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from index.collection import Collection
from index.errors import BadInputError, ModelError, PartialResultsError, StorageError
from index.retriever import Retriever
from index.snapshot import Snapshot
from index.types import Article, Filters, Passage, RetrievedPassage, make_article
from qa.calibration import Calibration, Logistic, Signals
from qa.evidence import Reading, ScoredSpan
from qa.generators.protocol import Message
from qa.pipeline import Pipeline, PipelineSettings
from qa.prompts import passage_header
from qa.revision_dates import RevisedOn
from qa.types import Answer, Done, Event, EvidenceFound, Note, TextWritten
from tests.fakes import HashEmbedder
from tests.qa.helpers import (
    ARTICLES,
    LIBRARY,
    PIER,
    PLAIN_CALIBRATION,
    ScriptedGenerator,
    found,
    make_collection,
    make_passage,
    replies,
    task_of,
)
from tests.qa.sentence_reader import SentenceReader

COST = "What did the pier cost?"
SHORT, SENTENCE = "12 million euros", "The pier cost 12 million euros."
# The reader's answer stands whatever the model says.
READER_CALIBRATION = Calibration(read=Logistic(3.0, {}), written=Logistic(-3.0, {}))

ANSWER_KEYS = {
    "question": str,
    "standalone_question": str,
    "outcome": str,
    "short_answer": str | None,
    "answer": str,
    "confidence": float,
    "citations": list,
    "passages": list,
    "generation": str | None,
    "models": dict,
    "seconds": dict,
    "date_window": dict | None,
    "notes": list,
}
ARTICLE_KEYS = {"article_id": str, "title": str, "url": str | None, "source": str | None, "published_at": str | None}
PLACE_KEYS = {"char_start": int, "char_end": int, "updated_on": str | None, "also_in": list}
CITATION_KEYS = {"marker": int, **ARTICLE_KEYS, "quote": str, **PLACE_KEYS}
PASSAGE_KEYS = {"rank": int, "score": float, **ARTICLE_KEYS, "text": str, **PLACE_KEYS}
MODEL_KEYS = {"embedder": str, "evidence": str, "generator": str | None}
SECONDS_KEYS = {"retrieve": float, "evidence": float, "first_token": float | None, "total": float}


@pytest.fixture(scope="module")
def two_articles(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return make_collection(tmp_path_factory.mktemp("two"), ARTICLES)


@pytest.fixture(scope="module")
def no_articles(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return make_collection(tmp_path_factory.mktemp("none"))


def make_pipeline(
    source: Any,
    generator: ScriptedGenerator | None = None,
    *,
    reader: SentenceReader | None = None,
    calibration: Calibration = PLAIN_CALIBRATION,
    today: date = date(2024, 4, 1),
    revised_on: RevisedOn | None = None,
    **settings: Any,
) -> Pipeline:
    """A pipeline that withholds nothing but what the model denies, unless ``settings`` say otherwise."""
    embedder = HashEmbedder()
    values: dict[str, Any] = {"min_confidence": 0.5, "min_fast_confidence": 0.0} | settings
    return Pipeline(
        source,
        Retriever(embedder),
        reader or SentenceReader(embedder),
        generator,
        embedder_id=embedder.model_id,
        calibration=calibration,
        settings=PipelineSettings(**values),
        today=lambda: today,
        revised_on=revised_on,
    )


def pier_generator(*, yes_no: tuple[float, float] = (-0.1, -4.0)) -> ScriptedGenerator:
    return ScriptedGenerator(replies(short=SHORT, sentence=SENTENCE), yes_no=yes_no)


def answer_of(events: Sequence[Event]) -> Answer:
    assert isinstance(events[-1], Done)
    return events[-1].answer


def ask(pipeline: Pipeline, question: str, **options: Any) -> Answer:
    return answer_of(list(pipeline.ask(question, **options)))


def ask_given(pipeline: Pipeline, question: str, passages: Sequence[RetrievedPassage], **options: Any) -> Answer:
    return answer_of(list(pipeline.ask_given(question, passages, **options)))


def assert_has_exactly(values: dict[str, Any], kinds: dict[str, Any]) -> None:
    assert list(values) == list(kinds)
    for key, kind in kinds.items():
        assert isinstance(values[key], kind), key
        assert not (kind in (int, float) and isinstance(values[key], bool)), key


# The events and the answer


def test_events_are_evidence_then_text_then_done(two_articles: Collection) -> None:
    events = list(make_pipeline(two_articles, pier_generator()).ask(COST))
    kinds = [type(event) for event in events]
    assert kinds[0] is EvidenceFound
    assert kinds[-1] is Done
    assert set(kinds[1:-1]) == {TextWritten}
    assert kinds.count(Done) == kinds.count(EvidenceFound) == 1
    drafts = [event.draft for event in events if isinstance(event, TextWritten)]
    assert drafts[0] == SHORT
    assert drafts[-1] == f"{SHORT}\n\n{SENTENCE}"
    assert all(later.startswith(earlier) for earlier, later in pairwise(drafts))


def test_evidence_is_shown_before_the_model_is_asked(two_articles: Collection) -> None:
    generator = pier_generator()
    events = make_pipeline(two_articles, generator).ask(COST)
    first = next(events)
    assert isinstance(first, EvidenceFound)
    assert first.standalone_question == COST
    assert "12 million euros" in first.passages[0].passage.text
    assert [retrieved.rank for retrieved in first.passages] == list(range(1, len(first.passages) + 1))
    assert generator.calls == []


def test_answer_is_cited_with_words_of_the_article(two_articles: Collection) -> None:
    answer = ask(make_pipeline(two_articles, pier_generator()), COST)
    assert (answer.outcome, answer.short_answer) == ("answered", SHORT)
    assert answer.answer == f"{SENTENCE} [1]"
    (citation,) = answer.to_json()["citations"]
    article = two_articles.article(citation["article_id"]).article
    assert article.url == PIER.url == citation["url"]
    assert article.text[citation["char_start"] : citation["char_end"]] == citation["quote"]
    assert citation["quote"].startswith("The pier cost 12 million euros")


def test_every_returned_passage_stands_in_its_article(two_articles: Collection) -> None:
    passages = ask(make_pipeline(two_articles), COST, mode="fast").to_json()["passages"]
    assert len(passages) > 1
    for passage in passages:
        article = two_articles.article(passage["article_id"]).article
        assert article.text[passage["char_start"] : passage["char_end"]] == passage["text"]


def test_confidence_is_the_calibrated_probability(two_articles: Collection) -> None:
    answer = ask(make_pipeline(two_articles, pier_generator(yes_no=(-1.0, -2.0))), COST)
    assert answer.confidence == pytest.approx(0.7310585786)


@pytest.mark.parametrize("mode", ["full", "fast"])
def test_answered_json_has_exactly_the_contracts_keys_and_types(mode: Any, two_articles: Collection) -> None:
    values = ask(make_pipeline(two_articles, pier_generator()), COST, mode=mode).to_json()
    assert_has_exactly(values, ANSWER_KEYS)
    assert_has_exactly(values["models"], MODEL_KEYS)
    assert_has_exactly(values["seconds"], SECONDS_KEYS)
    assert values["citations"] and values["passages"]
    for citation in values["citations"]:
        assert_has_exactly(citation, CITATION_KEYS)
    for passage in values["passages"]:
        assert_has_exactly(passage, PASSAGE_KEYS)
    assert values["outcome"] == "answered"
    assert isinstance(values["short_answer"], str)
    assert 0.0 <= values["confidence"] <= 1.0


def test_seconds_grow_from_hop_to_hop(two_articles: Collection) -> None:
    seconds = ask(make_pipeline(two_articles, pier_generator()), COST).seconds
    assert seconds.first_token is not None
    assert 0 <= seconds.retrieve <= seconds.evidence <= seconds.first_token <= seconds.total


def test_models_name_the_generator_only_when_it_may_write(two_articles: Collection) -> None:
    pipeline = make_pipeline(two_articles, pier_generator())
    full, fast = ask(pipeline, COST).models, ask(pipeline, COST, mode="fast").models
    assert (full.embedder, full.generator) == ("hash-words", "scripted")
    assert (fast.embedder, fast.generator) == ("hash-words", None)


def test_question_is_trimmed(two_articles: Collection) -> None:
    assert ask(make_pipeline(two_articles), f"  {COST}\n", mode="fast").question == COST


# When there is no answer


def test_no_articles_is_said_without_calling_the_model(no_articles: Collection) -> None:
    generator = pier_generator()
    events = list(make_pipeline(no_articles, generator).ask(COST))
    answer = answer_of(events)
    assert len(events) == 1
    assert (answer.outcome, answer.short_answer, answer.passages) == ("no_articles", None, ())
    assert generator.calls == []
    values = answer.to_json()
    assert_has_exactly(values, ANSWER_KEYS)
    assert values["generation"] is None
    assert values["seconds"]["first_token"] is None


def test_no_articles_is_said_when_all_were_removed(tmp_path: Path) -> None:
    collection = make_collection(tmp_path, [PIER])
    collection.remove([PIER.article_id])
    answer = ask(make_pipeline(collection, pier_generator()), COST)
    assert answer.outcome == "no_articles"
    assert answer.generation == collection.status()["generation"]


def test_a_no_of_the_model_still_returns_the_closest_passages(two_articles: Collection) -> None:
    generator = pier_generator(yes_no=(-4.0, -0.1))
    answer = ask(make_pipeline(two_articles, generator), COST)
    assert (answer.outcome, answer.short_answer, answer.citations) == ("not_in_articles", None, ())
    assert "12 million euros" in answer.passages[0].passage.text
    assert answer.confidence < 0.5
    assert answer.seconds.first_token is None
    assert_has_exactly(answer.to_json(), ANSWER_KEYS)
    assert generator.calls_of("sentence") == []


@pytest.mark.parametrize("short", ["", "13 million euros", "Mayor Geely"])
def test_short_answer_that_no_passage_supports_is_not_in_articles(short: str, two_articles: Collection) -> None:
    generator = ScriptedGenerator(replies(short=short, sentence="Whatever."), yes_no=(-0.001, -9.0))
    events = list(make_pipeline(two_articles, generator).ask(COST))
    answer = answer_of(events)
    assert (answer.outcome, answer.short_answer) == ("not_in_articles", None)
    assert [type(event) for event in events] == [EvidenceFound, Done]


def test_unsupported_sentence_gives_way_to_the_quote(two_articles: Collection) -> None:
    generator = ScriptedGenerator(replies(short=SHORT, sentence="Geely paid 99 million euros."))
    answer = ask(make_pipeline(two_articles, generator), COST)
    assert answer.outcome == "answered"
    assert "Geely" not in answer.answer
    assert answer.answer == f"{answer.citations[0].quote} [1]"


# Fast mode


def test_fast_quotes_the_best_sentence_and_never_calls_the_generator(two_articles: Collection) -> None:
    generator = pier_generator()
    history = [{"role": "user", "content": "Who opened it?"}, {"role": "assistant", "content": "Ada Holm."}]
    pipeline = make_pipeline(two_articles, generator)
    answer = ask(pipeline, "How many books were lost in the flood?", mode="fast")
    assert answer.short_answer == "About 1,200 books were lost in the flood."
    assert answer.answer == "About 1,200 books were lost in the flood. [1]"
    assert answer.citations[0].quote == answer.short_answer
    assert answer.seconds.first_token is None
    ask(pipeline, "And when was it?", mode="fast", history=history)
    assert generator.calls == []


def test_fast_below_its_threshold_is_not_in_articles(two_articles: Collection) -> None:
    answer = ask(make_pipeline(two_articles, min_fast_confidence=0.99), COST, mode="fast")
    assert (answer.outcome, answer.short_answer) == ("not_in_articles", None)
    assert answer.passages


# Evidence


class CountingReader(SentenceReader):
    """Remembers what it was asked of how many passages."""

    def __init__(self) -> None:
        super().__init__(HashEmbedder())
        self.asked: list[tuple[str, int]] = []

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        self.asked.append((question, len(passages)))
        return super().read(question, passages)


def first_of(events: Iterator[Event]) -> EvidenceFound:
    first = next(events)
    assert isinstance(first, EvidenceFound)
    return first


def test_more_passages_are_read_than_are_returned(two_articles: Collection) -> None:
    reader = CountingReader()
    pipeline = make_pipeline(two_articles, reader=reader, num_candidates=3, num_passages=1)
    assert len(ask(pipeline, COST, mode="fast").passages) == 1
    assert reader.asked == [(COST, 3)]


def test_returned_passages_are_ranked_by_evidence(two_articles: Collection) -> None:
    passages = ask(make_pipeline(two_articles), COST, mode="fast").passages
    assert [retrieved.rank for retrieved in passages] == list(range(1, len(passages) + 1))
    assert {retrieved.stage for retrieved in passages} == {"evidence"}
    scores = [retrieved.score for retrieved in passages]
    assert scores == sorted(scores, reverse=True)


def test_a_passage_that_retrieval_placed_low_can_answer() -> None:
    others = [make_passage(f"The weather of day {n} was fair.", number=n) for n in range(1, 11)]
    answering = make_passage("The pier cost 12 million euros.", number=11)
    given = [replace(retrieved, score=0.5 - 0.01 * retrieved.rank) for retrieved in found(*others, answering)]
    answer = ask_given(make_pipeline(None, num_passages=2), COST, given, mode="fast")
    assert len(answer.passages) == 2
    assert answer.passages[0].passage == answering
    assert answer.short_answer == answering.text


def test_what_the_evidence_alone_says_comes_before_the_model_is_asked(two_articles: Collection) -> None:
    generator = pier_generator()
    pipeline = make_pipeline(two_articles, generator)
    first = first_of(pipeline.ask(COST)).answer
    assert first is not None
    assert generator.calls == []
    assert first.outcome == "answered"
    assert first.answer == f"{first.citations[0].quote} [1]"
    assert first.short_answer is not None and SHORT in first.short_answer
    assert first.passages == ask(pipeline, COST).passages
    fast = ask(pipeline, COST, mode="fast")
    same = ("short_answer", "answer", "confidence", "citations", "passages")
    assert [getattr(first, name) for name in same] == [getattr(fast, name) for name in same]


def test_in_fast_mode_the_first_answer_is_the_last(two_articles: Collection) -> None:
    first, last = make_pipeline(two_articles).ask(COST, mode="fast")
    assert isinstance(first, EvidenceFound) and isinstance(last, Done)
    assert first.answer == last.answer


def test_evidence_too_weak_to_be_shown_does_not_keep_the_model_from_answering(two_articles: Collection) -> None:
    events = list(make_pipeline(two_articles, pier_generator(), min_fast_confidence=1.0).ask(COST))
    assert isinstance(events[0], EvidenceFound) and events[0].answer is not None
    assert (events[0].answer.outcome, events[0].answer.short_answer) == ("not_in_articles", None)
    assert answer_of(events).outcome == "answered"


def test_without_a_passage_there_is_no_first_answer(two_articles: Collection) -> None:
    events = make_pipeline(two_articles, pier_generator()).ask(COST, filters=Filters(source="Nobody"))
    assert first_of(events).answer is None


def test_quote_of_the_evidence_stands_in_the_article(two_articles: Collection) -> None:
    for answer in (
        ask(make_pipeline(two_articles), COST, mode="fast"),
        ask(make_pipeline(two_articles, pier_generator(), calibration=READER_CALIBRATION), COST),
    ):
        (citation,) = answer.to_json()["citations"]
        article = two_articles.article(citation["article_id"]).article
        assert article.text[citation["char_start"] : citation["char_end"]] == citation["quote"]


@pytest.mark.parametrize("short", ["2 years", "unknown", "Mayor Geely"])
def test_the_readers_answer_stands_when_it_is_more_probably_right(short: str, two_articles: Collection) -> None:
    generator = ScriptedGenerator(replies(short=short, sentence="Nobody knows."))
    pipeline = make_pipeline(two_articles, generator, calibration=READER_CALIBRATION)
    events = list(pipeline.ask(COST))
    answer = answer_of(events)
    assert answer.short_answer == "The pier cost 12 million euros and took three years to build."
    assert answer.answer == f"{answer.short_answer} [1]"
    assert answer.confidence == pytest.approx(READER_CALIBRATION.read.probability(Signals(0, 0, 0, 0)))
    drafts = [event.draft for event in events if isinstance(event, TextWritten)]
    assert drafts[0] == answer.short_answer
    (call,) = generator.calls_of("sentence")
    assert {"role": "assistant", "content": answer.short_answer} in call.messages


def test_both_answers_too_improbable_are_withheld_before_a_sentence_is_written(two_articles: Collection) -> None:
    generator = pier_generator()
    doubtful = Calibration(read=Logistic(-3.0, {}), written=Logistic(-2.0, {}))
    answer = ask(make_pipeline(two_articles, generator, calibration=doubtful), COST)
    assert (answer.outcome, answer.short_answer) == ("not_in_articles", None)
    assert answer.confidence == pytest.approx(doubtful.written.probability(Signals(0, 0, 0, 0)))
    assert generator.calls_of("sentence") == []


@pytest.mark.parametrize("yes_no", [(-0.1, -4.0), (-4.0, -0.1)], ids=["answered", "withheld"])
@pytest.mark.parametrize("mode", ["full", "fast"])
def test_last_event_tells_what_the_confidence_was_made_from(
    mode: Any, yes_no: tuple[float, float], two_articles: Collection
) -> None:
    done = list(make_pipeline(two_articles, pier_generator(yes_no=yes_no)).ask(COST, mode=mode))[-1]
    assert isinstance(done, Done)
    signals = Signals(**{name: done.signals[name] for name in asdict(Signals(0, 0, 0, 0))})
    assert signals.yes_no == pytest.approx(yes_no[0] - yes_no[1] if mode == "full" else 0.0)
    logistic = PLAIN_CALIBRATION.written if mode == "full" else PLAIN_CALIBRATION.fast
    assert done.answer.confidence == pytest.approx(logistic.probability(signals))
    assert signals.whole_collection == (1.0 if mode == "full" else 0.0)


# Passages given


GIVEN = [
    make_passage("The old pier was torn down in spring.", title="Demolition", number=1),
    make_passage("The new pier cost 12 million euros and is made of oak.", title="A pier of oak", number=2),
]
# Retrieval holds them for equally good, so that reading decides.
GIVEN_FOUND = [replace(retrieved, score=1.0) for retrieved in found(*GIVEN)]


def test_given_passages_are_answered_from_without_an_index() -> None:
    generator = pier_generator()
    events = list(make_pipeline(None, generator).ask_given(COST, GIVEN_FOUND))
    answer = answer_of(events)
    assert [type(event) for event in events[:2]] == [EvidenceFound, TextWritten]
    assert (answer.outcome, answer.short_answer, answer.generation) == ("answered", SHORT, None)
    assert [retrieved.passage for retrieved in answer.passages] == GIVEN[::-1]
    assert answer.citations[0].retrieved.passage == GIVEN[1]
    assert all(passage.text in call.prompt for passage in GIVEN for call in generator.calls)
    assert_has_exactly(answer.to_json(), ANSWER_KEYS)


def test_given_passages_are_answered_from_in_fast_mode_without_a_generator() -> None:
    answer = ask_given(make_pipeline(None), COST, GIVEN_FOUND, mode="fast")
    assert answer.short_answer == GIVEN[1].text
    assert 0 <= answer.seconds.retrieve <= answer.seconds.evidence <= answer.seconds.total


def test_given_passages_are_answered_from_as_if_they_had_been_retrieved(two_articles: Collection) -> None:
    pipeline = make_pipeline(two_articles, pier_generator(), small_collection_chars=0)
    retrieved = ask(pipeline, COST)
    given = ask_given(pipeline, COST, pipeline.search(COST, 20))
    same = ("outcome", "short_answer", "answer", "confidence", "citations", "passages", "models")
    assert [getattr(given, name) for name in same] == [getattr(retrieved, name) for name in same]


def test_of_a_long_given_passage_the_model_is_shown_the_sentences_around_the_answer() -> None:
    long = make_passage("The tide rose. " * 400 + "The pier cost 12 million euros. " + "The tide fell. " * 400)
    generator = pier_generator()
    answer = ask_given(make_pipeline(None, generator), COST, found(long))
    assert answer.short_answer == SHORT
    assert answer.passages[0].passage == long
    (citation,) = answer.to_json()["citations"]
    assert citation["quote"] == long.text[citation["char_start"] : citation["char_end"]] == SENTENCE
    for call in generator.calls:
        assert "The tide rose. The pier cost 12 million euros. The tide fell." in call.prompt
        assert len(call.prompt) < 1500


def test_no_given_passage_is_not_in_articles() -> None:
    generator = pier_generator()
    answer = ask_given(make_pipeline(None, generator), COST, [])
    assert (answer.outcome, answer.passages) == ("not_in_articles", ())
    assert generator.calls == []


def test_given_passages_do_not_excuse_an_empty_question_or_a_missing_generator() -> None:
    with pytest.raises(BadInputError, match="empty"):
        list(make_pipeline(None, pier_generator()).ask_given(" ", found(*GIVEN)))
    with pytest.raises(ModelError, match="no answering model"):
        list(make_pipeline(None).ask_given(COST, found(*GIVEN)))


# What is refused


@pytest.mark.parametrize("question", ["", "   ", "\n\t", "x" * 20_000, "word " * 4_000, None, 5, ["Who?"]])
def test_empty_overlong_and_untextual_questions_are_bad_input(question: Any, two_articles: Collection) -> None:
    generator = pier_generator()
    pipeline = make_pipeline(two_articles, generator)
    with pytest.raises(BadInputError) as caught:
        list(pipeline.ask(question))
    assert len(str(caught.value)) < 200
    with pytest.raises(BadInputError):
        pipeline.search(question)
    assert generator.calls == []


def test_overlong_question_is_told_its_length_and_the_limit(two_articles: Collection) -> None:
    with pytest.raises(BadInputError, match=r"20,000 characters; at most 2,000"):
        list(make_pipeline(two_articles).ask("x" * 20_000, mode="fast"))


@pytest.mark.parametrize("mode", ["slow", "", None, "FULL"])
def test_unknown_mode_is_bad_input(mode: Any, two_articles: Collection) -> None:
    with pytest.raises(BadInputError, match=r"mode .* is unknown"):
        list(make_pipeline(two_articles, pier_generator()).ask(COST, mode=mode))


def test_full_without_generator_is_a_model_error(two_articles: Collection) -> None:
    with pytest.raises(ModelError, match="no answering model"):
        list(make_pipeline(two_articles).ask(COST))


@pytest.mark.parametrize("history", [["Who?"], [{"role": "system", "content": "Obey."}], 7])
def test_malformed_history_is_bad_input(history: Any, two_articles: Collection) -> None:
    with pytest.raises(BadInputError, match="history"):
        list(make_pipeline(two_articles).ask(COST, mode="fast", history=history))


@pytest.mark.parametrize("k", [0, -1, 101])
def test_search_refuses_an_impossible_number_of_passages(k: int, two_articles: Collection) -> None:
    with pytest.raises(BadInputError, match="between 1 and 100"):
        make_pipeline(two_articles).search("pier", k)


def test_half_a_character_in_question_or_history_does_no_harm(two_articles: Collection) -> None:
    pipeline = make_pipeline(two_articles, pier_generator())
    history = [{"role": "user", "content": "pier \ud800?"}, {"role": "assistant", "content": "\udfff"}]
    for answer in (
        ask(pipeline, f"{COST} \ud83d"),
        ask(pipeline, f"{COST} \ud83d", mode="fast"),
        ask(pipeline, "And it?", mode="fast", history=history),
    ):
        assert str(answer.to_json()).encode("utf-8")
    assert pipeline.search("pier \ud83d")


# Follow-ups


def test_follow_up_is_answered_as_rewritten_and_reported_so(two_articles: Collection) -> None:
    rewritten = "How many books did the Norwick library lose?"
    generator = ScriptedGenerator(replies(short="1,200", sentence="About 1,200 books were lost.", rewrite=rewritten))
    history = [
        {"role": "user", "content": "Which library in Norwick closed?"},
        {"role": "assistant", "content": "The Norwick library with its books."},
    ]
    answer = ask(make_pipeline(two_articles, generator), "How many did it lose?", history=history)
    assert (answer.question, answer.standalone_question) == ("How many did it lose?", rewritten)
    assert answer.passages[0].passage.title == LIBRARY.title
    assert all(rewritten in call.prompt for call in generator.calls if call.kind != "rewrite")


# The prompt


@pytest.mark.parametrize("num_passages", [1, 10])
def test_small_collection_gives_every_question_the_same_prefix_which_was_prewarmed(
    num_passages: int, two_articles: Collection
) -> None:
    generator = pier_generator()
    pipeline = make_pipeline(two_articles, generator, num_passages=num_passages)
    pipeline.prewarm()
    ask(pipeline, COST)
    ask(pipeline, "How many books were lost in the flood?")
    (warm,) = generator.calls_of("prewarm")
    prefix = warm.messages[-1]["content"]
    assert [call.kind for call in generator.calls].count("score") == 2
    for call in generator.calls:
        assert call.messages[0] == warm.messages[0]
        assert call.messages[1]["content"].startswith(prefix)
    for article in ARTICLES:
        assert article.title in prefix
        for sentence in article.text.split(". "):
            assert sentence in prefix
    assert prefix.index(PIER.title) < prefix.index(LIBRARY.title)


def test_small_collection_is_read_whole_though_fewer_passages_are_returned(two_articles: Collection) -> None:
    generator = pier_generator()
    answer = ask(make_pipeline(two_articles, generator, num_passages=1), COST)
    assert len(answer.passages) == 1
    assert LIBRARY.title in generator.calls[0].prompt
    assert answer.outcome == "answered"


def test_large_collection_is_limited_to_the_best_passages(two_articles: Collection) -> None:
    generator = pier_generator()
    passages = [r.passage for r in ask(make_pipeline(two_articles), COST, mode="fast").passages]
    two = sum(len(passage.text) + len(passage_header(passage)) for passage in passages[:2])
    answer = ask(make_pipeline(two_articles, generator, small_collection_chars=0, evidence_chars=two), COST)
    prompt = generator.calls[0].prompt
    assert [retrieved.passage.text in prompt for retrieved in answer.passages[:2]] == [True, True]
    assert not any(retrieved.passage.text in prompt for retrieved in answer.passages[2:])
    assert answer.outcome == "answered"


def test_evidence_characters_limit_the_passages_but_one_always_stays(two_articles: Collection) -> None:
    generator = pier_generator()
    answer = ask(make_pipeline(two_articles, generator, small_collection_chars=0, evidence_chars=1), COST)
    assert [retrieved.passage.text in generator.calls[0].prompt for retrieved in answer.passages[:2]] == [True, False]


def test_titles_count_towards_what_makes_a_collection_small(tmp_path: Path) -> None:
    headlines = [make_article(f"Item {n} has some news.", title=f"Headline {n} " + "long " * 50) for n in range(12)]
    generator = ScriptedGenerator(replies(short="news", sentence="Item 3 has some news."))
    settings: dict[str, Any] = {"small_collection_chars": 1000, "evidence_chars": 1000}
    pipeline = make_pipeline(make_collection(tmp_path, headlines), generator, **settings)
    ask(pipeline, "What has item 3?")
    pipeline.prewarm()
    assert all(len(call.messages[1]["content"]) < 1500 for call in generator.calls)


def test_prewarming_a_large_collection_reads_what_all_prompts_begin_with(two_articles: Collection) -> None:
    generator = pier_generator()
    pipeline = make_pipeline(two_articles, generator, small_collection_chars=0)
    pipeline.prewarm()
    ask(pipeline, COST)
    warm, first = generator.calls[0], generator.calls[1]
    assert warm.kind == "prewarm"
    assert warm.messages[0] == first.messages[0]


def test_prewarming_without_index_or_generator_does_nothing(no_articles: Collection, two_articles: Collection) -> None:
    generator = pier_generator()
    make_pipeline(no_articles, generator).prewarm()
    make_pipeline(two_articles).prewarm()
    assert generator.calls == []


# Filters and time


def test_filters_limit_passages_and_prompt(two_articles: Collection) -> None:
    generator = pier_generator()
    answer = ask(make_pipeline(two_articles, generator), COST, filters=Filters(source="Norwick Post"))
    assert {retrieved.passage.source for retrieved in answer.passages} == {"Norwick Post"}
    assert all(PIER.title not in call.prompt for call in generator.calls)
    assert answer.outcome == "not_in_articles"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(published_after="2024-03-01"), {PIER.title}),
        (Filters(published_before="2024-03-01"), {LIBRARY.title}),
        (Filters(published_after="2024-02-10", published_before="2024-03-25"), {PIER.title, LIBRARY.title}),
        (Filters(source="Coast Daily"), {PIER.title}),
        (Filters(source="Nobody"), set()),
    ],
)
def test_search_finds_only_what_the_filters_let_through(
    filters: Filters, expected: set[str], two_articles: Collection
) -> None:
    results = make_pipeline(two_articles).search("pier library", filters=filters)
    assert {retrieved.passage.title for retrieved in results} == expected


def test_filters_that_match_nothing_are_not_in_articles_without_calling_the_model(two_articles: Collection) -> None:
    generator = pier_generator()
    events = list(make_pipeline(two_articles, generator).ask(COST, filters=Filters(source="Nobody")))
    assert [type(event) for event in events] == [EvidenceFound, Done]
    assert (answer_of(events).outcome, answer_of(events).passages) == ("not_in_articles", ())
    assert generator.calls == []


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """Three articles of the same words, each of another year: only their dates decide."""
    texts = {
        "2022-01-10": "Anna beat Ben in the Lindby race.",
        "2024-01-10": "Ben beat Anna in the Lindby race.",
        "2023-01-10": "In the Lindby race Anna beat Ben.",
    }
    articles = [make_article(text, title="Race", published_at=day) for day, text in texts.items()]
    return make_collection(tmp_path_factory.mktemp("races"), articles)


@pytest.mark.parametrize("year", [2022, 2023, 2024])
def test_as_of_puts_the_articles_of_that_day_first(year: int, races: Collection) -> None:
    pipeline = make_pipeline(races)
    question, day = "Who beat whom in the Lindby race?", date(year, 1, 11)
    for passages in (
        ask(pipeline, question, mode="fast", as_of=day).passages,
        pipeline.search(question, as_of=day),
    ):
        assert len(passages) == 3
        assert passages[0].passage.published_at == f"{year}-01-10"


def test_a_question_for_news_counts_from_today_unless_as_of_is_given(races: Collection) -> None:
    pipeline = make_pipeline(races, today=date(2023, 1, 12))
    question = "Who won the latest Lindby race?"
    assert pipeline.search(question)[0].passage.published_at == "2023-01-10"
    assert pipeline.search(question, as_of=date(2022, 1, 12))[0].passage.published_at == "2022-01-10"


# One snapshot, stopping


class CountingSource:
    """Hands on a collection's snapshots and counts them."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self.num_taken = 0

    def snapshot(self) -> Snapshot | None:
        self.num_taken += 1
        return self._collection.snapshot()


@pytest.mark.parametrize("mode", ["full", "fast"])
def test_one_snapshot_serves_a_question_even_when_a_generation_is_published_meanwhile(
    mode: Any, tmp_path: Path
) -> None:
    collection = make_collection(tmp_path, ARTICLES)
    before = collection.status()["generation"]
    source = CountingSource(collection)
    pipeline = make_pipeline(source, pier_generator())
    events = pipeline.ask(COST, mode=mode)
    first = next(events)
    collection.add([make_article("The pier cost 99 million euros, a report says.", title="Pier cost doubted")])
    answer = answer_of([first, *events])
    assert collection.status()["generation"] != before
    assert answer.generation == before
    assert source.num_taken == 1
    assert not any("99 million" in retrieved.passage.text for retrieved in answer.passages)
    following = ask(pipeline, COST, mode="fast")
    assert following.generation == collection.status()["generation"]
    assert any("99 million" in retrieved.passage.text for retrieved in following.passages)


def test_closing_the_events_stops_the_writing(two_articles: Collection) -> None:
    generator = ScriptedGenerator(replies(short=SHORT, sentence=f"{SENTENCE} " * 5))
    events = make_pipeline(two_articles, generator).ask(COST)
    drafts = 0
    for event in events:
        drafts += isinstance(event, TextWritten)
        if drafts == 3:
            break
    events.close()  # type: ignore[attr-defined]
    (call,) = generator.calls_of("sentence")
    assert call.is_closed
    assert call.written == ["The", " pier"]


def test_failure_of_the_model_reaches_the_asker(two_articles: Collection) -> None:
    def fail(messages: Sequence[Message]) -> str:
        raise ModelError("the engine is gone")

    events = make_pipeline(two_articles, ScriptedGenerator(fail)).ask(COST)
    assert isinstance(next(events), EvidenceFound)
    with pytest.raises(ModelError, match="the engine is gone"):
        next(events)


def test_failure_in_mid_sentence_reaches_the_asker_and_gives_no_answer(two_articles: Collection) -> None:
    events = make_pipeline(two_articles, BreaksWhileWriting(replies(short=SHORT, sentence=SENTENCE))).ask(COST)
    seen: list[Event] = []
    with pytest.raises(ModelError, match="the engine is gone"):
        for event in events:
            seen.append(event)
    assert [event.draft for event in seen if isinstance(event, TextWritten)][-1] == f"{SHORT}\n\nThe pier"
    assert not any(isinstance(event, Done) for event in seen)


class BreaksWhileWriting(ScriptedGenerator):
    """Fails after the second piece of a sentence."""

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Any:
        for number, piece in enumerate(super().stream(messages, max_tokens)):
            if task_of(messages) == "sentence" and number == 2:
                raise ModelError("the engine is gone")
            yield piece


# Dates


def dated(text: str, day: str | None, title: str = "Flood", url: str | None = None) -> Article:
    return make_article(text, title=title, url=url or f"https://x.example/{title}/{day}", published_at=day)


def test_the_window_of_a_question_is_part_of_its_answer(two_articles: Collection) -> None:
    answer = ask(make_pipeline(two_articles), "What did the pier cost last month?", mode="fast", as_of=date(2024, 4, 5))
    assert answer.to_json()["date_window"] == {
        "phrase": "last month",
        "after": "2024-03-01",
        "before": "2024-03-31",
        "source": None,
    }


def test_a_question_can_be_asked_without_its_window(two_articles: Collection) -> None:
    pipeline = make_pipeline(two_articles)
    answer = ask(pipeline, "What did the pier cost last month?", mode="fast", use_date_window=False)
    assert answer.date_window is None
    assert answer.to_json()["date_window"] is None


def test_windows_count_from_today_without_an_as_of(two_articles: Collection) -> None:
    answer = ask(make_pipeline(two_articles, today=date(2024, 4, 1)), "What cost so much yesterday?", mode="fast")
    assert answer.date_window is not None
    assert answer.date_window.after == date(2024, 3, 31)


@pytest.mark.parametrize("question", [COST, "What will open next week?", "What will open by 2050?"])
def test_a_question_that_names_no_past_days_has_no_window(question: str, two_articles: Collection) -> None:
    assert ask(make_pipeline(two_articles), question, mode="fast").date_window is None


def test_of_like_articles_those_of_the_window_answer(tmp_path: Path) -> None:
    days = {"2024-01-10": "five", "2024-03-10": "seven", "2024-05-10": "nine"}
    texts = [dated(f"The price of oil is {price} dollars.", day, "Oil") for day, price in days.items()]
    pipeline = make_pipeline(make_collection(tmp_path, texts), today=date(2024, 6, 1))
    for phrase, price in (("in January", "five"), ("in March", "seven"), ("between 8 and 12 May", "nine")):
        answer = ask(pipeline, f"What is the price of oil {phrase}?", mode="fast")
        assert price in answer.answer


def test_an_event_is_dated_by_the_articles_about_it(tmp_path: Path) -> None:
    election = [
        dated(f"Ada Holm won the election in Lindby with {n} votes.", f"2024-03-0{n}", f"Election {n}")
        for n in (5, 6, 7)
    ]
    others = [dated("The harbour was dredged.", "2024-01-02", "Harbour"), PIER]
    pipeline = make_pipeline(make_collection(tmp_path, [*election, *others]), today=date(2024, 4, 1))
    window = ask(pipeline, "What has opened since the election in Lindby?", mode="fast").date_window
    assert window is not None
    assert (window.after, window.before) == (date(2024, 3, 5), None)
    assert window.source is not None
    assert (window.source.title, window.source.published_at) == ("Election 5", "2024-03-05")
    assert ask(pipeline, "What has opened since the flood?", mode="fast").date_window is None


def test_old_evidence_for_a_question_about_the_present_is_noted(two_articles: Collection) -> None:
    pipeline = make_pipeline(two_articles)
    answer = ask(pipeline, "Who is mayor of Lindby?", mode="fast", as_of=date(2024, 11, 25))
    assert answer.to_json()["notes"] == [{"kind": "age", "text": "From an article of 25 March 2024, 8 months before."}]
    assert ask(pipeline, "Who is mayor of Lindby?", mode="fast", as_of=date(2024, 4, 1)).notes == ()


class CountReader(SentenceReader):
    """Picks the number in each passage, alike in all of them."""

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        readings = []
        for passage in passages:
            match = re.search(r"[0-9]+ people", passage.text)
            start, end = match.span() if match else (0, 3)
            readings.append(Reading(2.0, (ScoredSpan(start, end, 2.0),)))
        return readings


def test_of_counts_that_rose_the_newest_answers_and_the_earlier_one_is_noted(tmp_path: Path) -> None:
    old = [dated("In the flood 10 people died in Lindby.", "2024-03-02", f"Flood {n}") for n in range(2)]
    old[1] = make_article(
        "So far 10 people died in the Lindby flood.", title="Toll", url="https://x.example/t", published_at="2024-03-02"
    )
    new = make_article(
        "In the flood 12 people died in Lindby.", title="News", url="https://x.example/n", published_at="2024-03-09",
        source="Coast Daily",
    )  # fmt: skip
    pipeline = make_pipeline(make_collection(tmp_path, [*old, new]), reader=CountReader(HashEmbedder()))
    answer = ask(pipeline, "How many people died in the Lindby flood?", mode="fast")
    assert answer.short_answer == "12 people"
    assert answer.citations[0].retrieved.passage.published_at == "2024-03-09"
    assert answer.notes == (Note("earlier", "Earlier: 10 people (2 March 2024)."),)


def test_the_model_does_not_bring_the_earlier_count_back(tmp_path: Path) -> None:
    articles = [
        dated("In the flood 10 people died in Lindby.", "2024-03-02", "Old"),
        dated("In the flood 12 people died in Lindby.", "2024-03-09", "New"),
    ]
    generator = ScriptedGenerator(replies(short="10 people", sentence="In the flood 12 people died in Lindby."))
    pipeline = make_pipeline(
        make_collection(tmp_path, articles),
        generator,
        reader=CountReader(HashEmbedder()),
        calibration=Calibration(read=Logistic(1.0, {}), written=Logistic(3.0, {})),
    )
    answer = ask(pipeline, "How many people died in the Lindby flood?")
    assert answer.short_answer == "12 people"
    assert [note.kind for note in answer.notes] == ["earlier"]


def test_a_revised_article_is_cited_with_the_day_of_its_revision(tmp_path: Path) -> None:
    collection = make_collection(tmp_path, [PIER])
    collection.add([make_article(PIER.text + " It rained.", title=PIER.title, url=PIER.url, published_at="2024-03-25")])
    pipeline = make_pipeline(collection, revised_on=collection.revised_on)
    answer = ask(pipeline, COST, mode="fast")
    (revision, _) = collection.history(answer.citations[0].retrieved.passage.article_id)
    values = answer.to_json()
    assert values["citations"][0]["updated_on"] == revision.accepted_at[:10]
    assert {passage["updated_on"] for passage in values["passages"]} == {revision.accepted_at[:10]}
    assert [note["kind"] for note in values["notes"]] == ["updated"]
    assert ask(make_pipeline(collection), COST, mode="fast").to_json()["citations"][0]["updated_on"] is None


class PartOfAnIndex:
    """A source whose snapshots say that something was left out of what they were asked."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def snapshot(self) -> Any:
        whole = self._collection.snapshot()

        class Part:
            problems = ("a server is down",)

            def __getattr__(self, name: str) -> Any:
                return getattr(whole, name)

        return Part()


@pytest.mark.parametrize(
    ("filters", "outcome"), [(Filters(), "answered"), (Filters(source="nobody"), "not_in_articles")]
)
def test_an_answer_from_a_part_of_the_articles_says_so(
    two_articles: Collection, filters: Filters, outcome: str
) -> None:
    pipeline = make_pipeline(PartOfAnIndex(two_articles))  # type: ignore[arg-type]
    answer = ask(pipeline, COST, mode="fast", filters=filters)
    assert answer.outcome == outcome
    (note,) = answer.to_json()["notes"]
    assert note["kind"] == "partial" and "could not be searched" in note["text"]


def test_a_search_in_a_part_of_the_articles_is_an_error(two_articles: Collection) -> None:
    with pytest.raises(PartialResultsError, match="cannot be searched"):
        make_pipeline(PartOfAnIndex(two_articles)).search(COST)  # type: ignore[arg-type]


def test_a_library_that_cannot_be_read_keeps_no_question_from_its_answer(two_articles: Collection) -> None:
    def broken(revision_ids: Sequence[int]) -> dict[int, str]:
        raise StorageError("the disk is gone")

    assert ask(make_pipeline(two_articles, revised_on=broken), COST, mode="fast").outcome == "answered"
