"""Numbers the sources of a generation's passages; knows nothing of what a source is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from index.dense import RowArray


class SourceCodes:
    """A row's ``source`` is a position in the list of names, -1 for none."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._codes = {name: code for code, name in enumerate(names)}

    def code(self, name: str | None) -> int:
        """The number of a source, a new one for a new name."""
        return -1 if name is None else self._codes.setdefault(name, len(self._codes))

    def settle(self, rows: RowArray) -> list[str]:
        """The names that some row still has, in their order; the numbers in ``rows`` are changed to match."""
        used = [code for code in np.unique(rows["source"]).tolist() if code >= 0]
        places = np.full(len(self._codes) + 1, -1, dtype=np.int32)  # the last one is what -1, for none, finds
        places[used] = np.arange(len(used))
        rows["source"] = places[rows["source"]]
        names = list(self._codes)
        return [names[code] for code in used]
