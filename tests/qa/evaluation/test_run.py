"""Whole evaluations without models: resuming, refusing what does not fit, given passages, answers kept away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import qa.evaluation.run
from index.errors import BadInputError, ModelError
from index.readers import article_from_mapping
from index.types import PASSAGES_PER_REVISION, Article, make_article
from qa.evaluation.absent import RevisionTexts, WithoutRevisions
from qa.evaluation.datasets import EvalQuestion
from qa.evaluation.given import GivenPassages
from qa.evaluation.journal import Journal
from qa.evaluation.report import write_report
from qa.evaluation.run import Result, run
from qa.evaluation.runner import Asker
from qa.types import Done, Event
from tests.fakes import HashEmbedder, numbered_articles, open_parts, text_vector
from tests.qa.evaluation.helpers import (
    ARTICLES,
    QUESTIONS,
    RecordingPipeline,
    asked,
    make_options,
    make_parts,
    make_row,
    without_seconds,
    write_json_lines,
)
from tests.qa.evaluation.test_datasets import squad_file
from tests.qa.helpers import ScriptedGenerator, replies

pytestmark = pytest.mark.slow

SHORT = "12 million euros"


def evaluated(folder: Path, *, kill_after: int | None = None, **values: Any) -> Result:
    return run(make_options(folder, **values), make_parts(folder / "work", kill_after=kill_after))


def writer(short: str = SHORT, yes_no: tuple[float, float] = (-0.1, -4.0)) -> ScriptedGenerator:
    return ScriptedGenerator(replies(short=short, sentence="The pier of Lindby cost 12 million euros."), yes_no=yes_no)


# Rows and the report's header


def test_a_full_run_scores_answers_with_their_citations_and_times(tmp_path: Path) -> None:
    result = run(make_options(tmp_path, mode="full"), make_parts(tmp_path / "work", writer()))
    first, second, third, _ = result.rows
    assert (first.outcome, first.short_answer, first.em, first.f1) == ("answered", SHORT, 1.0, 1.0)
    assert first.gold_rank is not None
    assert first.num_verbatim == first.num_citations >= 1
    assert None not in (first.seconds.retrieve, first.seconds.evidence, first.seconds.first_token)
    assert first.seconds.short_answer is not None and first.seconds.total is not None
    assert 0 < first.seconds.short_answer <= first.seconds.total
    assert (third.short_answer, third.em) == (SHORT, 0.0)
    assert not second.is_right
    assert result.metrics["n"] == 4
    assert result.header["models"]["generator"] == "scripted"
    assert result.header["indexed"] == {"articles": 4, "rejected": 0}
    assert "work" not in json.dumps(result.header)


def test_a_fast_answer_comes_as_a_whole(tmp_path: Path) -> None:
    first, *_ = evaluated(tmp_path).rows
    assert first.short_answer is not None and SHORT in first.short_answer
    assert first.seconds.first_token is None
    assert first.seconds.short_answer == first.seconds.total


def test_a_sample_is_asked_over_all_articles(tmp_path: Path) -> None:
    parts = make_parts(tmp_path / "work")
    result = run(make_options(tmp_path, sample=2, seed=3), parts)
    assert len(result.rows) == len(asked(parts)) == 2
    assert parts.collection is not None
    assert parts.collection.status()["num_articles"] == len(ARTICLES)


def test_signals_that_the_last_event_carries_are_kept(tmp_path: Path) -> None:
    class Telling(RecordingPipeline):
        def ask(self, question: str, **options: Any) -> Iterator[Event]:
            for event in super().ask(question, **options):
                yield replace(event, signals={"yes_no": 1.5}) if isinstance(event, Done) else event

    parts = make_parts(tmp_path / "work")
    parts.pipeline.__class__ = Telling
    assert run(make_options(tmp_path), parts).rows[0].signals == {"yes_no": 1.5}


# Going on


def test_a_killed_run_goes_on_to_the_same_rows(tmp_path: Path) -> None:
    whole = evaluated(tmp_path, out=tmp_path / "whole.json")
    with pytest.raises(KeyboardInterrupt):
        evaluated(tmp_path, kill_after=2)
    journal = tmp_path / "report.rows.jsonl"
    assert len(journal.read_text().splitlines()) == 1 + 2
    with journal.open("a") as file:
        file.write('{"question_id": "20240112_0", "wee')  # the kill came while a row was written
    parts = make_parts(tmp_path / "work")
    resumed = run(make_options(tmp_path), parts)
    assert len(asked(parts)) == 2
    assert without_seconds(resumed.rows) == without_seconds(whole.rows)
    assert [json.loads(line) for line in journal.read_text().splitlines()]


def test_a_finished_run_asks_nothing_again_but_with_restart(tmp_path: Path) -> None:
    evaluated(tmp_path)
    parts = make_parts(tmp_path / "work")
    run(make_options(tmp_path), parts)
    assert asked(parts) == []
    run(make_options(tmp_path, restart=True), parts)
    assert len(asked(parts)) == len(QUESTIONS)


def test_rows_of_other_settings_data_or_mode_are_refused(tmp_path: Path) -> None:
    evaluated(tmp_path)
    with pytest.raises(BadInputError, match=r"rows of another run \(mode: 'fast', now 'full'.*--restart"):
        run(make_options(tmp_path, mode="full"), make_parts(tmp_path / "work", writer()))
    with pytest.raises(BadInputError, match="settings.answer.min_fast_confidence: 0.0, now 0.9"):
        run(make_options(tmp_path), make_parts(tmp_path / "work", min_fast_confidence=0.9))
    with pytest.raises(BadInputError, match="data: "):
        evaluated(tmp_path, question_records=QUESTIONS[:2])
    with pytest.raises(BadInputError, match="absent: False, now True"):
        evaluated(tmp_path, is_absent=True)


def test_rows_of_other_code_are_refused_unless_a_mixture_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        evaluated(tmp_path, kill_after=2)
    monkeypatch.setattr(qa.evaluation.run, "code_sha256", lambda: "other")
    with pytest.raises(BadInputError, match="2 rows made by another version of the code"):
        evaluated(tmp_path)
    result = evaluated(tmp_path, any_code=True)
    assert len(result.rows) == 4
    assert len(result.header["code"]) == 2
    assert result.header["code"][-1] == "other"


@pytest.mark.parametrize("content", ["no json\n", '{"question_id": "a"}\n', "[]\n"])
def test_a_file_that_is_no_journal_is_not_overwritten(content: str, tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_text(content)
    with pytest.raises(BadInputError, match=r"j\.jsonl:1 is no line of a journal"):
        Journal(path, {}, "code")
    assert path.read_text() == content


def test_a_failed_question_is_a_row_and_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    with Journal(path, {"mode": "fast"}, "code") as journal:
        journal.append(make_row("a", outcome="error", error="the prompt is too long"))
        journal.append(make_row("a"))
    with Journal(path, {"mode": "fast"}, "code") as journal:
        assert journal.rows == {"a": make_row("a")}
    too_long = {**QUESTIONS[0], "question": "Why? " * 500}
    first, second, *_ = evaluated(tmp_path, question_records=[too_long, *QUESTIONS[1:]]).rows
    assert first.outcome == "error"
    assert first.error is not None and "at most" in first.error
    assert second.outcome == "answered"


def test_a_model_that_always_fails_ends_the_run(tmp_path: Path) -> None:
    questions = [{**QUESTIONS[0], "id": f"20240105_{i}", "question": "Why? " * 500} for i in range(9)]
    with pytest.raises(ModelError, match="5 questions in a row failed"):
        evaluated(tmp_path, question_records=questions)


# What does not fit together


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"mode": "slow"}, "mode 'slow' is unknown"),
        ({"articles": None}, "--stream needs --articles"),
        ({"is_open": True}, "leave out --articles"),
        ({"articles": None, "is_stream": False, "is_absent": True}, "--absent"),
        ({"is_stream": False, "limit_weeks": 1}, "--limit-weeks needs --stream"),
        ({"out": Path("report.txt")}, "must end in .json"),
    ],
)
def test_options_that_contradict_each_other_are_told(values: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=reason):
        make_options(tmp_path, **values)


def test_questions_that_cannot_be_asked_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="names no week"):
        evaluated(tmp_path, question_records=[{**QUESTIONS[0], "id": "a"}])
    with pytest.raises(BadInputError, match="brings no passages; give --articles"):
        evaluated(tmp_path, articles=None, is_stream=False)
    with pytest.raises(BadInputError, match="no question of the weeks chosen"):
        evaluated(tmp_path, question_records=QUESTIONS[2:], limit_weeks=1)
    with pytest.raises(ModelError, match="no answering model"):
        evaluated(tmp_path, mode="full")


# Given passages


def test_given_passages_are_asked_without_an_index(tmp_path: Path) -> None:
    records = [
        {"id": "a", "question": "What did it cost?", "answers": [SHORT], "passages": ["It cost 12 million euros."]},
        {"id": "b", "question": "Who paid for it?", "answers": [], "passages": ["It cost 12 million euros."]},
        {"id": "c", "question": "Who?", "answers": ["Ada"], "passages": []},
    ]
    path = write_json_lines(tmp_path / "given.jsonl", records)
    options = make_options(tmp_path, questions=path, articles=None, is_stream=False, mode="full")
    result = run(options, make_parts(tmp_path / "work", writer()))
    first, second, third = result.rows
    assert (first.em, first.gold_rank, first.gold_rank_deep, first.num_verbatim) == (1.0, 1, 1, 1)
    assert (second.is_answerable, second.outcome, second.em) == (False, "answered", 0.0)
    assert (third.outcome, third.num_passages) == ("not_in_articles", 0)
    assert first.seconds.retrieve is None and first.seconds.evidence is not None
    assert result.header["protocol"] == "given"
    assert result.header["indexed"] is None


LONG = "The harbour of Lindby was quiet. Ships came and went all day long. The pier of Lindby cost 12 million euros."


@pytest.mark.parametrize("mode", ["fast", "full"])
def test_quotes_from_the_end_of_a_given_passage_are_found_in_it(mode: str, tmp_path: Path) -> None:
    other = "Ferries to Korsund left the harbour on Tuesday."
    record = {"id": "a", "question": "What did the pier of Lindby cost?", "answers": [SHORT], "passages": [other, LONG]}
    path = write_json_lines(tmp_path / "given.jsonl", [record])
    options = make_options(tmp_path, questions=path, articles=None, is_stream=False, mode=mode)
    row = run(options, make_parts(tmp_path / "work", writer())).rows[0]
    assert row.outcome == "answered"
    assert row.num_verbatim == row.num_citations >= 1


def test_a_quote_that_is_not_in_the_given_passage_is_not_verbatim(tmp_path: Path) -> None:
    class Shifting(RecordingPipeline):
        """Cites from a passage as if it began one character earlier."""

        def ask_given(self, question: str, passages: Any, **options: Any) -> Iterator[Event]:
            shifted = [
                replace(r, passage=replace(r.passage, text=f" {r.passage.text}", end=r.passage.end + 1))
                for r in passages
            ]
            return super().ask_given(question, shifted, **options)

    record = {"id": "a", "question": "What did the pier of Lindby cost?", "answers": [SHORT], "passages": [LONG]}
    path = write_json_lines(tmp_path / "given.jsonl", [record])
    parts = make_parts(tmp_path / "work")
    parts.pipeline.__class__ = Shifting
    row = run(make_options(tmp_path, questions=path, articles=None, is_stream=False), parts).rows[0]
    assert (row.num_citations, row.num_verbatim) == (1, 0)


def test_all_that_was_read_is_looked_at_and_not_only_what_is_returned(tmp_path: Path) -> None:
    texts = [f"The pier of Lindby cost a lot in {year}, what did it cost." for year in range(1990, 2005)]
    records = [
        {"id": "a", "question": "What did the pier of Lindby cost?", "answers": ["a lot"], "passages": texts},
        {"id": "b", "question": "What did it cost?", "answers": ["nothing"], "passages": [*texts, "Fog: nothing."]},
        {"id": "c", "question": "What did it cost?", "answers": ["12"], "passages": texts},
    ]
    path = write_json_lines(tmp_path / "given.jsonl", records)
    result = run(
        make_options(tmp_path, questions=path, articles=None, is_stream=False),
        make_parts(tmp_path / "work", num_passages=3),
    )
    seen = [(row.num_passages, row.answer_present, row.num_read, row.gold_read) for row in result.rows]
    assert seen == [(3, True, 15, True), (3, False, 16, True), (3, False, 15, False)]
    assert result.metrics["hit"]["read"]["value"] == pytest.approx(2 / 3)


def test_a_score_that_comes_with_a_passage_ranks_it() -> None:
    texts = {"The pier.": 0.1, "What did it cost?": None, "The flood.": 2}
    articles = [make_article(t, metadata={} if s is None else {"score": s}) for t, s in texts.items()]
    given = GivenPassages(HashEmbedder()).retrieved("What did it cost?", articles)
    assert [(r.passage.text, r.rank) for r in given] == [("The flood.", 1), ("What did it cost?", 2), ("The pier.", 3)]
    assert [retrieved.score for retrieved in given] == pytest.approx([2.0, given[1].cosine, 0.1])
    assert given[1].cosine == max(retrieved.cosine for retrieved in given)


@pytest.mark.parametrize("score", ["high", True, None, [1]])
def test_a_score_that_is_no_number_is_told(score: Any) -> None:
    with pytest.raises(BadInputError, match="score of a given passage must be a number, found"):
        GivenPassages(HashEmbedder()).retrieved("Who?", [make_article("The pier.", metadata={"score": score})])


@pytest.mark.parametrize("is_open", [False, True])
def test_squad_is_asked_with_its_paragraph_or_over_all_of_them(is_open: bool, tmp_path: Path) -> None:
    options = make_options(tmp_path, questions=squad_file(tmp_path), articles=None, is_stream=False, is_open=is_open)
    result = run(options, make_parts(tmp_path / "work"))
    assert [row.num_passages for row in result.rows] == ([2, 2, 2] if is_open else [1, 1, 1])
    assert [row.is_answerable for row in result.rows] == [True, False, True]
    assert result.metrics["unanswerable"]["n"] == 1
    assert result.header["protocol"] == ("open" if is_open else "given")


def test_gold_and_open_runs_do_not_share_rows(tmp_path: Path) -> None:
    values: dict[str, Any] = {"questions": squad_file(tmp_path), "articles": None, "is_stream": False}
    evaluated(tmp_path, **values)
    with pytest.raises(BadInputError, match="protocol: 'given', now 'open'"):
        evaluated(tmp_path, **values, is_open=True)


# Answers kept away


def test_no_passage_is_of_an_article_that_holds_the_answer(tmp_path: Path) -> None:
    parts = make_parts(tmp_path / "work")
    result = run(make_options(tmp_path, is_absent=True), parts)
    pier, again, last = (seen for _, seen in asked(parts))
    assert pier == {"https://norwick.example/library"}
    assert again == {"https://coast.example/pier", "https://norwick.example/library"}
    assert "https://coast.example/ferry" not in last and len(last) == 3
    assert not any(row.is_answerable or row.answer_present for row in result.rows)
    assert result.metrics["unanswerable"]["gold_found"] == 0
    assert result.metrics["answerable"]["n"] == 0


def test_questions_whose_answer_cannot_be_kept_away_are_left_out(tmp_path: Path) -> None:
    answers = [["12 million euros"], ["12 million euros", "1,200"], ["True"], ["Tom Reyes"], []]
    records = [{**QUESTIONS[0], "id": f"20240105_{number}", "answers": gold} for number, gold in enumerate(answers)]
    parts = make_parts(tmp_path / "work")
    result = run(make_options(tmp_path, is_absent=True, question_records=records), parts)
    reasons = [row.left_out for row in result.rows]
    assert reasons == [None, "bare_number", "yes_or_no", "nothing_removed", "nothing_removed"]
    assert len(asked(parts)) == 1
    assert result.metrics["n"] == result.metrics["unanswerable"]["n"] == 1
    assert result.metrics["n_left_out"] == {"bare_number": 1, "nothing_removed": 2, "yes_or_no": 1}
    # As rows of a journal they are not asked again either.
    parts = make_parts(tmp_path / "work")
    again = run(make_options(tmp_path, is_absent=True, question_records=records), parts)
    assert (asked(parts), again.rows) == ([], result.rows)


def test_articles_of_later_weeks_are_not_counted_as_kept_away(tmp_path: Path) -> None:
    # On an index that holds all weeks already, as on one that is being built.
    records = [{**QUESTIONS[0], "answers": ["99 million euros"]}]
    evaluated(tmp_path, out=tmp_path / "whole.json")
    (row,) = evaluated(tmp_path, question_records=records, is_absent=True, out=tmp_path / "absent.json").rows
    assert row.left_out == "nothing_removed"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("12", "bare_number"),
        ("$1,200", "bare_number"),
        ("Twenty-five", None),
        ("nineteen", "bare_number"),
        ("12%", "bare_number"),
        ("Yes", "yes_or_no"),
        ("false", "yes_or_no"),
        ("12 euros", "too_many_removed"),
        ("Ada Holm", None),
        ("Nobody", "nothing_removed"),
    ],
)
def test_general_answers_are_told_by_what_they_are_or_how_much_holds_them(
    answer: str, expected: str | None, tmp_path: Path
) -> None:
    collection = open_parts(tmp_path).collection
    few = ["Ada Holm came. Twenty-five were there."] * 10
    many = ["It cost 12 euros."] * 11
    texts = [*few, *many, *["Nothing of the kind."] * 179]
    collection.add(make_article(f"{text} Number {i}.", identity=str(i)) for i, text in enumerate(texts))
    held = RevisionTexts(collection)
    held.refresh()
    snapshot = collection.snapshot()
    assert snapshot is not None
    among = frozenset(passage.revision_id for passage in snapshot.all_passages())
    assert len(among) == 200
    assert held.removal([answer], among).left_out == expected


def test_in_a_small_collection_no_share_is_too_large(tmp_path: Path) -> None:
    collection = open_parts(tmp_path).collection
    collection.add([make_article("Ada Holm came."), make_article("The pier opened.")])
    texts = RevisionTexts(collection)
    texts.refresh()
    removal = texts.removal(["Ada Holm"], texts.holding(["Ada Holm", "pier"]))
    assert (len(removal.revisions), removal.left_out) == (1, None)


def test_titles_and_possessives_hold_an_answer_too(tmp_path: Path) -> None:
    collection = open_parts(tmp_path).collection
    collection.add(
        [
            make_article("She came.", title="Mariah Carey on tour"),
            make_article("They heard Mariah Carey’s song.", title="A song"),
            make_article("Carey sang.", title="On Mariah"),
        ]
    )
    texts = RevisionTexts(collection)
    texts.refresh()
    assert len(texts.holding(["Mariah Carey"])) == 2


def test_small_collections_are_shown_to_the_model_without_the_answer(tmp_path: Path) -> None:
    generator = writer(short="1,200")
    run(make_options(tmp_path, mode="full", is_absent=True), make_parts(tmp_path / "work", generator))
    asked_of_cost = [call for call in generator.calls_of("score") if "What did the pier" in call.prompt]
    assert len(asked_of_cost) == 3
    assert "12 million" not in asked_of_cost[0].prompt


def test_the_whole_article_counts_and_whole_words_do(tmp_path: Path) -> None:
    collection = make_parts(tmp_path).collection
    assert collection is not None
    texts = RevisionTexts(collection)
    for number, text in enumerate(["Far down. " * 400 + "It was Ada Holm.", "Ada Holmes was there.", "ada\nHOLM!"]):
        article = article_from_mapping({"text": text, "article_id": str(number)}, "x")
        assert isinstance(article, Article)
        collection.add([article])
    assert texts.holding(["Ada Holm"]) == frozenset()
    texts.refresh()
    assert len(texts.holding(["Ada Holm"])) == 2
    assert texts.holding(["The"]) == frozenset()


def test_search_without_some_revisions_is_the_search_of_an_index_that_lacks_them(tmp_path: Path) -> None:
    whole, part = open_parts(tmp_path / "whole").collection, open_parts(tmp_path / "part").collection
    whole.add(numbered_articles(40))
    part.add(numbered_articles(15, first=25))
    snapshot, expected = whole.snapshot(), part.snapshot()
    assert snapshot is not None and expected is not None
    removed = frozenset(
        p.revision_id for p in snapshot.all_passages() if int(p.title.removeprefix("Meeting about subject")) < 25
    )
    left = WithoutRevisions(snapshot, removed)
    question = "What did the council of place3 say of subject30 in the hall?"
    found = left.search(question, text_vector(question), 5)
    assert not {candidate.passage_id // PASSAGES_PER_REVISION for candidate in found} & removed
    closest = sorted(expected.search(question, text_vector(question), 5), key=lambda c: -c.cosine)[:5]
    ours = sorted(found, key=lambda c: -c.cosine)[:5]
    assert [c.cosine for c in ours] == pytest.approx([c.cosine for c in closest])
    assert {passage.text for passage in left.all_passages()} == {passage.text for passage in expected.all_passages()}


def test_an_asker_without_articles_kept_away_looks_at_no_text(tmp_path: Path) -> None:
    parts = make_parts(tmp_path)
    asker = Asker(parts.pipeline, parts.source, parts.reader, HashEmbedder(), None, mode="fast")
    asker.use(None)
    assert asker.ask(EvalQuestion("a", "Who?", ("Ada",))).outcome == "no_articles"


def test_two_reports_on_the_same_data_are_compared_in_pairs(tmp_path: Path) -> None:
    first = evaluated(tmp_path, out=tmp_path / "first.json")
    write_report(tmp_path / "first.json", first.header, first.metrics, first.rows)
    parts = make_parts(tmp_path / "work", min_fast_confidence=1.1)
    second = run(make_options(tmp_path, out=tmp_path / "second.json", against=tmp_path / "first.json"), parts)
    difference = second.metrics["difference"]
    assert difference["n"] == 4
    assert difference["refused"]["value"] == 1.0
    other = make_options(
        tmp_path, out=tmp_path / "third.json", against=tmp_path / "first.json", question_records=QUESTIONS[:2]
    )
    with pytest.raises(BadInputError, match="a report of other data"):
        run(other, make_parts(tmp_path / "work"))


def test_a_report_of_the_other_mode_is_compared_and_one_that_asked_otherwise_is_not(tmp_path: Path) -> None:
    first = evaluated(tmp_path, out=tmp_path / "first.json")
    write_report(tmp_path / "first.json", first.header, first.metrics, first.rows)
    against: dict[str, Any] = {"out": tmp_path / "second.json", "against": tmp_path / "first.json"}
    full = run(make_options(tmp_path, **against, mode="full"), make_parts(tmp_path / "work", writer()))
    assert full.metrics["difference"]["n"] == 4
    with pytest.raises(BadInputError, match=r"first\.json asked otherwise \(absent: False, now True\)"):
        evaluated(tmp_path, **against, is_absent=True)
    with pytest.raises(BadInputError, match="protocol: 'stream', now 'all'"):
        evaluated(tmp_path, **against, is_stream=False, work_dir=tmp_path / "other")
