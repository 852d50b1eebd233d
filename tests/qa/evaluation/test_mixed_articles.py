"""Made-up articles are made of real sentences, their vectors lie among real ones, and the same number is the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.chunker import Chunker, ChunkerSettings
from index.errors import BadInputError
from index.near_duplicates import outline, overlap
from qa.evaluation.mixed_articles import MixedArticles, RealCollection, estranged, read_real, sentences
from tests.fakes import HashEmbedder
from tests.qa.evaluation.real_collection import NUM_REAL, PASSAGES, small_collection


@pytest.fixture
def real() -> RealCollection:
    return small_collection()


def test_real_articles_come_first_and_keep_their_vectors(real: RealCollection) -> None:
    mixed = MixedArticles(real)
    assert [mixed.article(number) for number in range(NUM_REAL)] == real.articles
    inputs = [f"{real.articles[row // PASSAGES].title}\n{text}" for row, text in enumerate(real.texts)]
    assert np.array_equal(mixed.vectors(inputs), real.vectors)
    assert mixed.num_passages(3) == PASSAGES


def test_a_real_articles_passages_are_known_and_a_made_up_one_has_none(real: RealCollection) -> None:
    mixed = MixedArticles(real)
    assert mixed.real_texts(2) == real.articles[2].text.split("\n\n")
    assert mixed.real_texts(NUM_REAL) == []


def test_made_up_articles_hold_sentences_that_begin_and_end_as_real_ones(real: RealCollection) -> None:
    mixed = MixedArticles(real)
    known = {line for text in real.texts for line in sentences(text)}
    titles = {article.title for article in real.articles}
    for number in range(NUM_REAL, NUM_REAL + 20):
        article = mixed.article(number)
        paragraphs = article.text.split("\n\n")
        assert len(paragraphs) == mixed.num_passages(number) == PASSAGES
        for line in (line for paragraph in paragraphs for line in paragraph.split("\n")):
            assert any(line[:24] == some[:24] and line[-24:] == some[-24:] for some in known)
        assert article.title in titles


def test_the_same_number_is_the_same_article_and_another_is_another(real: RealCollection) -> None:
    first, second = MixedArticles(real), MixedArticles(real)
    numbers = range(NUM_REAL, NUM_REAL + 30)
    assert [first.article(number) for number in numbers] == [second.article(number) for number in numbers]
    assert len({first.article(number).article_id for number in numbers}) == 30


def test_vectors_are_of_unit_norm_and_near_what_they_are_made_of(real: RealCollection) -> None:
    mixed, near_mixed = MixedArticles(real), MixedArticles(real, spread=0.0)
    article, parents = mixed.article(NUM_REAL + 1), mixed.parents(NUM_REAL + 1)
    inputs = [f"{article.title}\n{paragraph}" for paragraph in article.text.split("\n\n")]
    vectors = mixed.vectors(inputs)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(PASSAGES), abs=1e-6)
    assert np.array_equal(vectors, MixedArticles(real).vectors(inputs))
    for vector, (one, other) in zip(near_mixed.vectors(inputs), parents, strict=True):
        own = min(float(vector @ real.vectors[one]), float(vector @ real.vectors[other]))
        assert own > float(np.median(real.vectors @ vector))


def test_a_passage_cut_within_a_line_still_has_a_vector(real: RealCollection) -> None:
    mixed = MixedArticles(real)
    article = mixed.article(NUM_REAL + 2)
    chunker = Chunker(HashEmbedder().count_tokens, ChunkerSettings(min_tokens=2, max_tokens=4))
    pieces = [article.text[span.start : span.end] for span in chunker.chunk(article.text)]
    vectors = mixed.vectors([f"{article.title}\n{piece}" for piece in pieces])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(pieces)), abs=1e-6)


def test_an_unknown_text_is_an_error(real: RealCollection) -> None:
    with pytest.raises(KeyError):
        MixedArticles(real).vectors(["No such title\nNo such text at all."])


def test_what_was_prepared_is_read_back(real: RealCollection, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="prepare"):
        read_real(tmp_path)
    real.save(tmp_path)
    first, second = MixedArticles(real), MixedArticles(read_real(tmp_path))
    article = first.article(NUM_REAL + 3)
    assert second.article(NUM_REAL + 3) == article
    text = f"{article.title}\n{article.text.split(chr(10) * 2)[0]}"
    assert np.array_equal(first.vectors([text]), second.vectors([text]))


def test_a_sentence_used_twice_is_no_near_duplicate() -> None:
    line = " ".join(f"word{number}" for number in range(40))
    one, other = (estranged(line, [f"{name}{number}" for number in range(9)]) for name in ("some", "other"))
    assert one != line
    assert (one[:24], one[-24:]) == (line[:24], line[-24:])
    assert len(one.split()) == 40
    assert sum(new == old for new, old in zip(one.split(), line.split(), strict=True)) >= 28
    assert overlap(outline(one), outline(other)).resemblance < 0.15
    assert overlap(outline(one), outline(line)).resemblance < 0.15
    assert estranged("A short sentence stays as it is.", ["other"]) == "A short sentence stays as it is."


def test_sentences_are_whole_but_for_long_and_short_ones() -> None:
    text = "The first sentence is here. Yes. And a third one\nover two lines! " + "word " * 100
    assert sentences(text)[:2] == ["The first sentence is here. Yes.", "And a third one over two lines!"]
    assert all(len(line) <= 261 for line in sentences(text))  # a piece, and a short one with it
