"""Batches follow from the recipe and the seed alone, keep to their size and point at the right tokens."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch

from qa.evidence_training.batches import Batch, Source, batches, drawn_groups, token_span
from qa.evidence_training.groups import Context, Group, find_answer, write_groups
from qa.span_scores import MAX_ANSWER_TOKENS, MAX_SEQUENCE_TOKENS
from tests.qa.tiny_reader import tiny_tokenizer

pytestmark = pytest.mark.slow  # torch and transformers take longer to load than all of these to run

TOKENIZER = tiny_tokenizer()


def positive(number: int, length: int = 1) -> Context:
    text = "The harbour opened. " * length + f"The pier cost {number} million euros."
    return Context("A pier", text, find_answer(text, f"{number} million"))


def group(number: int, *, length: int = 1, negatives: int = 1, positives: int = 1, kind: str = "k") -> Group:
    """The question holds the group's number, by which a batch's rows can be told."""
    contexts = [positive(number, length) for _ in range(positives)]
    contexts += [Context("", f"Nobody knows {n}.") for n in range(negatives)]
    return Group(f"What did pier {number} cost?", tuple(contexts), kind)


def made(groups: list[Group], seed: int = 7, max_tokens: int = 2000) -> list[Batch]:
    return list(batches(groups, TOKENIZER, seed, max_tokens))


def words_of(batch: Batch, row: int) -> str:
    return str(TOKENIZER.decode(batch.inputs.input_ids[row], skip_special_tokens=True))


def numbers_of(batch: Batch) -> list[int]:
    """The number of each group of a batch, by its question."""
    found: dict[int, int] = {}
    for row, owner in enumerate(batch.group.tolist()):
        number = int(words_of(batch, row).split("what did pier ")[1].split()[0])
        assert found.setdefault(owner, number) == number, "rows of two questions in one group"
    return [found[owner] for owner in range(batch.num_groups)]


def same(first: Batch, second: Batch) -> bool:
    return all(
        torch.equal(a, b)
        for a, b in (
            (first.inputs.input_ids, second.inputs.input_ids),
            (first.inputs.attention_mask, second.inputs.attention_mask),
            (first.inputs.token_type_ids, second.inputs.token_type_ids),
            (first.inputs.allowed, second.inputs.allowed),
            (first.group, second.group),
            (first.positives, second.positives),
        )
    )


GROUPS = [group(n, length=1 + n % 7, negatives=n % 4, positives=1 + n % 2) for n in range(40)]


# Batches


def test_the_same_seed_gives_the_same_batches() -> None:
    first, second = made(GROUPS), made(GROUPS)
    assert len(first) == len(second) > 2
    assert all(same(one, other) for one, other in zip(first, second, strict=True))


def test_another_seed_gives_the_same_groups_in_another_order() -> None:
    first, second = ([numbers_of(batch) for batch in made(GROUPS, seed)] for seed in (1, 2))
    assert first != second
    assert sorted(map(sorted, first)) == sorted(map(sorted, second))


def test_every_group_is_in_one_batch() -> None:
    numbers = [number for batch in made(GROUPS) for number in numbers_of(batch)]
    assert sorted(numbers) == list(range(40))


@pytest.mark.parametrize("max_tokens", [1, 200, 1000, 5000])
def test_batches_keep_to_their_tokens_or_hold_one_group(max_tokens: int) -> None:
    some = made(GROUPS, max_tokens=max_tokens)
    assert all(batch.inputs.input_ids.numel() <= max_tokens or batch.num_groups == 1 for batch in some)
    if max_tokens == 1:
        assert len(some) == 40
    if max_tokens == 5000:
        assert any(batch.num_groups > 1 for batch in some)


def test_a_batch_is_of_groups_of_like_length() -> None:
    lengths = [[len(TOKENIZER(GROUPS[n].contexts[0].text)["input_ids"]) for n in numbers_of(b)] for b in made(GROUPS)]
    assert sum(max(some) - min(some) for some in lengths) / len(lengths) < 12


def test_positives_are_the_tokens_of_the_answer() -> None:
    for batch in made(GROUPS):
        numbers = numbers_of(batch)
        for row, first, last in batch.positives.tolist():
            number = numbers[int(batch.group[row])]
            answer = TOKENIZER.decode(batch.inputs.input_ids[row, first : last + 1])
            assert answer == f"{number} million"
            assert batch.inputs.allowed[row, first : last + 1].all()
        rows = Counter(batch.group[row].item() for row in batch.positives[:, 0].tolist())
        assert rows == {owner: 1 + number % 2 for owner, number in enumerate(numbers)}


def test_a_batch_without_answers_has_no_positives() -> None:
    (batch,) = made([Group("What did pier 1 cost?", (Context("", "Nobody knows."),), "k")])
    assert batch.positives.shape == (0, 3)
    assert batch.positives.dtype == batch.group.dtype == torch.int64
    assert (batch.num_groups, batch.group.tolist()) == (1, [0])


def test_spans_of_the_same_tokens_count_once() -> None:
    text = "It cost 12 million euros."
    context = Context("", text, ((8, 18), (8, 17), (8, 18)))
    (batch,) = made([Group("What did pier 1 cost?", (context,), "k")])
    assert len(batch.positives) == 1


def test_groups_whose_answers_are_cut_off_are_left_out() -> None:
    cut_off = group(3, length=MAX_SEQUENCE_TOKENS)
    kept = Group("What did pier 4 cost?", (*cut_off.contexts, positive(4)), "k")
    unanswerable = Group("What did pier 5 cost?", tuple(cut_off.negatives), "k")
    some = made([cut_off, kept, unanswerable], max_tokens=100_000)
    assert sorted(number for batch in some for number in numbers_of(batch)) == [4, 5]


def test_no_groups_no_batches() -> None:
    assert made([]) == []
    assert made([group(3, length=MAX_SEQUENCE_TOKENS, negatives=0)]) == []


# Tokens of an answer


OFFSETS = (None, (0, 3), (4, 8), (8, 9), (10, 12), None)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((0, 3), (1, 1)),
        ((0, 9), (1, 3)),
        ((5, 6), (2, 2)),
        ((2, 5), (1, 2)),
        ((3, 4), None),
        ((10, 12), (4, 4)),
        ((12, 20), None),
        ((4, 4), None),
    ],
)
def test_an_answer_is_the_tokens_it_touches(span: tuple[int, int], expected: tuple[int, int] | None) -> None:
    assert token_span(OFFSETS, span) == expected


def test_an_answer_that_is_cut_off_in_the_middle_is_none() -> None:
    assert token_span(OFFSETS, (8, 20)) is None


def test_an_answer_of_too_many_tokens_is_none() -> None:
    offsets = tuple((n, n + 1) for n in range(40))
    assert token_span(offsets, (0, MAX_ANSWER_TOKENS)) == (0, MAX_ANSWER_TOKENS - 1)
    assert token_span(offsets, (0, MAX_ANSWER_TOKENS + 1)) is None


# Recipes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("first", "second"):
        write_groups([group(n, negatives=4, positives=3, kind=name) for n in range(20)], tmp_path / f"{name}.jsonl")
    return tmp_path


def kinds(groups: list[Group]) -> Counter[str]:
    return Counter(drawn.kind for drawn in groups)


def test_sources_are_seen_as_often_as_the_recipe_says(folder: Path) -> None:
    recipe = [Source("first", 2.0, 1, 1), Source("second", 1.5, 1, 1)]
    drawn = drawn_groups(folder, recipe, seed=7)
    assert kinds(drawn)["first"] == 40
    assert 20 < kinds(drawn)["second"] < 40
    assert all(Counter(d.question for d in drawn if d.kind == "second")[f"What did pier {n} cost?"] for n in range(20))
    assert kinds(drawn_groups(folder, recipe, seed=7, scale=0.5))["first"] == 20
    assert drawn_groups(folder, [Source("first", 0.0, 1, 1)], seed=7) == []


def test_the_same_seed_draws_the_same_groups(folder: Path) -> None:
    recipe = [Source("first", 1.5, 1, 2), Source("second", 0.5, 2, 1)]
    assert drawn_groups(folder, recipe, seed=7) == drawn_groups(folder, recipe, seed=7)
    assert drawn_groups(folder, recipe, seed=7) != drawn_groups(folder, recipe, seed=8)


def test_a_source_is_drawn_alike_whatever_the_others_are(folder: Path) -> None:
    alone = drawn_groups(folder, [Source("second", 0.5, 1, 1)], seed=7)
    both = drawn_groups(folder, [Source("first", 1.0, 1, 1), Source("second", 0.5, 1, 1)], seed=7)
    assert [drawn for drawn in both if drawn.kind == "second"] == alone


def test_so_many_contexts_are_drawn_as_the_recipe_says(folder: Path) -> None:
    for drawn in drawn_groups(folder, [Source("first", 1.0, 2, 3)], seed=7):
        assert (len(drawn.positives), len(drawn.negatives)) == (2, 3)


def test_sources_are_mixed_but_for_their_times(folder: Path) -> None:
    mixed = drawn_groups(folder, [Source("first", 1.0, 1, 1), Source("second", 1.0, 1, 1)], seed=7)
    assert 3 < kinds(mixed[:20])["first"] < 17
    recipe = [Source("first", 1.0, 1, 1, until_progress=0.5), Source("second", 1.0, 1, 1, from_progress=0.5)]
    assert [drawn.kind for drawn in drawn_groups(folder, recipe, seed=7)] == ["first"] * 20 + ["second"] * 20


def test_a_missing_source_is_an_os_error(folder: Path) -> None:
    with pytest.raises(OSError, match=r"third\.jsonl"):
        drawn_groups(folder, [Source("third", 1.0, 1, 1)], seed=7)


def test_a_group_that_has_nothing_to_show_is_left_out(tmp_path: Path) -> None:
    write_groups([group(1, negatives=0), group(2, negatives=2)], tmp_path / "first.jsonl")
    drawn = drawn_groups(tmp_path, [Source("first", 1.0, 0, 4)], seed=7)
    assert [d.question for d in drawn] == ["What did pier 2 cost?"]
    assert len(made(drawn)) == 1
