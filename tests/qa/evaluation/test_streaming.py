"""The streaming protocol over a real index: no question sees a later week, and what was indexed stays so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from index.errors import BadInputError, DamagedIndexError
from qa.evaluation.datasets import WeeklyArticles, read_articles
from qa.evaluation.run import run
from qa.evaluation.streaming import WEEKS_FILE, WeekIndex
from tests.qa.evaluation.helpers import (
    ARTICLES,
    QUESTIONS,
    WEEKS,
    asked,
    make_options,
    make_parts,
    without_seconds,
    write_json_lines,
)

pytestmark = pytest.mark.slow

IDENTITY = {"articles": "abc", "embedder": "hash-words"}
SEEN = {week: {article["url"] for article in ARTICLES if article["batch"] <= week} for week in WEEKS}


def reader(folder: Path, records: list[dict[str, Any]] = ARTICLES) -> Callable[[], WeeklyArticles]:
    path = write_json_lines(folder / "a.jsonl", records)
    return lambda: read_articles(path, by_week=True)


def never() -> WeeklyArticles:
    raise AssertionError("the articles were read again")


def week_index(work: Path, read: Callable[[], WeeklyArticles], **identity: str) -> WeekIndex:
    collection = make_parts(work).collection
    assert collection is not None
    return WeekIndex(collection, work, {**IDENTITY, **identity}, read)


def num_articles(index: WeekIndex, week: str) -> int:
    snapshot = index.open(week)
    return 0 if snapshot is None else snapshot.manifest.num_articles


def test_no_question_sees_a_later_week(tmp_path: Path) -> None:
    parts = make_parts(tmp_path / "work")
    result = run(make_options(tmp_path), parts)
    weeks = [row.week for row in result.rows]
    assert weeks == [WEEKS[0], WEEKS[0], WEEKS[1], WEEKS[2]]
    for week, (_, seen) in zip(weeks, asked(parts), strict=True):
        assert week is not None
        assert seen == SEEN[week]  # ten passages are more than there are


def test_a_second_run_over_the_same_work_folder_sees_the_same_and_embeds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_parts(tmp_path / "work")
    rows = run(make_options(tmp_path), first).rows
    second = make_parts(tmp_path / "work")
    monkeypatch.setattr(type(second.collection), "add", never)
    again = run(make_options(tmp_path, out=tmp_path / "again.json"), second).rows
    assert asked(second) == asked(first)
    assert without_seconds(again) == without_seconds(rows)


def test_weeks_of_articles_alone_are_added_and_weeks_of_questions_alone_asked(tmp_path: Path) -> None:
    questions = [{**QUESTIONS[0], "id": "20231229_0"}, {**QUESTIONS[2], "id": "20240116_0"}]
    parts = make_parts(tmp_path / "work")
    early, _ = run(make_options(tmp_path, question_records=questions), parts).rows
    assert (early.outcome, early.num_passages) == ("no_articles", 0)
    assert asked(parts)[1][1] == SEEN[WEEKS[1]]
    assert parts.collection is not None
    assert parts.collection.status()["num_articles"] == len(ARTICLES)


def test_the_first_weeks_alone_can_be_tried_and_the_rest_added_later(tmp_path: Path) -> None:
    trial = run(make_options(tmp_path, limit_weeks=1), make_parts(tmp_path / "work"))
    assert [row.question_id for row in trial.rows] == ["20240105_0", "20240105_1"]
    parts = make_parts(tmp_path / "work")
    rows = run(make_options(tmp_path), parts).rows
    assert [row.question_id for row in rows] == [question["id"] for question in QUESTIONS]
    assert len(asked(parts)) == 2, "the trial's rows are kept"


def test_without_streaming_every_question_sees_everything(tmp_path: Path) -> None:
    parts = make_parts(tmp_path / "work")
    run(make_options(tmp_path, is_stream=False), parts)
    assert all(seen == SEEN[WEEKS[-1]] for _, seen in asked(parts))


def test_each_week_has_its_generation(tmp_path: Path) -> None:
    index = week_index(tmp_path, reader(tmp_path))
    assert [num_articles(index, week) for week in ("20240101", *WEEKS, "20250101")] == [0, 2, 3, 4, 4]
    again = week_index(tmp_path, never)
    assert (again.num_articles, again.num_rejected, again.article_weeks) == (4, 0, WEEKS)
    assert [num_articles(again, week) for week in ("20240101", *WEEKS[::-1])] == [0, 4, 3, 2]


def test_a_later_week_brings_the_earlier_ones_first(tmp_path: Path) -> None:
    index = week_index(tmp_path, reader(tmp_path))
    assert num_articles(index, WEEKS[2]) == 4
    assert num_articles(index, WEEKS[0]) == 2


def test_a_revised_article_stays_as_it_was_for_earlier_weeks(tmp_path: Path) -> None:
    revised = {**ARTICLES[0], "text": "The pier of Lindby is closed again.", "batch": WEEKS[1]}
    index = week_index(tmp_path, reader(tmp_path, [ARTICLES[0], revised]))
    texts = []
    for week in WEEKS[1::-1]:
        snapshot = index.open(week)
        assert snapshot is not None
        texts.append(" ".join(passage.text for passage in snapshot.all_passages()))
    assert "closed again" in texts[0] and "12 million" not in texts[0]
    assert "12 million" in texts[1] and "closed again" not in texts[1]


def test_a_run_killed_while_indexing_goes_on(tmp_path: Path) -> None:
    index = week_index(tmp_path, reader(tmp_path))
    index.generation(WEEKS[0])
    # The second week is in the library and even indexed, but weeks.json does not say so.
    collection = make_parts(tmp_path).collection
    assert collection is not None
    collection.add(reader(tmp_path)().weeks[WEEKS[1]])
    again = week_index(tmp_path, reader(tmp_path))
    assert [num_articles(again, week) for week in WEEKS] == [2, 3, 4]


def test_a_work_folder_of_other_data_is_refused(tmp_path: Path) -> None:
    week_index(tmp_path, reader(tmp_path))
    with pytest.raises(BadInputError, match="made with another articles and another embedder; give another --work-dir"):
        week_index(tmp_path, never, articles="def", embedder="other")


def test_a_library_that_no_evaluation_made_is_refused(tmp_path: Path) -> None:
    collection = make_parts(tmp_path).collection
    assert collection is not None
    collection.add(reader(tmp_path)().weeks[WEEKS[0]])
    with pytest.raises(BadInputError, match="was not made by an evaluation"):
        week_index(tmp_path, reader(tmp_path))
    assert not (tmp_path / WEEKS_FILE).exists()


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"article_weeks": []}'])
def test_an_unreadable_weeks_file_is_told(content: str, tmp_path: Path) -> None:
    (tmp_path / WEEKS_FILE).write_text(content)
    with pytest.raises(BadInputError, match=r"weeks\.json is not readable"):
        week_index(tmp_path, never)


def test_a_damaged_generation_is_told(tmp_path: Path) -> None:
    week_index(tmp_path, reader(tmp_path)).generation(WEEKS[1])
    (tmp_path / "index" / "gen-000001" / "sources.json").write_text("[]")
    with pytest.raises(DamagedIndexError):
        week_index(tmp_path, never).open(WEEKS[0])
