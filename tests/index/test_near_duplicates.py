"""One story told twice is known for it, whatever outlets do to it; two stories are not."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.near_duplicates import (
    MIN_ESTIMATE,
    NUM_BANDS,
    NUM_LEAD_BANDS,
    Overlap,
    are_days_close,
    bands,
    containment,
    estimated_resemblance,
    outline,
    overlap,
    shingles,
    signature,
    words,
)
from tests.index.stories import first_part, story


def _is_near(some: str, other: str) -> bool:
    found = overlap(outline(some), outline(other))
    assert found == overlap(outline(other), outline(some))
    return found.is_near_duplicate


def _bands(text: str) -> set[int]:
    some = outline(text)
    return set(bands(signature(some.shingles), signature(some.lead)))


# Words and shingles


def test_words_are_compared_without_case_punctuation_and_typography() -> None:
    assert words("“Don’t” — SAID Ms. Óscar; ﬁne!") == ["don", "t", "said", "ms", "óscar", "fine"]


def test_without_spaces_every_character_is_a_word() -> None:
    assert words("東京で会議。") == ["東", "京", "で", "会", "議"]


def test_shingles_are_runs_of_five_words() -> None:
    assert len(shingles("one two three four five six seven")) == 3
    assert len(shingles("one two three")) == 1
    assert len(shingles("... !")) == 0


def test_the_order_of_words_counts() -> None:
    assert shingles("one two three four five") != shingles("five four three two one")
    assert shingles("a a a a b") != shingles("b a a a a")


def test_a_repeated_run_counts_once() -> None:
    assert len(shingles("one two three four five one two three four five")) == 5


@given(st.text(max_size=300))
def test_any_text_has_shingles_ascending_and_once(text: str) -> None:
    found = shingles(text)
    assert found.dtype == np.uint64
    assert (np.diff(found.astype(object)) > 0).all()
    assert len(found) <= max(1, len(words(text)))


@given(st.sets(st.integers(0, 60), max_size=40), st.sets(st.integers(0, 60), max_size=40))
def test_overlap_is_that_of_the_sets(some: set[int], other: set[int]) -> None:
    def made(values: set[int]) -> np.ndarray:
        return np.array(sorted(values), dtype=np.uint64)

    shared = len(some & other)
    assert containment(made(some), made(other)) == (shared / len(some) if some else 0.0)


# Signatures and bands


@pytest.mark.parametrize("share", [0.9, 0.7, 0.5])
def test_a_signature_estimates_resemblance(share: float) -> None:
    errors = []
    for seed in range(5):
        some, other = outline(story(seed, num_sentences=40)), outline(first_part(story(seed, num_sentences=40), share))
        estimate = estimated_resemblance(signature(some.shingles), signature(other.shingles))
        errors.append(estimate - overlap(some, other).resemblance)
    assert abs(np.mean(errors)) < 0.06
    assert max(map(abs, errors)) < 0.15


def test_the_same_text_has_the_same_signature_in_every_process() -> None:
    # Signatures are stored: if this fails, VERSION must grow.
    text = "The quick brown fox jumps over the lazy dog and runs away."
    assert signature(shingles(text))[:4].tolist() == [78253408, 191794672, 86335061, 1519580512]
    assert bands(signature(shingles(text)), signature(shingles(text)))[0] == 2052788863892386156


def test_bands_are_63_bit_keys_and_tell_whole_from_lead() -> None:
    keys = _bands(story(1))
    assert len(keys) == NUM_BANDS + NUM_LEAD_BANDS
    assert all(0 <= key < 1 << 63 for key in keys)


def test_a_copy_shares_a_band_and_a_stranger_does_not() -> None:
    for seed in range(20):
        assert _bands(story(seed)) & _bands("By our own reporter.\n\n" + first_part(story(seed), 0.6))
        assert not _bands(story(seed)) & _bands(story(seed + 100))


def test_a_copy_cut_to_a_quarter_shares_a_band_by_its_beginning() -> None:
    for seed in range(20):
        text = story(seed, num_sentences=60)
        assert _bands(text) & _bands(first_part(text, 0.25))


def test_a_long_text_is_signed_in_pieces_as_in_one() -> None:
    some = shingles(story(1, num_sentences=2000))
    assert len(some) > 8192
    pieces = np.minimum(signature(some[:8192]), signature(some[8192:]))
    assert (signature(some) == pieces).all()


# The verdict


def test_another_headline_or_first_line_makes_a_near_duplicate() -> None:
    assert _is_near(story(1), f"LINDBY (Wire) — From our correspondent.\n\n{story(1)}")


@pytest.mark.parametrize("share", [0.8, 0.5, 0.3])
def test_a_trimmed_copy_is_a_near_duplicate(share: float) -> None:
    assert _is_near(story(1), first_part(story(1), share))


def test_a_changed_word_here_and_there_makes_a_near_duplicate() -> None:
    sentences = story(1).split(". ")
    sentences[1::6] = [sentence.replace(" ", " indeed ", 1) for sentence in sentences[1::6]]
    assert _is_near(story(1), ". ".join(sentences))


def test_two_stories_are_none() -> None:
    assert not _is_near(story(1), story(2))


def test_a_quoted_sentence_makes_none() -> None:
    assert not _is_near(story(1), story(2) + " " + story(1).split(". ")[0])


def test_a_short_piece_inside_a_long_round_up_is_none() -> None:
    round_up = "\n\n".join(story(seed, num_sentences=8) for seed in range(10))
    assert not _is_near(round_up, story(3, num_sentences=8))


def test_a_recurring_column_with_the_same_frame_is_none() -> None:
    frame = story(99, num_sentences=10)
    assert not _is_near(story(1, num_sentences=8) + frame, story(2, num_sentences=8) + frame)


def test_two_articles_above_the_same_long_gallery_are_none() -> None:
    gallery = story(99, num_sentences=100)
    assert not _is_near(f"{story(1)}\n\n{gallery}", f"{story(2)}\n\n{gallery}")


def test_a_brief_of_less_than_40_words_cannot_be_compared() -> None:
    brief = " ".join(story(1).split()[:39])
    assert not outline(brief).is_comparable
    assert outline(brief + " more").is_comparable


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Overlap(0.85, 0.92, 500, 0.9, 0.0), True),
        (Overlap(0.84, 0.92, 500, 0.9, 0.0), False),
        (Overlap(0.50, 0.60, 500, 0.9, 0.5), True),
        (Overlap(0.49, 0.79, 500, 0.9, 1.0), False),
        (Overlap(0.20, 0.80, 60, 0.2, 0.5), True),
        (Overlap(0.20, 0.80, 59, 0.2, 0.5), False),
        (Overlap(0.15, 0.80, 60, 0.19, 0.5), False),
        (Overlap(0.20, 0.80, 60, 0.2, 0.49), False),
    ],
)
def test_the_thresholds(found: Overlap, expected: bool) -> None:
    assert found.is_near_duplicate is expected


def test_what_passes_is_not_lost_to_the_estimate() -> None:
    weakest = 0.8 * 0.2 / (1 + 0.2 - 0.8 * 0.2)
    standard_error = (weakest * (1 - weakest) / 128) ** 0.5
    assert weakest - 2 * standard_error >= MIN_ESTIMATE


@pytest.mark.parametrize(
    ("some", "other", "expected"),
    [
        ("2024-03-01", "2024-03-08", True),
        ("2024-03-09", "2024-03-01", False),
        ("2024-02-28T10:00:00Z", "2024-03-01", True),
        (None, "2024-03-01", True),
        (None, None, True),
    ],
)
def test_a_week_apart_is_close_and_an_unknown_day_may_be_any(
    some: str | None, other: str | None, expected: bool
) -> None:
    assert are_days_close(some, other) is expected


def test_a_text_without_words_overlaps_with_nothing() -> None:
    assert overlap(outline("…"), outline(story(1))) == Overlap(0.0, 0.0, 0, 0.0, 0.0)


def test_an_article_of_a_thousand_words_takes_milliseconds() -> None:
    text = story(1, num_sentences=80)
    signature(outline(text).shingles)
    started = time.process_time()
    for _ in range(10):
        some = outline(text)
        bands(signature(some.shingles), signature(some.lead))
    assert (time.process_time() - started) / 10 < 0.05
