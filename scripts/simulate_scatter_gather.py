"""Simulates how long a question over many shards waits for the slowest of them, with and without hedging.

    python scripts/simulate_scatter_gather.py --median-ms 12.5 --p95-ms 16.3 --load 0.3

docs/scale.md says where the times come from and what follows. The same seed gives the same table.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# The package stands among the scripts, which are not installed.
sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.cluster.scatter_gather import Layout, ShardTime, Simulated, simulate

PERCENTILES = (50.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Load:
    """How busy every worker is without hedging (below 1; twice the copies get twice the questions), workers of each
    copy, and after how long another copy is asked."""

    busy: float
    num_workers: int
    hedge_after_ms: float


def main(arguments: list[str] | None = None) -> None:
    options = _parse(arguments)
    shard_time = ShardTime(options.median_ms, options.p95_ms, options.stall_share, options.stall_ms, options.common)
    load = Load(options.load, options.workers, options.hedge_after_ms or 2 * shard_time.p95_ms)
    lines = list(table(shard_time, options.shards, load, num_questions=options.questions, seed=options.seed))
    if options.out is not None:
        options.out.write_text(json.dumps(lines, indent=2) + "\n")
    print(markdown(lines))


def table(
    shard_time: ShardTime, shard_counts: Iterable[int], load: Load, *, num_questions: int, seed: int
) -> Iterator[dict[str, float | int | str]]:
    """A line for one copy of each shard, for two, and for two with hedging."""
    for num_shards in shard_counts:
        for copies, hedge in ((1, None), (2, None), (2, load.hedge_after_ms)):
            layout = Layout(num_shards, copies, load.num_workers, hedge)
            rate = load.busy * 1000 / shard_time.mean_ms * copies * load.num_workers
            found = simulate(layout, shard_time, questions_per_second=rate, num_questions=num_questions, seed=seed)
            yield _line(layout, found)


def markdown(lines: Iterable[dict[str, float | int | str]]) -> str:
    """The lines as a table."""
    rows = [list(map(str, line.values())) for line in lines]
    titles = ["shards", "copies", "hedged", *(f"p{percent:g}, ms" for percent in PERCENTILES), "requests more"]
    return "\n".join("| " + " | ".join(row) + " |" for row in [titles, ["---"] * len(titles), *rows])


def _line(layout: Layout, found: Simulated) -> dict[str, float | int | str]:
    first_requests = found.num_requests - found.num_hedges
    return {
        "shards": layout.num_shards,
        "copies": layout.num_replicas,
        "hedged": "no" if layout.hedge_after_ms is None else f"after {layout.hedge_after_ms:g} ms",
        **{f"p{percent:g}_ms": round(found.percentile(percent), 1) for percent in PERCENTILES},
        "requests_more": f"{found.num_hedges / first_requests:.1%}",
    }


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--median-ms", type=float, required=True, help="what a shard takes for a request")
    parser.add_argument("--p95-ms", type=float, required=True)
    parser.add_argument("--stall-share", type=float, default=0.01, help="of requests that stall (default .01)")
    parser.add_argument("--stall-ms", type=float, default=100.0, help="what a stall adds (default 100)")
    parser.add_argument("--common", type=float, default=0.9, help="of the spread, the question's own (default .9)")
    parser.add_argument("--load", type=float, default=0.3, help="how busy a shard's copy is (default .3)")
    parser.add_argument("--workers", type=int, default=4, help="requests that a copy works on at once (default 4)")
    parser.add_argument("--hedge-after-ms", type=float, help="default: twice the 95th percentile")
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 3, 10, 30, 100])
    parser.add_argument("--questions", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="the table as JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
