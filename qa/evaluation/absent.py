"""Keeps every article that holds the answer from being found; knows nothing of how answers are made or scored.

What is left is a question about news of the same kind that the articles cannot answer: a set for measuring refusals.
A question that is no such one is left out of the set, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from index.collection import Collection
from index.library import Revision
from index.manifest import Manifest
from index.protocols import PassageSnapshot
from index.types import PASSAGES_PER_REVISION, Candidate, ClusterMember, Filters, FloatArray, Passage
from qa.evaluation.matching import holds, searchable, searchable_answers
from qa.metrics import normalise

_PAGE = 1000
_MAX_DEPTH = 4096
_MAX_SHARE_REMOVED = 0.05
# Of fewer revisions than this one story may well be more than the share above.
_MIN_REVISIONS_FOR_SHARE = 200
_NUMBER = re.compile(
    r"\d+|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(thir|four|fif|six|seven|eigh|nine)teen|"
    r"twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred"
)
_TRUTH_VALUES = frozenset({"yes", "no", "true", "false"})

LeftOut = Literal["nothing_removed", "bare_number", "yes_or_no", "too_many_removed"]
"""Why a question is none that articles were kept away from: nothing held its answer; or the answer is so general that
it stands in articles that have nothing to do with the question (a bare number, a yes or no, more than 5% of articles).
"""


@dataclass(frozen=True, slots=True)
class Removal:
    """The revisions to keep away; ``left_out``: None for a question that belongs to the set."""

    revisions: frozenset[int]
    left_out: LeftOut | None


class RevisionTexts:
    """The normalised title and text of every revision in a collection, in memory: some 20 MB for 1,000 articles."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._texts: dict[int, str] = {}

    def refresh(self) -> None:
        """Take in what was added since the last time."""
        for current in self._current():
            if current.revision_id not in self._texts:
                for revision in self._collection.history(current.article.article_id):
                    # One after the other: no words are found across the two.
                    article = revision.article
                    self._texts[revision.revision_id] = searchable(article.title) + searchable(article.text)

    def holding(self, answers: Sequence[str]) -> frozenset[int]:
        """Ids of the revisions with any of these answers in the title or text, as whole normalised words."""
        gold = searchable_answers(answers)
        return frozenset(revision_id for revision_id, text in self._texts.items() if holds(text, gold))

    def removal(self, answers: Sequence[str], among: AbstractSet[int]) -> Removal:
        """What to keep away so that these answers are nowhere.

        :param among: The revisions that can be found at all; the collection may hold later ones.
        """
        revisions = self.holding(answers) & among
        return Removal(revisions, _left_out(answers, len(revisions), len(among)))

    def _current(self) -> Iterator[Revision]:
        offset, total = 0, 1
        while offset < total:
            page, total = self._collection.articles(offset=offset, limit=_PAGE)
            yield from page
            offset += _PAGE


class WithoutRevisions:
    """A snapshot as if some revisions were not in it (an :class:`index.protocols.PassageSnapshot`).

    Searching goes deeper until enough is left, to at most 4,096 passages a search; the candidates are then those of an
    index without these revisions, but for word statistics (BM25's document frequencies still count them).
    ``num_passages`` stays that of the whole.
    """

    def __init__(self, inner: PassageSnapshot, excluded: frozenset[int]) -> None:
        self._inner = inner
        self._excluded = excluded

    @property
    def generation(self) -> str:
        return self._inner.generation

    @property
    def num_passages(self) -> int:
        return self._inner.num_passages

    @property
    def manifest(self) -> Manifest:
        return self._inner.manifest

    @property
    def problems(self) -> tuple[str, ...]:
        return self._inner.problems

    def has_vectors_of(self, model_id: str) -> bool:
        return self._inner.has_vectors_of(model_id)

    def search(self, text: str, vector: FloatArray | None, k: int, filters: Filters | None = None) -> list[Candidate]:
        """As :meth:`index.snapshot.Snapshot.search`: the k best of either search among what is left."""
        depth = min(2 * k, _MAX_DEPTH)
        while True:
            found = self._inner.search(text, vector, depth, filters)
            left = [candidate for candidate in found if not self._is_excluded(candidate.passage_id)]
            num_dropped = len(found) - len(left)
            # Even if all that was dropped came from one of the two searches, k of it are left.
            if depth - num_dropped >= k or len(found) < depth or depth == _MAX_DEPTH:
                return _best_of_either(left, k)
            depth = min(max(2 * depth, k + num_dropped), _MAX_DEPTH)

    def fetch(self, passage_ids: Sequence[int]) -> list[Passage]:
        return self._inner.fetch(passage_ids)

    def all_passages(self) -> list[Passage]:
        return [passage for passage in self._inner.all_passages() if passage.revision_id not in self._excluded]

    def revision_ids(self) -> set[int]:
        return self._inner.revision_ids() - self._excluded

    def question_terms(self, text: str) -> list[str]:
        return self._inner.question_terms(text)

    def also_in(self, revision_id: int) -> tuple[ClusterMember, ...]:
        others = self._inner.also_in(revision_id)
        return tuple(member for member in others if member.revision_id not in self._excluded)

    def cluster_of(self, revision_id: int) -> int:
        return self._inner.cluster_of(revision_id)

    def _is_excluded(self, passage_id: int) -> bool:
        return passage_id // PASSAGES_PER_REVISION in self._excluded


def _left_out(answers: Sequence[str], num_removed: int, num_revisions: int) -> LeftOut | None:
    # One general answer among those accepted is enough: all articles that hold it would go.
    words = [normalise(answer).split() for answer in answers]
    if any(some and all(map(_NUMBER.fullmatch, some)) for some in words):
        return "bare_number"
    if any(len(some) == 1 and some[0] in _TRUTH_VALUES for some in words):
        return "yes_or_no"
    if num_removed == 0:
        return "nothing_removed"
    is_share_known = num_revisions >= _MIN_REVISIONS_FOR_SHARE
    return "too_many_removed" if is_share_known and num_removed > _MAX_SHARE_REMOVED * num_revisions else None


def _best_of_either(candidates: Sequence[Candidate], k: int) -> list[Candidate]:
    by_words = sorted((c for c in candidates if c.bm25 > 0), key=lambda c: (-c.bm25, c.passage_id))[:k]
    by_meaning = sorted(candidates, key=lambda c: (-c.cosine, c.passage_id))[:k]
    return list({candidate.passage_id: candidate for candidate in (*by_words, *by_meaning)}.values())
