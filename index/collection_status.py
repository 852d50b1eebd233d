"""Says what a collection holds, as its status; knows nothing of how that came about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from index.library import LibraryCounts
from index.manifest import Manifest


def collection_status(
    manifest: Manifest | None, counts: LibraryCounts, *, text_left_in: Sequence[str], problem: str | None
) -> dict[str, Any]:
    """Counts and names; the keys are part of a public contract.

    :param manifest: Of the generation that is served; None when there is none.
    :param text_left_in: Generations that still hold removed text.
    """
    return {
        "generation": manifest.generation if manifest is not None else None,
        "num_articles": manifest.num_articles if manifest is not None else 0,
        "num_passages": manifest.num_passages if manifest is not None else 0,
        "newest_published_at": manifest.newest_published_at if manifest is not None else None,
        "created_at": manifest.created_at if manifest is not None else None,
        "dense_index": dict(manifest.dense) if manifest is not None else None,
        "library": {
            "num_articles": counts.num_articles,
            "num_revisions": counts.num_revisions,
            "num_removed": counts.num_removed,
        },
        "removal": {"num_removed": counts.num_removed, "text_left_in": list(text_left_in)},
        "problem": problem,
    }
