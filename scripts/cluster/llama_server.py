"""llama.cpp's own HTTP server in a process of its own, so that it can be killed; knows nothing of who asks it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]


@dataclass
class LlamaServer:
    """A server that asks for ``key`` and runs from entering to leaving it or to :meth:`kill`.

    ``num_slots`` prompts, of ``context_tokens`` each, are worked on at once. ``port``: 0 for any free one; ``url`` is
    known once it runs.
    """

    model: Path
    key: str
    num_slots: int = 2
    context_tokens: int = 8192
    num_threads: int = 1
    port: int = 0
    url: str = field(init=False, default="")
    _process: subprocess.Popen[str] = field(init=False, repr=False)

    def __enter__(self) -> LlamaServer:
        numbers = (self.num_slots, self.context_tokens, self.num_threads, self.port)
        options = [str(self.model), self.key, *map(str, numbers)]
        self._process = subprocess.Popen(  # noqa: S603  this module with a file and numbers of the caller's
            [sys.executable, "-m", "scripts.cluster.llama_server", *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,  # which ends with this process, and with it the server
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        address = self._process.stdout.readline().strip() if self._process.stdout is not None else ""
        if not address:
            self.kill()
            raise RuntimeError(f"llama.cpp's server did not start with {self.model}")
        self.url, self.port = address, int(address.removesuffix("/v1").rpartition(":")[2])
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """As kill -9 does; nothing of it is put in order."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def stop(self) -> None:
        """Let it stand still, with its port open, until :meth:`go_on`."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def num_busy_slots(self) -> int:
        """How many prompts it works on, by its own account."""
        headers = {"Authorization": f"Bearer {self.key}"}
        slots: list[dict[str, Any]] = httpx.get(
            f"{self.url.removesuffix('/v1')}/slots", headers=headers, timeout=30, trust_env=False
        ).json()
        return sum(slot["is_processing"] for slot in slots)


def main(model: str, key: str, num_slots: int, context_tokens: int, num_threads: int, port: int) -> None:
    """Serve until standard input ends; the address is the first line of standard output."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.n_ctx = num_slots * context_tokens
    parameters.n_parallel = num_slots
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = num_threads
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.api_keys = [key]
    parameters.endpoint_slots = True
    parameters.fit_params = False
    parameters.ui = False
    parameters.offline = True
    parameters.verbosity = 0
    server = xllamacpp.Server(parameters)
    print(f"{server.listening_address}/v1", flush=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it says when it ends
    sys.stdin.read()
    os._exit(0)  # what runs is not waited for


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
