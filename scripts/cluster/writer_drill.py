"""Kills model servers in the middle of replies and counts what became of every request; knows nothing of articles."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from index.errors import ModelError
from qa.generators.openai_balancer import BalancerSettings
from qa.generators.openai_http import OpenAICompatibleGenerator
from qa.generators.protocol import Message
from scripts.cluster.llama_server import LlamaServer

KEY = "the key of the drill"
_SECONDS_AFTER_A_KILL = 2.0


@dataclass(frozen=True, slots=True)
class Request:
    """One reply that was asked for. Seconds are of one clock; ``first_token`` is None if there was none.

    ``error`` is one line; None for a reply that came to its end.
    """

    begun: float
    first_token: float | None
    ended: float
    num_pieces: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Kill:
    """``num_running``: replies that the server was writing, by the client's count; ``back``: seconds from its start
    anew until it was used again."""

    at: float
    num_running: int
    back: float


def kill_writers(
    model: Path,
    *,
    num_kills: int,
    num_servers: int = 2,
    num_readers: int = 6,
    max_tokens: int = 300,
    seed: int = 0,
    progress: Callable[[Kill], None] = lambda kill: None,
) -> tuple[list[Request], list[Kill]]:
    """Readers ask without a pause while one server after another is killed and started anew.

    :param model: A GGUF file.
    :returns: Every request, in no order, and every kill.
    """
    rng, stop = random.Random(seed), threading.Event()  # noqa: S311  # which server dies is no secret
    kills: list[Kill] = []
    with ExitStack() as stack:
        servers = [stack.enter_context(_started(model)) for _ in range(num_servers)]
        balancing = BalancerSettings(health_seconds=1.0)
        urls = [server.url for server in servers]
        generator = OpenAICompatibleGenerator(urls, "drill", api_key=KEY, context_tokens=8192, balancing=balancing)
        stack.callback(generator.close)
        pool = stack.enter_context(ThreadPoolExecutor(num_readers))
        stack.callback(stop.set)
        readers = [pool.submit(_read_on, generator, stop, number, max_tokens) for number in range(num_readers)]
        for _ in range(num_kills):
            time.sleep(rng.uniform(1.0, 3.0))
            kills.append(_killed(generator, servers, rng.randrange(num_servers)))
            progress(kills[-1])
        time.sleep(1.0)
        stop.set()
        return [request for reader in readers for request in reader.result()], kills


def judged(requests: Sequence[Request], kills: Sequence[Kill]) -> dict[str, object]:
    """Counts and seconds; ``is_kept``: no request failed that had no token yet, and none but right after a kill."""
    failed = [request for request in requests if request.error is not None]
    before = [request for request in failed if request.first_token is None]
    waits = sorted(r.first_token - r.begun for r in requests if r.first_token is not None)
    backs = sorted(kill.back for kill in kills)
    return {
        "kills": len(kills),
        "running_when_killed": sum(kill.num_running for kill in kills),
        "requests": len(requests),
        "whole": len(requests) - len(failed),
        "failed_after_first_token": len(failed) - len(before),
        "failed_before_first_token": len(before),
        "first_token_seconds": {"median": waits[len(waits) // 2], "max": waits[-1]} if waits else None,
        "back_seconds": {"median": backs[len(backs) // 2], "max": backs[-1]} if backs else None,
        "is_kept": not before and all(_follows_a_kill(request, kills) for request in failed),
    }


def _follows_a_kill(request: Request, kills: Sequence[Kill]) -> bool:
    return any(0 <= request.ended - kill.at < _SECONDS_AFTER_A_KILL for kill in kills)


@contextmanager
def _started(model: Path, port: int = 0) -> Iterator[LlamaServer]:
    server = LlamaServer(model, KEY, num_slots=4, port=port)
    with server:
        yield server


def _killed(generator: OpenAICompatibleGenerator, servers: Sequence[LlamaServer], number: int) -> Kill:
    at, num_running = time.monotonic(), generator.writers()[number].num_running
    servers[number].kill()
    time.sleep(1.0)
    servers[number].__enter__()  # on the same port; its first entering will leave it
    start = time.monotonic()
    num_requests = generator.writers()[number].num_requests
    while generator.writers()[number].num_requests == num_requests and time.monotonic() - start < 60:
        time.sleep(0.01)
    return Kill(at, num_running, time.monotonic() - start)


def _read_on(
    generator: OpenAICompatibleGenerator, stop: threading.Event, number: int, max_tokens: int
) -> list[Request]:
    requests: list[Request] = []
    while not stop.is_set():
        content = f"Reader {number}, question {len(requests)}: " + "what is known of the pier? " * 20
        requests.append(_reply(generator, [{"role": "user", "content": content}], max_tokens))
    return requests


def _reply(generator: OpenAICompatibleGenerator, messages: Sequence[Message], max_tokens: int) -> Request:
    begun, first_token, num_pieces, error = time.monotonic(), None, 0, None
    try:
        for _ in generator.stream(messages, max_tokens):
            first_token = first_token or time.monotonic()
            num_pieces += 1
    except ModelError as failure:
        error = str(failure)
    return Request(begun, first_token, time.monotonic(), num_pieces, error)
