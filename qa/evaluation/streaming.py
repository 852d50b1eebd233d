"""Indexes articles week by week, once, and opens the index as it was after any week; knows nothing of questions.

A work folder keeps a generation for each week and ``weeks.json``, which says which; later runs only open them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.atomic import write_atomically
from index.builder import Progress, no_progress
from index.collection import Collection
from index.errors import BadInputError
from index.protocols import PassageSnapshot
from index.snapshot import Snapshot
from qa.evaluation.datasets import WeeklyArticles

WEEKS_FILE = "weeks.json"


class PinnedSource:
    """Hands out the one snapshot it was given (a :class:`qa.pipeline.SnapshotSource`)."""

    def __init__(self) -> None:
        self._snapshot: PassageSnapshot | None = None

    def pin(self, snapshot: PassageSnapshot | None) -> None:
        self._snapshot = snapshot

    def snapshot(self) -> PassageSnapshot | None:
        return self._snapshot


@dataclass(frozen=True, slots=True)
class _State:
    """What ``weeks.json`` holds. ``generations``: the one published after each week's articles were added."""

    identity: Mapping[str, Any]
    article_weeks: tuple[str, ...]
    num_articles: int
    num_rejected: int
    generations: Mapping[str, str]

    def to_bytes(self) -> bytes:
        values = {
            "identity": dict(self.identity),
            "article_weeks": list(self.article_weeks),
            "num_articles": self.num_articles,
            "num_rejected": self.num_rejected,
            "generations": dict(self.generations),
        }
        return json.dumps(values, indent=1).encode("utf-8")


class WeekIndex:
    """The index as it was after each week.

    :param folder: The work folder, where ``collection`` keeps its files. The collection must keep every generation.
    :param identity: JSON values that say what the index is made of: articles, embedder, chunker.
    :param read_articles: Called only while some week is not indexed yet.
    :raises BadInputError: If the folder holds anything else than an index with this identity.
    """

    def __init__(
        self,
        collection: Collection,
        folder: Path,
        identity: Mapping[str, Any],
        read_articles: Callable[[], WeeklyArticles],
    ) -> None:
        self._collection = collection
        self._file = folder / WEEKS_FILE
        self._read_articles = read_articles
        self._articles: WeeklyArticles | None = None
        plain = json.loads(json.dumps(identity))  # as it will be read back
        self._state = self._opened(plain) or self._begun(plain)

    @property
    def article_weeks(self) -> tuple[str, ...]:
        """The weeks that bring articles, in order."""
        return self._state.article_weeks

    @property
    def num_articles(self) -> int:
        """Of all weeks together, as read: revisions and duplicates each count."""
        return self._state.num_articles

    @property
    def num_rejected(self) -> int:
        """How many entries of the articles' file were not readable as articles."""
        return self._state.num_rejected

    def generation(self, week: str, *, progress: Progress = no_progress) -> str | None:
        """The generation with the articles of all weeks up to and with this one, which are added if need be.

        :return: Its name; None when there are no articles that early.
        """
        due = [name for name in self.article_weeks if name <= week]
        for name in due:
            if name not in self._state.generations:
                self._add(name, progress)
        return self._state.generations[due[-1]] if due else None

    def open(self, week: str, *, progress: Progress = no_progress) -> Snapshot | None:
        """The index as it was after a week; None when there was none.

        :raises DamagedIndexError: If the generation is damaged; the work folder is then best removed.
        """
        name = self.generation(week, progress=progress)
        return None if name is None else self._collection.open_generation(name)

    def _add(self, week: str, progress: Progress) -> None:
        articles = self._all_articles().weeks[week]
        name = self._collection.add(articles, progress=progress, total=len(articles)).generation
        if name is None:
            raise BadInputError(f"the {len(articles)} articles of week {week} gave no index")
        self._save({**self._state.generations, week: name})

    def _save(self, generations: Mapping[str, str]) -> None:
        state = self._state
        self._state = _State(
            state.identity, state.article_weeks, state.num_articles, state.num_rejected, dict(generations)
        )
        write_atomically(self._file, self._state.to_bytes())
        if len(generations) == len(self.article_weeks):
            self._articles = None

    def _all_articles(self) -> WeeklyArticles:
        if self._articles is None:
            self._articles = self._read_articles()
        return self._articles

    def _begun(self, identity: Mapping[str, Any]) -> _State:
        """Noted before anything is added, so that a killed first run is known for what it is."""
        if self._collection.status()["library"]["num_articles"]:
            raise BadInputError(
                f"the work folder {self._file.parent} holds articles but no {WEEKS_FILE}, so it was not made by an "
                "evaluation; give another --work-dir"
            )
        articles = self._all_articles()
        num_articles = sum(map(len, articles.weeks.values()))
        state = _State(dict(identity), tuple(sorted(articles.weeks)), num_articles, len(articles.rejected), {})
        write_atomically(self._file, state.to_bytes())
        return state

    def _opened(self, identity: Mapping[str, Any]) -> _State | None:
        try:
            values = json.loads(self._file.read_text(encoding="utf-8"))
            state = _State(**{**values, "article_weeks": tuple(values["article_weeks"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BadInputError(f"{self._file} is not readable ({error}); remove the work folder") from error
        other = [key for key in {**state.identity, **identity} if state.identity.get(key) != identity.get(key)]
        if other:
            raise BadInputError(
                f"the work folder {self._file.parent} was made with another {' and another '.join(sorted(other))}; "
                "give another --work-dir, or remove this one"
            )
        return state
