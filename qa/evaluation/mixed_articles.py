"""Grows a real collection to any size: articles whose passages mix sentences, and vectors, of real passages.

Embedding a million passages takes hours on two cores. A made-up passage takes whole sentences of two real passages
about the same thing, with every fourth word inside of them from elsewhere (else articles that share sentences would be
compared as near-duplicates); its vector is their mean, by characters, plus some of the difference of two passages drawn
at random, which spreads it as far from its neighbours as real passages are from theirs. Knows nothing of indexes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from textwrap import wrap

import numpy as np
import numpy.typing as npt

from index.atomic import write_atomically
from index.errors import BadInputError
from index.types import Article, FloatArray, IntArray, make_article

KeyArray = npt.NDArray[np.uint64]

SPREAD = 0.4
"""How much of the difference of two random passages is added; chosen so that neighbours are as near as real ones."""

_PASSAGE_CHARS = 480  # some 100 tokens: with a line break after every sentence the chunker ends passages at 80 to 120
_MAX_PASSAGES = 60
_SENTENCE_END = re.compile(r"(?<=[.!?”\"])\s+")
_MIN_SENTENCE_CHARS = 20
_MAX_SENTENCE_CHARS = 240  # more could be too many tokens for one passage
_END_CHARS = 24


@dataclass(frozen=True, slots=True)
class RealCollection:
    """What is mixed: ``articles`` with ``num_passages`` (a,) of each; of all passages in that order the text, the
    vector (n, dim) and the ``near`` (n, k) others about the same thing; the vector (a, dim) of each title; and of every
    line that passages are cut into the key (m,), and the passage (m,) that it is from (see :func:`line_keys`)."""

    articles: list[Article]
    num_passages: IntArray
    texts: list[str]
    vectors: FloatArray
    near: IntArray
    title_vectors: FloatArray
    keys: KeyArray
    origins: IntArray

    def save(self, folder: Path) -> None:
        """:raises OSError: If the disk refuses."""
        np.savez(
            folder / "real.npz",
            num_passages=self.num_passages,
            vectors=self.vectors,
            near=self.near,
            title_vectors=self.title_vectors,
            keys=self.keys,
            origins=self.origins,
        )
        articles = [[a.title, a.text, a.url, a.source, a.published_at] for a in self.articles]
        write_atomically(folder / "real.json", json.dumps({"articles": articles, "texts": self.texts}).encode())


def read_real(folder: Path) -> RealCollection:
    """:raises BadInputError: If nothing was prepared there."""
    try:
        arrays = np.load(folder / "real.npz", allow_pickle=False)
        kept = json.loads((folder / "real.json").read_bytes())
    except FileNotFoundError as error:
        raise BadInputError(f"{folder} holds no prepared collection: run `prepare` first") from error
    articles = [
        make_article(text, title=title, url=url, source=source, published_at=published_at)
        for title, text, url, source, published_at in kept["articles"]
    ]
    names = ("vectors", "near", "title_vectors", "keys", "origins")
    return RealCollection(articles, arrays["num_passages"], kept["texts"], *(arrays[name] for name in names))


def line_keys(texts: Sequence[str]) -> tuple[KeyArray, IntArray]:
    """What the lines of passages are known by, each by itself, its beginning and its end; and whose each is."""
    found: dict[int, int] = {}
    for row, text in enumerate(texts):
        for line in sentences(text):
            found |= dict.fromkeys(_keys(line), row)
    return np.fromiter(found, dtype=np.uint64), np.fromiter(found.values(), dtype=np.int64)


class MixedArticles:
    """Real articles first, then made-up ones; the same number is always the same article.

    :param spread: See :data:`SPREAD`.
    """

    def __init__(self, real: RealCollection, *, spread: float = SPREAD) -> None:
        self._real = real
        self._spread = spread
        self._article_of = np.repeat(np.arange(len(real.articles)), real.num_passages)
        self._sentences: dict[int, list[str]] = {}
        self._whole = self._rows_of_passages()
        self._origins = dict(zip(real.keys.tolist(), real.origins.tolist(), strict=True))
        self._firsts = np.cumsum(real.num_passages) - real.num_passages
        self._first_rows = {some.title: int(row) for some, row in zip(real.articles, self._firsts, strict=True)}

    def num_passages(self, number: int) -> int:
        """How many passages the ``number``-th article has, or is made of."""
        if number < len(self._real.articles):
            return int(self._real.num_passages[number])
        return len(self.parents(number))

    def article(self, number: int) -> Article:
        """The ``number``-th article, counted from 0."""
        if number < len(self._real.articles):
            return self._real.articles[number]
        draw = np.random.default_rng([number, 1])
        pairs = self.parents(number)
        paragraphs = ["\n".join(self._lines(int(one), int(other), draw)) for one, other in pairs]
        origin = self._real.articles[int(self._article_of[pairs[0, 0]])]
        dated = self._real.articles[int(draw.integers(len(self._real.articles)))]
        return make_article(
            "\n\n".join(paragraphs),
            title=origin.title,
            url=f"https://mixed.example/{number}",
            source=dated.source,
            published_at=dated.published_at,
        )

    def real_texts(self, number: int) -> list[str]:
        """The passages of a real article, none of a made-up one."""
        if number >= len(self._real.articles):
            return []
        first = int(self._firsts[number])
        return self._real.texts[first : first + int(self._real.num_passages[number])]

    def parents(self, number: int) -> IntArray:
        """The two real passages (m, 2) that each passage of a made-up article is made of, all about one thing."""
        draw = np.random.default_rng([number, 0])
        first = int(draw.integers(len(self._real.texts)))
        size = min(int(self._real.num_passages[self._article_of[first]]), _MAX_PASSAGES)
        # Two steps from the first passage lie a few hundred others: enough that few articles share many sentences.
        pool = np.unique(self._real.near[np.append(self._real.near[first], first)])
        one = draw.choice(pool, size=size)
        one[0] = first
        other = self._real.near[one, draw.integers(self._real.near.shape[1], size=size)]
        return np.stack([one, other], axis=1).astype(np.int64)

    def vectors(self, texts: Sequence[str]) -> FloatArray:
        """(n, dim) of passages as they are embedded: a title, a line break, and lines of real passages.

        :raises KeyError: If the title of one is none of ours.
        """
        return np.stack([self._vector(text) for text in texts])

    def mixed(self, rows: Sequence[int], weights: Sequence[float], seed: int) -> FloatArray:
        """The vector (dim,) of a passage that takes so much of these real passages."""
        vectors = self._real.vectors
        draw = np.random.default_rng(seed)
        one, other = draw.integers(len(vectors), size=2)
        shares = np.asarray(weights, dtype=np.float32) / np.float32(sum(weights))
        mean = shares @ vectors[np.asarray(rows)]
        mean = mean / np.linalg.norm(mean) + np.float32(self._spread) * (vectors[one] - vectors[other])
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    def _vector(self, text: str) -> FloatArray:
        known = self._whole.get(_key(text))
        if known is not None:
            vector: FloatArray = self._real.vectors[known]
            return vector
        title, *lines = [line for line in text.split("\n") if line]
        known_lines = [(row, len(line)) for line in lines if (row := self._origin(line)) is not None]
        # Of a list of many short items the chunker may leave nothing that was a line.
        rows, weights = zip(*(known_lines or [(self._first_rows[title], 1)]), strict=True)
        return self.mixed(rows, weights, _key(text))

    def _origin(self, line: str) -> int | None:
        """The real passage that a line is from; the chunker may have cut it in two, of which one part is enough."""
        return next((self._origins[key] for key in _keys(line) if key in self._origins), None)

    def _rows_of_passages(self) -> dict[int, int]:
        """Row of each real passage by what is embedded of it."""
        titles = [self._real.articles[int(article)].title for article in self._article_of]
        texts = zip(titles, self._real.texts, strict=True)
        return {_key(f"{title}\n{text}"): row for row, (title, text) in enumerate(texts)}

    def _lines(self, one: int, other: int, draw: np.random.Generator) -> Iterator[str]:
        """Sentences of both in turn, from a random one on, until the passage is long enough."""
        taken, length = set(), 0
        turns = [self._cut(row) for row in (one, other)]
        places = [int(draw.integers(len(turn))) for turn in turns]
        strange = self._real.texts[int(draw.integers(len(self._real.texts)))].split()
        for step in range(2 * max(map(len, turns))):
            turn = turns[step % 2]
            line = turn[(places[step % 2] + step // 2) % len(turn)]
            if line not in taken and length < _PASSAGE_CHARS:
                taken.add(line)
                length += len(line)
                yield estranged(line, strange)

    def _cut(self, row: int) -> list[str]:
        if row not in self._sentences:
            self._sentences[row] = sentences(self._real.texts[row])
        return self._sentences[row]


def estranged(line: str, strange: Sequence[str]) -> str:
    """A sentence with every fourth word another's; both ends, which it is known by, stay as they are."""
    words = line[_END_CHARS:-_END_CHARS].split(" ")
    # The first and the last may be parts of words.
    words[1:-1:4] = [strange[place % len(strange)] for place in range(len(words[1:-1:4]))]
    return line[:_END_CHARS] + " ".join(words) + line[-_END_CHARS:] if len(line) > 3 * _END_CHARS else line


def sentences(text: str) -> list[str]:
    """Its sentences without line breaks; short pieces stay with the one before, long ones are cut."""
    found: list[str] = []
    pieces = (wrap(piece, _MAX_SENTENCE_CHARS) for piece in _SENTENCE_END.split(" ".join(text.split())))
    for piece in chain.from_iterable(pieces):
        if found and len(piece) < _MIN_SENTENCE_CHARS:
            found[-1] = f"{found[-1]} {piece}"
        else:
            found.append(piece)
    return found


def _keys(line: str) -> tuple[int, int, int]:
    return _key(line), _key(line[:_END_CHARS]), _key(line[-_END_CHARS:])


def _key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest(), "little")
