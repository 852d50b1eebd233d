"""By default nothing leaves this computer: seen from the system calls, where there is no network to leave by."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.isolated import ROOT

pytestmark = [pytest.mark.model, pytest.mark.slow]

_TO_INET = re.compile(r"sa_family=AF_INET6?\b")
_TO_LOOPBACK = re.compile(r'inet_addr\("127\.\d+\.\d+\.\d+"\)|inet_pton\(AF_INET6, "::1"')


def leaving(trace: str) -> list[str]:
    """The traced calls that name an address on another machine."""
    return [line for line in trace.splitlines() if _TO_INET.search(line) and not _TO_LOOPBACK.search(line)]


@pytest.mark.parametrize(
    ("line", "leaves"),
    [
        ('7 connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("93.184.215.14")}, 16) = -1', True),
        (
            '7 sendto(3, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.2")}, 16) = 1',
            True,
        ),
        ('7 connect(3, {sa_family=AF_INET6, inet_pton(AF_INET6, "2606:2800::1", &sin6_addr)}, 28) = 0', True),
        ('7 connect(3, {sa_family=AF_INET, sin_port=htons(7860), sin_addr=inet_addr("127.0.0.1")}, 16) = 0', False),
        ('7 connect(3, {sa_family=AF_INET6, inet_pton(AF_INET6, "::1", &sin6_addr)}, 28) = 0', False),
        ('7 connect(3, {sa_family=AF_UNIX, sun_path="/run/nscd/socket"}, 110) = -1', False),
    ],
)
def test_calls_to_other_machines_are_told_from_those_to_this_one(line: str, leaves: bool) -> None:
    assert bool(leaving(line)) is leaves


def test_adding_serving_and_asking_reach_for_nothing_outside(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace, which sees the connections, is not installed")
    allowed = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)
    if allowed.returncode != 0:
        pytest.skip(f"no network namespace may be made here: {allowed.stderr.decode().strip()}")
    trace = tmp_path / "trace"
    inside = [sys.executable, "-m", "tests.end_to_end.isolated", str(tmp_path / "var"), str(trace), "7860"]
    done = subprocess.run(
        ["unshare", "-rn", *inside], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert "Marciniak" in told["short_answer"]
    assert told["page_bytes"] > 10_000
    calls = trace.read_text(encoding="utf-8", errors="replace")
    assert "connect(" in calls and "sendto(" in calls, "the tracing saw nothing at all"
    assert leaving(calls) == []
