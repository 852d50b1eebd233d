"""What is measured of PostgreSQL is all there, and the passages are those that the product would make."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from qa.evaluation.mixed_articles import MixedArticles
from scripts.measure_postgres import batches, main, passages_of
from tests.fakes import HashEmbedder
from tests.postgres.fixtures import folder_for_servers
from tests.qa.evaluation.real_collection import NUM_REAL, PASSAGES, small_collection

pytestmark = pytest.mark.slow


def test_passages_stand_in_their_articles() -> None:
    articles = MixedArticles(small_collection())
    for number in (0, NUM_REAL - 1, NUM_REAL, NUM_REAL + 5):
        article = articles.article(number)
        passages = passages_of(number, article, articles)
        assert len(passages) == PASSAGES
        assert all(article.text[passage.start : passage.end] == passage.text for passage in passages)


def test_batches_hold_whole_articles_with_their_vectors() -> None:
    real = small_collection()
    ((passages, vectors),) = batches(MixedArticles(real), 40)
    assert len(passages) == 42 and vectors.shape == (42, real.vectors.shape[1])
    assert np.array_equal(vectors[: len(real.texts)], real.vectors)


def test_a_run_measures_and_goes_on_where_it_was_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real, embedder = small_collection(), HashEmbedder()
    real.save(tmp_path)
    asked = [article.title for article in real.articles]
    (tmp_path / "questions.json").write_text(json.dumps(asked))
    np.save(tmp_path / "questions.npy", np.stack([embedder.embed_query(question) for question in asked]))
    out = tmp_path / "out.json"
    out.write_text('{"7": {"kept": true}}')
    options = ["--work-dir", str(tmp_path), "--sizes", "7", "60", "--out", str(out)]
    if (parent := folder_for_servers()) is not None:
        options += ["--parent", str(parent)]
    main(options)
    found = json.loads(out.read_text())
    assert found["7"] == {"kept": True}
    measured = found["60"]
    assert measured["passages"] == 60 and measured["recall_at_10"] > 0.9
    assert {"texts", "words", "index of words", "vectors", "graph of vectors"} <= set(measured["bytes_a_passage"])
    assert all(0 < measured[name][0] <= measured[name][1] for name in ("both_ms", "words_ms", "meaning_ms"))
    assert len(capsys.readouterr().out.splitlines()) == 2
