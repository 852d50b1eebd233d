"""Chooses the engine that runs a GGUF model fastest on this machine; loads neither.

OpenVINO reads prompts some 2.5 times as fast as llama.cpp where the processor multiplies int8 by itself (VNNI or AMX);
elsewhere it was not measured. Its model is made of the GGUF file at first, which takes a minute and 4 GB.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

LocalEngine = Literal["llamacpp", "openvino"]

OPENVINO_PACKAGES = ("openvino_genai", "gguf")
OPENVINO_MAX_CONTEXT_TOKENS = 8192

_INT8_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
_MIN_MEMORY_BYTES = 6 << 30
_CPU_INFO = Path("/proc/cpuinfo")
_MEMORY_LIMIT_FILE = Path("/sys/fs/cgroup/memory.max")


def fastest_local_engine(
    context_tokens: int,
    *,
    cpu_info: Path = _CPU_INFO,
    memory_bytes: int | None = None,
    is_installed: Callable[[str], bool] = lambda name: importlib.util.find_spec(name) is not None,
) -> LocalEngine:
    """The same on every call on one machine.

    :param context_tokens: That prompts and answers need; OpenVINO's tokenizer takes no more than 8,192.
    :param cpu_info: What Linux says of the processor; where there is no such file, llama.cpp is chosen.
    :param memory_bytes: Of the machine or the container; None to ask them.
    :param is_installed: Whether a package of a name is.
    """
    total = usable_memory_bytes() if memory_bytes is None else memory_bytes
    is_openvino = (
        context_tokens <= OPENVINO_MAX_CONTEXT_TOKENS
        and total >= _MIN_MEMORY_BYTES
        and bool(_flags(cpu_info) & _INT8_FLAGS)
        and all(map(is_installed, OPENVINO_PACKAGES))
    )
    return "openvino" if is_openvino else "llamacpp"


def _flags(cpu_info: Path) -> set[str]:
    try:
        found = re.search(r"^flags\s*:(.*)$", cpu_info.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return set()
    return set(found.group(1).split()) if found else set()


def usable_memory_bytes(limit_file: Path = _MEMORY_LIMIT_FILE) -> int:
    """Of the machine, at most what the control group (version 2) allows."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(total, int(limit_file.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no control group, or "max"
        return total
