"""Where answers stand in texts, and groups that come back from their files as they went in."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.evidence_training.groups import Context, Group, find_answer, read_groups, write_groups
from qa.metrics import normalise

GROUP = Group(
    "Who opened the “pier”?",
    (
        Context("Lindby", "Ada Holm opened it.\nAda Holm spoke.", ((0, 8), (20, 28))),
        Context("Ähm", "Nobody\u2028did.\r\n"),
        Context("", "It was Holm.", ((7, 11),)),
        Context("Korsund", "The ferry left."),
    ),
    "news",
)


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        ("He chose “Squid Game”, again.", "squid game", ["Squid Game"]),
        ("He chose Squid Game.", "“Squid Game”", ["Squid Game"]),
        ("The Beatles sang.", "beatles", ["Beatles"]),
        ("Fans of Beatles sang.", "The Beatles", ["Beatles"]),
        ("Lord of the Rings", "Lord of Rings", ["Lord of the Rings"]),
        ("It cost $5.5 million.", "$5.5 million", ["$5.5 million"]),
        ("It cost $5.5 million.", "5.5 million", ["$5.5 million"]),
        ("It rose by 40%.", "40%", ["40%"]),
        ("It rose by 40%.", "40", ["40%"]),
        ("About 1,200 books.", "1200", ["1,200"]),
        ("the U.S. economy", "US", ["U.S"]),
        ("Spider-Man won", "Spider-Man", ["Spider-Man"]),
        ("Spider-Man won", "spiderman", ["Spider-Man"]),
        ("It’s Ada’s pier", "adas", ["Ada’s"]),
        ("Ada Holm\n met  Ada   Holm", "Ada Holm", ["Ada Holm", "Ada   Holm"]),
        ("Ada — who else? — Holm", "Ada who", ["Ada — who"]),
        ("holm Holm HOLM", "Holm", ["holm", "Holm", "HOLM"]),
        ("ha ha ha", "ha ha", ["ha ha", "ha ha"]),
    ],
)
def test_an_answer_is_found_as_whole_words(text: str, answer: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in find_answer(text, answer)] == expected


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Holmes came.", "Holm"),
        ("Ada met Holm.", "Ada Holm"),
        ("Spider-Man won", "Spider"),
        ("twenty-five", "twenty five"),
        ("Anything", ""),
        ("the a an", "the"),
        ("… — “”", "…"),
        ("", "Holm"),
    ],
)
def test_parts_of_words_and_empty_answers_are_not_found(text: str, answer: str) -> None:
    assert find_answer(text, answer) == ()


@given(st.text(max_size=60), st.text(max_size=10))
def test_what_is_found_reads_as_the_answer(text: str, answer: str) -> None:
    for start, end in find_answer(text, answer):
        assert 0 <= start <= end <= len(text)
        assert set(normalise(answer).split()) <= set(normalise(text).split())


@given(st.lists(st.sampled_from(["Ada", "Holm", "the", "pier,", "“Dune”", "12%", "of"]), min_size=1, max_size=12))
def test_every_stretch_of_words_is_found_where_it_stands(words: list[str]) -> None:
    text = " ".join(words)
    for first in range(len(words)):
        answer = " ".join(words[first : first + 2])
        if normalise(answer):
            assert any(normalise(text[a:b]) == normalise(answer) for a, b in find_answer(text, answer))


# Groups


def test_contexts_are_of_two_sorts() -> None:
    assert [context.title for context in GROUP.positives] == ["Lindby", ""]
    assert [context.title for context in GROUP.negatives] == ["Ähm", "Korsund"]


@pytest.mark.parametrize(("positives", "negatives"), [(1, 1), (2, 0), (0, 2), (9, 9), (1, 9)])
def test_at_most_so_many_of_either_sort_are_drawn_positives_first(positives: int, negatives: int) -> None:
    drawn = GROUP.draw(positives, negatives, random.Random(3))
    assert (drawn.question, drawn.kind) == (GROUP.question, GROUP.kind)
    assert len(drawn.positives) == min(positives, 2)
    assert len(drawn.negatives) == min(negatives, 2)
    assert list(drawn.contexts) == drawn.positives + drawn.negatives
    assert set(drawn.contexts) <= set(GROUP.contexts)


def test_drawing_follows_from_the_seed_and_reaches_every_context() -> None:
    assert GROUP.draw(1, 1, random.Random(5)) == GROUP.draw(1, 1, random.Random(5))
    drawn = {context.title for seed in range(30) for context in GROUP.draw(1, 1, random.Random(seed)).contexts}
    assert drawn == {"Lindby", "", "Ähm", "Korsund"}


# Files


def test_groups_come_back_as_they_were(tmp_path: Path) -> None:
    other = Group("Who?", (Context("", ""),), "squad-unanswerable")
    path = tmp_path / "some.jsonl"
    assert write_groups([GROUP, other], path) == 2
    assert read_groups([path]) == [GROUP, other]
    assert len(path.read_bytes().split(b"\n")) == 3


def test_files_are_read_one_after_the_other(tmp_path: Path) -> None:
    for name in "ab":
        write_groups([Group(name, (), "k")], tmp_path / name)
    assert [group.question for group in read_groups([tmp_path / "b", tmp_path / "a"])] == ["b", "a"]
    assert write_groups([], tmp_path / "empty") == 0
    assert read_groups([tmp_path / "empty"]) == []


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        read_groups([tmp_path / "missing"])
