"""Loads a served Article QA with many users at once and says how it holds; knows nothing of how it answers.

Every question carries a marker of its own, which must come back; a reply with another one is a mixed-up answer. After
the steady load comes an overload of many times the users, and then the time until questions are answered again.

    python scripts/load_test.py --stub --users 50 --minutes 10 --mode fast
    python scripts/load_test.py --url http://127.0.0.1:7860 --users 10 --minutes 10 --mode full

All users come from one address: set ``serve.questions_per_minute`` and ``serve.requests_per_minute`` to 0 for it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

_TIMEOUT_SECONDS = 300.0
_BUSY = (429, 503)
_MEMORY = re.compile(r"^process_resident_memory_bytes (\S+)$", re.MULTILINE)
_PROBE_SECONDS = 0.1
_RANDOM = random.Random()  # noqa: S311 (spreads requests; nothing secret)


@dataclass(slots=True)
class Tally:
    """What became of the questions of one phase; seconds of each answer and of each refusal."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    retry_after: list[int] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    num_mixed: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "answered": len(self.answered),
            "p50": _quantile(self.answered, 0.5),
            "p95": _quantile(self.answered, 0.95),
            "slowest": _quantile(self.answered, 1.0),
            "refused": len(self.refused),
            "slowest_refusal": _quantile(self.refused, 1.0),
            "p95_refusal": _quantile(self.refused, 0.95),
            "retry_after": [min(self.retry_after), max(self.retry_after)] if self.retry_after else None,
            "errors": dict(self.errors),
            "mixed": self.num_mixed,
        }


class Load:
    """Asks one server.

    :param mode: "fast" or "full".
    :param must_answer: Whether the marker must also be the answer, as the scripted service's is.
    """

    def __init__(self, client: httpx.AsyncClient, mode: str, *, must_answer: bool) -> None:
        self._client = client
        self._mode = mode
        self._must_answer = must_answer

    async def phase(self, num_users: int, seconds: float, pause_seconds: float) -> Tally:
        """So many users ask one question after another until the time is over; those under way are waited for."""
        tally, end = Tally(), time.monotonic() + seconds
        users = (self._user(number, end, pause_seconds, tally) for number in range(num_users))
        await asyncio.gather(*users)
        return tally

    async def recovery_seconds(self) -> float:
        """How long until a question is answered again."""
        started, tally = time.monotonic(), Tally()
        while not tally.answered:
            await self._ask("mark-probe", tally)
            if not tally.answered:
                await asyncio.sleep(_PROBE_SECONDS)
        return time.monotonic() - started

    async def memory(self) -> float:
        """Of the server's process, in MiB."""
        found = _MEMORY.search((await self._client.get("/metrics")).text)
        if found is None:
            raise SystemExit("error: /metrics does not tell the server's memory; it does on Linux")
        return float(found.group(1)) / (1 << 20)

    async def _user(self, number: int, end: float, pause_seconds: float, tally: Tally) -> None:
        # Not all at the same moment, as people do.
        await asyncio.sleep(_RANDOM.random() * pause_seconds)
        asked = 0
        while time.monotonic() < end:
            asked += 1
            await self._ask(f"mark-{number}-{asked}-{_RANDOM.randrange(1 << 30):x}", tally)
            await asyncio.sleep(_RANDOM.uniform(0.5, 1.5) * pause_seconds)

    async def _ask(self, marker: str, tally: Tally) -> None:
        question = f"What is known about the thing that is called {marker}?"
        started = time.monotonic()
        try:
            reply = await self._client.post("/v1/ask", json={"question": question, "mode": self._mode})
        except httpx.HTTPError as error:
            tally.errors[type(error).__name__] += 1
            return
        seconds = time.monotonic() - started
        if reply.status_code in _BUSY:
            tally.refused.append(seconds)
            tally.retry_after.append(int(reply.headers["retry-after"]))
        elif reply.status_code != 200:
            tally.errors[f"status {reply.status_code}"] += 1
        else:
            tally.answered.append(seconds)
            answer = reply.json()
            is_right = answer["question"] == question and (not self._must_answer or answer["short_answer"] == marker)
            tally.num_mixed += not is_right


async def run(arguments: argparse.Namespace, url: str) -> dict[str, Any]:
    # Given up before the server does (5 seconds), which would close one just as a request goes out.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=1.0)
    headers = {"Authorization": f"Bearer {arguments.token}"} if arguments.token else {}
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=_TIMEOUT_SECONDS, headers=headers) as client:
        load = Load(client, arguments.mode, must_answer=arguments.stub)
        await load.phase(2, 2.0, 0.5)  # so that what is loaded once is loaded
        before = await load.memory()
        steady = await load.phase(arguments.users, arguments.minutes * 60, arguments.pause)
        report = {
            "mode": arguments.mode,
            "users": arguments.users,
            "minutes": arguments.minutes,
            "steady": steady.to_json(),
            "memory_mib": {"before": round(before, 1), "after": round(await load.memory(), 1)},
        }
        if arguments.overload:
            overload = await load.phase(arguments.overload * arguments.users, arguments.overload_seconds, 1.0)
            report["overload"] = {"users": arguments.overload * arguments.users, **overload.to_json()}
            report["recovery_seconds"] = round(await load.recovery_seconds(), 2)
            report["memory_mib"]["after_overload"] = round(await load.memory(), 1)
    return report


@contextmanager
def stub_server(seconds: float) -> Iterator[str]:
    """The address of the real server over a scripted service, in a process of its own."""
    command = [sys.executable, "-m", "tests.qa.ui.stub_server", "--seconds", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 (our own module)
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            _wait(url)
            yield url
        finally:
            process.terminate()


def _wait(url: str) -> None:
    for _ in range(1200):
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("error: the server did not become ready within two minutes")


def _quantile(values: list[float], share: float) -> float | None:
    """The smallest value that at least ``share`` of all do not exceed, in seconds."""
    if not values:
        return None
    if share == 1.0 or len(values) == 1:
        return round(max(values), 3)
    return round(statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1], 3)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    server = parser.add_mutually_exclusive_group(required=True)
    server.add_argument("--url", help="a server that runs")
    server.add_argument("--stub", action="store_true", help="a scripted service behind the real server")
    parser.add_argument(
        "--stub-seconds", type=float, default=0.3, help="a question there in mode full; a tenth in fast"
    )
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--mode", choices=("fast", "full"), default="fast")
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between a user's questions, on average")
    parser.add_argument("--overload", type=int, default=10, help="so many times the users afterwards; 0 for none")
    parser.add_argument("--overload-seconds", type=float, default=20.0)
    parser.add_argument("--token", help="a user's secret, where a log-in is needed")
    arguments = parser.parse_args()
    if arguments.stub:
        with stub_server(arguments.stub_seconds) as url:
            report = asyncio.run(run(arguments, url))
    else:
        report = asyncio.run(run(arguments, arguments.url.rstrip("/")))
    print(json.dumps(report, indent=1))
    phases = [report["steady"], report.get("overload", {"errors": {}, "mixed": 0})]
    is_good = not report["steady"]["refused"] and all(not phase["errors"] and not phase["mixed"] for phase in phases)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
