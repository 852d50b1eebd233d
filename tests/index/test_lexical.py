"""Words find passages whatever their form, within the filters, and nothing a question may hold breaks the search."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.lexical import LexicalIndex, LexicalWriter, day_of
from index.types import PASSAGES_PER_REVISION, Filters, Passage


def _passage(number: int, text: str, **fields: Any) -> Passage:
    """Passage 0 of revision ``number``."""
    defaults: dict[str, Any] = {
        "passage_id": number * PASSAGES_PER_REVISION,
        "article_id": f"article{number}",
        "revision_id": number,
        "title": "Untitled",
        "url": None,
        "source": None,
        "published_at": None,
        "start": 0,
        "end": len(text),
    }
    return Passage(text=text, **(defaults | fields))


def _write(folder: Path, passages: list[Passage], *, deleted: tuple[int, ...] = ()) -> None:
    writer = LexicalWriter(folder)
    for revision_id in deleted:
        writer.delete_revision(revision_id)
    for passage in passages:
        writer.add(passage)
    writer.commit()


def _open(folder: Path, passages: list[Passage], *, title_weight: float = 0.5) -> LexicalIndex:
    _write(folder, passages)
    return LexicalIndex(folder, title_weight=title_weight)


def _found(index: LexicalIndex, text: str, k: int = 10, filters: Filters | None = None) -> list[int]:
    """Revision ids, best first."""
    scores = index.search(text, k, filters or Filters())
    ranked = sorted(scores, key=lambda passage_id: -scores[passage_id])
    assert all(score > 0 for score in scores.values())
    return [passage_id // PASSAGES_PER_REVISION for passage_id in ranked]


# Words


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("The companies are licensing cars.", "company licence licensed car"),
        ("He RAN the factories.", "factory"),
        ("L'économie de Zürich", "economie zurich"),
        ("economie de Zurich", "ÉCONOMIE ZÜRICH"),
        ("It cost $3.5bn, co-founder said", "cofounder? co founder 3.5bn"),
        ("Xiaomi's plant", "Xiaomi"),
        ("Covid-19 rules", "covid 19"),
    ],
)
def test_other_forms_of_a_word_are_found(tmp_path: Path, text: str, question: str) -> None:
    index = _open(tmp_path, [_passage(1, text), _passage(2, "Nothing of this")])
    assert _found(index, question) == [1]


def test_a_passage_with_more_of_the_words_comes_first(tmp_path: Path) -> None:
    passages = [_passage(1, "one lamp"), _passage(2, "one lamp, one violin"), _passage(3, "a violin lamp trumpet")]
    assert _found(_open(tmp_path, passages), "lamp violin trumpet") == [3, 2, 1]


def test_a_rare_word_counts_more_than_a_common_one(tmp_path: Path) -> None:
    passages = [_passage(n, "lamp words here") for n in range(1, 9)] + [_passage(9, "violin words here")]
    assert _found(_open(tmp_path, passages), "lamp violin", 1) == [9]


def test_stop_words_find_nothing_beside_other_words(tmp_path: Path) -> None:
    index = _open(tmp_path, [_passage(1, "who is the one"), _passage(2, "a violin")])
    assert _found(index, "Who is the violin?") == [2]


def test_a_question_of_stop_words_alone_uses_them(tmp_path: Path) -> None:
    index = _open(tmp_path, [_passage(1, "who is that"), _passage(2, "a violin")])
    assert _found(index, "Who is that?") == [1]


def test_unknown_words_find_nothing(tmp_path: Path) -> None:
    index = _open(tmp_path, [_passage(1, "a violin")])
    assert index.search("zeppelin", 10, Filters()) == {}


@pytest.mark.parametrize("text", ["", " ", "?!", "—", "\n"])
def test_a_question_without_words_finds_nothing(tmp_path: Path, text: str) -> None:
    index = _open(tmp_path, [_passage(1, "a violin")])
    assert index.search(text, 10, Filters()) == {}
    assert index.score(text, [PASSAGES_PER_REVISION]) == {}


def test_an_empty_index_finds_nothing(tmp_path: Path) -> None:
    index = _open(tmp_path, [])
    assert index.num_passages == 0
    assert index.search("violin", 10, Filters()) == {}
    assert list(index.all_passages()) == []


def test_question_terms_are_distinct_stems_without_stop_words(tmp_path: Path) -> None:
    index = _open(tmp_path, [])
    assert index.question_terms("Which companies build the company's plants, and who builds a plant?") == [
        "compani",
        "build",
        "plant",
    ]
    assert len(index.question_terms(" ".join(f"word{n}" for n in range(1000)))) == 64


@pytest.fixture(scope="module")
def small_index(tmp_path_factory: pytest.TempPathFactory) -> LexicalIndex:
    return _open(
        tmp_path_factory.mktemp("lexical"), [_passage(1, "a violin and 1.5 lamps"), _passage(2, "brass AND wind")]
    )


@pytest.mark.parametrize(
    "question",
    ["title:violin", "text:[a TO z]", "violin^2", "(violin", '"violin', "NOT violin", "violin AND OR NOT", "*", "vio*",
     "\\", "-violin +lamps", "violin\x00lamps", "\ud800".encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
     "violin " * 5_000, "v" * 20_000],
)  # fmt: skip
def test_query_syntax_is_plain_text(small_index: LexicalIndex, question: str) -> None:
    expected = [1] if re.search(r"\bviolin\b|lamps", question) else []
    assert _found(small_index, question) == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=st.text() | st.text(alphabet=st.sampled_from('violin lamp AND OR NOT "()[]{}^~*?:\\/+-&|!')))
def test_no_question_breaks_the_search(small_index: LexicalIndex, question: str) -> None:
    found = small_index.search(question, 5, Filters(source=question))
    assert found == {}
    assert set(small_index.score(question, [PASSAGES_PER_REVISION])) <= {PASSAGES_PER_REVISION}


# Titles


def test_the_title_counts_by_its_weight(tmp_path: Path) -> None:
    passages = [_passage(1, "some words about music", title="Violin"), _passage(2, "a violin played", title="Concert")]
    _write(tmp_path, passages)
    scores = {w: LexicalIndex(tmp_path, title_weight=w).search("violin", 10, Filters()) for w in (0.0, 0.5, 1.0, 4.0)}
    in_title, in_text = 1 * PASSAGES_PER_REVISION, 2 * PASSAGES_PER_REVISION
    assert set(scores[0.0]) == {in_text}
    assert scores[1.0][in_title] == pytest.approx(2 * scores[0.5][in_title])
    assert scores[0.5][in_text] == pytest.approx(scores[0.0][in_text])
    assert scores[4.0][in_title] > scores[4.0][in_text]
    assert scores[0.5][in_title] < scores[0.5][in_text]


# Filters


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), {1, 2, 3, 4}),
        (Filters(published_after="2024-03-01"), {2, 3}),
        (Filters(published_after="2024-03-02"), {3}),
        (Filters(published_before="2024-03-01"), {1, 2}),
        (Filters(published_before="2024-02-29"), {1}),
        (Filters(published_after="2024-03-01", published_before="2024-03-01"), {2}),
        (Filters(published_after="2024-03-02", published_before="2024-03-01"), set()),
        (Filters(published_after="0001-01-01"), {1, 2, 3}),
        (Filters(published_before="9999-12-31"), {1, 2, 3}),
        (Filters(source="Morning Post"), {1, 4}),
        (Filters(source="morning post"), set()),
        (Filters(source="Morning"), set()),
        (Filters(source="Nobody"), set()),
        (Filters(source="Morning Post", published_after="2024-01-01"), {1}),
    ],
)
def test_only_what_the_filters_allow_is_found(tmp_path: Path, filters: Filters, expected: set[int]) -> None:
    index = _open(
        tmp_path,
        [
            _passage(1, "violin one", published_at="2024-02-29", source="Morning Post"),
            _passage(2, "violin two", published_at="2024-03-01", source="Evening Star"),
            _passage(3, "violin three", published_at="2024-03-02"),
            _passage(4, "violin undated", source="Morning Post"),
        ],
    )
    assert set(_found(index, "violin", filters=filters)) == expected


def test_a_filter_does_not_change_the_scores(tmp_path: Path) -> None:
    passages = [_passage(n, "violin " * n, source=("A", "B")[n % 2], published_at="2024-03-01") for n in range(1, 7)]
    index = _open(tmp_path, passages)
    everything = index.search("violin", 10, Filters())
    filtered = index.search("violin", 10, Filters(source="A", published_before="2024-12-31"))
    assert len(filtered) == 3
    assert filtered == pytest.approx({i: everything[i] for i in filtered})


def test_the_best_k_within_the_filter_are_found(tmp_path: Path) -> None:
    passages = [_passage(n, "violin " * 3, source="A") for n in range(1, 20)] + [_passage(20, "a violin", source="B")]
    assert _found(_open(tmp_path, passages), "violin", 1, Filters(source="B")) == [20]


# Stored passages


def test_passages_come_back_whole_in_the_order_asked_for(tmp_path: Path) -> None:
    passages = [
        _passage(n, f"Text {n}: é😀\n\nmore", url=f"https://a.example/{n}", source="A", published_at="2024-03-01",
                 start=n, end=n + 10)
        for n in range(1, 6)
    ] + [_passage(6, "bare")]  # fmt: skip
    index = _open(tmp_path, passages)
    order = [4, 1, 6, 3]
    assert index.fetch([n * PASSAGES_PER_REVISION for n in order]) == [passages[n - 1] for n in order]
    assert sorted(index.all_passages(), key=lambda p: p.passage_id) == passages


def test_fetching_nothing_gives_nothing(tmp_path: Path) -> None:
    assert _open(tmp_path, [_passage(1, "a violin")]).fetch([]) == []


def test_fetching_an_unknown_passage_is_an_error(tmp_path: Path) -> None:
    index = _open(tmp_path, [_passage(1, "a violin")])
    with pytest.raises(KeyError):
        index.fetch([PASSAGES_PER_REVISION, 99])


# Scores of given passages


def test_scores_of_given_passages_agree_with_the_search(tmp_path: Path) -> None:
    words = ["violin", "lamp", "brass", "wind", "drum"]
    passages = [
        _passage(n, " ".join(words[i] for i in range(5) if n >> i & 1) + " filler" * (n % 4), title=words[n % 5])
        for n in range(1, 32)
    ]
    index = _open(tmp_path, passages)
    ids = [passage.passage_id for passage in passages]
    for question in ("violin lamp", "drum", "brass wind violin filler"):
        assert index.score(question, ids) == pytest.approx(index.search(question, 100, Filters()))
        assert index.score(question, ids[:3]) == pytest.approx(
            {i: s for i, s in index.search(question, 100, Filters()).items() if i in ids[:3]}
        )


def test_given_passages_without_the_words_have_no_score(tmp_path: Path) -> None:
    index = _open(tmp_path, [_passage(1, "a violin"), _passage(2, "a lamp")])
    assert set(index.score("violin", [PASSAGES_PER_REVISION, 2 * PASSAGES_PER_REVISION])) == {PASSAGES_PER_REVISION}
    assert index.score("violin", []) == {}


# Changes


def test_a_deleted_revision_is_gone_with_all_its_passages(tmp_path: Path) -> None:
    second = _passage(1, "violin again", passage_id=PASSAGES_PER_REVISION + 1)
    _write(tmp_path, [_passage(1, "a violin"), second, _passage(2, "a violin too")])
    _write(tmp_path, [_passage(3, "one more violin")], deleted=(1,))
    index = LexicalIndex(tmp_path, title_weight=0.5)
    assert set(_found(index, "violin")) == {2, 3}
    assert index.num_passages == 2
    assert {p.revision_id for p in index.all_passages()} == {2, 3}
    with pytest.raises(KeyError):
        index.fetch([PASSAGES_PER_REVISION])


def test_deleting_an_unknown_revision_changes_nothing(tmp_path: Path) -> None:
    _write(tmp_path, [_passage(1, "a violin")])
    _write(tmp_path, [], deleted=(99,))
    assert LexicalIndex(tmp_path, title_weight=0.5).num_passages == 1


def test_an_open_index_stays_as_it_was_opened(tmp_path: Path) -> None:
    index = _open(tmp_path, [_passage(1, "a violin")])
    _write(tmp_path, [_passage(2, "a violin")], deleted=(1,))
    assert _found(index, "violin") == [1]
    assert [p.revision_id for p in index.fetch([PASSAGES_PER_REVISION])] == [1]


def test_many_small_commits_hold_the_same_as_one(tmp_path: Path) -> None:
    passages = [_passage(n, f"violin number{n}") for n in range(1, 13)]
    for passage in passages:
        _write(tmp_path, [passage])
    index = LexicalIndex(tmp_path, title_weight=0.5)
    assert sorted(index.all_passages(), key=lambda p: p.passage_id) == passages
    assert _found(index, "number7") == [7]


# Days


def test_a_day_is_the_ordinal_of_its_date_and_0_when_unknown() -> None:
    assert day_of("0001-01-01") == 1
    assert day_of("2024-03-01") - day_of("2024-02-28") == 2
    assert day_of("2024-03-01T10:00:00Z") == day_of("2024-03-01")
    assert day_of(None) == 0
