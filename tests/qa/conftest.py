"""The command line without models; engines for the tests of generators: the packaged model, a tiny random one, and a
server that only pretends."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from qa import composition
from qa.generators.llamacpp import LlamaCppGenerator
from qa.generators.openvino_engine import OpenVinoGenerator
from qa.generators.openvino_model import prepared_model_path
from qa.generators.packaged_model import PACKAGED_MODEL, packaged_model_path
from tests.fakes import HashEmbedder
from tests.qa.helpers import CommandLine, ScriptedGenerator
from tests.qa.sentence_reader import SentenceReader
from tests.qa.tiny_gguf import write_tiny_gguf

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTEXT_TOKENS = 512


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line in an empty folder; data go to ``var`` below it, and no model is ever loaded."""
    monkeypatch.chdir(tmp_path)
    for variable in ("ARTICLE_QA_DATA_DIR", "ARTICLE_QA_CONFIG", "ARTICLE_QA_PASSWORD", "ARTICLE_QA_INDEX_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ARTICLE_QA_CACHE_DIR", str(tmp_path / "cache"))
    for build in ("build_embedder", "lazy_embedder"):
        monkeypatch.setattr(composition, build, lambda config: HashEmbedder())
    monkeypatch.setattr(composition, "build_reader", lambda config: SentenceReader(HashEmbedder()))
    monkeypatch.setattr(composition, "build_generator", lambda *arguments: ScriptedGenerator())
    return CommandLine()


@pytest.fixture(scope="session")
def packaged_gguf() -> Path:
    """The real model, joined once for all test runs of this user."""
    configured = os.environ.get("ARTICLE_QA_CACHE_DIR")
    return packaged_model_path(Path(configured) if configured else platformdirs.user_cache_path("article-qa"))


@pytest.fixture(scope="session")
def llama(packaged_gguf: Path) -> Iterator[LlamaCppGenerator]:
    generator = LlamaCppGenerator(packaged_gguf, model_id=PACKAGED_MODEL.model_id, context_tokens=2048)
    yield generator
    generator.close()


@pytest.fixture(scope="session")
def tiny_gguf(packaged_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two random layers with the packaged model's tokenizer."""
    path = tmp_path_factory.mktemp("tiny-gguf") / "tiny.gguf"
    write_tiny_gguf(packaged_gguf, path)
    return path


@pytest.fixture(scope="session")
def tiny_openvino(tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenVinoGenerator]:
    """The tiny model made ready as the packaged one is."""
    prepared = prepared_model_path(tiny_gguf, tmp_path_factory.mktemp("openvino") / "cache")
    assert {"openvino_model.xml", "openvino_tokenizer.xml"} <= set(json.loads((prepared / "sha256.json").read_text()))
    generator = OpenVinoGenerator(prepared, model_id="tiny", context_tokens=512)
    yield generator
    generator.close()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random Qwen2 of two layers and its own byte-level tokenizer; what it writes is noise."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["Yes No The quick brown fox jumps over the lazy dog."] * 20, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        additional_special_tokens=["<|im_start|>"],
    )
    fast.chat_template = CHATML
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_TOKENS,
        eos_token_id=fast.eos_token_id,
    )
    folder = tmp_path_factory.mktemp("tiny-model")
    fast.save_pretrained(folder)
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder


class FakeChatServer:
    """An OpenAI-compatible server on a loopback port whose next replies a test sets.

    :param port: 0 for a free one.
    """

    def __init__(self, port: int = 0) -> None:
        self.respond: Callable[[BaseHTTPRequestHandler, dict[str, Any]], None] = answer_in_words
        self.look: Callable[[BaseHTTPRequestHandler], None] = lambda handler: send(handler, 200, '{"data": []}')
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.looks: list[str] = []
        self.broken_connections = threading.Semaphore(0)
        self._httpd = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.port = int(self._httpd.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.looks.append(self.path)
                server.look(self)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append((self.path, dict(self.headers), body))
                try:
                    server.respond(self, body)
                except (BrokenPipeError, ConnectionResetError):
                    server.broken_connections.release()

            def log_message(self, format: str, *args: object) -> None:
                """Not to stderr."""

        return Handler


def send(handler: BaseHTTPRequestHandler, status: int, text: str, content_type: str = "application/json") -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", content_type)
    handler.send_header("Content-Length", str(len(text.encode())))
    handler.end_headers()
    handler.wfile.write(text.encode())


def send_events(handler: BaseHTTPRequestHandler, events: list[str], pause_seconds: float = 0.0) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.end_headers()
    for event in events:
        handler.wfile.write(f"{event}\n\n".encode())
        handler.wfile.flush()
        time.sleep(pause_seconds)


def delta(text: str | None, finish_reason: str | None = None) -> str:
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish_reason}
    return "data: " + json.dumps({"choices": [choice]})


def answer_in_words(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """One word a token, a context of CONTEXT_TOKENS words, and Yes over No."""
    if handler.path == "/tokenize":
        send(handler, 200, json.dumps({"tokens": body["content"].split()}))
    elif sum(len(message["content"].split()) for message in body["messages"]) > CONTEXT_TOKENS:
        send(handler, 400, json.dumps({"error": {"message": "the prompt is longer than the context", "code": 400}}))
    elif body.get("logprobs"):
        top = [{"token": "Yes", "logprob": -0.1}, {"token": "No", "logprob": -2.5}, {"token": "The", "logprob": -7.0}]
        send(handler, 200, json.dumps({"choices": [{"logprobs": {"content": [{"top_logprobs": top}]}}]}))
    else:
        words = ["A ", "reply ", "of ", "some ", "words ", "é中. "] * 50
        send_events(
            handler, [delta(word) for word in words[: body["max_tokens"]]] + [delta(None, "stop"), "data: [DONE]"]
        )


@pytest.fixture
def chat_server() -> Iterator[FakeChatServer]:
    server = FakeChatServer()
    yield server
    server.close()


@pytest.fixture
def other_chat_server() -> Iterator[FakeChatServer]:
    server = FakeChatServer()
    yield server
    server.close()
