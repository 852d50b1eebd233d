"""Three PostgreSQL servers, a synchronous standby and app processes on loopback, configured and filled; knows no
question."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from scripts.cluster.app_process import AppProcess, run_command
from scripts.cluster.postgres_server import PostgresServer
from scripts.cluster.replicated_pair import ReplicatedPair

DATABASE = "article_qa"


class DemoCluster:
    """Made by `create`; a context manager that ends and removes all of it.

    :ivar pair: The main server, which holds the articles and the first shard, and its synchronous standby.
    :ivar others: Servers of the other shards.
    :ivar environment: Of `article-qa` commands that are to use the cluster.
    """

    def __init__(self, pair: ReplicatedPair, others: Sequence[PostgresServer], folder: Path) -> None:
        self.pair = pair
        self.others = tuple(others)
        self.folder = folder
        self.apps: list[AppProcess] = []
        self._cleanup = contextlib.ExitStack()

    @classmethod
    def create(cls, *, num_shards: int = 3, parent: Path | None = None) -> Self:
        """Start the servers and write the configuration.

        :param parent: Where the servers' folders go; see `PostgresServer.create`.
        :raises PostgresError: A server cannot be started.
        """
        with contextlib.ExitStack() as cleanup:
            folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="article-qa-demo-")))
            pair = cleanup.enter_context(ReplicatedPair.create(parent=parent))
            others = [cleanup.enter_context(PostgresServer.create(parent=parent)) for _ in range(num_shards - 1)]
            for server in (pair.primary, *others):
                server.sql(f"CREATE DATABASE {DATABASE}")
            cluster = cls(pair, others, folder)
            cluster._write_configuration()
            cluster._cleanup = cleanup.pop_all()
        return cluster

    @property
    def shard_urls(self) -> tuple[str, ...]:
        return (self.pair.url(DATABASE), *(server.url(DATABASE) for server in self.others))

    @property
    def environment(self) -> dict[str, str]:
        return self._environment("command")

    def command(self, *arguments: str) -> str:
        """:raises AppError: The command ended with an error."""
        return run_command(self.environment, *arguments)

    def start_apps(self, count: int) -> None:
        """Start app processes and wait until all of them are ready.

        :raises AppError: One of them is not.
        """
        for number in range(1, count + 1):
            app = AppProcess.start(self._environment(f"app-{number}"), self.folder / f"app-{number}.log")
            self._cleanup.push(app)
            self.apps.append(app)
        for app in self.apps:
            app.wait_until_ready()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def _environment(self, name: str) -> dict[str, str]:
        """Each process has a data folder of its own, as on a machine of its own."""
        return {
            "ARTICLE_QA_CONFIG": str(self.folder / "article-qa.toml"),
            "ARTICLE_QA_DATA_DIR": str(self.folder / name),
        }

    def _write_configuration(self) -> None:
        """It holds passwords; the folder lets nobody else in."""
        lines = [
            "[index]",
            f"url = {json.dumps(self.pair.url(DATABASE))}",
            f"shards = {json.dumps(self.shard_urls)}",
            "[generator]",
            'engine = "none"',
        ]
        (self.folder / "article-qa.toml").write_text("\n".join([*lines, ""]), encoding="utf-8")
