"""Compares Article QA with other stacks on the same articles, questions and models (docs/performance.md). Wiring only.

    python scripts/compare_peers.py --articles A.jsonl.gz --questions Q.jsonl.gz --work-dir ~/peers --out report.json

Each stack runs in an environment and a process of its own (scripts/peers/), and all of them speak to the same model
server, except those that bring their own engine. What is done is kept in the work folder: the same command goes on
where a run stopped.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from index.errors import BadInputError
from index.model_files import packaged_embedder_path
from qa.cli.console import err, one_line_errors, out
from qa.config import load_config
from qa.evaluation.provenance import data_json
from qa.generators.openvino_model import prepared_model_path
from qa.generators.packaged_model import packaged_model_path
from scripts.peers.figures import DEPTHS, answer_table, ask_row, compared, retrieval_table, search_row, version_list
from scripts.peers.process import Driver, RequestError, Server, StackError, driver, environment, model_server
from scripts.peers.protocol import Order
from scripts.peers.rows import Rows
from scripts.peers.selection import AskedOf, Selection, read_lines, select, without

_MODEL_NAME = "packaged"
_NO_SERVER = Server("", "none", None)


@dataclass(frozen=True, slots=True)
class Entry:
    """One stack in one setting. ``is_served``: it asks the model server; ``asks``: it answers questions;
    ``is_slow``: it is asked few of them."""

    stack: str
    setting: str
    module: str
    is_served: bool = True
    asks: bool = True
    is_slow: bool = False

    @property
    def name(self) -> str:
        return f"{self.stack} {self.setting}"


_STACKS = ("langchain", "llamaindex", "haystack", "txtai")
# More than 2,000 tokens, which two cores read for most of a minute.
_LONG_PROMPTS = {("llamaindex", "default"), ("haystack", "default")}
ENTRIES = (
    Entry("article-qa", "search", "article_qa_peer", is_served=False, asks=False),
    Entry("article-qa", "fast", "article_qa_peer", is_served=False),
    Entry("article-qa", "full", "article_qa_peer", is_served=False),
    Entry("article-qa", "full-openvino", "article_qa_peer", is_served=False),
    Entry("article-qa", "fast-undated", "article_qa_peer", is_served=False),
    Entry("article-qa", "full-undated", "article_qa_peer", is_served=False),
    *(
        Entry(stack, setting, f"{stack}_peer", is_slow=(stack, setting) in _LONG_PROMPTS)
        for setting in ("default", "best")
        for stack in _STACKS
    ),
    Entry("langchain", "transformers", "langchain_peer", is_served=False, is_slow=True),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is asked. ``ends`` is a time of :func:`time.monotonic` after which no further stack is begun."""

    work_dir: Path
    num_asked: int
    num_slow: int
    rounds: int
    context_tokens: int
    gguf: Path
    ends: float


def _entries(names: Sequence[str]) -> tuple[Entry, ...]:
    """Those of the names, in their order; all of them without any name.

    :raises BadInputError: If there is no entry of a name.
    """
    by_name = {entry.name: entry for entry in ENTRIES}
    if unknown := [name for name in names if name not in by_name]:
        raise BadInputError(f"there is no {unknown[0]!r}; --only takes {', '.join(map(repr, by_name))}")
    return tuple(by_name[name] for name in names) or ENTRIES


def _run_all(entries: tuple[Entry, ...], plan: Plan, selection: Selection) -> None:
    """A stack that cannot be run does not keep the others from being run."""
    for number in range(plan.rounds):
        for entry in entries:
            err.print(f"{entry.name}, round {number + 1}", markup=False)
            if time.monotonic() > plan.ends:
                err.print("the time is over; the same command goes on")
                return
            try:
                run(entry, number, plan, selection)
            except StackError as error:
                err.print(f"{entry.name}: {error}", markup=False)


def run(entry: Entry, round_number: int, plan: Plan, selection: Selection) -> None:
    """Whatever of the entry's rows is not there yet; after a kill it is indexed again, and no question asked twice.

    :raises StackError: If the stack cannot be installed or started, or its process ends.
    """
    rows = Rows(_rows_path(plan, entry, round_number))
    # Later rounds repeat indexing and searching only.
    num_asked = (plan.num_slow if entry.is_slow else plan.num_asked) if entry.asks and round_number == 0 else 0
    if rows.are_complete(selection.questions, num_asked):
        return
    python = Path(sys.executable) if entry.stack == "article-qa" else environment(entry.stack, plan.work_dir)
    log = plan.work_dir / "logs" / f"{entry.stack}-{entry.setting}.log"
    serves = (
        model_server(plan.gguf, plan.context_tokens, log) if entry.is_served and num_asked else nullcontext(_NO_SERVER)
    )
    with serves as server, _index_folder(plan, entry, round_number) as folder:
        address = server.address or "http://127.0.0.1:9/v1"
        order = Order(entry.setting, str(packaged_embedder_path()), address, _MODEL_NAME, str(plan.gguf), str(folder))
        with driver(python, f"scripts.peers.{entry.module}", order, server, log) as stack:
            rows.add({"kind": "load", "seconds": stack.load_seconds, "versions": dict(stack.versions)})
            reply = stack.request(do="index", articles=str(plan.work_dir / "data" / "articles.jsonl"))
            rows.add({"kind": "index", **reply})
            _search(stack, rows, selection)
            _ask(stack, server, rows, selection.questions[:num_asked])
            served = server.memory_mib() or {}
            rows.add({"kind": "memory", **stack.request(do="memory"), "server_peak_mib": served.get("peak_mib")})


def _search(stack: Driver, rows: Rows, selection: Selection) -> None:
    first = selection.questions[0]
    # Once unmeasured: what is loaded at the first question is no part of a question's time.
    stack.request(do="search", question=first.question, as_of=first.as_of, k=max(DEPTHS))
    for question in _missing("search", rows, selection.questions):
        reply = stack.request(do="search", question=question.question, as_of=question.as_of, k=max(DEPTHS))
        rows.add(search_row(question.question_id, question.answers, reply))


def _ask(stack: Driver, server: Server, rows: Rows, questions: tuple[AskedOf, ...]) -> None:
    for question in _missing("ask", rows, questions):
        before = server.cpu_seconds()
        try:
            reply = stack.request(do="ask", question=question.question, as_of=question.as_of)
        except RequestError as error:
            rows.add({"kind": "error", "id": question.question_id, "error": str(error)})
            continue
        rows.add(ask_row(question.question_id, question.answers, reply, server.cpu_seconds() - before))


def _missing(kind: str, rows: Rows, questions: tuple[AskedOf, ...]) -> Iterator[AskedOf]:
    for question in questions:
        if not rows.is_settled(kind, question.question_id):
            yield question


@contextmanager
def _index_folder(plan: Plan, entry: Entry, round_number: int) -> Iterator[Path]:
    """A new one each time: an index that is there already would not be timed."""
    folder = plan.work_dir / "indexes" / f"{entry.stack}-{entry.setting}-{round_number}-{time.time_ns()}"
    folder.mkdir(parents=True)
    yield folder


def _rows_path(plan: Plan, entry: Entry, round_number: int) -> Path:
    return plan.work_dir / "rows" / f"{entry.stack}-{entry.setting}-{round_number}.jsonl"


@dataclass(frozen=True, slots=True)
class Data:
    """What is chosen from, and how much of it; articles that are also in the files ``left_out`` are not taken."""

    articles: Path
    questions: Path
    left_out: tuple[Path, ...]
    sample: int
    num_articles: int
    seed: int

    def files(self) -> dict[str, Path]:
        left_out = {f"left_out_{place}": path for place, path in enumerate(self.left_out)}
        return {"articles": self.articles, "questions": self.questions, **left_out}


def _selection(work_dir: Path, data: Data) -> Selection:
    """:raises BadInputError: If the work folder holds rows of another selection."""
    wanted = {"sample": data.sample, "num_articles": data.num_articles, "seed": data.seed} | data_json(data.files())
    kept = work_dir / "data" / "selection.json"
    if kept.is_file() and json.loads(kept.read_text(encoding="utf-8")) != wanted:
        raise BadInputError(f"{work_dir} holds a comparison of other questions or articles; give another --work-dir")
    articles = without(list(read_lines(data.articles)), (one for path in data.left_out for one in read_lines(path)))
    selection = select(articles, list(read_lines(data.questions)), data.sample, data.num_articles, data.seed)
    for name in ("data", "rows", "logs", "indexes"):
        (work_dir / name).mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(dict(article)) + "\n" for article in selection.articles)
    (work_dir / "data" / "articles.jsonl").write_text(lines, encoding="utf-8")
    kept.write_text(json.dumps(wanted), encoding="utf-8")
    return selection


def _report(plan: Plan, selection: Selection, entries: tuple[Entry, ...]) -> dict[str, Any]:
    # All are compared on the same questions, also when some were asked more in an earlier run.
    asked = {question.question_id for question in selection.questions[: plan.num_asked]}
    rows: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        found = [row for number in range(plan.rounds) for row in Rows(_rows_path(plan, entry, number)).rows]
        if found:
            rows[entry.name] = [row for row in found if row["kind"] != "ask" or row["id"] in asked]
    machine = {"processor": _processor(), "cores": os.cpu_count(), "python": platform.python_version()}
    counts = {"questions": len(selection.questions), "articles": len(selection.articles)}
    words = sum(len(article["text"].split()) for article in selection.articles)
    return {"machine": machine, **counts, "words": words, "rounds": plan.rounds, "stacks": compared(rows), "rows": rows}


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")), "")


def tables(report: Mapping[str, Any]) -> str:
    """The report for people, in Markdown."""
    stacks = report["stacks"]
    return "\n\n".join((retrieval_table(stacks), answer_table(stacks), version_list(stacks)))


def main(
    articles: Annotated[
        Path, typer.Option(help="JSON lines of articles with url, title, text, published_at; also .gz.")
    ],
    questions: Annotated[Path, typer.Option(help="JSON lines of questions with answers and retrieved_urls; also .gz.")],
    work_dir: Annotated[Path, typer.Option(help="For environments, indexes and rows; outside the repository.")],
    report: Annotated[Path, typer.Option("--out", help="The report (.json); the tables are put beside it (.md).")],
    leave_out: Annotated[
        list[Path] | None, typer.Option(help="Articles that a model has learned from; again for more.")
    ] = None,
    sample: Annotated[int, typer.Option(min=1, help="Questions that are searched for.")] = 100,
    seed: Annotated[int, typer.Option()] = 0,
    asked: Annotated[int, typer.Option(min=0, help="How many of them are also answered.")] = 20,
    slow: Annotated[int, typer.Option(min=0, help="How many by settings that take minutes for each.")] = 2,
    num_articles: Annotated[int, typer.Option(min=1)] = 400,
    rounds: Annotated[int, typer.Option(min=1, help="How often all is indexed and searched.")] = 1,
    context_tokens: Annotated[int, typer.Option(help="Of the model server.")] = 8192,
    only: Annotated[
        list[str] | None, typer.Option(help='Such as "txtai best"; again for more. All if not given.')
    ] = None,
    for_minutes: Annotated[float, typer.Option(help="Begin no other stack then; the same call goes on.")] = 1e6,
) -> None:
    """Run what is not done yet, and write the report of all that is."""
    with one_line_errors():
        entries = _entries(only or [])
        data = Data(articles, questions, tuple(leave_out or ()), sample, num_articles, seed)
        selection = _selection(work_dir.resolve(), data)
        config = load_config()
        gguf = packaged_model_path(config.cache_dir)
        if any(entry.setting == "full-openvino" for entry in entries):
            prepared_model_path(gguf, config.cache_dir)  # once, and not in a stack's time
        ends = time.monotonic() + 60 * for_minutes
        plan = Plan(work_dir.resolve(), asked, slow, rounds, context_tokens, gguf, ends)
        _run_all(entries, plan, selection)
        made = _report(plan, selection, ENTRIES)
        report.write_text(json.dumps({"settings": asdict(plan) | {"work_dir": None}, **made}, default=str), "utf-8")
        report.with_suffix(".md").write_text(tables(made) + "\n", encoding="utf-8")
        out.print(tables(made), markup=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
