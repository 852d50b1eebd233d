"""Starts stacks and the model's server as processes of their own, each in its environment; knows nothing of figures."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from index.errors import ArticleQAError
from scripts.peers.protocol import Order, process_cpu_seconds, process_memory_mib

ROOT = Path(__file__).resolve().parents[2]
_REQUIREMENTS = Path(__file__).parent / "requirements"
# No stack may look for models elsewhere or report its use; what is measured must not wait for a network.
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "LANGSMITH_TRACING": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "ANONYMIZED_TELEMETRY": "False",
    "TOKENIZERS_PARALLELISM": "true",
}


class StackError(ArticleQAError):
    """A stack could not be installed or started, or its process ended."""


class RequestError(StackError):
    """A stack answered one request with an error; it can be asked again."""


@dataclass(frozen=True, slots=True)
class Server:
    """A served model: an address ending in /v1, empty where the stack brings its own model, and how to reach it."""

    address: str
    key: str
    process_id: int | None

    def cpu_seconds(self) -> float:
        """So far; 0 where there is no process of its own, or it cannot be told."""
        return (process_cpu_seconds(self.process_id) or 0.0) if self.process_id is not None else 0.0

    def memory_mib(self) -> dict[str, float] | None:
        return process_memory_mib(self.process_id) if self.process_id is not None else None


class Driver:
    """A stack in a process of its own. Not thread-safe."""

    def __init__(self, process: subprocess.Popen[str], started: float) -> None:
        self._process = process
        first = self._reply()
        self.load_seconds = time.perf_counter() - started
        self.versions: Mapping[str, str] = first["versions"]

    def request(self, **request: Any) -> dict[str, Any]:
        """:raises RequestError: If the stack raised an error.
        :raises StackError: If its process ended.
        """
        _pipe(self._process.stdin).write(json.dumps(request) + "\n")
        _pipe(self._process.stdin).flush()
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        line = _pipe(self._process.stdout).readline()
        if not line:
            raise StackError(f"the stack's process ended with status {self._process.wait()}; its log says why")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise RequestError(reply["error"])
        return reply


@contextmanager
def driver(python: Path, module: str, order: Order, server: Server, log: Path) -> Iterator[Driver]:
    """:param module: What is run, such as "scripts.peers.txtai_peer".
    :param log: What the stack prints goes there.
    """
    options = [part for name, value in asdict(order).items() for part in (f"--{name.replace('_', '-')}", value)]
    command = [str(python), "-m", module, *options]
    started = time.perf_counter()
    with log.open("a", encoding="utf-8") as errors, _running(command, server.key, errors) as process:
        yield Driver(process, started)


@contextmanager
def model_server(gguf: Path, context_tokens: int, log: Path) -> Iterator[Server]:
    """The model, served on loopback to who has the key."""
    key = secrets.token_urlsafe(24)
    options = ["--gguf", str(gguf), "--context-tokens", str(context_tokens)]
    command = [sys.executable, "-m", "scripts.peers.model_server", *options]
    with log.open("a", encoding="utf-8") as errors, _running(command, key, errors) as process:
        address = _pipe(process.stdout).readline().strip()
        if not address:
            raise StackError(f"the model's server did not start; see {log}")
        yield Server(f"{address}/v1", key, process.pid)


def environment(stack: str, work_dir: Path) -> Path:
    """The Python of a stack's own environment, which is made if it is not there yet or its requirements changed.

    :raises StackError: If pip fails.
    """
    folder = work_dir / "venvs" / stack
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    requirements = _REQUIREMENTS / f"{stack}.txt"
    wanted = requirements.read_text(encoding="utf-8")
    if installed.is_file() and installed.read_text(encoding="utf-8") == wanted:
        return python
    _run([sys.executable, "-m", "venv", str(folder)])
    # torch first and alone: only so is the build for processors kept by what comes after it.
    torch = next(line for line in wanted.splitlines() if line.startswith("torch=="))
    _run([str(python), "-m", "pip", "install", "--quiet", torch])
    _run([str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)])
    installed.write_text(wanted, encoding="utf-8")
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False)  # noqa: S603 (pip and venv, no shell)
    if done.returncode:
        raise StackError(f"{' '.join(command)} ended with status {done.returncode}")


@contextmanager
def _running(command: list[str], key: str, errors: IO[str]) -> Iterator[subprocess.Popen[str]]:
    environ = {**os.environ, **_QUIET, "OPENAI_API_KEY": key, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(  # noqa: S603 (our own modules, no shell)
        command, cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
