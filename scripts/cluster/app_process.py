"""An `article-qa serve` process on loopback, and the command line beside it; knows its API, not what is behind it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx

from scripts.cluster.ports import HOST, free_port

ROOT = Path(__file__).parents[2]
READY_SECONDS = 180.0


class AppError(Exception):
    """The app, or its command, ended with an error, or was not ready in time; the message has its last words."""


def run_command(environment: Mapping[str, str], *arguments: str) -> str:
    """Run `article-qa` with these arguments to its end; returns what it printed.

    :raises AppError: It ended with an error.
    """
    done = subprocess.run(  # noqa: S603 - our own program, no shell
        _command(*arguments), cwd=ROOT, env=_whole(environment), capture_output=True, text=True, timeout=600
    )
    if done.returncode != 0:
        raise AppError(f"article-qa {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


class AppProcess:
    """Made by `start`; a context manager that ends it."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.port = port
        self.log = log
        self._process = process
        self._client = httpx.Client(base_url=f"http://{HOST}:{port}", timeout=120.0, trust_env=False)

    @classmethod
    def start(cls, environment: Mapping[str, str], log: Path) -> Self:
        """Start one on a free port without waiting until it is ready: several load their models at the same time."""
        port = free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603
                _command("serve", "--port", str(port)),
                cwd=ROOT,
                env=_whole(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(process, port, log)

    def wait_until_ready(self) -> None:
        """:raises AppError: It ended, or was not ready after three minutes."""
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                words = self.log.read_text(errors="replace").strip()[-2000:]
                raise AppError(f"the app on port {self.port} is not ready: {words}")
            time.sleep(0.2)

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """:raises AppError: It answered with an error, or not at all."""
        return self._object("POST", path, body)

    def get(self, path: str) -> dict[str, Any]:
        """:raises AppError: It answered with an error, or not at all."""
        return self._object("GET", path, None)

    def stop(self) -> None:
        """Ask it to end; after half a minute, end it."""
        self._client.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _is_ready(self) -> bool:
        try:
            return self._client.get("/readyz", timeout=5.0).status_code == 200
        except httpx.HTTPError:
            return False

    def _object(self, method: str, path: str, body: Mapping[str, object] | None) -> dict[str, Any]:
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise AppError(f"{method} {path} on port {self.port}: {error}") from error
        if answer.status_code >= 400:
            raise AppError(f"{method} {path} on port {self.port}: {answer.status_code} {answer.text[:500]}")
        found = answer.json()
        if not isinstance(found, dict):
            raise AppError(f"{method} {path} on port {self.port}: expected an object, found {answer.text[:100]}")
        return found


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "app", *arguments]


def _whole(environment: Mapping[str, str]) -> dict[str, str]:
    """Ours, without what would point the app elsewhere, and theirs."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("ARTICLE_QA_", "PG"))}
    return {**inherited, "HF_HUB_OFFLINE": "1", **environment}
