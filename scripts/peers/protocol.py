"""What a driver of one stack speaks with the comparison: JSON lines on its standard input and output.

Knows nothing of any stack, and of nothing outside the standard library: it runs in environments that hold only the
stack. A request is {"do": "index" | "search" | "ask" | "memory", ...}; a reply holds the figures, or {"error": ...}.
Seconds are wall-clock, taken beside the stack's own calls, so that the protocol itself costs a stack nothing; beside
them stand seconds of processor time, which another program's work makes hardly longer.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, TextIO

Article = Mapping[str, Any]
"""What a line of the articles' file holds: "title", "text", "published_at" (ISO date or null), "source"."""
OnPiece = Callable[[str], None]
"""Takes each piece of the answer when it comes."""

SHORT_ANSWER = (
    "Use only what the articles say. Reply with the exact answer only, in as few words as possible, copied from the "
    "articles. Do not write a sentence."
)
"""What the best setting of every stack asks for, in the words of Article QA's own prompt."""
NUM_IN_PROMPT = 4
"""Passages that the best setting gives to the model."""
MAX_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Order:
    """What a driver is started with. ``server`` is an OpenAI-compatible address ending in /v1."""

    setting: str
    embedder: str
    server: str
    model: str
    gguf: str
    work_dir: str


@dataclass(frozen=True, slots=True)
class Reply:
    """``answer`` is what is scored, ``text`` all that was said; ``evidence_seconds`` is when something to read besides
    the answer was there, where a stack shows such a thing first."""

    answer: str
    text: str
    evidence_seconds: float | None = None


class Stack(Protocol):
    """One stack in one setting."""

    def index(self, articles: Sequence[Article]) -> int:
        """Make the articles findable; the number of passages."""
        ...

    def search(self, question: str, as_of: str | None, k: int) -> list[str]:
        """The texts of the best k passages, best first."""
        ...

    def ask(self, question: str, as_of: str | None, on_piece: OnPiece) -> Reply: ...


def main(packages: Sequence[str], make: Callable[[Order], Stack]) -> None:
    """Read the order from the command line, then answer requests until the input ends.

    :param packages: Distributions whose versions are told.
    """
    parser = argparse.ArgumentParser()
    for name in Order.__slots__:
        parser.add_argument(f"--{name.replace('_', '-')}", default="")
    order = Order(**vars(parser.parse_args()))
    replies = _private_output()
    # The stacks are told to look nowhere for models, and report to nobody.
    stack = make(order)
    serve(sys.stdin, replies, stack, {package: metadata.version(package) for package in packages})


def serve(requests: TextIO, replies: TextIO, stack: Stack, versions: Mapping[str, str]) -> None:
    """Answer each request in one line; the first line says that the stack is loaded, and its versions."""
    _send(replies, {"ready": True, "versions": dict(versions)})
    for line in requests:
        try:
            reply = _answered(stack, json.loads(line))
        except Exception as error:  # noqa: BLE001 (whatever a stack raises is its result)
            reply = {"error": f"{type(error).__name__}: {error}"[:500]}
        _send(replies, reply)


def header(article: Article) -> str:
    """Title and day, as the best settings put them over every passage."""
    day = f" ({article['published_at'][:10]})" if article.get("published_at") else ""
    return f"{article['title']}{day}"


def words(text: str) -> list[str]:
    """For stacks whose word search leaves the splitting to its user: lower case, no punctuation."""
    return re.findall(r"\w+", text.lower())


def question_part(question: str, as_of: str | None) -> str:
    """The question of a best setting, with its day."""
    return f"Question (asked on {as_of}): {question}" if as_of else f"Question: {question}"


def memory_mib() -> dict[str, float]:
    """The peak and the present resident memory of this process and of those it started that run, pages that they share
    counted in each; of this one its peak for both where there is no /proc."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = [memory for number in _own_processes() if (memory := process_memory_mib(number)) is not None]
    if not found:
        return {"peak_mib": peak, "resident_mib": peak}
    return {name: sum(memory[name] for memory in found) for name in ("peak_mib", "resident_mib")}


def cpu_seconds() -> float:
    """The processor time so far of this process and of those it started that still run."""
    others = (process_cpu_seconds(number) or 0.0 for number in _own_processes() if number != os.getpid())
    return time.process_time() + sum(others)


def _own_processes() -> list[int]:
    """This process and all below it; this one alone where the system does not say."""
    found = [os.getpid()]
    for number in found:  # which grows meanwhile
        for task in Path(f"/proc/{number}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text(encoding="ascii").split()]
            except OSError:
                continue  # it has ended
    return found


def process_memory_mib(process_id: int) -> dict[str, float] | None:
    """Of any process of the same user; None where that cannot be told."""
    try:
        status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = dict(re.findall(r"^(VmHWM|VmRSS):\s+(\d+) kB", status, re.MULTILINE))
    if len(found) < 2:  # it has ended, and nobody has asked for its status yet
        return None
    return {"peak_mib": int(found["VmHWM"]) / 1024, "resident_mib": int(found["VmRSS"]) / 1024}


def process_cpu_seconds(process_id: int) -> float | None:
    """The processor time of any process so far, all its threads together; None where that cannot be told."""
    try:
        # The name, in brackets, may hold anything; user and system time are the 12th and 13th value after it.
        values = Path(f"/proc/{process_id}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def _answered(stack: Stack, request: Mapping[str, Any]) -> dict[str, Any]:
    started, cpu_started = time.perf_counter(), cpu_seconds()
    if request["do"] == "index":
        lines = Path(request["articles"]).read_text(encoding="utf-8").split("\n")
        articles = [json.loads(line) for line in lines if line]
        started, cpu_started = time.perf_counter(), cpu_seconds()
        num_passages = stack.index(articles)
        spent = cpu_seconds() - cpu_started
        return {"seconds": time.perf_counter() - started, "cpu_seconds": spent, "num_passages": num_passages}
    if request["do"] == "search":
        passages = stack.search(request["question"], request.get("as_of"), request["k"])
        spent = cpu_seconds() - cpu_started
        return {"seconds": time.perf_counter() - started, "cpu_seconds": spent, "passages": passages}
    if request["do"] == "ask":
        return _asked(stack, request)
    if request["do"] == "memory":
        return dict(memory_mib())
    raise ValueError(f"there is no {request['do']!r}")


def _asked(stack: Stack, request: Mapping[str, Any]) -> dict[str, Any]:
    times: list[float] = []

    def on_piece(piece: str) -> None:
        if piece.strip() and not times:
            times.append(time.perf_counter())

    started, cpu_started = time.perf_counter(), cpu_seconds()
    reply = stack.ask(request["question"], request.get("as_of"), on_piece)
    seconds, spent = time.perf_counter() - started, cpu_seconds() - cpu_started
    return {
        "seconds": seconds,
        "cpu_seconds": spent,
        "first_word_seconds": times[0] - started if times else None,
        "evidence_seconds": reply.evidence_seconds,
        "answer": reply.answer,
        "text": reply.text,
    }


def _send(replies: TextIO, reply: Mapping[str, Any]) -> None:
    replies.write(json.dumps(reply) + "\n")
    replies.flush()


def _private_output() -> TextIO:
    """The standard output for replies alone: what libraries print goes to the standard error from here on."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return replies
