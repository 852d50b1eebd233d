"""Measures this machine: embedding, indexing, retrieval, writing, memory. Timings are only comparable within one run.

python scripts/benchmark.py --articles articles --num-questions 30
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from index.base_collection import BaseCollection
from index.embedder import SentenceTransformerEmbedder
from index.model_files import packaged_embedder_path
from index.readers import read_path
from index.types import Article, Passage
from qa.composition import Parts, build_parts
from qa.config import load_config
from qa.generators.protocol import Generator
from qa.prompts import short_answer_messages

_NUM_EMBEDDED = 256
_ANSWER_TOKENS = 64


def main() -> None:
    arguments = _parse()
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(data_dir=arguments.data_dir or Path(folder))
        report: dict[str, Any] = {}
        started = time.perf_counter()
        parts = build_parts(config, with_generator=not arguments.no_generator)
        report["load_seconds"] = time.perf_counter() - started
        if arguments.data_dir is None:
            report["index"] = _measure_indexing(parts.collection, arguments.articles)
        passages = _sample_passages(parts.collection)
        report["embedding"] = _measure_embedding(parts, [passage.text for passage in passages][:_NUM_EMBEDDED])
        questions = _questions(parts.collection, arguments.num_questions)
        report["retrieval"] = _measure_retrieval(parts, questions)
        if parts.generator is not None:
            report["writing"] = _measure_writing(parts.generator, passages[:4])
            parts.generator.close()
        report["peak_memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(_rounded(report), indent=2))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=Path, default=Path("articles"), help="what to index in a temporary folder")
    parser.add_argument("--data-dir", type=Path, help="measure on this index instead of building one")
    parser.add_argument("--num-questions", type=int, default=100)
    parser.add_argument("--no-generator", action="store_true")
    return parser.parse_args()


def _measure_indexing(collection: BaseCollection, path: Path) -> dict[str, float]:
    items = list(read_path(path))
    started = time.perf_counter()
    report = collection.add(items)
    seconds = time.perf_counter() - started
    added = next(item for item in items if isinstance(item, Article))
    started = time.perf_counter()
    collection.remove([added.article_id])
    remove_seconds = time.perf_counter() - started
    started = time.perf_counter()
    collection.add([added])
    return {
        "num_articles": report.added,
        "num_passages": collection.status()["num_passages"],
        "seconds": seconds,
        "remove_one_seconds": remove_seconds,
        "add_one_seconds": time.perf_counter() - started,
    }


def _measure_embedding(parts: Parts, texts: Sequence[str]) -> dict[str, float]:
    """Passages a second of the configured engine and of plain sentence-transformers, on the same texts."""
    reference = SentenceTransformerEmbedder(packaged_embedder_path(), model_id="reference")
    rates = {}
    for name, embedder in (("configured", parts.embedder), ("sentence_transformers_float32", reference)):
        embedder.embed_passages(texts[:16])
        started = time.perf_counter()
        embedder.embed_passages(texts)
        rates[f"{name}_passages_per_second"] = len(texts) / (time.perf_counter() - started)
    return {"num_passages": len(texts), **rates}


def _measure_retrieval(parts: Parts, questions: Sequence[str]) -> dict[str, float]:
    seconds = []
    for question in [questions[0], *questions]:  # the first is asked twice: once to warm up
        started = time.perf_counter()
        parts.pipeline.search(question, 10)
        seconds.append(time.perf_counter() - started)
    return {"num_questions": len(questions), **_spread(seconds[1:])}


def _measure_writing(generator: Generator, passages: Sequence[Passage]) -> dict[str, float]:
    """Time to the first token of a prompt never seen, of one whose passages are in the cache, and tokens a second."""
    cold = _time_reply(generator, passages, "What is reported here?")
    warm = _time_reply(generator, passages, "Who is mentioned in the text?")
    long_reply = _time_reply(generator, passages, "Summarise everything in many sentences.")
    num_prompt_tokens = sum(generator.count_tokens(passage.text) for passage in passages)
    return {
        "num_prompt_tokens": num_prompt_tokens,
        "first_token_cold_seconds": cold[0],
        "first_token_warm_prefix_seconds": warm[0],
        "tokens_per_second": long_reply[1],
    }


def _time_reply(generator: Generator, passages: Sequence[Passage], question: str) -> tuple[float, float]:
    """Seconds to the first piece, and pieces (one token each, nearly) a second after it."""
    started = time.perf_counter()
    times = [time.perf_counter() for _ in generator.stream(short_answer_messages(passages, question), _ANSWER_TOKENS)]
    rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else float("nan")
    return times[0] - started, rate


def _sample_passages(collection: BaseCollection) -> list[Passage]:
    snapshot = collection.snapshot()
    if snapshot is None:
        raise SystemExit("error: there is nothing to measure; give --articles with at least one article")
    return [passage for _, passage in zip(range(_NUM_EMBEDDED), snapshot.all_passages(), strict=False)]


def _questions(collection: BaseCollection, number: int) -> list[str]:
    revisions, _ = collection.articles(limit=min(number, 1000))
    return [revision.article.title for revision in revisions]


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "median_ms": 1000 * statistics.median(ordered),
        "p95_ms": 1000 * ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))],
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return round(value, 2) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
