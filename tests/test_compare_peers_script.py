"""The comparison's own parts: what is chosen, what is spoken with a stack, what is scored and how it is shown."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from index.errors import BadInputError
from scripts.compare_peers import ENTRIES, _entries
from scripts.peers.figures import answer_table, ask_row, compared, figures, retrieval_table, search_row, spread
from scripts.peers.process import RequestError, Server, StackError, driver
from scripts.peers.protocol import Order, header, process_cpu_seconds, process_memory_mib, question_part, serve
from scripts.peers.rows import Rows
from scripts.peers.selection import AskedOf, read_lines, select, without
from tests.echo_stack import EchoStack


def spoken(*requests: dict[str, Any]) -> list[dict[str, Any]]:
    replies = io.StringIO()
    serve(
        io.StringIO("".join(json.dumps(request) + "\n" for request in requests)), replies, EchoStack(), {"echo": "1.0"}
    )
    return [json.loads(line) for line in replies.getvalue().splitlines()]


# The protocol


def test_a_stack_says_first_that_it_is_ready_and_which_versions_it_has() -> None:
    assert spoken() == [{"ready": True, "versions": {"echo": "1.0"}}]


def test_articles_are_indexed_found_and_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "articles.jsonl"
    # A line separator inside a text ends no line of JSON.
    texts = ["One.\u2028Still one.", "Two.", "Three."]
    file.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts), "utf-8")
    _, indexed, found, asked = spoken(
        {"do": "index", "articles": str(file)},
        {"do": "search", "question": "which", "k": 2},
        {"do": "ask", "question": "who", "as_of": "2022-06-17"},
    )
    assert indexed["num_passages"] == 3
    assert found["passages"] == texts[:2]
    assert (asked["answer"], asked["text"], asked["evidence_seconds"]) == ("who", "who, asked on 2022-06-17", 0.5)
    assert 0 <= asked["first_word_seconds"] <= asked["seconds"]


def test_an_error_of_a_stack_is_its_reply_and_the_next_request_is_answered() -> None:
    _, failed, unknown, memory = spoken(
        {"do": "search", "question": "broken", "k": 1}, {"do": "sing"}, {"do": "memory"}
    )
    assert failed == {"error": "RuntimeError: no such thing"}
    assert "sing" in unknown["error"]
    assert 0 < memory["resident_mib"] <= memory["peak_mib"] * 1.01


def test_the_memory_of_a_process_that_is_gone_is_not_made_up() -> None:
    assert process_memory_mib(2**31 - 1) is None


def test_processor_time_is_that_of_the_process() -> None:
    ours = process_cpu_seconds(os.getpid())
    assert ours is not None
    assert ours == pytest.approx(time.process_time(), abs=0.2)
    assert process_cpu_seconds(2**31 - 1) is None


def test_what_best_settings_add_to_passages_and_questions() -> None:
    assert header({"title": "Storm", "published_at": "2022-06-17T08:00:00"}) == "Storm (2022-06-17)"
    assert header({"title": "Storm", "published_at": None}) == "Storm"
    assert question_part("Who?", None) == "Question: Who?"
    assert question_part("Who?", "2022-06-17") == "Question (asked on 2022-06-17): Who?"


# A stack in a process of its own

NOWHERE = Server("", "none", None)


def test_what_a_stack_prints_is_in_its_log_and_spoils_no_reply(tmp_path: Path) -> None:
    order = Order("best", "", "", "", "", str(tmp_path))
    with driver(Path(sys.executable), "tests.echo_stack", order, NOWHERE, tmp_path / "log") as stack:
        assert set(stack.versions) == {"pytest"}
        assert stack.load_seconds > 0
        assert stack.request(do="ask", question="who")["answer"] == "who"
        with pytest.raises(RequestError, match="no such thing"):
            stack.request(do="search", question="broken", k=1)
        assert stack.request(do="memory")["peak_mib"] > 0
    assert "a stack in setting best" in (tmp_path / "log").read_text()


def test_a_stack_that_dies_is_an_error(tmp_path: Path) -> None:
    order = Order("dead", "", "", "", "", str(tmp_path))
    start = driver(Path(sys.executable), "tests.echo_stack", order, NOWHERE, tmp_path / "log")
    with pytest.raises(StackError, match="status 3"), start:
        pass


def test_rows_are_kept_and_say_when_nothing_is_left_to_do(tmp_path: Path) -> None:
    questions = tuple(AskedOf(name, "Who?", ("Ada",), None) for name in ("q1", "q2"))
    rows = Rows(tmp_path / "rows.jsonl")
    for row in ({"kind": "search", "id": "q1"}, {"kind": "ask", "id": "q1"}, {"kind": "memory"}):
        rows.add(row)
    assert not Rows(tmp_path / "rows.jsonl").are_complete(questions, 1)
    rows.add({"kind": "search", "id": "q2"})
    assert Rows(tmp_path / "rows.jsonl").are_complete(questions, 1)
    assert not rows.are_complete(questions, 2)
    rows.add({"kind": "error", "id": "q2", "error": "too long"})
    # What failed is a result, too, and is not asked again.
    assert Rows(tmp_path / "rows.jsonl").are_complete(questions, 2)


def test_entries_are_run_in_the_order_they_are_named_in_and_every_one_has_its_driver() -> None:
    assert [entry.name for entry in _entries(["txtai best", "article-qa full"])] == ["txtai best", "article-qa full"]
    assert _entries([]) == ENTRIES
    with pytest.raises(BadInputError, match="'txtai worst'"):
        _entries(["txtai best", "txtai worst"])
    folder = Path(__file__).parents[1] / "scripts" / "peers"
    for entry in ENTRIES:
        assert (folder / f"{entry.module}.py").is_file()
        if entry.stack != "article-qa":
            assert "torch==2.13.0" in (folder / "requirements" / f"{entry.stack}.txt").read_text().splitlines()


# What is chosen


def article(number: int, text: str) -> dict[str, Any]:
    return {"url": f"https://n.example/{number}", "title": f"Title {number}", "text": text, "published_at": None}


def question(number: int, answer: str, *articles: int) -> dict[str, Any]:
    urls = [f"https://n.example/{article}" for article in articles]
    return {"id": f"q{number}", "question": "Who?", "answers": [answer], "as_of": "2022/06/16", "retrieved_urls": urls}


ARTICLES = [article(0, "Ada came."), article(1, "Nobody came."), *(article(n, "Rain.") for n in range(2, 12))]


def test_only_questions_that_their_articles_answer_are_taken_with_all_their_articles() -> None:
    selection = select(
        ARTICLES, [question(1, "Ada", 0, 1), question(2, "Ada", 1), question(3, "Ada", 99)], 9, 5, seed=1
    )
    (taken,) = selection.questions
    assert (taken.question_id, taken.as_of, taken.answers) == ("q1", "2022-06-16", ("Ada",))
    urls = [one["url"] for one in selection.articles]
    assert len(urls) == len(set(urls)) == 5
    assert {"https://n.example/0", "https://n.example/1"} <= set(urls)


def test_the_articles_of_the_questions_stay_even_when_they_are_more_than_wanted() -> None:
    assert len(select(ARTICLES, [question(1, "Ada", 0, 1, 2, 3)], 1, 2, seed=1).articles) == 4


def test_the_same_seed_chooses_the_same() -> None:
    questions = [question(number, "Ada", 0, number) for number in range(1, 9)]
    assert select(ARTICLES, questions, 3, 9, seed=4) == select(ARTICLES, questions, 3, 9, seed=4)
    assert select(ARTICLES, questions, 3, 9, seed=4) != select(ARTICLES, questions, 3, 9, seed=5)


def test_articles_that_a_model_has_learned_from_are_taken_out_by_address_or_text() -> None:
    known = [article(0, "Other words."), {**article(77, "Nobody  came.\n"), "url": None}]
    known[0]["url"] = "http://www.n.example/0/?utm_source=x"
    assert [one["url"] for one in without(ARTICLES[:3], [])] == [one["url"] for one in ARTICLES[:3]]
    ours = [{**one, "url": one["url"].replace("//", "//www.")} for one in ARTICLES[:3]]
    assert [one["title"] for one in without(ours, known)] == ["Title 2"]


def test_without_a_question_that_can_be_answered_nothing_is_compared() -> None:
    with pytest.raises(BadInputError, match="retrieved_urls"):
        select(ARTICLES, [question(1, "Grace", 0)], 1, 5, seed=1)


def test_lines_are_read_also_when_they_are_gzipped(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "a.jsonl").write_text('{"x": 1}\n{"x": 2}\n')
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"x": 1}\n{"x": 2}\n'))
    assert list(read_lines(tmp_path / "a.jsonl")) == list(read_lines(tmp_path / "a.jsonl.gz")) == [{"x": 1}, {"x": 2}]


# What is scored


def searched(*passages: str, answer: str = "Ada") -> dict[str, Any]:
    return search_row("q1", [answer], {"seconds": 0.1, "cpu_seconds": 0.2, "passages": list(passages)})


def asked(answer: str, text: str, question_id: str = "q1", seconds: float = 2.0) -> dict[str, Any]:
    reply = {"answer": answer, "text": text, "seconds": seconds, "first_word_seconds": 1.0, "evidence_seconds": None}
    return ask_row(question_id, ["Ada Lovelace"], reply | {"cpu_seconds": 0.5}, server_cpu_seconds=3.0)


def test_the_rank_is_that_of_the_first_passage_with_the_whole_answer_in_it() -> None:
    assert searched("Adam came.", "ADA came.", "Ada left.")["gold_rank"] == 2
    assert searched("Adam came.")["gold_rank"] is None
    assert searched()["gold_rank"] is None


def test_a_long_passage_hides_an_answer_that_stands_late_in_it() -> None:
    early, late = searched("Ada " + "word " * 500), searched("word " * 500 + "Ada")
    assert (early["gold_rank"], early["gold_in_first_words"]) == (1, True)
    assert (late["gold_rank"], late["gold_in_first_words"]) == (1, False)


def test_a_sentence_that_says_the_answer_scores_less_f1_but_counts_as_said() -> None:
    short, sentence, wrong = (
        asked("Ada Lovelace", "Ada Lovelace"),
        asked(*["It was Ada Lovelace."] * 2),
        asked("Bob", "Bob"),
    )
    assert (short["f1"], short["em"], short["is_said"]) == (1.0, 1.0, True)
    assert 0 < sentence["f1"] < 1
    assert (sentence["em"], sentence["is_said"]) == (0.0, True)
    assert (wrong["f1"], wrong["em"], wrong["is_said"]) == (0.0, 0.0, False)


def rows(*asks: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"kind": "load", "seconds": 3.0, "versions": {"echo": "1.0"}},
        {"kind": "index", "seconds": 10.0, "cpu_seconds": 19.0, "num_passages": 1234},
        {"kind": "index", "seconds": 14.0, "cpu_seconds": 20.0, "num_passages": 1234},
        searched("Ada came.", "Rain."),
        searched("Rain.", "Ada came."),
        searched("Rain."),
        *asks,
        {"kind": "memory", "peak_mib": 900.0, "resident_mib": 800.0, "server_peak_mib": 1500.0},
        {"kind": "memory", "peak_mib": 700.0, "resident_mib": 600.0, "server_peak_mib": None},
    ]


def test_figures_of_all_rounds_together() -> None:
    made = figures(rows(asked("Ada Lovelace", "Ada Lovelace"), asked("Bob", "Bob", "q2")))
    assert made["index_seconds"]["median"] == 12.0
    assert [made["hit"][k]["value"] for k in ("1", "4", "10")] == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert (made["f1"]["value"], made["f1"]["n"], made["said"]["value"]) == (0.5, 2, 0.5)
    assert made["ask_cpu_seconds"]["median"] == 3.5
    assert (made["peak_mib"], made["server_peak_mib"]) == (900.0, 1500.0)


def test_spread_is_of_values_that_occurred_and_nothing_has_none() -> None:
    assert spread([None]) is None
    made = spread([float(value) for value in range(100, 0, -1)])
    assert made == {"median": 50.5, "low": 26.0, "high": 76.0, "p95": 96.0, "n": 100}
    assert spread([2.0]) == {"median": 2.0, "low": 2.0, "high": 2.0, "p95": 2.0, "n": 1}


# How it is shown


def test_tables_have_ratios_to_ours_and_paired_differences() -> None:
    ours = rows(asked("Ada Lovelace", "Ada Lovelace"), asked("Ada Lovelace", "Ada Lovelace", "q2"))
    theirs = rows(asked("Bob", "Bob", seconds=6.0), asked("Ada Lovelace", "", "q3", seconds=6.0))
    report = compared({"article-qa full": ours, "echo best": theirs})
    assert report["article-qa full"]["f1_of_ours_more"] is None
    # Only the question that both were asked is compared.
    assert report["echo best"]["f1_of_ours_more"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 1}
    answers = answer_table(report).splitlines()
    assert [cell.strip() for cell in answers[3].split("|")[1:9]] == [
        "echo best",
        "2",
        "1.00 [1.00–1.00] 1.00",
        "1.0",
        "6.00 [6.00–6.00] 6.00",
        "3.0",
        "3.5",
        "1.0",
    ]
    retrieval = retrieval_table(report).splitlines()
    assert "1,234" in retrieval[3]
    assert ".33" in retrieval[3]
    assert {line.count("|") for line in retrieval} == {retrieval[0].count("|")}
    assert {line.count("|") for line in answers} == {answers[0].count("|")}


def test_a_stack_that_did_not_answer_stands_in_the_first_table_only() -> None:
    report = compared({"article-qa search": rows()})
    assert "article-qa search" in retrieval_table(report)
    assert "article-qa search" not in answer_table(report)
