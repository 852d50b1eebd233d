"""Words of passages and questions as PostgreSQL has them, and BM25 computed from its word counts; knows no tables.

PostgreSQL's own ``ts_rank`` is not BM25: it knows neither how rare a word is nor how long passages are. But with all
weights 1 and a single word w it gives (1 + 1/4 + ... + 1/tf^2) / (pi^2 / 6), tf the number of times that w occurs
(``calc_rank_or`` in tsrank.c), which :func:`_count` turns back into tf. BM25 is made of that, with the same formula,
stems and constants as the embedded index has (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009):

    idf(w) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean length)),   idf = ln(1 + (N - n + 0.5) / (n + 0.5))

A title's words are words of their own, which begin with "=": with counts, lengths and a weight of their own.

Counting is what a search by words spends its time on, and a long question shares a word with half of all passages. What
cannot be among the k best is not looked at (:mod:`index.postgres.pruning`): for each term the most that it ever
contributes to a passage is kept.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from index.postgres.pruning import BoundedStem
from index.types import Passage
from index.words import content_stems, stems

_K1 = 1.2
_B = 0.75
_TITLE = "="
_MAX_QUERY_TERMS = 64
# Of a text and of a title: impacts are kept for these, since the mean lengths change from generation to generation.
_REFERENCE_LENGTHS = (100.0, 10.0)
_MAX_COUNT = 255  # more places of one word PostgreSQL does not keep; BM25 is flat long before
_SUM_OF_INVERSE_SQUARES = math.pi**2 / 6


@dataclass(frozen=True, slots=True)
class PassageWords:
    """One passage's words: how often each stem occurs, those of the title with "=" in front, and both lengths."""

    counts: Mapping[str, int]
    num_words: int
    num_title_words: int

    def to_tsvector(self) -> str:
        """PostgreSQL's text form: of the places only their number means something."""
        return " ".join(
            f"{_quoted(word)}:{','.join(map(str, range(1, min(count, _MAX_COUNT) + 1)))}"
            for word, count in self.counts.items()
        )

    def impacts(self) -> Iterator[tuple[str, float]]:
        """Each word with its part of BM25 at the reference length, in (0, 1)."""
        for word, count in self.counts.items():
            is_title = word.startswith(_TITLE)
            length = self.num_title_words if is_title else self.num_words
            slope = _K1 * _B / _REFERENCE_LENGTHS[is_title]
            yield word, count / (count + _K1 * (1 - _B) + slope * length)


def passage_words(passage: Passage) -> PassageWords:
    """Count a passage's stems."""
    text, title = stems(passage.text), stems(passage.title)
    return PassageWords(Counter([*text, *(_TITLE + word for word in title)]), len(text), len(title))


def question_terms(text: str) -> list[str]:
    """As :meth:`index.lexical.LexicalIndex.question_terms`."""
    return (content_stems(text) or list(dict.fromkeys(stems(text))))[:_MAX_QUERY_TERMS]


def with_titles(terms: Sequence[str]) -> list[str]:
    """The terms as they stand in texts and in titles."""
    return [*terms, *(_TITLE + term for term in terms)]


@dataclass(frozen=True, slots=True)
class Lengths:
    """What BM25 knows of a generation: its passages, and the words in all texts and all titles together."""

    num_passages: int
    num_words: int
    num_title_words: int


@dataclass(frozen=True, slots=True)
class TermStatistics:
    """How many passages hold a term, and the greatest of its impacts (:meth:`PassageWords.impacts`)."""

    num_passages: int
    max_impact: float


class RankedWords:
    """BM25 of one question in one generation, as SQL."""

    def __init__(self, terms: Mapping[str, TermStatistics], lengths: Lengths, *, title_weight: float) -> None:
        """:param terms: Those that no passage holds are left out."""
        self._lengths = lengths
        self._weights = {
            term: (title_weight if term.startswith(_TITLE) else 1.0)
            * (_K1 + 1)
            * idf(lengths.num_passages, known.num_passages)
            for term, known in terms.items()
            if known.num_passages > 0 and (title_weight > 0 or not term.startswith(_TITLE))
        }
        stems = dict.fromkeys(term.removeprefix(_TITLE) for term in self._weights)
        self.stems = tuple(self._bounded(stem, terms) for stem in stems)

    def __bool__(self) -> bool:
        return bool(self._weights)

    def query(self) -> str:
        """A tsquery of passages that hold any of the words."""
        return " | ".join(_quoted(term) for term in self._weights)

    def _bounded(self, stem: str, terms: Mapping[str, TermStatistics]) -> BoundedStem:
        forms = [term for term in (stem, _TITLE + stem) if term in self._weights]
        bound = sum(
            self._weights[term] * min(1.0, terms[term].max_impact * self._stretch(is_title=term.startswith(_TITLE)))
            for term in forms
        )
        num = sum(terms[term].num_passages for term in forms)
        return BoundedStem(" | ".join(map(_quoted, forms)), num, bound)

    def _stretch(self, *, is_title: bool) -> float:
        """By how much an impact can be greater than at the reference length."""
        total = self._lengths.num_title_words if is_title else self._lengths.num_words
        return max(1.0, total / max(self._lengths.num_passages, 1) / _REFERENCE_LENGTHS[is_title])

    def score(self, row: str) -> sql.Composed:
        """The score of a row of the table of words, >= 0, higher is better.

        :param row: The table's alias.
        """
        texts = [term for term in self._weights if not term.startswith(_TITLE)]
        titles = [term for term in self._weights if term.startswith(_TITLE)]
        score = self._sum(row, texts)
        if titles:
            # Few passages have any of the words in their title; asking for all at once is cheaper than counting each.
            score = sql.SQL("{} + CASE WHEN {}.words @@ {}::tsquery THEN {} ELSE 0 END").format(
                score, sql.Identifier(row), sql.Literal(" | ".join(map(_quoted, titles))), self._sum(row, titles)
            )
        return sql.SQL("({})").format(score)

    def _sum(self, row: str, terms: Sequence[str]) -> sql.Composed:
        """The parts of some terms added up: weight * tf / (tf + norm) each, with tf in it once."""
        parts = [_float(0.0)]
        for term in terms:
            norm = self._norm(row, is_title=term.startswith(_TITLE))
            parts.append(
                sql.SQL("{weight} * (1 - {norm} / ({count} + {norm}))").format(
                    weight=_float(self._weights[term]), norm=norm, count=_count(row, term)
                )
            )
        return sql.SQL("({})").format(sql.SQL(" + ").join(parts))

    def _norm(self, row: str, *, is_title: bool) -> sql.Composed:
        total = self._lengths.num_title_words if is_title else self._lengths.num_words
        slope = _K1 * _B * self._lengths.num_passages / max(total, 1)
        return sql.SQL("({base} + {slope} * {row}.{length})").format(
            base=_float(_K1 * (1 - _B)),
            slope=_float(slope),
            row=sql.Identifier(row),
            length=sql.Identifier("num_title_words" if is_title else "num_words"),
        )


def idf(num_passages: int, num_holding: int) -> float:
    """How much a term tells that ``num_holding`` of ``num_passages`` hold, > 0."""
    return math.log(1 + (num_passages - num_holding + 0.5) / (num_holding + 0.5))


def _count(row: str, term: str) -> sql.Composed:
    """How often a row holds a term: pi^2 / 6 less (1 + 1/4 + ... + 1/tf^2) is a little less than 1 / (tf + 1/2)."""
    return sql.SQL(
        "round({inverse} / (1 - ts_rank('{{1,1,1,1}}', {row}.words, {term}::tsquery)::float8) - 0.5)"
    ).format(inverse=_float(1 / _SUM_OF_INVERSE_SQUARES), row=sql.Identifier(row), term=sql.Literal(_quoted(term)))


def _float(value: float) -> sql.Composed:
    """A number that PostgreSQL calculates with as a double: left alone, it would take it for an exact decimal."""
    return sql.SQL("{}::float8").format(sql.Literal(value))


def _quoted(term: str) -> str:
    """A term as tsvector and tsquery read it."""
    escaped = term.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
