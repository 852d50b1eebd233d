"""Starts a whole cluster on this machine, asks a question through it, loses a server, asks again, and cleans up.

    python scripts/demo_cluster.py "Who refereed the 2022 World Cup final?"

Three PostgreSQL servers with pgvector hold a third of the passages each; the first one also holds the articles and has
a synchronous standby. Two app processes answer. Without a writing model: the answer is the evidence's own.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# The package stands among the scripts, which are not installed.
sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.cluster.app_process import AppError
from scripts.cluster.demo import DemoCluster
from scripts.cluster.postgres_binaries import PostgresError

QUESTION = "Who refereed the 2022 World Cup final?"
ARTICLES = Path(__file__).parents[1] / "articles"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="?", default=QUESTION)
    parser.add_argument("--articles", type=Path, default=ARTICLES, help="a file or folder (default: the samples)")
    parser.add_argument("--shards", type=int, default=3)
    parser.add_argument("--apps", type=int, default=2)
    parser.add_argument("--no-kill", action="store_true", help="leave the primary alive")
    parser.add_argument("--parent", type=Path, help="where the servers' folders go (default: for temporary files)")
    options = parser.parse_args(arguments)
    try:
        show(options)
    except (AppError, PostgresError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def show(options: argparse.Namespace) -> None:
    """Do it all, a line for each step.

    :raises AppError: A command or a request failed, or the answer changed with the failover.
    :raises PostgresError: A server cannot be started or promoted.
    """
    say = _Steps()
    with DemoCluster.create(num_shards=options.shards, parent=options.parent) as cluster:
        ports = ", ".join(str(server.port) for server in (cluster.pair.primary, *cluster.others))
        standby = cluster.pair.standby.port
        say(f"{options.shards} PostgreSQL servers on ports {ports}, a synchronous standby on {standby}")
        cluster.command("add", str(options.articles))
        say("articles added and indexed")
        cluster.start_apps(options.apps)
        say(f"{options.apps} app processes on ports {', '.join(str(app.port) for app in cluster.apps)}")
        answer = _ask(cluster, 0, options.question)
        say(f"app 1 was asked: {options.question}")
        _print_answer(answer)
        if not options.no_kill:
            _survive_a_kill(cluster, options.question, answer, say)
    say("all of it ended and removed")


def _survive_a_kill(cluster: DemoCluster, question: str, before: dict[str, Any], say: Callable[[str], None]) -> None:
    killed = cluster.pair.primary.port
    cluster.pair.primary.kill()
    say(f"the primary on port {killed} was killed (kill -9)")
    failover = cluster.pair.fail_over()
    say(
        f"the standby was promoted after {failover.promoted:.1f} s and the old primary follows it after "
        f"{failover.protected:.1f} s"
    )
    after = _ask(cluster, len(cluster.apps) - 1, question)
    if after["short_answer"] != before["short_answer"]:
        raise AppError(f"the answer was {before['short_answer']!r} and is {after['short_answer']!r} now")
    say(f"app {len(cluster.apps)} gives the same answer: {after['short_answer']}")


def _ask(cluster: DemoCluster, app: int, question: str) -> dict[str, Any]:
    return cluster.apps[app].post("/v1/ask", {"question": question, "mode": "fast"})


def _print_answer(answer: dict[str, Any]) -> None:
    print(f"\n    {answer['short_answer']} ({answer['outcome']}, confidence {answer['confidence']:.2f})")
    for citation in answer["citations"]:
        print(f'    [{citation["marker"]}] "{citation["quote"]}"')
    print()


class _Steps:
    """Prints what was done and how many seconds after the beginning."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self, text: str) -> None:
        print(f"{time.monotonic() - self._start:6.1f} s  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
