"""Starts the nodes of a Ray cluster as processes on loopback and kills them; knows nothing of what they compute."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

_ROOT = Path(__file__).parents[2]
_START_SECONDS = 60.0
_STARTED = "Ray runtime started"
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
_STORE_BYTES = 80 << 20  # the least that Ray takes
# A node that died is noticed in some five seconds instead of fifteen.
_SYSTEM = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 8}


class RayNode:
    """One node: ``ray start``, its raylet and everything that started. It runs when this returns.

    :raises TimeoutError: If it takes too long.
    """

    def __init__(self, arguments: list[str], log: Path, environment: Mapping[str, str]) -> None:
        program = shutil.which("ray", path=str(Path(sys.executable).parent))
        if program is None:
            raise FileNotFoundError(f"there is no program ray beside {sys.executable}; install article-qa[ray]")
        common = ["--node-ip-address=127.0.0.1", f"--object-store-memory={_STORE_BYTES}", "--disable-usage-stats"]
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603
                [program, "start", "--block", *common, *arguments],
                cwd=log.parent,
                env=os.environ | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        deadline = time.monotonic() + _START_SECONDS
        while _STARTED not in (printed := log.read_text(encoding="utf-8", errors="replace")):
            if time.monotonic() > deadline or not self.is_running:
                self.kill()
                raise TimeoutError(f"a node of the Ray cluster does not start: {printed[-2000:]}")
            time.sleep(0.1)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def runs(self, title: str) -> bool:
        """Whether a process of the node calls itself so, such as ``ray::MapWorker``."""
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self._process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):  # a zombie, too
                    if any(title in word for word in process.cmdline()):
                        return True
        return False

    def kill(self) -> None:
        """SIGKILL to all of its processes, as when the power goes: nothing says goodbye."""
        if self.is_running:
            here = psutil.Process(self._process.pid)
            for process in [here, *here.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)
        self._process.wait()


class RayCluster:
    """A head that computes nothing, and nodes that do. A context manager, so that no process outlives it.

    The nodes import what they run from this checkout. Ray listens on all of the machine's addresses: who lacks the
    token in ``environment``, which drivers need, is refused.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="aq-ray-"))  # short: its sockets' names may have 107 letters
        self._numbers = itertools.count()
        port = _free_port()
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self.environment = _QUIET | token | {"PYTHONPATH": str(_ROOT)}
        self.address = f"127.0.0.1:{port}"
        self.nodes: list[RayNode] = []
        self._head = self._start(
            "--head",
            f"--port={port}",
            "--num-cpus=0",
            "--include-dashboard=false",
            f"--temp-dir={self._folder / 'ray'}",
            f"--system-config={json.dumps(_SYSTEM)}",
        )

    def add_node(self, num_cpus: int = 1) -> RayNode:
        """Start a node. It takes some seconds, and two at once would take each other's place on this machine.

        :raises TimeoutError: If it takes too long.
        """
        node = self._start(f"--address={self.address}", f"--num-cpus={num_cpus}")
        self.nodes.append(node)
        return node

    def kill(self, node: RayNode) -> None:
        """:param node: One of ``nodes``, which it leaves."""
        self.nodes.remove(node)
        node.kill()

    def close(self) -> None:
        for node in [*self.nodes, self._head]:
            node.kill()
        self.nodes.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> RayCluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, *arguments: str) -> RayNode:
        log = self._folder / f"node{next(self._numbers)}.log"
        return RayNode([*arguments, "--dashboard-agent-listen-port=0"], log, self.environment)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
