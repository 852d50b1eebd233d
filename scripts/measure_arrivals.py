"""Measures how long articles take from their arrival to being found, as the library grows, and plots it.

    python scripts/measure_arrivals.py ARTICLES.jsonl.gz … --out arrivals.json

Every week of the files ("batch") is one arrival into one growing index; then ten more articles arrive. With
``--without-embedding`` seeded vectors stand in for the embedding model, whose time grows with the arrival alone
(scripts/benchmark.py measures it), so that the rest can be measured on large libraries in minutes. Knows nothing of
questions.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from index.atomic import write_atomically
from index.collection import Collection
from index.database import Database
from index.embedder import Embedder
from index.errors import ArticleQAError
from index.types import Article, FloatArray, make_article
from qa.composition import build_collection, build_embedder
from qa.config import Config
from qa.evaluation.datasets import read_articles

_NUM_LAST = 10
_SEARCHED_FOR = "who said what about it"


@dataclass(frozen=True, slots=True)
class Arrival:
    """``accept_seconds`` until the articles are safe in the library, ``live_seconds`` until they are found, in all;
    ``processor_seconds`` of this process meanwhile, which other programs disturb less."""

    name: str
    num_articles: int
    num_articles_before: int
    num_passages_before: int
    accept_seconds: float
    live_seconds: float
    processor_seconds: float


class SeededVectors:
    """An embedder whose vectors follow from the texts alone and cost next to nothing; token counts are the inner's."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self.model_id = f"{inner.model_id}|seeded"
        self.dim = inner.dim

    def count_tokens(self, texts: Sequence[str]) -> Sequence[int]:
        return self._inner.count_tokens(texts)

    def embed_query(self, text: str) -> FloatArray:
        return self._vector(text)

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> FloatArray:
        seed = int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8])
        vector = np.random.default_rng(seed).standard_normal(self.dim, dtype=np.float32)
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def main(
    articles: Annotated[list[Path], typer.Argument(help="article lines with a batch each, in the order of arrival")],
    out: Annotated[Path, typer.Option(help="the figures, JSON; the plot is put beside it")],
    without_embedding: Annotated[bool, typer.Option("--without-embedding")] = False,
    limit: Annotated[int | None, typer.Option(help="stop after so many arrivals")] = None,
) -> None:
    """Replay the arrivals and measure each."""
    embedder: Embedder = build_embedder(Config().embedder)
    if without_embedding:
        embedder = SeededVectors(embedder)
    with TemporaryDirectory(dir=out.parent, prefix=".arrivals-") as folder:
        config = Config(data_dir=Path(folder))
        collection = build_collection(config, Database(config.data_dir / "library.sqlite"), embedder)
        measured: list[Arrival] = []
        for path in articles:
            for week, batch in read_articles(path, by_week=True).weeks.items():
                if limit is None or len(measured) < limit:
                    measured.append(_arrive(collection, embedder, week, batch))
        last = _arrive(collection, embedder, f"{_NUM_LAST} more", _more())
    figures = {
        "without_embedding": without_embedding,
        "arrivals": [asdict(arrival) for arrival in measured],
        "last": asdict(last),
    }
    write_atomically(out, json.dumps(figures, indent=1).encode())
    _plot(out.with_suffix(".png"), measured, last)


def _arrive(collection: Collection, embedder: Embedder, name: str, batch: Sequence[Article]) -> Arrival:
    status = collection.status()
    started, processor_started = time.perf_counter(), time.process_time()
    collection.accept(batch)
    accepted = time.perf_counter()
    collection.update()
    snapshot = collection.snapshot()
    assert snapshot is not None  # something was just added
    snapshot.search(_SEARCHED_FOR, embedder.embed_query(_SEARCHED_FOR), 10)
    done = time.perf_counter()
    arrival = Arrival(
        name,
        len(batch),
        status["num_articles"],
        status["num_passages"],
        accepted - started,
        done - started,
        time.process_time() - processor_started,
    )
    print(
        f"{name}: {len(batch)} articles to {arrival.num_articles_before:,} "
        f"({arrival.num_passages_before:,} passages): live after {arrival.live_seconds:.2f} s, "
        f"{arrival.processor_seconds:.2f} s of a processor",
        flush=True,
    )
    return arrival


def _more() -> list[Article]:
    """Ten articles of some length that are in no data set."""
    return [
        make_article(
            " ".join(
                f"The council of Newtown {number} met on day {day} and heard {day * number + 3} people. "
                "Nobody agreed with anybody, and the mayor asked for another report by the end of the month."
                for day in range(1, 13)
            ),
            title=f"Council of Newtown {number}",
            url=f"https://news.example/newtown/{number}",
            published_at="2025-01-01",
        )
        for number in range(1, _NUM_LAST + 1)
    ]


def _plot(path: Path, arrivals: Sequence[Arrival], last: Arrival) -> None:
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)  # draws in memory: no window, no display
    axes = figure.add_subplot()
    before = [arrival.num_articles_before for arrival in arrivals]
    axes.plot(before, [a.live_seconds for a in arrivals], marker="o", markersize=3, label="seconds to live")
    axes.plot(before, [a.processor_seconds for a in arrivals], marker="x", markersize=3, label="of a processor")
    axes.plot(before, [a.accept_seconds for a in arrivals], marker=".", label="of these until safe in the library")
    axes.plot([last.num_articles_before], [last.live_seconds], "r*", markersize=11, label=f"{_NUM_LAST} articles more")
    axes.set(xlabel="articles in the library before the arrival", ylabel="seconds", ylim=(0, None))
    sizes = axes.twinx()
    sizes.bar(before, [a.num_articles for a in arrivals], width=max(before[-1] / 200, 1), alpha=0.2, color="grey")
    sizes.set_ylabel("articles in the arrival (bars)")
    axes.legend(loc="upper right")
    axes.grid(alpha=0.3)
    figure.savefig(path, format="png", dpi=120)


if __name__ == "__main__":
    try:
        typer.run(main)
    except (ArticleQAError, OSError) as error:
        sys.exit(f"error: {error}")
