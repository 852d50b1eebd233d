"""A real server with the real models over one sample article, started as a user starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
ARTICLE = ROOT / "articles" / "xiaomi-car-licence.md"
_READY_SECONDS = 300


@dataclass(frozen=True)
class RunningServer:
    url: str
    data_dir: Path

    def client(self) -> Any:
        from gradio_client import Client

        return Client(self.url, verbose=False)


def run_cli(*arguments: str, data_dir: Path, timeout_seconds: float = 300) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, as a user runs it."""
    return subprocess.run(
        [sys.executable, str(ROOT / "app.py"), *arguments, "--data-dir", str(data_dir)],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data_dir = tmp_path_factory.mktemp("end-to-end") / "var"
    added = run_cli("add", str(ARTICLE), data_dir=data_dir)
    assert added.returncode == 0, added.stderr
    port = free_port()
    log = data_dir.parent / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), "serve", "--port", str(port), "--data-dir", str(data_dir)],
            cwd=ROOT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for_page(url, process, log)
        assert f"Article QA is at {url} " in log.read_text()
        yield RunningServer(url, data_dir)
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_for_page(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.3)
    raise AssertionError(f"no page after {_READY_SECONDS} s: {log.read_text()}")
