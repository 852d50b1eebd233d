"""One evaluation from files to report; knows nothing of configuration, command lines or how the pipeline is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from index.builder import Progress, no_progress
from index.collection import Collection
from index.embedder import Embedder
from index.errors import BadInputError, ModelError
from qa.evaluation.datasets import EvalQuestion, WeeklyArticles, opened, read_articles, read_question_file, sampled
from qa.evaluation.journal import Journal
from qa.evaluation.provenance import code_sha256, data_json, differences
from qa.evaluation.report import read_report, rows_of
from qa.evaluation.runner import Asker, evaluate, weeks_of
from qa.evaluation.scoring import Row
from qa.evaluation.streaming import PinnedSource, WeekIndex
from qa.evaluation.summary import compare, summarise
from qa.evaluation.watched_reader import WatchedReader
from qa.pipeline import Pipeline
from qa.types import Mode

Protocol = Literal["given", "open", "all", "stream"]


@dataclass(frozen=True, slots=True)
class Options:
    """What to evaluate.

    :param questions: JSON lines or SQuAD's JSON.
    :param out: The report; the journal is put beside it.
    :param work_dir: Where the index is, or will be.
    :param articles: What to index; None when the questions bring their passages.
    :param is_open: Index the passages that the questions bring, instead of giving each question its own.
    :param is_stream: Week by week, so that no question sees later articles.
    :param sample: How many questions to ask; None for all. ``seed`` says which.
    :param limit_weeks: Stop after so many weeks; None for all.
    :param is_absent: Keep every article that holds a gold answer away.
    :param restart: Ask again what the journal has answers to. ``any_code``: go on although the code has changed.
    :param against: An older report on the same data, by the same protocol, to compare with; its mode may be another.
    :raises BadInputError: If options contradict each other.
    """

    questions: Path
    out: Path
    work_dir: Path
    articles: Path | None = None
    is_open: bool = False
    is_stream: bool = False
    sample: int | None = None
    seed: int = 0
    limit_weeks: int | None = None
    mode: Mode = "full"
    is_absent: bool = False
    restart: bool = False
    any_code: bool = False
    against: Path | None = None

    def __post_init__(self) -> None:
        if self.mode not in ("fast", "full"):
            raise BadInputError(f"mode {self.mode!r} is unknown; use fast (evidence only) or full")
        if self.is_stream and self.articles is None:
            raise BadInputError("--stream needs --articles")
        if self.is_open and self.articles is not None:
            raise BadInputError("--open indexes the questions' own passages; leave out --articles")
        if self.is_absent and not self.needs_index:
            raise BadInputError("--absent keeps articles away, so it needs --articles or --open")
        if self.limit_weeks is not None and not self.is_stream:
            raise BadInputError("--limit-weeks needs --stream")
        if self.out.suffix != ".json":
            raise BadInputError(f"--out {self.out} must end in .json; the journal and the plot are named after it")

    @property
    def needs_index(self) -> bool:
        return self.is_open or self.articles is not None

    @property
    def protocol(self) -> Protocol:
        if not self.needs_index:
            return "given"
        return "stream" if self.is_stream else "open" if self.is_open else "all"


@dataclass(frozen=True, slots=True)
class Parts:
    """What questions are asked of: ``pipeline`` reads its snapshots from ``source``, and passages with ``reader``.

    ``collection`` lies in the work folder and keeps every generation; None when nothing is to be indexed.
    ``settings`` and ``index_settings`` are JSON values that answers, and the index alone, depend on.
    """

    pipeline: Pipeline
    source: PinnedSource
    reader: WatchedReader
    embedder: Embedder
    collection: Collection | None
    settings: Mapping[str, Any]
    index_settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """A finished evaluation; see :func:`qa.evaluation.report.write_report`."""

    header: Mapping[str, Any]
    metrics: Mapping[str, Any]
    rows: Sequence[Row]


def run(options: Options, parts: Parts, *, progress: Progress = no_progress) -> Result:
    """Index what is not indexed yet, ask what was not asked yet, and sum up.

    :raises ArticleQAError: If files are not usable, or a journal or work folder belongs to another evaluation.
    """
    code = code_sha256()  # at once: the files may be edited while models and articles are read
    questions, given, skipped = _questions(options)
    header = _header(options, parts)
    earlier = _earlier(options, header)
    index = _index(options, parts, header["data"]["files"], given)
    weeks = weeks_of(questions, index, by_week=options.is_stream)[: options.limit_weeks]
    eligible = [question for question in questions if not options.is_stream or question.week in weeks]
    chosen = sampled(eligible, options.sample, options.seed)
    if not chosen:
        raise BadInputError(f"{options.questions.name} has no question of the weeks chosen: {', '.join(weeks)}")
    collection = parts.collection if index is not None else None
    asker = Asker(
        parts.pipeline,
        parts.source,
        parts.reader,
        parts.embedder,
        collection,
        mode=options.mode,
        is_absent=options.is_absent,
    )
    with _journal(options, header, code) as journal:
        rows = evaluate(asker, chosen, index, journal, weeks=weeks, progress=progress)
    metrics = summarise(rows)
    if earlier is not None:
        metrics["difference"] = compare(rows, earlier)
    selection = {"sample": options.sample, "seed": options.seed, "limit_weeks": options.limit_weeks}
    indexed = {"articles": index.num_articles, "rejected": index.num_rejected} if index is not None else None
    facts = {"code": journal.codes, "selection": selection, "indexed": indexed, "skipped": skipped}
    return Result({**header, **facts}, metrics, rows)


def _questions(options: Options) -> tuple[list[EvalQuestion], WeeklyArticles | None, Mapping[str, int]]:
    read = read_question_file(options.questions)
    questions, given = opened(read.questions) if options.is_open else (read.questions, None)
    return questions, given, read.skipped


def _header(options: Options, parts: Parts) -> dict[str, Any]:
    """What every row depends on, but for the code."""
    models = parts.pipeline.models(options.mode)
    if options.mode == "full" and models.generator is None:
        raise ModelError("no answering model is configured; evaluate with --mode fast or set generator.engine")
    files = {"questions": options.questions}
    if options.articles is not None:
        files["articles"] = options.articles
    return {
        "mode": options.mode,
        "protocol": options.protocol,
        "absent": options.is_absent,
        "data": data_json(files),
        "models": {"embedder": models.embedder, "evidence": models.evidence, "generator": models.generator},
        "settings": dict(parts.settings),
    }


def _earlier(options: Options, header: Mapping[str, Any]) -> list[Row] | None:
    if options.against is None:
        return None
    report = read_report(options.against)
    if report["data"]["sha256"] != header["data"]["sha256"]:
        raise BadInputError(f"{options.against} is a report of other data, so the two cannot be compared")
    keys = ("absent", "protocol")
    other = differences({key: report.get(key) for key in keys}, {key: header[key] for key in keys})
    if other:
        raise BadInputError(f"{options.against} asked otherwise ({'; '.join(other)}), so the two cannot be compared")
    return rows_of(report)


def _index(
    options: Options, parts: Parts, files: Mapping[str, Mapping[str, str]], given: WeeklyArticles | None
) -> WeekIndex | None:
    if not options.needs_index:
        return None
    assert parts.collection is not None  # Parts says when there is none
    identity = {
        "articles": files["questions" if given is not None else "articles"]["sha256"],
        "protocol": options.protocol,
        "embedder": parts.embedder.model_id,
        "index": dict(parts.index_settings),
    }

    def read() -> WeeklyArticles:
        if given is not None:
            return given
        assert options.articles is not None  # an index needs one of the two
        return read_articles(options.articles, by_week=options.is_stream)

    return WeekIndex(parts.collection, options.work_dir, identity, read)


def _journal(options: Options, header: Mapping[str, Any], code: str) -> Journal:
    # By content alone: a file that is named otherwise is the same.
    fingerprint = {**header, "data": header["data"]["sha256"]}
    path = options.out.with_suffix(".rows.jsonl")
    return Journal(path, fingerprint, code, restart=options.restart, any_code=options.any_code)
