"""The llama.cpp engine: with a fake in the binding's place, and with the real model."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

import qa
from index.errors import ModelError
from qa.generators import llamacpp_listener
from qa.generators.llamacpp import LlamaCppGenerator
from qa.generators.llamacpp_listener import PrivateListener
from qa.generators.protocol import Message

MESSAGES: list[Message] = [{"role": "user", "content": "Who must grant the licence?"}]
POEM: list[Message] = [{"role": "user", "content": "Write a long poem about the sea."}]
PASSAGE = "Xiaomi must get a licence from the National Development and Reform Commission before it may build cars."
EVIL = "https://evil.example"


def gate(question: str) -> list[Message]:
    return [
        {"role": "system", "content": "Say Yes if the passage answers the question, else No. One word."},
        {"role": "user", "content": f"Passage: {PASSAGE}\n\nQuestion: {question}"},
    ]


class FakeServer:
    """In the place of xllamacpp.Server: answers with what the test wrote down, and knows when it is cancelled."""

    replies: Iterable[dict[str, Any] | Exception]
    requests: list[dict[str, Any]]
    cancelled_after: int | None

    def __init__(self, parameters: Any) -> None:
        self.listening_address = "http://127.0.0.1:9"

    def handle_chat_completions(self, body: dict[str, Any], callback: Callable[[dict[str, Any]], bool]) -> None:
        FakeServer.requests.append(body)
        for number, reply in enumerate(FakeServer.replies, start=1):
            if isinstance(reply, Exception):
                raise reply
            if callback(reply):
                FakeServer.cancelled_after = number
                return


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[LlamaCppGenerator]:
    module = SimpleNamespace(
        Server=FakeServer,
        CommonParams=lambda: SimpleNamespace(
            model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace()
        ),
    )
    monkeypatch.setitem(sys.modules, "xllamacpp", module)
    FakeServer.requests, FakeServer.cancelled_after = [], None
    generator = LlamaCppGenerator(Path("model.gguf"), model_id="fake")
    yield generator
    generator.close()


def piece(text: str | None) -> dict[str, Any]:
    return {"choices": [{"delta": {"role": "assistant", "content": text}}]}


def test_progress_and_empty_pieces_are_not_text(fake: LlamaCppGenerator) -> None:
    FakeServer.replies = [piece(None), piece("One "), {"choices": [{"delta": {}}]}, piece("two"), {"choices": []}]
    assert list(fake.stream(MESSAGES, 5)) == ["One ", "two"]


def test_the_request_is_greedy_and_uses_the_cache(fake: LlamaCppGenerator) -> None:
    FakeServer.replies = []
    list(fake.stream(MESSAGES, 5))
    (body,) = FakeServer.requests
    assert (body["temperature"], body["cache_prompt"], body["max_tokens"], body["stream"]) == (0, True, 5, True)


def test_nothing_is_asked_before_the_first_piece_is_wanted(fake: LlamaCppGenerator) -> None:
    FakeServer.replies = []
    stream = fake.stream(MESSAGES, 5)
    assert FakeServer.requests == []
    list(stream)
    assert len(FakeServer.requests) == 1


def test_closing_the_stream_cancels_the_request(fake: LlamaCppGenerator) -> None:
    FakeServer.replies = repeat(piece("word "))
    stream = fake.stream(MESSAGES, 5)
    assert next(stream) == "word "
    stream.close()  # type: ignore[attr-defined]  # It is a generator.
    fake.close()
    assert FakeServer.cancelled_after is not None


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ({"error": {"code": 400, "message": "no template"}}, "refused: no template"),
        (
            {"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 5000, "n_ctx": 4096}},
            "5000 tokens and the model's context holds 4096",
        ),
        (ValueError("bad request"), "failed: bad request"),
        (MemoryError("no memory"), "failed: no memory"),
    ],
)
def test_what_goes_wrong_is_a_clear_error(
    fake: LlamaCppGenerator, reply: dict[str, Any] | Exception, message: str
) -> None:
    FakeServer.replies = [piece("text"), reply]
    stream = fake.stream(MESSAGES, 5)
    assert next(stream) == "text"
    with pytest.raises(ModelError, match=message):
        next(stream)


def test_a_reply_without_log_probabilities_is_a_clear_error(fake: LlamaCppGenerator) -> None:
    FakeServer.replies = [{"choices": [{"message": {"content": "Yes"}}]}]
    fake._first_tokens["Yes"] = 1
    with pytest.raises(ModelError, match="no log-probabilities"):
        fake.score(MESSAGES, ["Yes"])


def test_a_choice_that_is_not_reported_gets_the_smallest_log_probability(fake: LlamaCppGenerator) -> None:
    top = [{"id": 7, "logprob": -0.5}, {"id": 8, "logprob": -3.0}, {"id": 9, "logprob": -9.0}]
    FakeServer.replies = [{"choices": [{"logprobs": {"content": [{"top_logprobs": top}]}}]}]
    fake._first_tokens.update(Yes=7, No=8, Perhaps=1000)
    assert fake.score(MESSAGES, ["No", "Perhaps", "Yes"]) == [-3.0, -9.0, -0.5]


def test_a_closed_engine_says_so(fake: LlamaCppGenerator) -> None:
    fake.close()
    fake.close()
    for call in (
        lambda: list(fake.stream(MESSAGES, 2)),
        lambda: fake.score(MESSAGES, []),
        lambda: fake.count_tokens("a"),
    ):
        with pytest.raises(ModelError):
            call()


def test_a_missing_binding_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(ModelError, match="pip install xllamacpp"):
        LlamaCppGenerator(Path("model.gguf"), model_id="none")


def test_the_sockets_folder_is_private_and_goes_with_the_listener() -> None:
    listener = PrivateListener()
    assert listener.socket_path is not None
    folder = listener.socket_path.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    listener.close()
    assert not folder.exists()


def test_two_listeners_have_two_keys() -> None:
    assert PrivateListener().api_key != PrivateListener().api_key


def test_a_socket_path_too_long_for_the_system_falls_back_to_loopback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setattr(llamacpp_listener.tempfile, "tempdir", str(deep))
    listener = PrivateListener()
    parameters = SimpleNamespace()
    listener.apply_to(parameters)
    assert listener.socket_path is None
    assert (parameters.hostnames, parameters.port) == (["127.0.0.1"], 0)
    assert list(deep.iterdir()) == []


@pytest.mark.model
def test_a_reply_is_streamed(llama: LlamaCppGenerator) -> None:
    pieces = list(llama.stream([{"role": "user", "content": "Write the digits 1 to 5 with commas between them."}], 20))
    assert len(pieces) >= 5
    assert "5" in "".join(pieces)


@pytest.mark.model
def test_a_cancelled_reply_frees_the_slot_at_once(llama: LlamaCppGenerator) -> None:
    short = gate("Who grants the licence?")
    list(llama.stream(short, 1))
    stream = llama.stream(POEM, 1000)
    list(islice(stream, 3))
    start = time.monotonic()
    stream.close()  # type: ignore[attr-defined]  # It is a generator.
    list(llama.stream(short, 1))
    assert time.monotonic() - start < 10  # The poem would take a minute or more.


@pytest.mark.model
def test_a_prompt_being_read_can_be_cancelled(llama: LlamaCppGenerator) -> None:
    """No text is there yet, so that only the thread that waits for it can be told: as a page does that is closed."""

    def long(subject: str) -> list[Message]:
        return [{"role": "user", "content": "".join(f"{subject} {n} says little. " for n in range(250))}]

    start = time.monotonic()
    list(llama.stream(long("Paragraph"), 1))
    reading_all = time.monotonic() - start
    replies = llama._replies(llama._body(long("Sentence"), max_tokens=5, stream=True, return_progress=True))
    next(replies)
    start = time.monotonic()
    replies.close()
    list(llama.stream(gate("Who?"), 1))
    assert llama.count_tokens(long("Sentence")[0]["content"]) > 1200
    assert time.monotonic() - start < reading_all  # had it gone on, it would have taken as long again


@pytest.mark.model
def test_an_obvious_passage_scores_yes_above_no(llama: LlamaCppGenerator) -> None:
    yes, no = llama.score(gate("Which body grants the licence?"), ["Yes", "No"])
    assert yes > no
    other_yes, other_no = llama.score(gate("What does the car cost?"), ["Yes", "No"])
    assert other_yes - other_no < yes - no


@pytest.mark.model
def test_probabilities_are_natural_logarithms_of_the_whole_distribution(llama: LlamaCppGenerator) -> None:
    """The reported ones sum to a little under one."""
    body = llama._body(MESSAGES, max_tokens=1, logprobs=True, top_logprobs=100)
    (reply,) = llama._replies(body)
    top = reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    assert len(top) == 100
    assert 0.9 < sum(2.718281828 ** entry["logprob"] for entry in top) < 1.0001


@pytest.mark.model
def test_a_warm_prefix_starts_sooner(llama: LlamaCppGenerator) -> None:
    articles = "".join(f"Article {number} tells of a plant in city {number}. " for number in range(20))

    def ask(question: str) -> list[Message]:
        return [{"role": "user", "content": f"{articles}\n\nQuestion: {question}"}]

    start = time.monotonic()
    llama.prewarm(ask(""))
    cold_seconds = time.monotonic() - start
    start = time.monotonic()
    next(llama.stream(ask("Which city has plant 7?"), 1), None)
    assert time.monotonic() - start < cold_seconds / 2


@pytest.mark.model
def test_two_threads_are_served(llama: LlamaCppGenerator) -> None:
    texts: list[str] = []

    def ask() -> None:
        texts.append("".join(llama.stream(gate("Who grants it?"), 3)))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert len(texts) == 2
    assert texts[0] == texts[1]


PATHS = [
    "/v1/chat/completions",
    "/completion",
    "/tokenize",
    "/v1/models",
    "/props",
    "/slots",
    "/metrics",
    "/apply-template",
]


@pytest.mark.model
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_without_the_key_is_refused(llama: LlamaCppGenerator, method: str, path: str) -> None:
    with llama._listener.client("", with_key=False) as client:
        response = client.request(method, path, json={"messages": MESSAGES}, headers={"Origin": EVIL})
        assert response.status_code in (401, 404)
        allowed = response.headers.get("Access-Control-Allow-Origin")
        assert allowed not in ("*", EVIL)


@pytest.mark.model
def test_slots_metrics_and_changes_to_props_are_off_even_with_the_key(llama: LlamaCppGenerator) -> None:
    assert llama._client.get("/slots").status_code == 501
    assert llama._client.get("/metrics").status_code == 501
    assert llama._client.post("/props", json={}).status_code == 501
    assert llama._client.get("/").status_code == 404


_LISTENING = """
import sys
from pathlib import Path
from qa.generators.llamacpp import LlamaCppGenerator

generator = LlamaCppGenerator(Path(sys.argv[1]), model_id="alone", context_tokens=256)
assert generator.count_tokens("two words") == 2
ours = {str(entry.readlink())[len("socket:["):-1] for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()}
rows = [row.split() for table in ("tcp", "tcp6") for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
print([row[1] for row in rows if row[3] == "0A" and row[9] in ours])
generator.close()
"""


@pytest.mark.model
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's table of sockets")
def test_the_process_listens_on_no_port(packaged_gguf: Path) -> None:
    """Sockets in state 0A (listening) in the system's tables; in a process where no other test left one."""
    command = [sys.executable, "-c", _LISTENING, str(packaged_gguf)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.model
def test_on_a_loopback_port_a_request_without_the_key_is_refused_too(
    packaged_gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(llamacpp_listener.socket, "AF_UNIX")
    generator = LlamaCppGenerator(packaged_gguf, model_id="tcp", context_tokens=256)
    try:
        address = generator._server.listening_address
        assert address.startswith("http://127.0.0.1:")
        refused = httpx.post(f"{address}/v1/chat/completions", json={"messages": MESSAGES}, headers={"Origin": EVIL})
        assert refused.status_code == 401
        assert refused.headers["Access-Control-Allow-Origin"] not in ("*", EVIL)
        assert generator.count_tokens("two words") == 2
    finally:
        generator.close()


@pytest.mark.model
def test_a_file_that_is_no_model_is_a_clear_error(packaged_gguf: Path, tmp_path: Path) -> None:
    for content in (b"", b"not a model", b"GGUF" + b"\xff" * 1000):
        (tmp_path / "bad.gguf").write_bytes(content)
        with pytest.raises(ModelError, match=r"cannot load .*bad\.gguf"):
            LlamaCppGenerator(tmp_path / "bad.gguf", model_id="bad")
    with pytest.raises(ModelError, match="cannot load"):
        LlamaCppGenerator(tmp_path / "none.gguf", model_id="bad")


QUIET_SCRIPT = """
import sys
from pathlib import Path
from qa.generators.llamacpp import LlamaCppGenerator
generator = LlamaCppGenerator(Path(sys.argv[1]), model_id="quiet", context_tokens=256)
stream = generator.stream([{"role": "user", "content": "Say hello."}], 5)
print(next(stream) != "", generator._listener.socket_path.parent)
"""


@pytest.mark.model
def test_a_process_that_never_closes_it_ends_in_silence_and_leaves_nothing(packaged_gguf: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", QUIET_SCRIPT, str(packaged_gguf)],
        cwd=Path(qa.__path__[0]).parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    wrote, folder = done.stdout.split()
    assert wrote == "True"
    assert done.stderr == ""
    assert not Path(folder).exists()
