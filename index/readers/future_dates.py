"""Takes publication dates that lie in the future off what was found in pages, documents and feeds; reads no clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from index.dates import day_number, parse_date
from index.errors import BadInputError

# Time zones and embargoes put an honest date a day ahead; beyond that it is a typing error or a place-holder.
MAX_DAYS_AHEAD = 2


def without_future_date(record: Mapping[str, object], today: date) -> dict[str, object]:
    """``record`` itself, or without a ``published_at`` more than two days after ``today``.

    What was given is then kept as ``published_at_as_given``. Meant for dates that were found; one that somebody
    stated, in an article record or front matter, stands as it is.
    """
    given = record.get("published_at")
    try:
        day = parse_date(given)
    except BadInputError:  # article_from_mapping keeps what it cannot understand
        return dict(record)
    if day is None or day_number(day) <= today.toordinal() + MAX_DAYS_AHEAD:
        return dict(record)
    return {**record, "published_at": None, "published_at_as_given": given}
