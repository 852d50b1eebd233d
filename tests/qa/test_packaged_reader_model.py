"""The evidence reader that comes with the project, over all the articles written for the project, with both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.chunker import Chunker, ChunkerSettings
from index.readers import read_path
from index.types import Article, Passage, RetrievedPassage
from qa.composition import build_reader
from qa.config import ReaderConfig
from qa.evidence import EvidenceReader
from qa.evidence_training.mining import passages_of
from qa.metrics import token_f1
from qa.packaged_reader import packaged_reader_path
from qa.span_answer import EvidenceWeights, choose_answer

pytestmark = pytest.mark.model

ARTICLES = Path(__file__).resolve().parents[2] / "articles"
# (question, answer, words of the article that holds it)
QUESTIONS = [
    ("Who refereed the final?", "Szymon Marciniak", "world champions"),
    ("In which city is the control centre that followed the landing?", "Bengaluru", "Chandrayaan"),
    ("When did the climate conference open?", "30 November", "COP28"),
    ("How long is the Ever Given?", "400 metres", "Ever Given"),
    ("Who handed over the accession document?", "Pekka Haavisto", "Finland joined"),
    ("How much money is the prize worth?", "11 million Swedish kronor", "Messenger RNA"),
    ("Who consecrated the new altar?", "Laurent Ulrich", "Notre-Dame"),
    ("How many gold medals did China win?", "40", "Olympic Games"),
    ("How many cardinals took part in the vote?", "133", "conclave"),
    ("Which bank failed in 2008?", "Washington Mutual", "Silicon Valley Bank"),
    ("Who presented one of the pictures a day earlier?", "Joe Biden", "James Webb"),
    ("In which city is the factory of BAIC?", "Qingdao", "Xiaomi"),
]


@pytest.fixture(scope="module")
def reader() -> EvidenceReader:
    return build_reader(ReaderConfig())


@pytest.fixture(scope="module")
def passages() -> list[Passage]:
    """Passages of some 80 words."""
    articles = [article for article in read_path(ARTICLES) if isinstance(article, Article)]
    chunker = Chunker(lambda texts: [len(text.split()) for text in texts], ChunkerSettings(60, 80))
    return list(passages_of(articles, chunker))


def of_article(passages: list[Passage], words: str) -> list[Passage]:
    revision_ids = {passage.revision_id for passage in passages if words in passage.text}
    chosen = [passage for passage in passages if passage.revision_id in revision_ids]
    assert chosen
    return chosen


def test_most_questions_are_answered_from_their_article(reader: EvidenceReader, passages: list[Passage]) -> None:
    scores = []
    for question, expected, words in QUESTIONS:
        own = of_article(passages, words)
        found = [RetrievedPassage(p, rank, 1.0, "given", cosine=0.5, bm25=0.0) for rank, p in enumerate(own, 1)]
        answer = choose_answer(question, found, reader.read(question, own), [0.0] * len(found), EvidenceWeights())
        assert answer is not None
        assert answer.retrieved.passage.text[answer.start : answer.end]
        scores.append(token_f1(answer.text, expected))
    assert sum(score >= 0.5 for score in scores) >= 9, list(zip(QUESTIONS, scores, strict=True))


def test_the_own_article_is_more_relevant_than_the_others(reader: EvidenceReader, passages: list[Passage]) -> None:
    num_first = 0
    for question, _, words in QUESTIONS:
        own = {passage.passage_id for passage in of_article(passages, words)}
        relevances = [
            (r.relevance, p.passage_id in own) for p, r in zip(passages, reader.read(question, passages), strict=True)
        ]
        num_first += max(relevances)[1]
    # "Who refereed the final?" and its like name no article: some passage of another one may answer as well.
    assert num_first >= 8


def test_both_engines_agree(reader: EvidenceReader, passages: list[Passage]) -> None:
    reference = build_reader(ReaderConfig(engine="torch"))
    for question, _, _ in QUESTIONS[:3]:
        pairs = zip(reader.read(question, passages[:20]), reference.read(question, passages[:20]), strict=True)
        for one, other in pairs:
            # bfloat16 has eight bits of mantissa; log-odds lie between -15 and 15.
            assert one.relevance == pytest.approx(other.relevance, abs=0.25)


def test_the_weights_fit_a_clone_and_a_phone_line() -> None:
    assert (packaged_reader_path() / "model.safetensors").stat().st_size < 50_000_000
