"""Puts to each passage the date on which its article was revised; knows nothing of how passages are found or read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from index.errors import StorageError
from index.types import RetrievedPassage

_log = logging.getLogger(__name__)

RevisedOn = Callable[[Sequence[int]], Mapping[int, str]]
"""Gives for revision ids the ISO dates on which those that are not the first of their article were accepted."""


def with_revision_dates(found: Sequence[RetrievedPassage], revised_on: RevisedOn | None) -> list[RetrievedPassage]:
    """The passages, each with ``updated_on``. A library that cannot be read keeps no question from its answer."""
    if revised_on is None or not found:
        return list(found)
    try:
        dates = revised_on(sorted({retrieved.passage.revision_id for retrieved in found}))
    except StorageError as error:
        _log.warning("it is not known which articles were revised: %s", error)
        return list(found)
    return [replace(retrieved, updated_on=dates.get(retrieved.passage.revision_id)) for retrieved in found]
