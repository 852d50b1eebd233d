"""Prints what many passages need: shards, machines, memory and money, by costs measured here and prices assumed here.

    python scripts/plan_capacity.py

docs/scale.md shows its tables (a test compares them) and says where the figures come from.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

# The package stands among the scripts, which are not installed.
sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.cluster.capacity import GB, Demand, Line, Machine, Plan, Store, embedding_hours, plan, whole_copies

# Measured, docs/search-at-size.md: 223,145 and a million passages; milliseconds of a processor.
EMBEDDED = Store(disk_bytes=1_400, hot_bytes=1_500, mean_ms=Line(1.4, 0.0111), p95_ms=Line(2.3, 0.0140))
# Measured, docs/scale.md: 10,000 to 100,000 passages on one PostgreSQL server, one core.
POSTGRES = Store(disk_bytes=5_000, hot_bytes=2_500, mean_ms=Line(20.6, 1.44), p95_ms=Line(15.0, 3.75))
PASSAGES_PER_CORE_SECOND = 33.0  # embedded: 66 a second on two cores, docs/search-at-size.md
PASSAGES_PER_ARTICLE = 20.7  # 98,389 of 4,763 articles
# Assumed: about what clouds ask by the hour, without commitment, in 2026.
MACHINE = Machine(cores=8, memory_bytes=64 * GB, price=0.50)
BIG_MACHINE = Machine(cores=32, memory_bytes=256 * GB, price=2.00)
QUESTIONS_PER_SECOND = 10.0
SIZES = {"1 million": 1e6, "10 million": 1e7, "10 million articles: 207 million": 2.07e8, "1 billion": 1e9}

Row = tuple[str, ...]


def main() -> None:
    for table in (embedded_table(), postgres_table(), embedding_table()):
        print(markdown(table), end="\n\n")


def embedded_table() -> list[Row]:
    """Every machine holds all passages; the smaller kind of machine if they fit."""
    rows: list[Row] = [("passages", "memory, GB", "search, ms (mean)", "machines", "money per 1,000 questions")]
    for name, number in SIZES.items():
        demand = Demand(number, QUESTIONS_PER_SECOND)
        kinds = (("8 cores, 64 GB", MACHINE), ("32 cores, 256 GB", BIG_MACHINE))
        plans = ((kind, whole_copies(EMBEDDED, machine, demand)) for kind, machine in kinds)
        fitting = next(((kind, found) for kind, found in plans if found is not None), None)
        memory, search = f"{number * EMBEDDED.hot_bytes / GB:,.1f}", f"{EMBEDDED.mean_ms.at(number):,.0f}"
        if fitting is None:
            rows.append((name, memory, search, "does not fit one", "-"))
        else:
            kind, found = fitting
            rows.append((name, memory, search, f"{found.machines} of {kind}", f"{found.money_per_1000:,.2f}"))
    return rows


def postgres_table() -> list[Row]:
    rows: list[Row] = [
        (
            "passages",
            "shards",
            "memory for hot data, GB",
            "disk with standbys, TB",
            "core seconds a question",
            "machines",
            "what runs out first",
            "money per 1,000 questions",
        )
    ]
    for name, number in SIZES.items():
        rows.append((name, *_cells(plan(POSTGRES, MACHINE, Demand(number, QUESTIONS_PER_SECOND)))))
    return rows


def embedding_table() -> list[Row]:
    """Hours of one core, and money at the machine's price."""
    rows: list[Row] = [("passages", "hours of a core", "money, once")]
    for name, number in SIZES.items():
        hours = embedding_hours(number, PASSAGES_PER_CORE_SECOND)
        rows.append((name, f"{hours:,.0f}", f"{hours * MACHINE.price / MACHINE.cores:,.2f}"))
    return rows


def markdown(table: Iterable[Row]) -> str:
    return "\n".join(_lines(table))


def _lines(table: Iterable[Row]) -> Iterator[str]:
    for number, row in enumerate(table):
        yield "| " + " | ".join(row) + " |"
        if number == 0:
            yield "|" + "---|" * len(row)


def _cells(found: Plan) -> Row:
    return (
        f"{found.shards:,}",
        f"{found.hot_bytes / GB:,.1f}",
        f"{found.disk_bytes / GB / 1000:,.2f}",
        f"{found.core_seconds:,.2f}",
        f"{found.machines:,}",
        found.limit,
        f"{found.money_per_1000:,.2f}",
    )


if __name__ == "__main__":
    main()
