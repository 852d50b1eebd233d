"""Kills model servers again and again in the middle of replies; says what became of every request.

    python scripts/drill_writers.py --model tiny.gguf --kills 50

Starts two of llama.cpp's servers on this machine and six readers that ask them without a pause, through the engine
"openai". Ends with 1 if a request failed before its first token, or otherwise than right after a kill.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

# The package stands among the scripts, which are not installed.
sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.cluster.writer_drill import Kill, judged, kill_writers


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF chat model; a small one writes faster")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--servers", type=int, default=2)
    parser.add_argument("--readers", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    requests, kills = kill_writers(
        options.model,
        num_kills=options.kills,
        num_servers=options.servers,
        num_readers=options.readers,
        seed=options.seed,
        progress=_say_what_happened,
    )
    report = judged(requests, kills)
    print(json.dumps(report, indent=2))
    return 0 if report["is_kept"] else 1


def _say_what_happened(kill: Kill) -> None:
    print(f"killed while writing {kill.num_running}; used again {kill.back:.1f} s after its start", flush=True)


if __name__ == "__main__":
    sys.exit(main())
