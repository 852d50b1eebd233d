"""Measures what the index costs as it grows from a thousand passages to a million: build, add, query, open, memory.

    python scripts/benchmark_sizes.py prepare --data-dir REAL --questions QUESTIONS.jsonl.gz --work-dir WORK
    python scripts/benchmark_sizes.py run --work-dir WORK --out sizes.json

REAL is a data folder with an index of real articles; QUESTIONS are question lines. Every size grows out of the one
before, through the product's own code; what needs no embedding is all measured, and vectors are made up (see
qa/evaluation/mixed_articles.py). Each measurement runs in a process of its own and is kept in WORK, so that a run that
was stopped goes on. Knows nothing of answers.
"""

from __future__ import annotations

import gzip
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import faiss
import numpy as np
import typer

from index.atomic import write_atomically
from index.collection import Collection
from index.database import Database
from index.embedder import TokenCounter
from index.errors import ArticleQAError
from index.generations import Generations
from index.library import Library
from index.model_files import packaged_embedder_path
from index.snapshot import Snapshot
from index.types import Article, FloatArray
from qa.composition import build_collection, build_embedder
from qa.config import Config
from qa.evaluation.mixed_articles import MixedArticles, RealCollection, line_keys, read_real
from qa.evaluation.size_figures import measure_queries, plot

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
_NUM_NEAR = 24
_NUM_ADDED = 10
_ARRIVAL_PASSAGES = 100_000
_FIRST_ADDED = 10_000_000  # numbers of articles that no collection grows up to

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
WorkDir = Annotated[Path, typer.Option(help="folder for the data folders of all sizes and what was measured")]
Size = Annotated[int, typer.Option(help="passages")]


class MixedVectors:
    """An embedder of mixed articles and their titles; tokens are counted by the packaged model's tokenizer."""

    dim = 384
    model_id = "mixed"

    def __init__(self, real: RealCollection) -> None:
        from transformers import AutoTokenizer  # heavy, and only needed to grow

        self.articles = MixedArticles(real)
        self._titles = {article.title: row for row, article in enumerate(real.articles)}
        self._title_vectors = real.title_vectors
        tokenizer = AutoTokenizer.from_pretrained(packaged_embedder_path(), local_files_only=True)
        self._count_tokens = TokenCounter(tokenizer)

    def count_tokens(self, texts: Sequence[str]) -> Sequence[int]:
        return self._count_tokens(texts)

    def embed_query(self, text: str) -> FloatArray:
        vector: FloatArray = self._title_vectors[self._titles[text]]
        return vector

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        return self.articles.vectors(texts)


@cli.command()
def prepare(
    data_dir: Annotated[Path, typer.Option(help="data folder of a real collection")],
    questions: Annotated[Path, typer.Option(help="question lines (.jsonl or .jsonl.gz)")],
    work_dir: WorkDir,
) -> None:
    """Read what is mixed out of a real collection, and embed its titles and the questions."""
    work_dir.mkdir(parents=True, exist_ok=True)
    folder = _live_folder(data_dir)
    passages, vectors = _real_passages(folder)
    revisions = np.array([passage.revision_id for passage in passages])
    ids, counts = np.unique(revisions, return_counts=True)
    library = Library(Database(data_dir / "library.sqlite"))
    articles = [revision.article for revision in library.revisions(ids.tolist())]
    embedder = build_embedder(Config().embedder)
    titles = embedder.embed_passages([article.title for article in articles])
    near = _near_others(vectors, revisions)
    texts = [passage.text for passage in passages]
    RealCollection(articles, counts, texts, vectors, near, titles, *line_keys(texts)).save(work_dir)
    data = gzip.decompress(questions.read_bytes()) if questions.suffix == ".gz" else questions.read_bytes()
    asked = [str(json.loads(line)["question"]) for line in data.splitlines()]
    np.save(work_dir / "questions.npy", np.stack([embedder.embed_query(question) for question in asked]))
    (work_dir / "questions.json").write_text(json.dumps(asked))


@cli.command()
def grow(
    work_dir: WorkDir, size: Size, origin: Annotated[int, typer.Option(help="the size to start from")] = 0
) -> None:
    """Make the data folder of a size out of that of a smaller one."""
    folder = work_dir / str(size)
    if not folder.exists():
        _copy(work_dir / str(origin), folder)
    embedder = MixedVectors(read_real(work_dir))
    collection = _collection(folder, embedder)
    collection.update()  # what was accepted when a run was stopped
    arrivals = _read(folder / "arrivals.json", [])
    for batch in _batches(embedder.articles, size, first=collection.status()["library"]["num_articles"]):
        arrivals.append(_arrive(collection, [embedder.articles.article(number) for number in batch]))
        _keep(folder / "arrivals.json", arrivals)
    _keep(folder / "grow.json", {"arrivals": arrivals, "peak_mib": _peak_mib()})


def _batches(articles: MixedArticles, size: int, *, first: int) -> Iterator[list[int]]:
    """The numbers of articles from ``first`` on that make up a collection of a size, in arrivals."""
    batch: list[int] = []
    total, num_new, number = 0, 0, 0
    while total < size:
        num_passages = articles.num_passages(number)
        total += num_passages
        if number >= first:
            batch.append(number)
            num_new += num_passages
        if num_new >= _ARRIVAL_PASSAGES or (batch and total >= size):
            yield batch
            batch, num_new = [], 0
        number += 1


def _arrive(collection: Collection, articles: Sequence[Article]) -> dict[str, Any]:
    accept = _timed(lambda: collection.accept(articles))
    update = _timed(collection.update)
    status = collection.status()
    return {
        "num_new_articles": len(articles),
        "num_articles": status["num_articles"],
        "num_passages": status["num_passages"],
        "accept": accept,
        "update": update,
        "dense_index": status["dense_index"],
    }


@cli.command()
def add(work_dir: WorkDir, size: Size) -> None:
    """Add ten articles, in a process that serves the collection and in one that has just opened it."""
    folder = work_dir / str(size)
    embedder = MixedVectors(read_real(work_dir))
    first = _FIRST_ADDED
    while not _is_new(folder, embedder, first):
        first += _NUM_ADDED
    batches = [[embedder.articles.article(first + i + _NUM_ADDED * part) for i in range(_NUM_ADDED)] for part in (0, 1)]
    started = time.perf_counter()
    collection = _collection(folder, embedder)
    collection.add(batches[0])
    fresh = time.perf_counter() - started
    running = _timed(lambda: collection.add(batches[1]))
    _keep(folder / "add.json", {"fresh_seconds": fresh, "running": running, "peak_mib": _peak_mib()})


@cli.command()
def query(work_dir: WorkDir, size: Size) -> None:
    """Open the generation and ask."""
    folder = work_dir / str(size)
    questions = json.loads((work_dir / "questions.json").read_text())
    vectors = np.load(work_dir / "questions.npy", allow_pickle=False)
    _keep(folder / "query.json", measure_queries(_live_folder(folder), folder / "library.sqlite", questions, vectors))


@cli.command()
def run(
    work_dir: WorkDir,
    out: Annotated[Path, typer.Option(help="the figures, JSON; the plot is put beside it")],
    sizes: Annotated[list[int] | None, typer.Option("--size", help="several times; from the smallest on")] = None,
) -> None:
    """Grow to every size and measure each; what was measured before is not measured again."""
    figures, origin = [], 0
    for size in sizes or SIZES:
        for step in _STEPS:
            if not (work_dir / str(size) / f"{step}.json").exists():
                print(f"{size:,}: {step}", flush=True)
                options = ["--origin", str(origin)] if step == "grow" else []
                arguments = [step, "--work-dir", str(work_dir), "--size", str(size), *options]
                subprocess.run([sys.executable, __file__, *arguments], check=True)  # noqa: S603 (ourselves)
        kept = {step: _read(work_dir / str(size) / f"{step}.json", None) for step in _STEPS}
        figures.append({"size": size, "origin": origin, **kept})
        origin = size
        write_atomically(out, json.dumps(figures, indent=1).encode())
    plot(out.with_suffix(".png"), figures)


_STEPS = ("grow", "add", "query")


def _real_passages(folder: Path) -> tuple[list[Any], FloatArray]:
    snapshot = Snapshot(folder, title_weight=0.0)
    passages = snapshot.all_passages()
    ids = np.array([passage.passage_id for passage in passages])
    return passages, snapshot.vectors_of(ids)


def _near_others(vectors: FloatArray, revisions: Any) -> Any:
    """The nearest passages (n, k) of other articles, found approximately."""
    cells: Any = faiss.index_factory(vectors.shape[1], "IVF1024,Flat", faiss.METRIC_INNER_PRODUCT)
    cells.train(vectors)
    cells.add(vectors)
    cells.nprobe = 48
    _, found = cells.search(vectors, 4 * _NUM_NEAR)
    is_own = (revisions[:, None] == revisions[found]) | (found < 0)
    order = np.argsort(is_own, axis=1, kind="stable")[:, :_NUM_NEAR]
    return np.take_along_axis(found, order, axis=1)


def _collection(folder: Path, embedder: MixedVectors) -> Collection:
    folder.mkdir(exist_ok=True)
    collection = build_collection(Config(data_dir=folder), Database(folder / "library.sqlite"), embedder)
    collection.snapshot()
    return collection


def _copy(origin: Path, folder: Path) -> None:
    """A data folder to go on from, with the live generation alone."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    if origin.exists():
        shutil.copyfile(origin / "library.sqlite", partial / "library.sqlite")
        live = _live_folder(origin)
        shutil.copytree(live, partial / "index" / live.name)
        for name in ("CURRENT", "HIGHEST"):
            shutil.copyfile(origin / "index" / name, partial / "index" / name)
    partial.rename(folder)


def _live_folder(data_dir: Path) -> Path:
    generations = Generations(data_dir / "index")
    live = generations.current()
    if live is None:
        raise ArticleQAError(f"{data_dir} holds no index")
    return generations.path(live)


def _is_new(folder: Path, embedder: MixedVectors, number: int) -> bool:
    article_id = embedder.articles.article(number).article_id
    return Library(Database(folder / "library.sqlite")).article(article_id) is None


def _timed(do: Callable[[], object]) -> dict[str, float]:
    """Seconds by the clock, and of the processor."""
    started, processor_started = time.perf_counter(), time.process_time()
    do()
    return {
        "seconds": time.perf_counter() - started,
        "processor_seconds": time.process_time() - processor_started,
    }


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _keep(path: Path, figures: object) -> None:
    write_atomically(path, json.dumps(figures, indent=1).encode())


def _read(path: Path, otherwise: Any) -> Any:
    return json.loads(path.read_bytes()) if path.exists() else otherwise


if __name__ == "__main__":
    try:
        cli()
    except (ArticleQAError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"error: {error}")
