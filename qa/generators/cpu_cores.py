"""Says how many cores to compute on and how their threads wait; knows nothing of what they compute."""

from __future__ import annotations

import os
from pathlib import Path

_CPU_QUOTA_FILE = Path("/sys/fs/cgroup/cpu.max")
# Waits of about a microsecond; the default is 300,000. Figures: docs/experiments.md.
_SPIN_COUNT = "1000"
_CPU_FOLDER = Path("/sys/devices/system/cpu")


def num_usable_cores(quota_file: Path = _CPU_QUOTA_FILE, cpu_folder: Path = _CPU_FOLDER) -> int:
    """Physical cores this process may run on, at most the container's quota, at least one.

    More compute threads than that make a language model slower, not faster: its threads wait for
    one another hundreds of times a token, so each wait lasts as long as the slowest thread's.
    """
    return max(1, min(_num_physical_cores(cpu_folder), _quota_cores(quota_file)))


def limit_spinning() -> None:
    """Make OpenMP threads that wait for one another give up their core soon, unless the user chose otherwise.

    GNU OpenMP lets a waiting thread spin for milliseconds. When another program wants a core too, the thread
    that is waited for is the one kept from running, some hundred times a token. GNU OpenMP reads this when it is
    loaded: call it before torch, faiss or llama.cpp is imported.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPIN_COUNT)


def _num_physical_cores(cpu_folder: Path) -> int:
    cpus = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    try:
        # Two hyperthreads of one core name the same siblings.
        return len({(cpu_folder / f"cpu{cpu}/topology/thread_siblings_list").read_text() for cpu in cpus})
    except OSError:
        return len(cpus)  # Not Linux, or a sandbox that hides it.


def _quota_cores(quota_file: Path) -> int:
    """Control group v2: "quota period" in microseconds, or "max period" for no limit."""
    try:
        quota, period = quota_file.read_text().split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):
        return os.cpu_count() or 1
