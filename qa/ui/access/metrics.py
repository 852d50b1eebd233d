"""Counts what is served, for Prometheus: requests, questions, refusals, and what the process is made of.

Knows nothing of who asks: no name, address, question or title ever becomes a label, only what this program has few of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from qa.types import Answer, Seconds

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0)


class Metrics:
    """All figures of one server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = self._counter("requests", "Replies by route and status.", "route", "status")
        self._refusals = self._counter("refusals", "Requests and questions that were refused, by reason.", "reason")
        self._questions = self._counter("questions", "Questions by mode and what became of them.", "mode", "outcome")
        self._writes = self._counter("writes", "Changes to the articles, by action and outcome.", "action", "outcome")
        self._unwritten = self._counter("audit_failures", "Changes that could not be written to the audit log.")
        self._stages = Histogram(
            "article_qa_stage_seconds",
            "Seconds from a question to the end of each stage.",
            ["stage", "mode"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._in_progress = Gauge(
            "article_qa_questions_in_progress", "Questions being answered or waiting.", registry=self._registry
        )

    def watch(self, status: Callable[[], dict[str, Any] | None], queue_length: Callable[[], int]) -> None:
        """Also report the index and the queue, looked at when the figures are read.

        :param status: The service's status; None while there is none.
        :param queue_length: How many calls wait.
        """
        self._registry.register(_Served(status, queue_length))

    def text(self) -> bytes:
        """The figures in Prometheus' text format."""
        return generate_latest(self._registry)

    def request(self, route: str, status: int) -> None:
        """:param route: The route's pattern, not the path: there must be few of them."""
        self._requests.labels(route, str(status)).inc()

    def refusal(self, reason: str) -> None:
        self._refusals.labels(reason).inc()

    def question_begins(self) -> None:
        self._in_progress.inc()

    def question_ends(self, mode: str, outcome: str) -> None:
        """:param outcome: Of the answer, or "stopped", "refused" or "failed"."""
        self._in_progress.dec()
        self._questions.labels(mode, outcome).inc()

    def answer(self, answer: Answer, mode: str) -> None:
        for stage, seconds in _stages(answer.seconds):
            self._stages.labels(stage, mode).observe(seconds)

    def write(self, action: str, outcome: str, *, is_logged: bool) -> None:
        self._writes.labels(action, outcome).inc()
        if not is_logged:
            self._unwritten.inc()

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"article_qa_{name}", meaning, labels, registry=self._registry)


def _stages(seconds: Seconds) -> Iterator[tuple[str, float]]:
    yield "retrieve", seconds.retrieve
    yield "evidence", seconds.evidence
    if seconds.first_token is not None:
        yield "first_token", seconds.first_token
    yield "total", seconds.total


class _Served(Collector):
    """What is only known by looking."""

    def __init__(self, status: Callable[[], dict[str, Any] | None], queue_length: Callable[[], int]) -> None:
        self._status = status
        self._queue_length = queue_length

    def describe(self) -> Iterable[Metric]:
        """Nothing: asking the service while it loads would tell no more."""
        return ()

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("article_qa_queue_length", "Calls that wait their turn.", value=self._queue_length())
        status = self._status()
        yield GaugeMetricFamily("article_qa_ready", "Whether the models are loaded.", value=int(status is not None))
        if status is None:
            return
        generation = {"name": str(status.get("generation") or "")}
        yield InfoMetricFamily("article_qa_generation", "The generation of the index that is served.", value=generation)
        for name in ("articles", "passages"):
            value = int(status.get(f"num_{name}") or 0)
            yield GaugeMetricFamily(f"article_qa_{name}", f"{name.capitalize()} in that generation.", value=value)
        yield from _writers(status.get("writers") or [])


def _writers(writers: Sequence[Mapping[str, Any]]) -> Iterator[Metric]:
    """How each server that writes does; none where the model runs in this process."""
    if not writers:
        return
    up = GaugeMetricFamily("article_qa_writer_up", "Whether a model server is used.", labels=["endpoint"])
    running = GaugeMetricFamily("article_qa_writer_requests_running", "Requests it works on.", labels=["endpoint"])
    asked = CounterMetricFamily("article_qa_writer_requests", "Requests to it.", labels=["endpoint"])
    failed = CounterMetricFamily("article_qa_writer_failures", "Those it failed.", labels=["endpoint"])
    for writer in writers:
        label = [str(writer["endpoint"])]
        up.add_metric(label, int(writer["problem"] is None))
        running.add_metric(label, writer["num_running"])
        asked.add_metric(label, writer["num_requests"])
        failed.add_metric(label, writer["num_failures"])
    yield from (up, running, asked, failed)
