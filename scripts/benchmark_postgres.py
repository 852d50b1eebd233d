"""Compares the index on PostgreSQL with the embedded one: the same passages, vectors and questions.

    python scripts/benchmark_postgres.py load --data-dir REAL --url postgresql://... [--shard postgresql://... ...]
    python scripts/benchmark_postgres.py graph --url postgresql://... [--shard ...]
    python scripts/benchmark_postgres.py measure --data-dir REAL --questions QUESTIONS.jsonl.gz --url ...

REAL is a data folder with an index of real articles; QUESTIONS are question lines. `load` copies its live generation,
`graph` adds the graph of half-precision vectors in a generation of its own, `measure` compares a generation. Where
there are too few questions, titles are asked, too. Knows nothing of answers but whether a passage holds one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from psycopg import sql

from index.generations import Generations
from index.postgres.generation_rows import ManifestFields
from index.postgres.passage_schema import texts_table, words_table
from index.postgres.passages import PassageStore
from index.postgres.servers import Server
from index.postgres.snapshot import PostgresSnapshot
from index.postgres.words import RankedWords, TermStatistics, question_terms, with_titles
from index.protocols import PassageSnapshot
from index.retriever import Retriever
from index.snapshot import Snapshot
from index.types import Candidate, FloatArray, IntArray, Passage
from qa.composition import build_embedder
from qa.config import Config
from qa.evaluation.datasets import EvalQuestion, read_questions
from qa.evaluation.matching import holds, searchable, searchable_answers

_BATCH = 2_000
_DEPTH = 60
_RANKS = (1, 5, 10, 20)
_NUM_TIMED = 200
_EXACT = 1 << 30  # more passages than there are
Ranked = Callable[[EvalQuestion, FloatArray], Sequence[str]]
"""Texts of passages, best first."""

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
DataDir = Annotated[Path, typer.Option(help="data folder with an index")]
Url = Annotated[str, typer.Option(help="the main server")]
Shards = Annotated[list[str] | None, typer.Option("--shard", help="a server with passages; default: the main one")]


@contextmanager
def _store(url: str, shards: Sequence[str] | None, flat_limit: int = _EXACT) -> Iterator[PassageStore]:
    config = Config()
    servers = [Server(some, statement_timeout_seconds=120) for some in shards or ()]
    store = PassageStore(
        Server(url), servers, title_weight=config.retrieval.title_weight, flat_limit=flat_limit, grace_seconds=0
    )
    store.prepare()
    try:
        yield store
    finally:
        store.close()


def _embedded(data_dir: Path) -> Snapshot:
    generations = Generations(data_dir / "index", keep=100)
    name = generations.current()
    assert name is not None, f"{data_dir} has no index"
    return Snapshot(generations.path(name), title_weight=Config().retrieval.title_weight)


@cli.command()
def load(data_dir: DataDir, url: Url, shard: Shards = None) -> None:
    """Copy the live generation of a data folder."""
    source = _embedded(data_dir)
    passages = source.all_passages()
    began = time.perf_counter()
    with _store(url, shard) as store, store.loading(None, dim=source.dense.parts[0].index.d) as loading:
        for some in _batches(passages):
            loading.put(some, source.vectors_of(np.array([p.passage_id for p in some], dtype=np.int64)))
        loaded = time.perf_counter()
        fields = ManifestFields(source.manifest.embedder, source.manifest.chunker, source.clusters)
        name = loading.commit(fields)
    ended = time.perf_counter()
    _say({"generation": name, "rows_seconds": loaded - began, "indexes_seconds": ended - loaded})


@cli.command()
def graph(url: Url, shard: Shards = None) -> None:
    """Make the graph of vectors, in a generation that changes nothing else."""
    with _store(url, shard, flat_limit=1) as store:
        parent = str(store.current())
        snapshot = store.open(parent)
        began = time.perf_counter()
        with store.loading(parent, dim=int(snapshot.manifest.dense["dim"])) as loading:
            fields = ManifestFields(snapshot.manifest.embedder, snapshot.manifest.chunker, snapshot.clusters)
            name = loading.commit(fields)
        _say({"generation": name, "graph_seconds": time.perf_counter() - began})


@cli.command()
def measure(
    data_dir: DataDir,
    questions: Annotated[Path, typer.Option(help="question lines")],
    url: Url,
    shard: Shards = None,
    what: Annotated[list[str] | None, typer.Option(help="nearest, hits, ts_rank or times; default: all")] = None,
    generation: Annotated[str | None, typer.Option(help="default: the live one")] = None,
    num: Annotated[int, typer.Option(help="questions, with titles")] = 1000,
    candidates: Annotated[Path | None, typer.Option(help="what was found for each question; compared if there")] = None,
) -> None:
    """Compare with exact search and with the embedded index."""
    wanted = set(what or ("nearest", "hits", "ts_rank", "times"))
    embedded = _embedded(data_dir)
    asked = read_questions(questions)
    passages = embedded.all_passages()
    titles = list(dict.fromkeys(p.title for p in passages[:: max(1, len(passages) // (4 * num))]))
    texts = [*(q.question for q in asked), *titles][:num]
    embedder = build_embedder(Config().embedder)
    vectors = np.stack([embedder.embed_query(text) for text in texts])
    with _store(url, shard) as store:
        snapshot = store.open(generation or str(store.current()))
        figures: dict[str, Any] = {"generation": snapshot.generation, "dense": dict(snapshot.manifest.dense)}
        if "nearest" in wanted:
            found = [snapshot.search(text, vector, _DEPTH) for text, vector in zip(texts, vectors, strict=True)]
            ids = np.array([p.passage_id for p in passages], dtype=np.int64)
            figures |= {"num_questions": len(texts), **_nearest(found, vectors, ids, embedded.vectors_of(ids))}
            figures["words_agree"] = _agreement(found, embedded, texts, vectors)
            if candidates is not None:
                figures["candidates_equal"] = _compared(candidates, found)
        ways = _ways(Retriever(embedder), embedded, snapshot) if "hits" in wanted else {}
        if "ts_rank" in wanted:
            ways |= {f"ts_rank, normalization {n}": _by_ts_rank(snapshot, n) for n in (0, 1, 2)}
        figures["hit"] = {name: _share(asked, vectors, way) for name, way in ways.items()}
        if "times" in wanted:
            figures["milliseconds"] = _times(texts[:_NUM_TIMED], vectors, embedded, snapshot)
    _say(figures)


def _batches(passages: Sequence[Passage]) -> Iterator[list[Passage]]:
    """Whole revisions, some thousand passages at a time."""
    batch: list[Passage] = []
    for _, revision in groupby(passages, key=lambda passage: passage.revision_id):
        batch.extend(revision)
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    yield batch


def _nearest(
    found: Sequence[Sequence[Candidate]], vectors: FloatArray, ids: IntArray, all_vectors: FloatArray
) -> dict[str, Any]:
    """The ten nearest by meaning against all vectors compared by numpy, of equals the older passage first."""
    num_same, num_hit = 0, 0
    for some, vector in zip(found, vectors, strict=True):
        cosines = all_vectors @ vector
        exact = ids[np.lexsort((ids, -cosines))[:10]].tolist()
        ours = [c.passage_id for c in sorted(some, key=lambda c: (-c.cosine, c.passage_id))[:10]]
        num_same += set(ours) == set(exact)
        num_hit += len(set(ours) & set(exact))
    return {"same_top_10": num_same / len(found), "recall_at_10": num_hit / (10 * len(found))}


def _agreement(
    found: Sequence[Sequence[Candidate]], embedded: Snapshot, texts: Sequence[str], vectors: FloatArray
) -> float:
    """The share of the ten best by words of the embedded index that are among the ten best here."""
    shares = []
    for some, text, vector in zip(found, texts, vectors, strict=True):
        theirs = sorted(embedded.search(text, vector, _DEPTH), key=lambda c: (-c.bm25, c.passage_id))[:10]
        ours = {c.passage_id for c in sorted(some, key=lambda c: (-c.bm25, c.passage_id))[:10]}
        shares.append(len(ours & {c.passage_id for c in theirs}) / len(theirs) if theirs else 1.0)
    return float(np.mean(shares))


def _ways(retriever: Retriever, embedded: Snapshot, snapshot: PostgresSnapshot) -> dict[str, Ranked]:
    """Ways to rank passages: as questions are answered, and by words alone; by both indexes."""

    def fused(index: PassageSnapshot) -> Ranked:
        def ranked(question: EvalQuestion, vector: FloatArray) -> Sequence[str]:
            found = retriever.retrieve(index, question.question, max(_RANKS), reference=question.as_of)
            return [one.passage.text for one in found]

        return ranked

    def by_bm25(index: PassageSnapshot) -> Ranked:
        def ranked(question: EvalQuestion, vector: FloatArray) -> Sequence[str]:
            found = sorted(index.search(question.question, None, max(_RANKS)), key=lambda c: (-c.bm25, c.passage_id))
            return [p.text for p in index.fetch([c.passage_id for c in found])]

        return ranked

    return {
        "fused, embedded": fused(embedded),
        "fused, PostgreSQL": fused(snapshot),
        "BM25, embedded": by_bm25(embedded),
        "BM25, PostgreSQL": by_bm25(snapshot),
    }


def _share(asked: Sequence[EvalQuestion], vectors: FloatArray, way: Ranked) -> dict[str, float]:
    """The share of questions whose answer stands in the first k passages."""
    ranks = []
    for question, vector in zip(asked, vectors, strict=False):
        gold = searchable_answers(question.answers)
        texts = way(question, vector)
        ranks.append(next((rank for rank, text in enumerate(texts, 1) if holds(searchable(text), gold)), _EXACT))
    return {f"at_{k}": float(np.mean([rank <= k for rank in ranks])) for k in _RANKS}


def _by_ts_rank(snapshot: PostgresSnapshot, normalization: int) -> Ranked:
    """PostgreSQL's own rank of the same words: of texts and titles alike, which it does not tell apart."""
    epoch, server = snapshot._place.epoch, snapshot._shards[0].server

    def ranked(question: EvalQuestion, vector: FloatArray) -> Sequence[str]:
        terms = with_titles(question_terms(question.question))
        query = RankedWords(
            dict.fromkeys(terms, TermStatistics(1, 1.0)), snapshot._row.lengths, title_weight=1.0
        ).query()
        statement = sql.SQL(
            "SELECT t.text FROM (SELECT passage_id, ts_rank(words, {query}::tsquery, {normalization}) AS rank "
            "FROM {words} WHERE words @@ {query}::tsquery ORDER BY 2 DESC, 1 LIMIT {k}) best "
            "JOIN {texts} t USING (passage_id) ORDER BY best.rank DESC, passage_id"
        ).format(
            query=sql.Literal(query),
            normalization=sql.Literal(normalization),
            words=words_table(epoch),
            texts=texts_table(epoch),
            k=sql.Literal(max(_RANKS)),
        )
        return [str(row[0]) for row in server.ask(lambda connection: connection.execute(statement).fetchall())]

    return ranked


def _times(
    texts: Sequence[str], vectors: FloatArray, embedded: Snapshot, snapshot: PostgresSnapshot
) -> dict[str, dict[str, float]]:
    """Of one search at a time, the two taking turns."""
    ways: dict[str, Callable[[str, FloatArray], object]] = {
        "embedded": lambda text, vector: embedded.search(text, vector, _DEPTH),
        "PostgreSQL": lambda text, vector: snapshot.search(text, vector, _DEPTH),
        "PostgreSQL, words only": lambda text, vector: snapshot.search(text, None, _DEPTH),
        "PostgreSQL, meaning only": lambda text, vector: snapshot.search("", vector, _DEPTH),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for text, vector in zip(texts, vectors, strict=False):
        for name, way in ways.items():
            began = time.perf_counter()
            way(text, vector)
            taken[name].append(1000 * (time.perf_counter() - began))
    return {
        name: {"p50": float(np.percentile(some, 50)), "p95": float(np.percentile(some, 95))}
        for name, some in taken.items()
    }


def _compared(path: Path, found: Sequence[Sequence[Candidate]]) -> float | None:
    """The share of questions with the same candidates, scores to the last bit, as an earlier run noted in ``path``."""
    ours = [sorted((c.passage_id, c.bm25, c.cosine, c.day) for c in some) for some in found]
    if not path.exists():
        path.write_text(json.dumps(ours), encoding="utf-8")
        return None
    theirs = [[tuple(c) for c in some] for some in json.loads(path.read_text(encoding="utf-8"))]
    return float(np.mean([one == other for one, other in zip(ours, theirs, strict=True)]))


def _say(figures: dict[str, Any]) -> None:
    typer.echo(json.dumps(figures, indent=1))


if __name__ == "__main__":
    cli()
