"""A running system: loading in the background, failing visibly, following new generations."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from index.collection import Collection
from index.errors import BadInputError, ModelError, StorageError
from index.sources.intake import Taken
from index.types import Filters, FloatArray
from qa.composition import Parts
from qa.config import Config
from qa.configured_pipeline import build_pipeline
from qa.service import Service, parse_as_of, service_status
from qa.source_schedule import ScheduledSource, SourceSchedule
from qa.source_status import SourceStatusFile
from qa.types import Done
from tests.fakes import HashEmbedder, open_parts
from tests.qa.helpers import LIBRARY, PIER, ScriptedGenerator, make_collection, make_parts, replies
from tests.qa.sentence_reader import SentenceReader

Report = Callable[[str, int, int], None]
STATUS_KEYS = {"generation", "num_articles", "num_passages", "newest_published_at", "models"}
_LOOK_SECONDS = 0.05


def wait_until(is_true: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < deadline, f"{what} did not happen in time"
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qa.service._LOOK_SECONDS", _LOOK_SECONDS)


@pytest.fixture
def generator() -> ScriptedGenerator:
    return ScriptedGenerator(replies(short="12 million euros", sentence="The pier cost 12 million euros."))


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return make_collection(tmp_path, [PIER])


@pytest.fixture
def service(collection: Collection, generator: ScriptedGenerator) -> Iterator[Service]:
    running = Service(lambda report: make_parts(collection, generator))
    running.start()
    yield running
    running.close()


# Loading


def test_loading_reports_its_stages_and_becomes_ready(collection: Collection, generator: ScriptedGenerator) -> None:
    go_on = threading.Event()

    def build(report: Report) -> Parts:
        report("checking the answering model", 3, 10)
        go_on.wait(20)
        return make_parts(collection, generator)

    service = Service(build)
    assert (service.loading().stage, service.loading().is_ready) == ("starting", False)
    service.start()
    wait_until(lambda: service.loading().stage == "checking the answering model", "the stage")
    assert (service.loading().done, service.loading().total) == (3, 10)
    assert not service.loading().is_ready
    go_on.set()
    wait_until(lambda: service.loading().is_ready, "readiness")
    assert service.loading().error is None
    service.close()


def test_ready_means_that_the_shared_prefix_was_read(service: Service, generator: ScriptedGenerator) -> None:
    wait_until(lambda: service.loading().is_ready, "readiness")
    (call,) = generator.calls
    assert call.kind == "prewarm"
    assert "12 million euros" in call.prompt


def test_questions_wait_for_the_models(collection: Collection, generator: ScriptedGenerator) -> None:
    go_on = threading.Event()

    def build(report: Report) -> Parts:
        go_on.wait(20)
        return make_parts(collection, generator)

    service = Service(build)
    service.start()
    results: list[Any] = []
    asker = threading.Thread(target=lambda: results.append(service.search("pier")))
    asker.start()
    asker.join(0.05)
    assert results == []
    go_on.set()
    asker.join(20)
    assert results[0][0].passage.title == PIER.title
    service.close()


def test_error_while_loading_is_shown_and_raised_for_every_question() -> None:
    def build(report: Report) -> Parts:
        report("loading the answering model", 0, 1)
        raise ModelError("the file model.gguf is damaged")

    service = Service(build)
    service.start()
    wait_until(lambda: service.loading().error, "the error")
    assert service.loading().error == "the file model.gguf is damaged"
    assert service.loading().stage == "loading the answering model"
    assert not service.loading().is_ready
    for use in (
        lambda: service.search("pier"),
        lambda: next(service.ask("Who?")),
        service.status,
        lambda: service.collection,
    ):
        with pytest.raises(ModelError, match=r"model\.gguf is damaged"):
            use()
    service.close()


def test_unforeseen_error_while_loading_is_printed_and_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", printed.append)

    def build(report: Report) -> Parts:
        raise RuntimeError("no such thing")

    service = Service(build)
    service.start()
    with pytest.raises(ModelError, match="loading failed: no such thing"):
        service.status()
    wait_until(lambda: printed, "the traceback")
    assert printed[0].exc_type is RuntimeError


# Asking


def test_asks_and_searches_through_the_pipeline(service: Service) -> None:
    done = list(service.ask("What did the pier cost?", as_of="2024-03-28"))[-1]
    assert isinstance(done, Done)
    assert any("12 million euros" in retrieved.passage.text for retrieved in done.answer.passages)
    assert service.search("pier", 1)[0].passage.title == PIER.title
    assert service.search("pier", filters=Filters(source="Nobody")) == []


@pytest.mark.parametrize("as_of", ["yesterday", "03/04/2024", "2024-02-30", "x" * 10_000])
def test_as_of_that_is_no_date_is_bad_input_before_anything_is_asked(
    as_of: str, service: Service, generator: ScriptedGenerator
) -> None:
    with pytest.raises(BadInputError, match="date"):
        service.ask("What did the pier cost?", as_of=as_of)
    assert all(call.kind == "prewarm" for call in generator.calls)


def test_as_of_may_be_left_out_or_written_in_words() -> None:
    assert parse_as_of(None) is None
    assert parse_as_of("  ") is None
    assert str(parse_as_of("28 March 2024")) == "2024-03-28"


# Status and following


def test_status_has_the_contracts_keys(service: Service, collection: Collection) -> None:
    status = service.status()
    assert set(status) >= STATUS_KEYS
    assert status["generation"] == collection.status()["generation"]
    assert (status["num_articles"], status["newest_published_at"]) == (1, "2024-03-25")
    assert status["num_passages"] >= 1
    assert status["models"] == {
        "embedder": "hash-words",
        "evidence": "sentence-similarity:hash-words",
        "generator": "scripted",
    }


def test_status_without_generator_names_none(collection: Collection) -> None:
    assert service_status(make_parts(collection, None))["models"]["generator"] is None


def test_status_of_nothing_has_the_same_keys(tmp_path: Path) -> None:
    status = service_status(make_parts(make_collection(tmp_path / "empty"), None))
    assert set(status) >= STATUS_KEYS
    assert (status["generation"], status["num_articles"], status["newest_published_at"]) == (None, 0, None)


def test_new_generation_is_followed_and_read_ahead(
    service: Service, tmp_path: Path, generator: ScriptedGenerator
) -> None:
    wait_until(lambda: service.loading().is_ready, "readiness")
    before = service.status()["generation"]
    other_program = make_collection(tmp_path, [LIBRARY])
    wait_until(lambda: len(generator.calls_of("prewarm")) == 2, "the second reading ahead")
    assert service.status()["generation"] == other_program.status()["generation"] != before
    assert LIBRARY.title in generator.calls_of("prewarm")[1].prompt
    assert service.search("books lost in the flood")[0].passage.title == LIBRARY.title


def test_an_index_that_cannot_be_followed_for_a_while_is_told_of_once(
    service: Service, collection: Collection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wait_until(lambda: service.loading().is_ready, "readiness")
    looks: list[None] = []

    def fail() -> None:
        looks.append(None)
        raise StorageError("the server does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(collection, "snapshot", fail)
        wait_until(lambda: len(looks) >= 5, "looking again and again")
    wait_until(lambda: "followed again" in caplog.text, "recovery")
    assert caplog.text.count("could not follow the index: the server does not answer") == 1


def test_failing_to_read_ahead_leaves_the_service_ready(collection: Collection) -> None:
    service = Service(lambda report: make_parts(collection, CannotPrewarm()))
    service.start()
    wait_until(lambda: service.loading().is_ready, "readiness")
    assert service.search("pier")
    service.close()


class CannotPrewarm(ScriptedGenerator):
    """A generator whose cache is broken."""

    def prewarm(self, messages: Any) -> None:
        raise ModelError("no cache")


def test_closing_closes_the_generator(service: Service, generator: ScriptedGenerator) -> None:
    wait_until(lambda: service.loading().is_ready, "readiness")
    service.close()
    assert generator.is_closed


# Watched sources


class OneArticle:
    """An intake whose every address holds one article, which goes into the collection it was made for."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def take(self, address: str, **options: Any) -> Taken:
        return Taken(self._collection.accept([LIBRARY]))


def test_sources_are_read_once_the_models_are_there_and_shown_in_the_status(
    collection: Collection, generator: ScriptedGenerator, tmp_path: Path
) -> None:
    source = ScheduledSource("https://news.example/rss", "News")

    def build_schedule(parts: Parts) -> SourceSchedule:
        statuses = SourceStatusFile(tmp_path / "sources.json")
        return SourceSchedule([source], parts.collection, OneArticle(parts.collection), statuses)

    service = Service(lambda report: make_parts(collection, generator), build_schedule)
    service.start()
    wait_until(lambda: service.loading().is_ready, "readiness")
    wait_until(lambda: service.status()["sources"][0]["last_checked"], "the reading")
    (status,) = service.status()["sources"]
    assert (status["name"], status["added"], status["last_error"]) == ("News", 1, None)
    wait_until(lambda: service.search("books lost in the flood")[0].passage.title == LIBRARY.title, "the article")
    service.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "article-qa source"]


def test_sources_that_cannot_be_set_up_leave_the_service_ready(
    collection: Collection, generator: ScriptedGenerator, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(parts: Parts) -> SourceSchedule:
        raise BadInputError("no such thing")

    service = Service(lambda report: make_parts(collection, generator), fail)
    service.start()
    wait_until(lambda: service.loading().is_ready, "readiness")
    assert service.status()["sources"] == []
    assert "the sources are not read: no such thing" in caplog.text
    service.close()


# What was accepted before a crash


def test_what_was_accepted_before_a_crash_is_indexed_at_the_start(
    collection: Collection, generator: ScriptedGenerator
) -> None:
    collection.accept([LIBRARY])
    service = Service(lambda report: make_parts(collection, generator))
    service.start()
    wait_until(lambda: service.status()["num_articles"] == 2, "the indexing")
    assert service.search("books lost in the flood")[0].passage.title == LIBRARY.title
    assert service.status()["problem"] is None
    service.close()


def test_an_index_that_is_up_to_date_is_left_as_it_is(collection: Collection) -> None:
    service = Service(lambda report: make_parts(collection, None))
    service.start()
    wait_until(lambda: service.loading().is_ready, "readiness")
    wait_until(lambda: not catching_up(), "the look")
    assert service.status()["generation"] == "gen-000001"
    service.close()


def test_indexing_what_was_accepted_waits_for_another_builder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("qa.service._FIRST_RETRY_SECONDS", 0.02)
    caplog.set_level("INFO")
    parts = open_parts(tmp_path)
    parts.collection.accept([PIER])
    service = Service(lambda report: make_parts(parts.collection, None))
    with parts.generations.building(0):
        service.start()
        wait_until(lambda: caplog.text.count("brought up to date later") >= 2, "the second try")
        assert service.status()["problem"] is None
    wait_until(lambda: service.status()["num_articles"] == 1, "the indexing")
    service.close()


def test_failing_to_index_what_was_accepted_is_shown_and_tried_again(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qa.service._FIRST_RETRY_SECONDS", 0.02)
    collection.accept([LIBRARY])
    rebuild, go_on = collection.rebuild, threading.Event()

    def fail_at_first() -> str | None:
        if not go_on.is_set():
            raise StorageError("the disk is full")
        return rebuild()

    monkeypatch.setattr(collection, "rebuild", fail_at_first)
    service = Service(lambda report: make_parts(collection, None))
    service.start()
    wait_until(lambda: service.status()["problem"], "the problem")
    assert service.status()["problem"] == "the index could not be brought up to date: the disk is full"
    assert service.search("pier")
    go_on.set()
    wait_until(lambda: service.status()["problem"] is None, "the second try")
    assert service.status()["num_articles"] == 2
    service.close()


def catching_up() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "article-qa catching up"]


# Another embedder


def test_an_index_of_another_embedder_answers_by_words_while_it_is_rebuilt(tmp_path: Path) -> None:
    open_parts(tmp_path).collection.add([PIER])
    embedder = PausingEmbedder()
    parts = open_parts(tmp_path, embedder=embedder)
    pipeline = build_pipeline(Config(), parts.collection, embedder, SentenceReader(embedder), None)
    service = Service(lambda report: Parts(parts.collection, pipeline, embedder, None))
    service.start()
    wait_until(lambda: service.loading().is_ready, "readiness")
    wait_until(embedder.is_embedding.is_set, "the rebuild")
    assert "questions are answered by words only" in service.status()["problem"]
    found = service.search("the pier of Lindby")
    assert (found[0].passage.title, found[0].cosine) == (PIER.title, 0.0)
    embedder.go_on.set()
    wait_until(lambda: service.status()["problem"] is None, "the switch")
    assert service.status()["generation"] == "gen-000002"
    assert service.search("the pier of Lindby")[0].cosine > 0
    service.close()


def test_a_running_service_does_not_replace_an_index_that_another_embedder_made_meanwhile(tmp_path: Path) -> None:
    parts = open_parts(tmp_path)
    parts.collection.add([PIER])
    running = Service(lambda report: make_parts(parts.collection, None))
    running.start()
    wait_until(lambda: running.loading().is_ready, "readiness")
    wait_until(lambda: not catching_up(), "the look at what is missing")
    open_parts(tmp_path, embedder=HashEmbedder(dim=32, model_id="other")).collection.add([LIBRARY])
    wait_until(lambda: running.status()["problem"], "the notice")
    assert "restart to serve it" in running.status()["problem"]
    time.sleep(10 * _LOOK_SECONDS)
    assert parts.generations.current() == "gen-000002"
    assert running.status()["generation"] == "gen-000001"
    running.close()


class PausingEmbedder(HashEmbedder):
    """Another embedder, which waits before it embeds the first passage."""

    def __init__(self) -> None:
        super().__init__(dim=32, model_id="other")
        self.is_embedding = threading.Event()
        self.go_on = threading.Event()

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        self.is_embedding.set()
        assert self.go_on.wait(20)
        return super().embed_passages(texts)
