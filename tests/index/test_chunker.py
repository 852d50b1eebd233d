"""Passages are whole sentences of the right size, exactly where they say, with nothing but white space between."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from index.chunker import Chunker, ChunkerSettings, CountTokens

_SENTENCE = "One two three four five."  # five words


def count_words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def count_letters(texts: Sequence[str]) -> list[int]:
    """As a tokenizer that knows no word would count."""
    return [sum(not character.isspace() for character in text) for text in texts]


def count_short_words(texts: Sequence[str]) -> list[int]:
    """Like WordPiece, which makes one unknown token of a very long word: tokens are spread unevenly over a text."""
    return [sum(-(-len(word) // 4) if len(word) <= 20 else 1 for word in text.split()) for text in texts]


def _passages(text: str, count_tokens: CountTokens = count_words, *, low: int = 8, high: int = 12) -> list[str]:
    """The texts of the passages, after checking that they lie in order with only white space between."""
    passages, position = [], 0
    for span in Chunker(count_tokens, ChunkerSettings(low, high)).chunk(text):
        assert span.start >= position
        assert not text[position : span.start].strip()
        passages.append(text[span.start : span.end])
        position = span.end
    assert not text[position:].strip()
    for passage in passages:
        assert passage
        assert passage == passage.strip()
    return passages


@pytest.mark.parametrize("text", ["", " ", "\n\n \n"])
def test_a_text_without_words_has_no_passages(text: str) -> None:
    assert _passages(text) == []


def test_a_short_text_is_one_passage() -> None:
    assert _passages("  It rained. ") == ["It rained."]


def test_sentences_are_packed_up_to_the_limit() -> None:
    assert _passages(" ".join([_SENTENCE] * 5)) == [f"{_SENTENCE} {_SENTENCE}"] * 2 + [_SENTENCE]


def test_a_passage_of_exactly_the_limit_is_not_cut() -> None:
    assert _passages(" ".join([_SENTENCE] * 2), high=10) == [f"{_SENTENCE} {_SENTENCE}"]


def test_a_paragraph_ends_a_passage_that_is_long_enough() -> None:
    assert _passages(f"{_SENTENCE}\n\n{_SENTENCE}", low=5, high=50) == [_SENTENCE, _SENTENCE]


def test_a_paragraph_does_not_end_a_passage_that_is_too_short() -> None:
    assert _passages(f"{_SENTENCE}\n\n{_SENTENCE}", low=6, high=50) == [f"{_SENTENCE}\n\n{_SENTENCE}"]


def test_a_short_rest_stays_a_passage_of_its_own() -> None:
    assert _passages(f"{_SENTENCE} {_SENTENCE} {_SENTENCE} End.", high=10)[1:] == [f"{_SENTENCE} End."]


def test_a_long_sentence_is_cut_at_white_space_into_even_parts() -> None:
    words = " ".join(f"w{number:02d}" for number in range(30))
    passages = _passages(words)
    assert [len(passage.split()) for passage in passages] == [10, 10, 10]
    assert " ".join(passages) == words


def test_a_word_of_20_000_characters_is_cut_within_the_limit() -> None:
    passages = _passages("x" * 20_000, count_letters, low=80, high=120)
    assert "".join(passages) == "x" * 20_000
    assert max(map(len, passages)) <= 120
    assert len(passages) < 2 * 20_000 / 120


def test_a_part_with_more_tokens_than_its_length_suggests_is_cut_again() -> None:
    text = "x" * 600 + " ab" * 200
    passages = _passages(text, count_short_words)
    assert max(count_short_words(passages)) <= 12


def test_runs_of_white_space_stay_out_of_the_parts_of_a_long_sentence() -> None:
    assert all(count <= 3 for count in count_words(_passages("ab  \t  " * 40, low=3, high=3)))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("橋の許可は遅れている。市長は述べた。" * 30, id="japanese"),
        pytest.param("สะพานล่าช้าแปดเดือนตามที่นายกเทศมนตรีกล่าว" * 30, id="thai_has_no_spaces"),
        pytest.param("👨‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿" * 100, id="joined_emoji"),
        pytest.param("a\u0301\u0323\u0308" * 400, id="combining_marks"),
        pytest.param("\u202eabc \u2066def\u2069 \0ghi\x1b " * 80, id="controls"),
        pytest.param("الجسر متأخر ثمانية أشهر. قال العمدة؟ " * 30, id="arabic"),
    ],
)
@pytest.mark.parametrize("count_tokens", [count_words, count_letters, count_short_words])
def test_scripts_of_every_kind_are_cut_within_the_limit(text: str, count_tokens: CountTokens) -> None:
    passages = _passages(text, count_tokens, low=80, high=120)
    assert max(count_tokens(passages)) <= 120
    assert "".join("".join(passages).split()) == "".join(text.split())


_TEXTS = st.text(max_size=400) | st.text(
    alphabet=st.sampled_from("abcdefgh.! \n\t\u00a0\u2028\x1d\u3000é😀。\u0301\u200b"), max_size=400
)


@pytest.mark.parametrize("count_tokens", [count_words, count_letters, count_short_words])
@given(text=_TEXTS, low=st.integers(1, 6), extra=st.integers(0, 6))
@example(text="a  b \t c" * 20, low=1, extra=0)
@example(text="😀" * 50 + "\u2029" + "é" * 50, low=3, extra=2)
def test_every_passage_of_any_text_is_whole_and_within_the_limit(
    count_tokens: CountTokens, text: str, low: int, extra: int
) -> None:
    passages = _passages(text, count_tokens, low=low, high=low + extra)
    assert all(0 <= count <= low + extra for count in count_tokens(passages))


@given(text=_TEXTS)
def test_the_same_text_is_always_cut_the_same_way(text: str) -> None:
    assert _passages(text) == _passages(text)


@pytest.mark.parametrize(("low", "high"), [(0, 10), (11, 10), (-1, -1)])
def test_settings_that_make_no_sense_are_refused(low: int, high: int) -> None:
    with pytest.raises(ValueError, match="min_tokens"):
        ChunkerSettings(low, high)


def test_the_settings_are_what_the_manifest_keeps() -> None:
    assert ChunkerSettings(80, 120).to_json() == {"min_tokens": 80, "max_tokens": 120, "version": 1}
