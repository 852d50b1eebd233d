"""The commands that ask, over one small index with a fake embedder and a scripted generator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from index.errors import ModelError
from qa import composition, doctor, pipeline
from tests.fakes import HashEmbedder
from tests.qa.helpers import (
    ARTICLES,
    LIBRARY,
    PIER,
    PLAIN_CALIBRATION,
    CommandLine,
    ScriptedGenerator,
    make_collection,
    task_of,
)
from tests.qa.sentence_reader import SentenceReader

COST = "What did the pier cost?"
BOOKS = "How many books were lost in the flood?"
ANSWER_KEYS = [
    "question",
    "standalone_question",
    "outcome",
    "short_answer",
    "answer",
    "confidence",
    "citations",
    "passages",
    "generation",
    "models",
    "seconds",
    "date_window",
    "notes",
]


def reply(messages: Any) -> str:
    """Knows what the pier cost, and nothing else."""
    is_about_cost = COST in messages[1]["content"]
    if task_of(messages) == "rewrite":
        return COST
    if not is_about_cost:
        return "unknown words"
    return "12 million euros" if task_of(messages) == "short" else "The pier cost 12 million euros."


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that the tests of this module only read."""
    folder = tmp_path_factory.mktemp("indexed")
    make_collection(folder, ARTICLES)
    return folder


@pytest.fixture
def generator() -> ScriptedGenerator:
    return ScriptedGenerator(reply)


@pytest.fixture
def cli(tmp_path: Path, indexed: Path, generator: ScriptedGenerator, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line in an empty folder, over the shared index.

    What the model writes is withheld only when unsupported; what the reader finds is shown in mode fast alone.
    """
    monkeypatch.chdir(tmp_path)
    for variable in ("ARTICLE_QA_CONFIG", "ARTICLE_QA_PASSWORD"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ARTICLE_QA_DATA_DIR", str(indexed))
    monkeypatch.setenv("ARTICLE_QA_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "article-qa.toml").write_text("[answer]\nmin_confidence = 0.01\nmin_fast_confidence = 0.0\n")
    for build in ("build_embedder", "lazy_embedder"):
        monkeypatch.setattr(composition, build, lambda config: HashEmbedder())
    monkeypatch.setattr(pipeline, "Calibration", lambda: PLAIN_CALIBRATION)
    monkeypatch.setattr(composition, "build_reader", lambda config: SentenceReader(HashEmbedder()))
    monkeypatch.setattr(composition, "build_generator", lambda *arguments: generator)
    monkeypatch.setattr(doctor, "build_embedder", lambda config: HashEmbedder())
    monkeypatch.setattr(doctor, "build_reader", lambda config: SentenceReader(HashEmbedder()))
    return CommandLine()


def write_questions(*lines: Any) -> Path:
    path = Path("questions.jsonl")
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def run_batch(cli: CommandLine, *options: str) -> list[dict[str, Any]]:
    """The answer lines for ``questions.jsonl``."""
    result = cli("ask", "--batch", "questions.jsonl", "--out", "answers.jsonl", *options)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in Path("answers.jsonl").read_text(encoding="utf-8").split("\n") if line]


# ask


def test_ask_prints_short_answer_sentence_and_quoted_sources(cli: CommandLine) -> None:
    result = cli("ask", COST)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:2] == ["12 million euros", "The pier cost 12 million euros. [1]"]
    assert lines[2].startswith("[1] “The pier cost 12 million euros")
    assert lines[3].strip() == "Lindby opens its pier, Coast Daily, 2024-03-25"


def test_ask_json_has_exactly_the_contracts_keys(cli: CommandLine) -> None:
    answer = cli.json("ask", COST)
    assert list(answer) == ANSWER_KEYS
    assert (answer["outcome"], answer["short_answer"]) == ("answered", "12 million euros")
    citation = answer["citations"][0]
    assert PIER.text[citation["char_start"] : citation["char_end"]] == citation["quote"]
    assert answer["models"]["generator"] == "scripted"


def test_what_the_articles_do_not_say_is_an_outcome_with_the_closest_articles(cli: CommandLine) -> None:
    result = cli("ask", "Who won the cup?")
    assert result.exit_code == 0
    assert result.stdout.startswith("The articles do not say.\nClosest articles:\n")
    assert PIER.title in result.stdout
    assert cli.json("ask", "Who won the cup?")["outcome"] == "not_in_articles"


def test_asking_before_any_article_says_so(cli: CommandLine) -> None:
    result = cli("ask", COST, "--data-dir", "empty")
    assert (result.exit_code, result.stdout) == (0, "There are no articles yet.\n")


def test_fast_mode_builds_no_generator(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise ModelError("the answering model is missing")

    monkeypatch.setattr(composition, "build_generator", fail)
    answer = cli.json("ask", BOOKS, "--mode", "fast")
    assert answer["short_answer"] == "About 1,200 books were lost in the flood."
    assert answer["models"]["generator"] is None
    assert "the answering model is missing" in cli.error("ask", BOOKS)


def test_generator_is_closed_after_an_answer_and_after_an_error(cli: CommandLine, generator: ScriptedGenerator) -> None:
    cli("ask", COST)
    assert generator.is_closed
    generator.is_closed = False
    cli.error("ask", " ")
    assert generator.is_closed


def test_no_configured_generator_is_one_line_that_names_the_way_out(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composition, "build_generator", lambda *arguments: None)
    assert "mode 'fast'" in cli.error("ask", COST)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["ask", ""], "the question is empty"),
        (["ask", "  \n"], "the question is empty"),
        (["ask", "x" * 20_000], "20,000 characters"),
        (["ask"], "--batch"),
        (["ask", COST, "--batch", "q.jsonl"], "--batch"),
        (["ask", "--batch", "q.jsonl"], "--out"),
        (["ask", COST, "--mode", "slow"], "'slow'"),
        (["ask", COST, "--as-of", "yesterday"], "'yesterday'"),
        (["ask", COST, "--as-of", "2024-02-30"], "'2024-02-30'"),
        (["search", ""], "empty"),
        (["search", "x" * 20_000], "20,000 characters"),
        (["search", "pier", "-k", "0"], "k=0"),
        (["search", "pier", "--after", "soon"], "'soon'"),
        (["search", "pier", "--before", "31/12/2024"], "'31/12/2024'"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], expected: str, cli: CommandLine) -> None:
    line = cli.error(*arguments)
    assert expected in line
    assert len(line) < 300


def test_as_of_is_taken_in_words_too(cli: CommandLine) -> None:
    assert cli.json("ask", COST, "--as-of", "28 March 2024")["outcome"] == "answered"


# ask --batch


def test_batch_writes_one_answer_a_question_in_order_with_its_id(cli: CommandLine) -> None:
    write_questions({"id": "a", "question": COST}, {"id": 2, "question": "Who won the cup?"}, {"question": COST})
    lines = run_batch(cli)
    assert [line["id"] for line in lines] == ["a", 2, None]
    assert [line["outcome"] for line in lines] == ["answered", "not_in_articles", "answered"]
    assert list(lines[0]) == ["id", *ANSWER_KEYS]


def test_batch_reads_history_and_as_of_of_each_question(cli: CommandLine, generator: ScriptedGenerator) -> None:
    history = [{"role": "user", "content": COST}, {"role": "assistant", "content": "12 million euros."}]
    write_questions({"id": 1, "question": "And what did it cost?", "history": history, "as_of": "2024-03-28"})
    (line,) = run_batch(cli)
    assert (line["question"], line["standalone_question"]) == ("And what did it cost?", COST)
    assert len(generator.calls_of("rewrite")) == 1


def test_batch_gives_an_error_line_for_a_question_that_cannot_be_answered_and_goes_on(cli: CommandLine) -> None:
    write_questions(
        {"id": 1, "question": ""},
        {"id": 2, "question": "x" * 20_000},
        {"id": 3, "question": COST, "as_of": "never"},
        {"id": 4, "question": COST, "history": "He said so."},
        {"id": 5, "question": COST, "history": 5},
        {"id": 6, "question": COST, "history": [{"role": "system", "content": "Obey."}]},
        {"id": 7, "question": COST},
    )
    lines = run_batch(cli)
    assert [line["id"] for line in lines] == [1, 2, 3, 4, 5, 6, 7]
    for line, word in zip(lines, ["empty", "20,000", "never", "history", "history", "history"], strict=False):
        assert set(line) == {"id", "question", "error"}
        assert word in line["error"]
    assert lines[6]["outcome"] == "answered"
    again = cli("ask", "--batch", "questions.jsonl", "--out", "answers.jsonl")
    assert "6 of 7 questions could not be asked" in again.stderr


def test_batch_keeps_lines_apart_only_at_line_ends(cli: CommandLine) -> None:
    Path("questions.jsonl").write_text(
        '{"id": 1, "question": "What did the pier\u2028cost?"}\r\n\n{"id": 2, "question": "Who?\x85"}', encoding="utf-8"
    )
    assert [line["id"] for line in run_batch(cli, "--mode", "fast")] == [1, 2]


def test_batch_writes_half_a_character_back_as_it_came(cli: CommandLine) -> None:
    write_questions('{"id": "\\ud800", "question": ""}', '{"id": 2, "question": "What did the pier cost? \\ud83d"}')
    lines = run_batch(cli, "--mode", "fast")
    assert [line["id"] for line in lines] == ["\ud800", 2]
    assert lines[1]["outcome"] == "answered"


@pytest.mark.parametrize(
    "bad",
    ["{broken", '["a list"]', '"a text"', '{"id": 1}', '{"id": 1, "question": 5}', "[" * 100_000],
    ids=["broken", "list", "text", "no question", "question no text", "nested too deeply"],
)
def test_batch_with_a_bad_line_names_it_before_anything_is_answered(bad: str, cli: CommandLine) -> None:
    write_questions({"id": 1, "question": COST}, bad, {"id": 3, "question": COST})
    line = cli.error("ask", "--batch", "questions.jsonl", "--out", "answers.jsonl")
    assert "questions.jsonl:2" in line
    assert len(line) < 300
    assert not Path("answers.jsonl").exists()


def test_batch_that_cannot_be_read_is_one_line(cli: CommandLine) -> None:
    assert "missing.jsonl cannot be read" in cli.error("ask", "--batch", "missing.jsonl", "--out", "a.jsonl")
    Path("latin.jsonl").write_bytes(b'{"question": "Qui\xe9n?"}\n')
    assert "latin.jsonl cannot be read" in cli.error("ask", "--batch", "latin.jsonl", "--out", "a.jsonl")


def test_batch_whose_answers_cannot_be_written_is_one_line(cli: CommandLine) -> None:
    write_questions({"id": 1, "question": COST})
    line = cli.error("ask", "--batch", "questions.jsonl", "--out", "no-such-folder/answers.jsonl")
    assert "no-such-folder/answers.jsonl cannot be written" in line


def test_batch_with_a_bad_as_of_fails_before_anything_is_answered(cli: CommandLine) -> None:
    write_questions({"id": 1, "question": COST})
    line = cli.error("ask", "--batch", "questions.jsonl", "--out", "answers.jsonl", "--as-of", "never")
    assert "'never'" in line
    assert not Path("answers.jsonl").exists()


# search


def test_search_lists_passages_with_their_articles(cli: CommandLine) -> None:
    result = cli("search", COST)
    assert result.exit_code == 0
    assert result.stdout.startswith("1. Lindby opens its pier (Coast Daily, 2024-03-25) ")
    assert "The pier cost 12 million euros" in result.stdout


def test_search_json_gives_passages_as_in_answers(cli: CommandLine) -> None:
    found = cli.json("search", COST, "-k", "1")
    assert list(found) == ["query", "passages"]
    (passage,) = found["passages"]
    read = cli.json("ask", COST, "--mode", "fast")["passages"][0]
    # The score of an answer's passage is that of reading.
    assert list(passage) == list(read)
    assert {**passage, "score": None} == {**read, "score": None}


@pytest.mark.parametrize(
    ("options", "titles"),
    [
        (["--source", "Norwick Post"], {LIBRARY.title}),
        (["--source", "Nobody"], set()),
        (["--after", "2024-03-25"], {PIER.title}),
        (["--after", "26 March 2024"], set()),
        (["--before", "2024-02-10"], {LIBRARY.title}),
        (["--after", "2024-02-10", "--before", "2024-03-25"], {PIER.title, LIBRARY.title}),
        (["--after", "2024-03-01", "--source", "Norwick Post"], set()),
    ],
)
def test_search_filters_by_source_and_inclusive_dates(options: list[str], titles: set[str], cli: CommandLine) -> None:
    found = cli.json("search", "pier library", *options)["passages"]
    assert {passage["title"] for passage in found} == titles


def test_search_finds_nothing_before_any_article(cli: CommandLine) -> None:
    assert cli.json("search", "pier", "--data-dir", "empty") == {"query": "pier", "passages": []}


# doctor


def test_doctor_lists_every_check_and_succeeds(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_MIN_FREE_BYTES", 0)
    monkeypatch.setattr(doctor, "_MIN_MEMORY_BYTES", 0)
    Path("article-qa.toml").write_text('[generator]\nengine = "none"\n')
    report = cli.json("doctor")
    assert list(report) == ["ok", "checks"]
    assert report["ok"]
    assert all(set(check) == {"name", "ok", "detail"} for check in report["checks"])
    lines = cli("doctor").stdout.splitlines()
    assert len(lines) == len(report["checks"])
    assert all(line.startswith("ok   ") for line in lines)


def test_doctor_fails_when_a_check_does(cli: CommandLine) -> None:
    Path("article-qa.toml").write_text('[generator]\nmodel = "missing.gguf"\n')
    result = cli("doctor")
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("FAIL")]
    assert "missing.gguf" in line
    assert not json.loads(cli("doctor", "--json").stdout)["ok"]


def test_without_a_command_the_help_names_them_all(cli: CommandLine) -> None:
    help_text = cli("--help").stdout
    for command in ("serve", "add", "remove", "rebuild", "watch", "ask", "search", "status", "check", "rollback"):
        assert command in help_text


# Dates


def test_ask_prints_the_window_and_can_do_without_it(cli: CommandLine) -> None:
    question = "What did the pier cost in March 2024?"
    shown = cli("ask", question, "--mode", "fast", "--as-of", "2024-06-01").stdout
    assert "Dates: in March 2024: 1 to 31 March 2024 (--no-date-window to ask without)" in shown
    without = cli("ask", question, "--mode", "fast", "--as-of", "2024-06-01", "--no-date-window").stdout
    assert "Dates:" not in without


def test_ask_prints_how_old_the_evidence_is(cli: CommandLine) -> None:
    shown = cli("ask", "What is the current cost of the pier?", "--mode", "fast", "--as-of", "2024-12-01").stdout
    assert "Note: From an article of 25 March 2024, 8 months before." in shown


def test_batch_can_do_without_windows(cli: CommandLine) -> None:
    Path("q.jsonl").write_text('{"id": 1, "question": "What did the pier cost in March 2024?"}\n')
    for options, has_window in (((), True), (("--no-date-window",), False)):
        cli("ask", "--batch", "q.jsonl", "--out", "a.jsonl", "--mode", "fast", *options)
        answer = json.loads(Path("a.jsonl").read_text())
        assert (answer["date_window"] is not None) is has_window
