"""Tells whether two texts are one story told twice, by the runs of five words they share; knows no articles or stores.

A text is the set of its 5-word shingles. MinHash signatures (Broder, "On the resemblance and containment of
documents", SEQUENCES 1997) find the few texts worth comparing, by bands (Leskovec, Rajaraman and Ullman, "Mining of
Massive Datasets", section 3.4); the shingles themselves decide. The thresholds were set on a year of news:
docs/experiments.md has the figures.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Shingles = npt.NDArray[np.uint64]
"""The hashes of a text's shingles, ascending, each once."""

Signature = npt.NDArray[np.uint32]
"""(128,): for each permutation the smallest value of any shingle."""

VERSION = 1
"""Of all that signatures, bands and verdicts depend on; those of another version are made anew."""

SHINGLE_WORDS = 5
MIN_WORDS = 40
# So much in common makes it one story, whatever its beginning is. Articles under one gallery of captions reach 0.8.
SURE_RESEMBLANCE = 0.85
# Less is enough when the beginnings agree: captions and appeals to subscribe recur further down.
MIN_RESEMBLANCE = 0.5
LEAD_WORDS = 100
MIN_LEAD_CONTAINMENT = 0.5
# A copy that was cut. A round-up that retells many stories is longer than any of them by far, and is none.
MIN_CONTAINMENT = 0.8
MIN_CONTAINED_SHINGLES = 60
MIN_LENGTH_RATIO = 0.2
# Columns and explainers come back every week or year with most of their words.
MAX_DAYS_APART = 7
# Below what the weakest cut copy can have (0.8 * 0.2 / (1 + 0.2 - 0.8 * 0.2) = 0.15), less two standard errors.
MIN_ESTIMATE = 0.09

NUM_PERMUTATIONS = 128
# 42 bands of 3 rows find a pair of resemblance s with probability 1 - (1 - s^3)^42: half of them at 0.25, 99.7% at 0.5.
NUM_BANDS = 42
# A copy cut to a quarter keeps its beginning: 10 bands of 3 over that find 98.5% at 0.7.
NUM_LEAD_BANDS = 10
BAND_ROWS = 3

_SEED = 20240328
_SHINGLES_AT_ONCE = 8192
# Chinese and Japanese are written without spaces: there every character counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Outline:
    """What is compared of a text: its shingles, those of its first 100 words, and how many words it has."""

    shingles: Shingles
    lead: Shingles
    num_words: int

    @property
    def is_comparable(self) -> bool:
        """Whether the text is long enough to say that another one is the same story."""
        return self.num_words >= MIN_WORDS


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two texts share; all in [0, 1].

    ``resemblance``: of all their shingles. ``containment``: of the shingles of the one that has fewer,
    ``num_shingles`` of them, ``length_ratio`` times as many as the other's. ``lead``: of the first words of either one
    in the whole other one, whichever share is larger.
    """

    resemblance: float
    containment: float
    num_shingles: int
    length_ratio: float
    lead: float

    @property
    def is_near_duplicate(self) -> bool:
        if self.resemblance >= SURE_RESEMBLANCE:
            return True
        is_cut_copy = (
            self.containment >= MIN_CONTAINMENT
            and self.num_shingles >= MIN_CONTAINED_SHINGLES
            and self.length_ratio >= MIN_LENGTH_RATIO
        )
        return (self.resemblance >= MIN_RESEMBLANCE or is_cut_copy) and self.lead >= MIN_LEAD_CONTAINMENT


def words(text: str) -> list[str]:
    """Its words in order, in lower case, without punctuation."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def outline(text: str) -> Outline:
    all_words = words(text)
    return Outline(shingles_of(all_words), shingles_of(all_words[:LEAD_WORDS]), len(all_words))


def shingles(text: str) -> Shingles:
    return shingles_of(words(text))


def shingles_of(all_words: Sequence[str]) -> Shingles:
    """Every run of five words; of fewer words, all of them together."""
    # Each distinct word is hashed once; most words of a text recur.
    hashes = {word: _word_hash(word) for word in set(all_words)}
    values = np.array([hashes[word] for word in all_words], dtype=np.uint64)
    if not len(values):
        return values
    width = min(SHINGLE_WORDS, len(values))
    num_runs = len(values) - width + 1
    runs: Shingles = np.zeros(num_runs, dtype=np.uint64)
    for place in range(width):
        # Multiplying first makes the order of the words count; unsigned overflow is the intended modulo.
        runs = _mixed(runs * _MULTIPLIER + values[place : place + num_runs])
    return np.unique(runs)


def signature(some: Shingles) -> Signature:
    """The MinHash signature of a set of shingles."""
    sketch = _empty_sketch().copy()
    for first in range(0, len(some), _SHINGLES_AT_ONCE):  # the permutations of all at once may not fit into memory
        sketch.update_batch(some[first : first + _SHINGLES_AT_ONCE].astype(np.uint32))
    return np.asarray(sketch.hashvalues, dtype=np.uint32)


def bands(whole: Signature, lead: Signature) -> list[int]:
    """63-bit keys of a text, by the signatures of all of it and of its lead; texts that share one may be alike."""
    keys = [_band_key(b"whole", number, rows) for number, rows in enumerate(_rows(whole, NUM_BANDS))]
    return keys + [_band_key(b"lead", number, rows) for number, rows in enumerate(_rows(lead, NUM_LEAD_BANDS))]


def estimated_resemblance(some: Signature, other: Signature) -> float:
    """The share of permutations on which two texts agree: their resemblance, give or take 0.04 (standard error)."""
    return float(np.mean(some == other))


def overlap(some: Outline, other: Outline) -> Overlap:
    """Exactly what two texts share."""
    fewer, more = sorted((len(some.shingles), len(other.shingles)))
    if not fewer:
        return Overlap(0.0, 0.0, 0, 0.0, 0.0)
    num_shared = num_in_common(some.shingles, other.shingles)
    lead = max(containment(some.lead, other.shingles), containment(other.lead, some.shingles))
    return Overlap(num_shared / (fewer + more - num_shared), num_shared / fewer, fewer, fewer / more, lead)


def containment(some: Shingles, other: Shingles) -> float:
    """The share, in [0, 1], of the first text's shingles that the other one has; 0 when it has none."""
    return num_in_common(some, other) / len(some) if len(some) else 0.0


def num_in_common(some: Shingles, other: Shingles) -> int:
    return len(np.intersect1d(some, other, assume_unique=True))


def are_days_close(some: str | None, other: str | None) -> bool:
    """Whether two ISO dates lie at most a week apart; an unknown one may be any."""
    if some is None or other is None:
        return True
    return abs((date.fromisoformat(some[:10]) - date.fromisoformat(other[:10])).days) <= MAX_DAYS_APART


def _word_hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def _mixed(values: Shingles) -> Shingles:
    """Every bit of the result depends on every bit of the value (MurmurHash3's finalizer)."""
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return values ^ (values >> np.uint64(33))


def _rows(some: Signature, num_bands: int) -> list[bytes]:
    values = some[: num_bands * BAND_ROWS].astype("<u4").reshape(num_bands, BAND_ROWS)
    return [row.tobytes() for row in values]


def _band_key(kind: bytes, number: int, rows: bytes) -> int:
    digest = hashlib.blake2b(kind + number.to_bytes(2, "little") + rows, digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


@cache
def _empty_sketch() -> Any:
    # Imported here: it brings scipy, most of a second that every command would pay and few need.
    from datasketch import MinHash  # type: ignore[import-untyped]  # it has no types

    # The shingles are hashes already.
    return MinHash(NUM_PERMUTATIONS, seed=_SEED, hashfunc=int, scheme="affine32")
