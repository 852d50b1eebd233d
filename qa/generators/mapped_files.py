"""Gives back memory in which a file is mapped; knows nothing of what the file holds.

A model that is unpacked when it is first used leaves its file in memory beside what was made of it. The pages are read
again from the file should they be needed.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

_MAPS = Path("/proc/self/maps")
_MADV_DONTNEED = 4  # of Linux


def release_mapped(path: Path) -> int:
    """Drop this process's pages of a file that it mapped for reading; what is mapped for writing is left alone.

    :return: Bytes of the mappings that were released; 0 where there are none, or the system is not Linux.
    """
    if not sys.platform.startswith("linux"):
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    target, num_released = str(path.resolve()), 0
    for line in _MAPS.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) < 6 or fields[5] != target or "w" in fields[1]:
            continue
        start, end = (int(address, 16) for address in fields[0].split("-"))
        if libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED) == 0:
            num_released += end - start
    return num_released
