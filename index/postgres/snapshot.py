"""One generation on one or several servers, searched as one; knows nothing of how the two searches are weighed.

Every shard is asked at once for its k best by words and by meaning. Scores do not depend on the shard: a term's rarity
and the mean lengths are those of the whole generation. So the best of all shards' lists are exactly the best of all.
"""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeVar

import numpy as np

from index.clusters import Clusters
from index.errors import PartialResultsError, StorageError
from index.manifest import Manifest
from index.postgres.generation_rows import GenerationRow, read_clusters, term_statistics
from index.postgres.search_statements import Place, Search
from index.postgres.servers import Server, UnavailableError
from index.postgres.shard import Found, Shard
from index.postgres.words import RankedWords, TermStatistics, question_terms, with_titles
from index.types import Candidate, ClusterMember, Filters, FloatArray, IntArray, Passage

T = TypeVar("T")

FindShards = Callable[[], tuple[Sequence[Shard], Sequence[UnavailableError]]]

_log = logging.getLogger(__name__)
_SPARE_SECONDS = 2.0  # more than a server's own limit, for jobs that wait for a thread behind others
_MAX_TERMS_REMEMBERED = 100_000


class PassageGoneError(StorageError, KeyError):
    """A passage is not in the generation, or its text was removed meanwhile."""

    __str__ = StorageError.__str__  # KeyError would show the message in quotes


class PostgresSnapshot:
    """Implements :class:`index.protocols.PassageSnapshot`. Thread-safe.

    :param find_shards: Gives the servers that hold the generation, and why others that may hold it too cannot be
        asked; called anew for each question while there are such.
    :param allow_partial: Answer without the shards that do not answer, and say so in :attr:`problems`; otherwise that
        is an error.
    """

    def __init__(
        self,
        row: GenerationRow,
        main: Server,
        find_shards: FindShards,
        *,
        title_weight: float,
        allow_partial: bool,
    ) -> None:
        self.manifest: Manifest = row.manifest()
        self._row = row
        self._place = Place(row.epoch, row.number, row.dim)
        self._main = main
        self._find_shards = find_shards
        self._shards, self._absent = find_shards()
        self._title_weight = title_weight
        self._allow_partial = allow_partial
        self._terms: dict[str, TermStatistics] = {}
        self._lock = threading.Lock()
        self._problems: dict[str, None] = {}

    @property
    def generation(self) -> str:
        return self.manifest.generation

    @property
    def num_passages(self) -> int:
        return self.manifest.num_passages

    @property
    def problems(self) -> tuple[str, ...]:
        """What was left out of searches of this object, a sentence for each server; empty when all answered."""
        return tuple(self._problems)

    def for_question(self) -> PostgresSnapshot:
        """The same generation with problems of its own: what one question missed is not another one's."""
        twin = PostgresSnapshot(
            self._row,
            self._main,
            self._find_shards if self._absent else lambda: (self._shards, ()),
            title_weight=self._title_weight,
            allow_partial=self._allow_partial,
        )
        twin._terms = self._terms  # of a generation that does not change
        if "clusters" in self.__dict__:
            twin.__dict__["clusters"] = self.clusters
        return twin

    def has_vectors_of(self, model_id: str) -> bool:
        """Whether vectors of this embedder can be compared with those in here."""
        return self.manifest.embedder == model_id

    def search(self, text: str, vector: FloatArray | None, k: int, filters: Filters | None = None) -> list[Candidate]:
        """As :meth:`index.snapshot.Snapshot.search`.

        :raises PartialResultsError: If a server does not answer and that is not allowed, or none does.
        """
        words = self._ranked(text)
        approximately = self._row.dense.get("kind") == "hnsw"
        search = Search(words, vector, k, filters or Filters(), approximately)
        answers = self._ask_all(lambda shard: shard.search(self._place, search), is_soon=True)
        found = [row for rows in answers for row in rows]
        by_words = heapq.nsmallest(k, (f for f in found if f.is_by_words), key=lambda f: (-f.bm25, f.passage_id))
        by_meaning = heapq.nsmallest(k, (f for f in found if f.is_by_meaning), key=lambda f: (-f.cosine, f.passage_id))
        best: dict[int, Found] = {row.passage_id: row for row in (*by_words, *by_meaning)}
        return [Candidate(row.passage_id, row.bm25, row.cosine, row.day) for row in best.values()]

    def fetch(self, passage_ids: Sequence[int]) -> list[Passage]:
        """Stored passages in the order of the ids.

        :raises KeyError: If one is not in this generation.
        :raises PartialResultsError: If one may be on a server that does not answer.
        """
        if not passage_ids:
            return []
        rows, errors = self._asked(lambda shard: shard.texts(self._place, passage_ids), is_soon=True)
        found = {passage.passage_id: passage for some in rows for passage in some}
        missing = [passage_id for passage_id in passage_ids if passage_id not in found]
        if missing and errors:
            raise self._partial(errors)
        if missing:
            raise PassageGoneError(f"passage {missing[0]} is not in {self.generation}, or was removed; ask again")
        return [found[passage_id] for passage_id in passage_ids]

    def all_passages(self) -> list[Passage]:
        """Every passage, by revision and place in the article; for small collections."""
        rows = self._ask_all(lambda shard: shard.all_texts(self._place))
        return sorted((passage for some in rows for passage in some), key=lambda passage: passage.passage_id)

    def question_terms(self, text: str) -> list[str]:
        """Distinct stems of a question that carry meaning."""
        return question_terms(text)

    def also_in(self, revision_id: int) -> tuple[ClusterMember, ...]:
        """The other articles that tell a revision's story nearly word for word, each outlet and address once."""
        return self.clusters.also_in(revision_id)

    def cluster_of(self, revision_id: int) -> int:
        """The smallest revision id of those that tell this story; its own when it is the only one."""
        return self.clusters.cluster_of(revision_id)

    @cached_property
    def clusters(self) -> Clusters:
        """Which articles tell one story."""
        return self._main.ask_soon(lambda connection: read_clusters(connection, self._row.clusters_hash))

    def vectors_of(self, passage_ids: IntArray) -> FloatArray:
        """(n, dim) of given passages.

        :raises KeyError: If one is not in this generation.
        """
        ids = passage_ids.tolist()
        rows = self._ask_all(lambda shard: shard.vectors(self._place, ids))
        found = {passage_id: vector for some in rows for passage_id, vector in some.items()}
        return np.array([found[passage_id] for passage_id in ids], dtype=np.float32).reshape(-1, self._row.dim)

    def revision_ids(self) -> set[int]:
        """The revisions whose passages are found, always on all servers: what is missed would be loaded again.

        :raises PartialResultsError: If a server does not answer.
        """
        answers, errors = self._asked(lambda shard: shard.revision_ids(self._place))
        if errors:
            raise self._partial(errors)
        return set().union(*answers)

    def _ranked(self, text: str) -> RankedWords | None:
        terms = with_titles(question_terms(text))
        with self._lock:
            known = {term: self._terms[term] for term in terms if term in self._terms}
        unknown = [term for term in terms if term not in known]
        if unknown:
            place = self._place
            known |= self._main.ask_soon(lambda c: term_statistics(c, place.epoch, place.number, unknown))
            with self._lock:
                if len(self._terms) > _MAX_TERMS_REMEMBERED:
                    self._terms.clear()
                self._terms.update(known)
        known = {term: known[term] for term in terms}  # always added up in the same order
        return RankedWords(known, self._row.lengths, title_weight=self._title_weight) or None

    def _ask_all(self, question: Callable[[Shard], T], *, is_soon: bool = False) -> list[T]:
        """The answers of all shards, of those that answer if that is allowed.

        :raises PartialResultsError: Otherwise.
        """
        answers, errors = self._asked(question, is_soon=is_soon)
        if errors and not (self._allow_partial and answers):
            raise self._partial(errors)
        for told in map(str, errors):  # an error that is kept would keep its connection
            _log.warning("a search leaves a server out that does not answer: %s", told)
            with self._lock:
                self._problems[f"left out, since it does not answer: {told}"] = None
        return answers

    def _asked(
        self, question: Callable[[Shard], T], *, is_soon: bool = False
    ) -> tuple[list[T], list[UnavailableError]]:
        """What the shards answer, and why others do not.

        :param is_soon: Whether ``question`` asks with the limit for somebody who waits.
        """
        answers: list[T] = []
        errors = list(self._absent)
        if len(self._shards) == 1:
            try:
                answers.append(question(self._shards[0]))
            except UnavailableError as error:
                errors.append(error)
            return answers, errors
        for shard, job in [(shard, shard.server.submit(question, shard)) for shard in self._shards]:
            try:
                answers.append(job.result(shard.server.answer_seconds + _SPARE_SECONDS if is_soon else None))
            except TimeoutError:
                job.cancel()
                errors.append(UnavailableError(f"{shard.name}: busy with other questions"))
            except UnavailableError as error:
                errors.append(error)
        return answers, errors

    def _partial(self, errors: Sequence[UnavailableError]) -> PartialResultsError:
        told = "; ".join(map(str, errors))
        num_all = len(self._shards) + len(self._absent)
        of_all = f"{len(errors)} of {num_all} servers of the index did not answer: " if num_all > 1 else ""
        return PartialResultsError(f"{of_all}{told}")
