"""The small parts that engines share: inert messages, work in the background, counting cores."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from index.errors import ModelError
from qa.generators.background import BackgroundRun
from qa.generators.cpu_cores import limit_spinning, num_usable_cores
from qa.generators.messages import inert_messages


def inert(text: str, control_tokens: tuple[str, ...] = ()) -> str:
    (message,) = inert_messages([{"role": "user", "content": text}], control_tokens)
    return message["content"]


@pytest.mark.parametrize(
    "token",
    [
        "<|im_end|>",
        "<|eot_id|>",
        "<|endoftext|>",
        "<start_of_turn>",
        "</s>",
        "[/INST]",
        "<<SYS>>",
        "<｜User｜>",
        "<think>",
    ],
)
def test_control_tokens_are_broken(token: str) -> None:
    assert token not in inert(f"before{token}after")
    assert inert(f"before{token}after").replace(" ", "") == f"before{token}after"


def test_control_tokens_within_one_another_stay_broken() -> None:
    assert "<|im_end|>" not in inert("<|im_<|im_end|>end|>")


@pytest.mark.parametrize("text", ["a < b | c > d", "x <b>bold</b>", "[1] says", "5 <| 6", "naïve 中文", ""])
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert inert(text) == text


def test_a_tokenizers_own_control_tokens_are_broken_too() -> None:
    assert "[CLS]" not in inert("[CLS] text", control_tokens=("[CLS]",))


def test_half_a_character_becomes_a_question_mark() -> None:
    assert inert("a\ud800b") == "a?b"


def test_roles_are_kept() -> None:
    turns = inert_messages([{"role": "system", "content": "<s>"}, {"role": "user", "content": "b"}])
    assert [turn["role"] for turn in turns] == ["system", "user"]


def test_a_run_gives_what_its_work_emits() -> None:
    def work(run: BackgroundRun[int]) -> None:
        for number in range(5):
            run.emit(number)

    assert list(BackgroundRun(work, "test").items()) == [0, 1, 2, 3, 4]


def test_a_cancelled_run_ends_when_it_next_emits() -> None:
    go_on = threading.Event()

    def work(run: BackgroundRun[int]) -> None:
        go_on.wait(10)
        assert run.emit(1)

    run = BackgroundRun(work, "test")
    run.cancel()
    go_on.set()
    run.join()
    assert not run.is_alive


def test_an_error_comes_after_what_was_emitted_before_it() -> None:
    def work(run: BackgroundRun[int]) -> None:
        run.emit(1)
        raise KeyError("broken")

    items = BackgroundRun(work, "test").items()
    assert next(items) == 1
    with pytest.raises(ModelError, match="broken"):
        next(items)


def test_cores_are_at_least_one_and_at_most_those_there_are(tmp_path: Path) -> None:
    assert 1 <= num_usable_cores() <= (os.cpu_count() or 1)
    assert 1 <= num_usable_cores(tmp_path / "none", tmp_path / "none") <= (os.cpu_count() or 1)


@pytest.mark.parametrize(("quota", "cores"), [("100000 100000", 1), ("50000 100000", 1)])
def test_a_containers_quota_bounds_the_cores(tmp_path: Path, quota: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    assert num_usable_cores(tmp_path / "cpu.max") == cores


def test_hyperthreads_of_one_core_count_once(tmp_path: Path) -> None:
    for cpu in range(os.cpu_count() or 1):
        topology = tmp_path / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text("0-63")
    assert num_usable_cores(tmp_path / "none", tmp_path) == 1


def test_spinning_is_limited_unless_the_user_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    limit_spinning()
    assert int(os.environ["GOMP_SPINCOUNT"]) < 300_000
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    limit_spinning()
    assert os.environ["GOMP_SPINCOUNT"] == "7"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    limit_spinning()
    assert "GOMP_SPINCOUNT" not in os.environ
