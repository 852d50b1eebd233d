"""What a question is asked with: days, source, "as of" and mode; knows nothing of HTML or of Gradio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from index.types import Filters
from qa.types import Mode

MAX_SOURCE_CHARS = 500
FILTER_FIELDS = ("published_after", "published_before", "source")
FIELDS = (*FILTER_FIELDS, "as_of")


@dataclass(frozen=True, slots=True)
class AskOptions:
    """Days are ISO dates, both ends included; None means any."""

    published_after: str | None = None
    published_before: str | None = None
    source: str | None = None
    as_of: str | None = None
    mode: Mode = "full"

    @property
    def filters(self) -> Filters | None:
        """What may be found at all; None when that is everything."""
        filters = Filters(self.published_after, self.published_before, self.source)
        return None if filters.is_empty else filters

    @property
    def is_impossible(self) -> bool:
        """Whether the first day comes after the last one, so that nothing can be found."""
        after, before = self.published_after, self.published_before
        return after is not None and before is not None and after > before

    def without_filters(self) -> AskOptions:
        """The same without days and source; "as of" and the mode stay."""
        return replace(self, published_after=None, published_before=None, source=None)


def read_options(reported: Mapping[str, Any]) -> AskOptions:
    """The options that a browser reports; what is no day, source or mode counts as not given."""
    source = reported.get("source")
    return AskOptions(
        published_after=_day(reported.get("published_after")),
        published_before=_day(reported.get("published_before")),
        source=source[:MAX_SOURCE_CHARS] if isinstance(source, str) and source else None,
        as_of=_day(reported.get("as_of")),
        mode="fast" if reported.get("mode") == "fast" else "full",
    )


def _day(value: object) -> str | None:
    try:
        return date.fromisoformat(value).isoformat() if isinstance(value, str) else None
    except ValueError:
        return None
