"""The engine openvino: its process with a script in its place, and the whole of it with a small random model."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from index.errors import ModelError
from qa.generators import openvino_model, worker_process
from qa.generators.openvino_engine import OpenVinoGenerator
from qa.generators.openvino_model import prepared_model_path
from qa.generators.protocol import Message

MESSAGES: list[Message] = [{"role": "user", "content": "Who must grant the licence?"}]

WORKER = """
import json, sys, time

print(json.dumps({"ready": True}), flush=True)
kept = []
for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "write" and request["messages"][-1]["content"].startswith("pair"):
        kept.append(request)
        if len(kept) == 2:  # the later one is answered first
            for request in reversed(kept):
                text = request["messages"][-1]["content"]
                for reply in ({"text": text}, {"end": True}):
                    print(json.dumps({"id": request["id"], **reply}), flush=True)
            kept = []
        continue
    number, do = request["id"], request["do"]
    def send(**reply):
        print(json.dumps({"id": number, **reply}), flush=True)
    if do == "cancel":
        print("cancelled", number, file=sys.stderr, flush=True)
        continue
    said = "" if do == "count" else request["messages"][-1]["content"]
    if said == "die":
        sys.exit("killed by the test")
    if said == "babble":
        print("[INFO] not JSON", flush=True)
        continue
    if said == "fail":
        send(error="the prompt has 9 tokens and the model's context holds 8")
    elif do == "count":
        send(count=len(request["text"].split()))
    elif request["choices"] is not None:
        send(scores=[-0.5 if choice == "Yes" else -2.0 for choice in request["choices"]])
    else:
        for word in said.split()[:request["max_tokens"]]:
            send(text=word)
        if said == "endless":
            continue
    send(end=True)
"""


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenVinoGenerator]:
    monkeypatch.setattr(worker_process, "module_command", lambda *_: ([sys.executable, "-c", WORKER], None))
    generator = OpenVinoGenerator(Path("folder"), model_id="scripted", context_tokens=64)
    yield generator
    generator.close()


def said(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


def test_pieces_scores_and_counts_come_back(scripted: OpenVinoGenerator) -> None:
    assert list(scripted.stream(said("one two three"), 2)) == ["one", "two"]
    assert scripted.score(MESSAGES, ["No", "Yes"]) == [-2.0, -0.5]
    assert scripted.count_tokens("two words") == 2
    assert (scripted.model_id, scripted.context_tokens) == ("scripted", 64)


def test_more_than_two_choices_are_refused(scripted: OpenVinoGenerator) -> None:
    with pytest.raises(ModelError, match="two choices"):
        scripted.score(MESSAGES, ["Yes", "No", "Perhaps"])


def test_many_at_once_get_their_own_replies(scripted: OpenVinoGenerator) -> None:
    found: dict[int, list[str]] = {number: [] for number in range(8)}

    def ask(number: int) -> None:
        for turn in range(20):
            found[number].extend(scripted.stream(said(f"pair {number} {turn}"), 5))

    threads = [threading.Thread(target=ask, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    # The process answers two at a time: what is left over when seven are through gets company.
    for thread in threads:
        while thread.is_alive():
            thread.join(2)
            if thread.is_alive() and sum(other.is_alive() for other in threads) == 1:
                list(scripted.stream(said("pair"), 5))
    assert found == {number: [f"pair {number} {turn}" for turn in range(20)] for number in range(8)}


def test_closing_ends_those_who_wait(scripted: OpenVinoGenerator) -> None:
    problems: list[str] = []

    def wait() -> None:
        with pytest.raises(ModelError) as caught:
            list(scripted.stream(said("endless"), 5))
        problems.append(str(caught.value))

    waiting = [threading.Thread(target=wait) for _ in range(3)]
    for thread in waiting:
        thread.start()
    while len(scripted._worker._waiting) < 3:
        time.sleep(0.01)
    scripted.close()
    for thread in waiting:
        thread.join(10)
    assert len(problems) == 3
    assert all("scripted" in problem for problem in problems)


def test_what_is_no_reply_ends_the_process_and_is_told(scripted: OpenVinoGenerator) -> None:
    with pytest.raises(ModelError, match="not JSON"):
        list(scripted.stream(said("babble"), 5))
    assert list(scripted.stream(said("again"), 5)) == ["again"]


def test_a_program_that_ends_without_closing_it_ends(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from qa.generators import worker_process
from qa.generators.openvino_engine import OpenVinoGenerator
worker_process.module_command = lambda *_: ([sys.executable, "-c", {WORKER!r}], None)
generator = OpenVinoGenerator(Path("folder"), model_id="left")
raise RuntimeError("before close")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "before close" in done.stderr


def test_a_context_that_the_library_would_cut_is_refused() -> None:
    with pytest.raises(ModelError, match="8,192"):
        OpenVinoGenerator(Path("folder"), model_id="long", context_tokens=16_384)


def test_a_stream_that_is_closed_cancels_its_request(scripted: OpenVinoGenerator) -> None:
    stream = scripted.stream(said("endless"), 5)
    assert next(stream) == "endless"
    stream.close()  # type: ignore[attr-defined]  # It is a generator.
    assert scripted.count_tokens("still there") == 2
    scripted.close()
    assert scripted._worker._complaints == ["cancelled 1"]


def test_what_the_process_refuses_is_a_clear_error_and_it_goes_on(scripted: OpenVinoGenerator) -> None:
    with pytest.raises(ModelError, match="9 tokens and the model's context holds 8"):
        list(scripted.stream(said("fail"), 5))
    assert list(scripted.stream(said("on"), 5)) == ["on"]


def test_a_process_that_ends_fails_those_who_wait_and_is_started_anew(scripted: OpenVinoGenerator) -> None:
    with pytest.raises(ModelError, match="killed by the test"):
        list(scripted.stream(said("die"), 5))
    assert list(scripted.stream(said("again"), 5)) == ["again"]  # by another process
    scripted.close()
    with pytest.raises(ModelError, match="was closed"):
        list(scripted.stream(said("closed"), 5))


def test_a_process_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such library')"]
    monkeypatch.setattr(worker_process, "module_command", lambda *_: (command, None))
    with pytest.raises(ModelError, match="no such library"):
        OpenVinoGenerator(Path("folder"), model_id="none")


# The files that it runs on


def conversion(code: str) -> Any:
    return lambda _module, arguments: ([sys.executable, "-c", code, *arguments], None)


WRITES = """
import sys
from pathlib import Path
print('{"done": 1, "total": 2}')
Path(sys.argv[2], "openvino_model.xml").write_text("made of " + Path(sys.argv[1]).read_text())
"""


def test_a_model_is_prepared_once_and_again_when_it_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "model.gguf"
    source.write_text("weights")
    monkeypatch.setattr(openvino_model, "module_command", conversion(WRITES))
    seen: list[tuple[int, int]] = []
    folder = prepared_model_path(source, tmp_path / "cache", lambda *progress: seen.append(progress))
    assert (folder / "openvino_model.xml").read_text() == "made of weights"
    assert seen == [(1, 2)]
    prepared_model_path(source, tmp_path / "cache", lambda *progress: seen.append(progress))
    assert len(seen) == 1
    source.write_text("other weights")
    assert prepared_model_path(source, tmp_path / "cache") != folder
    source.write_text("weights")
    (folder / "openvino_model.xml").write_text("damaged")
    prepared_model_path(source, tmp_path / "cache", lambda *progress: seen.append(progress))
    assert (folder / "openvino_model.xml").read_text() == "made of weights"
    assert len(seen) == 2
    assert len([path for path in (tmp_path / "cache").iterdir() if not path.name.endswith(".lock")]) == 2


@pytest.mark.parametrize("code", ["raise SystemExit('cannot read it')", "print('nothing written')"])
def test_a_model_that_cannot_be_prepared_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    source = tmp_path / "model.gguf"
    source.write_text("weights")
    monkeypatch.setattr(openvino_model, "module_command", conversion(code))
    with pytest.raises(ModelError, match=r"cannot be made ready.*(cannot read it|status 0)"):
        prepared_model_path(source, tmp_path / "cache")
    assert [path for path in (tmp_path / "cache").iterdir() if not path.name.endswith(".lock")] == []


# The whole, with a model of two random layers (tests/qa/tiny_gguf.py)


@pytest.mark.model
def test_a_small_model_writes_and_judges(tiny_openvino: OpenVinoGenerator) -> None:
    written = "".join(tiny_openvino.stream(MESSAGES, 12))
    assert written
    assert written == "".join(tiny_openvino.stream(MESSAGES, 12))
    yes, no = tiny_openvino.score(MESSAGES, ["Yes", "No"])
    assert yes != no
    assert tiny_openvino.score(MESSAGES, ["No", "Yes"]) == pytest.approx([no, yes], abs=0.1)
    assert tiny_openvino.score(MESSAGES, []) == []


@pytest.mark.model
def test_requests_that_come_together_get_what_each_gets_alone(tiny_openvino: OpenVinoGenerator) -> None:
    asked = [said(f"Tell me about number {number}.") for number in range(4)]
    alone = ["".join(tiny_openvino.stream(messages, 12)) for messages in asked]
    streams = [tiny_openvino.stream(messages, 12) for messages in asked]
    assert ["".join([next(stream), *stream]) for stream in streams] == alone
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda messages: "".join(tiny_openvino.stream(messages, 12)), asked)) == alone
