"""The loss is the one that is written down, and a training that stops goes on as if it had not."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from index.errors import BadInputError
from qa.evidence_training import loop
from qa.evidence_training.batches import Batch, batches
from qa.evidence_training.groups import Context, Group, find_answer
from qa.evidence_training.loop import Trainer, TrainingSettings, group_loss
from qa.evidence_training.tensors import TensorInputs
from qa.span_scores import MAX_ANSWER_TOKENS
from tests.qa.tiny_reader import tiny_model, tiny_tokenizer

pytestmark = pytest.mark.slow

TOKENIZER = tiny_tokenizer()
SETTINGS = TrainingSettings(num_steps=8, learning_rate=2e-3, checkpoint_seconds=0.0)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """So little is computed that threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# The loss


def batch_of(
    allowed: list[list[bool]], group: list[int], positives: list[tuple[int, int, int]], num_groups: int
) -> Batch:
    shape = torch.zeros(len(allowed), len(allowed[0]), dtype=torch.long)
    spans = torch.tensor(positives, dtype=torch.long).reshape(-1, 3)
    return Batch(TensorInputs(shape, shape, shape, torch.tensor(allowed)), torch.tensor(group), spans, num_groups)


def plain_loss(start: list[list[float]], end: list[list[float]], batch: Batch) -> float:
    """The formula of the module, group by group and span by span."""

    def u(row: int, i: int, j: int) -> float:
        return start[row][i] + end[row][j] - start[row][0] - end[row][0]

    losses = []
    allowed = batch.inputs.allowed.tolist()
    for number in range(batch.num_groups):
        rows = [row for row, owner in enumerate(batch.group.tolist()) if owner == number]
        length = len(allowed[0])
        spans = [
            (row, i, j)
            for row in rows
            for i in range(length)
            for j in range(i, min(length, i + MAX_ANSWER_TOKENS))
            if allowed[row][i] and allowed[row][j]
        ]
        right = [(row, i, j) for row, i, j in batch.positives.tolist() if row in rows]
        loss = math.log(1 + sum(math.exp(u(*span)) for span in spans))
        if right:
            loss -= math.log(sum(math.exp(u(*span)) for span in right))
        losses.append(loss)
    return sum(losses) / len(losses)


@pytest.mark.parametrize("seed", range(4))
def test_the_loss_is_that_of_the_formula(seed: int) -> None:
    rng = random.Random(seed)
    torch.manual_seed(seed)
    length = 30
    allowed = [[4 <= i < rng.randint(8, length) for i in range(length)] for _ in range(6)]
    # Three groups: one with answers in two rows, one without any, one with a single answer.
    batch = batch_of(allowed, [0, 0, 0, 1, 2, 2], [(0, 4, 6), (0, 7, 7), (2, 5, 5), (4, 4, 7)], 3)
    start, end = torch.randn(6, length) * 2, torch.randn(6, length) * 2
    expected = plain_loss(start.tolist(), end.tolist(), batch)
    assert float(group_loss(start, end, batch)) == pytest.approx(expected, rel=1e-5)


def test_groups_in_any_order_of_rows_are_kept_apart() -> None:
    torch.manual_seed(3)
    allowed = [[False, True, True, True]] * 4
    batch = batch_of(allowed, [1, 0, 1, 0], [(2, 1, 2), (1, 3, 3)], 2)
    start, end = torch.randn(4, 4), torch.randn(4, 4)
    assert float(group_loss(start, end, batch)) == pytest.approx(plain_loss(start.tolist(), end.tolist(), batch))


def test_without_any_answer_no_answer_is_right() -> None:
    batch = batch_of([[False, True, True]] * 2, [0, 1], [], 2)
    sure = torch.tensor([[20.0, -20.0, -20.0]] * 2)
    assert float(group_loss(sure, sure, batch)) == pytest.approx(0.0, abs=1e-6)
    assert float(group_loss(-sure, -sure, batch)) > 70


def test_a_sure_right_answer_costs_nothing_a_sure_wrong_one_much() -> None:
    allowed = [[False, True, True, True]] * 2
    start = torch.tensor([[-9.0, 9.0, -9.0, -9.0], [9.0, -9.0, -9.0, -9.0]])
    assert float(group_loss(start, start, batch_of(allowed, [0, 0], [(0, 1, 1)], 1))) == pytest.approx(0.0, abs=1e-6)
    assert float(group_loss(start, start, batch_of(allowed, [0, 0], [(0, 2, 2)], 1))) > 30


def test_every_place_of_the_answer_counts_as_right() -> None:
    allowed = [[False, True, True, True]]
    logits = torch.zeros(1, 4)
    one, two = (
        float(group_loss(logits, logits, batch_of(allowed, [0], spans, 1)))
        for spans in ([(0, 1, 1)], [(0, 1, 1), (0, 3, 3)])
    )
    # Six spans and "no answer" are seven choices alike.
    assert one == pytest.approx(math.log(7))
    assert two == pytest.approx(math.log(7 / 2))


def test_extreme_logits_and_rows_without_text_give_finite_gradients() -> None:
    allowed = [[False] * 5, [False, True, True, False, False], [False] * 5]
    batch = batch_of(allowed, [0, 0, 1], [(1, 1, 2)], 2)
    start = (torch.randn(3, 5) * 1e4).requires_grad_()
    loss = group_loss(start, torch.randn(3, 5), batch)
    torch.autograd.backward(loss)
    assert torch.isfinite(loss)
    assert start.grad is not None and torch.isfinite(start.grad).all()


# Training


def groups() -> list[Group]:
    made = []
    for n in range(24):
        text = f"The pier cost {n} million euros."
        contexts = (Context("A pier", text, find_answer(text, f"{n} million")), Context("", "Monday was fair."))
        made.append(Group("What did it cost?", contexts if n % 4 else contexts[1:], "k"))
    return made


def some_batches(num: int) -> list[Batch]:
    """As many as wanted, over and over."""
    made = list(batches(groups(), TOKENIZER, 7, 150))
    assert len(made) > 3
    return [made[i % len(made)] for i in range(num)]


def trainer(folder: Path, *, settings: TrainingSettings = SETTINGS, fingerprint: str = "f") -> tuple[Any, Trainer]:
    model = tiny_model(TOKENIZER, seed=5)
    return model, Trainer(model, settings, folder, fingerprint)


def loss_of(model: Any, some: list[Batch]) -> float:
    total = 0.0
    with torch.no_grad():
        for batch in some:
            inputs = batch.inputs
            output = model(
                input_ids=inputs.input_ids, attention_mask=inputs.attention_mask, token_type_ids=inputs.token_type_ids
            )
            total += float(group_loss(output.start_logits, output.end_logits, batch))
    return total / len(some)


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def no_report(step: int, loss: float, rows_per_second: float) -> None:
    """For trainings that nobody watches."""


def interrupted(some: list[Batch], after: int) -> Iterator[Batch]:
    yield from some[:after]
    raise KeyboardInterrupt


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    some = some_batches(60)
    model, training = trainer(tmp_path, settings=replace(SETTINGS, num_steps=60, checkpoint_seconds=1e9))
    before = loss_of(model, some)
    training.train(iter(some), no_report)
    assert loss_of(model, some) < before / 2
    assert training.step == 60


def test_word_embeddings_stay_as_they_are_and_the_rest_moves(tmp_path: Path) -> None:
    model, training = trainer(tmp_path)
    before = weights(model)
    training.train(iter(some_batches(8)), no_report)
    moved = {name for name, value in weights(model).items() if not torch.equal(value, before[name])}
    assert set(before) - moved == {"bert.embeddings.word_embeddings.weight"}


def test_progress_is_reported_every_fifty_steps(tmp_path: Path) -> None:
    told: list[tuple[int, float, float]] = []
    _, training = trainer(tmp_path, settings=replace(SETTINGS, num_steps=101, checkpoint_seconds=1e9))
    training.train(iter(some_batches(101)), lambda *progress: told.append(progress))
    assert [step for step, _, _ in told] == [50, 100]
    assert all(loss > 0 and rate > 0 for _, loss, rate in told)
    assert told[1][1] < told[0][1]


def test_no_more_steps_are_made_than_were_asked_for(tmp_path: Path) -> None:
    _, training = trainer(tmp_path)
    training.train(iter(some_batches(20)), no_report)
    assert training.step == 8


@pytest.mark.parametrize("after", [1, 3, 7])
def test_an_interrupted_training_goes_on_to_the_same_weights(after: int, tmp_path: Path) -> None:
    some = some_batches(8)
    whole, training = trainer(tmp_path / "whole")
    training.train(iter(some), no_report)
    _, training = trainer(tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        training.train(interrupted(some, after), no_report)
    model, training = trainer(tmp_path / "cut")
    assert training.resume()
    assert training.step == after
    training.train(iter(some), no_report)
    assert training.step == 8
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(model)[name]), name


# Checkpoints


def test_an_empty_folder_holds_nothing_to_go_on_with(tmp_path: Path) -> None:
    _, training = trainer(tmp_path / "new")
    assert not training.resume()
    assert training.step == 0


def test_only_the_last_checkpoint_is_kept(tmp_path: Path) -> None:
    _, training = trainer(tmp_path)
    training.train(iter(some_batches(8)), no_report)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest.json", "step-0000008.safetensors"]
    state = json.loads((tmp_path / "latest.json").read_text())
    assert (state["step"], state["file"], state["fingerprint"]) == (8, "step-0000008.safetensors", "f")
    with safe_open(tmp_path / state["file"], framework="pt") as file:
        assert not any("word_embeddings" in key for key in file.keys())  # noqa: SIM118  It is no dict.


def test_a_save_that_is_cut_off_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = some_batches(8)
    model, training = trainer(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        training.train(interrupted(some, 3), no_report)
    before = weights(model)

    def torn(tensors: dict[str, torch.Tensor], path: Path) -> None:
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loop, "save_file", torn)
    _, training = trainer(tmp_path)
    assert training.resume()
    with pytest.raises(OSError, match="No space"):
        training.train(iter(some), no_report)
    monkeypatch.undo()
    model, training = trainer(tmp_path)
    assert training.resume()
    assert training.step == 3
    assert all(torch.equal(value, before[name]) for name, value in weights(model).items())
    training.train(iter(some), no_report)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest.json", "step-0000008.safetensors"]


def test_a_checkpoint_that_is_there_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, training = trainer(tmp_path)
    training.train(iter(some_batches(8)), no_report)

    def never(*_: object) -> None:
        raise AssertionError("nothing is to be written")

    monkeypatch.setattr(loop, "save_file", never)
    training.save()
    _, training = trainer(tmp_path)
    assert training.resume()
    training.train(iter(some_batches(8)), no_report)
    (tmp_path / "step-0000008.safetensors").unlink()
    with pytest.raises(AssertionError):
        training.save()


def test_a_training_of_one_step_is_made(tmp_path: Path) -> None:
    model, training = trainer(tmp_path, settings=replace(SETTINGS, num_steps=1))
    before = weights(model)
    training.train(iter(some_batches(1)), no_report)
    assert training.step == 1
    assert any(not torch.equal(value, before[name]) for name, value in weights(model).items())


def test_a_finished_training_trains_no_further(tmp_path: Path) -> None:
    model, training = trainer(tmp_path)
    training.train(iter(some_batches(8)), no_report)
    before = weights(model)
    model, training = trainer(tmp_path)
    assert training.resume()
    training.train(iter(some_batches(8)), no_report)
    assert training.step == 8
    assert all(torch.equal(value, before[name]) for name, value in weights(model).items())


@pytest.mark.parametrize(
    ("settings", "fingerprint"),
    [
        (SETTINGS, "other data"),
        (replace(SETTINGS, learning_rate=1e-3), "f"),
        (replace(SETTINGS, num_steps=9), "f"),
    ],
    ids=["data", "learning rate", "steps"],
)
def test_a_checkpoint_of_another_training_is_refused(
    settings: TrainingSettings, fingerprint: str, tmp_path: Path
) -> None:
    _, training = trainer(tmp_path)
    training.train(iter(some_batches(8)), no_report)
    _, other = trainer(tmp_path, settings=settings, fingerprint=fingerprint)
    with pytest.raises(BadInputError, match="holds a training with other data or settings; give an empty folder"):
        other.resume()
    assert other.step == 0


def test_weights_are_loaded_into_a_fresh_model(tmp_path: Path) -> None:
    trained, training = trainer(tmp_path)
    training.train(iter(some_batches(8)), no_report)
    fresh = tiny_model(TOKENIZER, seed=5)
    assert Trainer.load_weights(fresh, tmp_path) == 8
    assert all(torch.equal(value, weights(fresh)[name]) for name, value in weights(trained).items())
    with pytest.raises(OSError, match=r"latest\.json"):
        Trainer.load_weights(fresh, tmp_path / "none")
