"""The reader on a random model: spans and odds are what the model's logits say, however they are computed."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForQuestionAnswering, BertModel

from index.errors import ModelError
from index.types import Passage
from qa.evidence import Reading
from qa.extractive_reader import ExtractiveReader, ReaderEngine
from qa.span_scores import MAX_ANSWER_TOKENS, windows
from tests.qa.helpers import LIBRARY, PIER, make_passage
from tests.qa.tiny_reader import save_tiny_reader, tiny_model, tiny_tokenizer

pytestmark = pytest.mark.slow

QUESTION = "What did the pier cost?"
LONG = " ".join(f"Ferry {n} took {n * 7} years to build, said the mayor." for n in range(60))
PASSAGES = [
    make_passage(PIER.text, title=PIER.title, number=1),
    make_passage(LIBRARY.text, title=LIBRARY.title, number=2),
    make_passage("Monday.", title="", number=3),
    make_passage(LONG, title="Ferries", number=4),
    make_passage("“Öl” costs €5 — much! 中文", title="Ähm", number=5),
]
ENGINES: Sequence[ReaderEngine] = ("torch", "openvino")
# Of log-odds: bfloat16 has eight bits.
LOOSE = 0.25


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_reader(tmp_path_factory.mktemp("reader"))


@pytest.fixture(scope="module")
def readers(folder: Path) -> dict[str, ExtractiveReader]:
    return {engine: ExtractiveReader(folder, model_id="tiny", engine=engine) for engine in ENGINES}


@pytest.fixture(scope="module")
def torch_reader(readers: dict[str, ExtractiveReader]) -> ExtractiveReader:
    return readers["torch"]


@pytest.fixture(params=["torch", "openvino"])
def reader(request: pytest.FixtureRequest, readers: dict[str, ExtractiveReader]) -> ExtractiveReader:
    return readers[request.param]


@pytest.fixture(scope="module")
def expected(folder: Path) -> Callable[[str, Passage], tuple[float, list[tuple[float, int, int]]]]:
    """Relevance and every span with its log-odds, best first: one window at a time, not padded, in plain Python."""
    tokenizer = tiny_tokenizer().backend_tokenizer
    model = AutoModelForQuestionAnswering.from_pretrained(folder).eval()

    def read(question: str, passage: Passage) -> tuple[float, list[tuple[float, int, int]]]:
        best: dict[tuple[int, int], float] = {}
        relevances = []
        for window in windows(tokenizer, question, [(passage.title, passage.text)], overlap=128):
            ids, types = torch.tensor([window.input_ids]), torch.tensor([window.token_type_ids])
            with torch.no_grad():
                output = model(input_ids=ids, token_type_ids=types)
            start, end = output.start_logits[0].tolist(), output.end_logits[0].tolist()
            odds = 0.0
            for i, first in enumerate(window.offsets):
                for j, last in enumerate(window.offsets[i : i + MAX_ANSWER_TOKENS], start=i):
                    if first is not None and last is not None:
                        score = start[i] + end[j] - start[0] - end[0]
                        odds += math.exp(score)
                        span = (first[0], last[1])
                        best[span] = max(score, best.get(span, -math.inf))
            relevances.append(math.log(odds))
        return max(relevances), sorted(((score, *span) for span, score in best.items()), reverse=True)

    return read


def close_to(reading: Reading, tolerance: float = 1e-3) -> Any:
    """The same spans, with log-odds that differ by rounding alone."""
    return [pytest.approx((s.start, s.end, s.log_odds), abs=tolerance) for s in reading.spans]


def values(reading: Reading) -> list[tuple[int, int, float]]:
    return [(span.start, span.end, span.log_odds) for span in reading.spans]


# What is read


@pytest.mark.parametrize("passage", PASSAGES, ids=lambda passage: passage.title or "no title")
def test_spans_are_the_best_of_all_there_are(
    passage: Passage, torch_reader: ExtractiveReader, expected: Callable[..., Any]
) -> None:
    (reading,) = torch_reader.read(QUESTION, [passage])
    relevance, spans = expected(QUESTION, passage)
    assert reading.relevance == pytest.approx(relevance, abs=1e-3)
    assert [span.log_odds for span in reading.spans] == pytest.approx([score for score, _, _ in spans[:5]], abs=1e-3)
    assert (reading.start, reading.end) == spans[0][1:]


def test_spans_lie_inside_the_text_on_whole_tokens(reader: ExtractiveReader) -> None:
    for passage, reading in zip(PASSAGES, reader.read(QUESTION, PASSAGES), strict=True):
        assert 1 <= len(reading.spans) <= 5
        assert len({(span.start, span.end) for span in reading.spans}) == len(reading.spans)
        assert [span.log_odds for span in reading.spans] == sorted((s.log_odds for s in reading.spans), reverse=True)
        for span in reading.spans:
            assert 0 <= span.start < span.end <= len(passage.text)
            words = passage.text[span.start : span.end]
            assert words == words.strip()
        assert reading.relevance >= reading.spans[0].log_odds - LOOSE


def test_the_fast_engine_agrees_with_torch(readers: dict[str, ExtractiveReader]) -> None:
    fast, reference = (readers[name].read(QUESTION, PASSAGES) for name in ("openvino", "torch"))
    for one, other in zip(fast, reference, strict=True):
        assert one.relevance == pytest.approx(other.relevance, abs=LOOSE)
        assert one.spans[0].log_odds == pytest.approx(other.spans[0].log_odds, abs=LOOSE)
        known = {(span.start, span.end): span.log_odds for span in other.spans}
        common = [(known[s.start, s.end], s.log_odds) for s in one.spans if (s.start, s.end) in known]
        assert common
        assert all(first == pytest.approx(second, abs=LOOSE) for first, second in common)


def test_a_long_passage_is_read_to_its_end(torch_reader: ExtractiveReader, expected: Callable[..., Any]) -> None:
    tokens = len(tiny_tokenizer()(LONG)["input_ids"])
    assert tokens > 3 * 384
    # Whichever sentence the model likes best by itself is found wherever in a long text it stands.
    _, spans = expected(QUESTION, PASSAGES[3])
    (reading,) = torch_reader.read(QUESTION, [PASSAGES[3]])
    assert reading.spans[0].log_odds == pytest.approx(spans[0][0], abs=1e-3)
    tail = make_passage(LONG[len(LONG) // 2 :], title="Ferries")
    (of_tail,) = torch_reader.read(QUESTION, [tail])
    assert of_tail.relevance == pytest.approx(expected(QUESTION, tail)[0], abs=1e-3)


def test_spans_of_a_long_passage_are_not_told_twice(torch_reader: ExtractiveReader) -> None:
    (reading,) = torch_reader.read(QUESTION, [PASSAGES[3]])
    assert len({(span.start, span.end) for span in reading.spans}) == len(reading.spans) == 5


@pytest.mark.parametrize("order", [[4, 3, 2, 1, 0], [2, 0, 4, 1, 3]])
def test_a_reading_does_not_depend_on_the_other_passages(order: list[int], torch_reader: ExtractiveReader) -> None:
    alone = [torch_reader.read(QUESTION, [passage])[0] for passage in PASSAGES]
    together = torch_reader.read(QUESTION, [PASSAGES[i] for i in order])
    for place, reading in zip(order, together, strict=True):
        assert values(reading) == close_to(alone[place])
        assert reading.relevance == pytest.approx(alone[place].relevance, abs=1e-3)


def test_many_passages_are_read_in_order(reader: ExtractiveReader) -> None:
    some = [make_passage(f"{'Ferry ' * n}cost {n} euros.", number=n) for n in range(1, 24)]
    readings = reader.read(QUESTION, some)
    assert len(readings) == len(some)
    for number in (0, 1, 11, 22):
        (alone,) = reader.read(QUESTION, [some[number]])
        assert readings[number].relevance == pytest.approx(alone.relevance, abs=LOOSE)


def test_the_title_is_read_but_no_span_lies_in_it(torch_reader: ExtractiveReader) -> None:
    text = "It cost 12 million euros."
    with_title, without, other = (
        torch_reader.read(QUESTION, [make_passage(text, title=title)])[0] for title in ("The pier cost", "", "Books")
    )
    assert with_title.relevance != pytest.approx(without.relevance, abs=1e-3)
    assert with_title.relevance != pytest.approx(other.relevance, abs=1e-3)
    assert all(span.end <= len(text) for span in with_title.spans)


def test_a_very_long_title_is_cut_off(torch_reader: ExtractiveReader) -> None:
    long, cut = (make_passage(PIER.text, title=("pier " * 200)[:length]) for length in (1000, 200))
    assert torch_reader.read(QUESTION, [long]) == torch_reader.read(QUESTION, [cut])


def test_the_question_is_read(torch_reader: ExtractiveReader) -> None:
    first, second = (torch_reader.read(question, PASSAGES[:1])[0] for question in (QUESTION, "Who opened the library?"))
    assert first.relevance != pytest.approx(second.relevance, abs=1e-3)


def test_of_a_very_long_question_the_beginning_is_read(torch_reader: ExtractiveReader) -> None:
    long = "What did the pier cost in million euros? " * 40
    assert torch_reader.read(long, PASSAGES[:1]) == torch_reader.read(long[:600], PASSAGES[:1])


@pytest.mark.parametrize("question", ["?!" * 300, "漢字" * 500, "a b " * 400], ids=["marks", "characters", "letters"])
def test_a_question_of_very_many_tokens_does_no_harm(question: str, reader: ExtractiveReader) -> None:
    for passage, reading in zip(PASSAGES, reader.read(question, PASSAGES), strict=True):
        assert 0 <= reading.start < reading.end <= len(passage.text)


def test_no_passages_give_no_readings(reader: ExtractiveReader) -> None:
    assert reader.read(QUESTION, []) == []


def test_a_text_without_a_token_answers_nothing(reader: ExtractiveReader) -> None:
    first, second = reader.read(QUESTION, [make_passage("\x00\x01"), PASSAGES[0]])
    assert (first.start, first.end) == (0, 2)
    assert first.no_answer_score > 0.999
    assert second.relevance > first.relevance


def test_the_model_is_named_as_it_was_given(reader: ExtractiveReader) -> None:
    assert reader.model_id == "tiny"


def test_reading_again_gives_the_same(reader: ExtractiveReader) -> None:
    assert reader.read(QUESTION, PASSAGES) == reader.read(QUESTION, PASSAGES)


def test_several_threads_read_the_same_as_one(reader: ExtractiveReader) -> None:
    asked = [(f"Who built ferry {n}?", PASSAGES[n % 3 : 3]) for n in range(6)]
    alone = [reader.read(question, passages) for question, passages in asked]
    results: dict[int, list[list[Reading]]] = {}

    def work(number: int) -> None:
        results[number] = [reader.read(*asked[(number + i) % len(asked)]) for i in range(len(asked))]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 1, 2, 3]
    for number, together in results.items():
        for i, readings in enumerate(together):
            assert readings == alone[(number + i) % len(asked)]


# What is refused


def message_of(path: Path | str) -> str:
    """The same of both engines."""
    messages = set()
    for engine in ENGINES:
        with pytest.raises(ModelError) as caught:
            ExtractiveReader(path, model_id="x", engine=engine)
        messages.add(str(caught.value))
    (message,) = messages
    assert "\n" not in message and len(message) < 500
    return message


def test_a_missing_folder_is_one_line_naming_it(tmp_path: Path) -> None:
    assert "no-such-folder" in message_of(tmp_path / "no-such-folder")


def test_a_model_that_is_not_in_the_local_cache_is_one_line_naming_it() -> None:
    assert "'nobody/nothing'" in message_of("nobody/nothing")


def test_a_folder_without_safetensors_is_one_line(tmp_path: Path) -> None:
    folder = save_tiny_reader(tmp_path)
    weights = folder / "model.safetensors"
    weights.rename(folder / "pytorch_model.bin")
    assert "model.safetensors" in message_of(folder)


def test_damaged_weights_are_one_line(tmp_path: Path) -> None:
    folder = save_tiny_reader(tmp_path)
    (folder / "model.safetensors").write_bytes(b"This is no tensor at all. " * 20)
    assert str(folder) in message_of(folder)


def test_weights_of_another_size_than_configured_are_one_line(tmp_path: Path) -> None:
    folder = save_tiny_reader(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))
    assert str(folder) in message_of(folder)


def test_a_damaged_configuration_is_one_line(tmp_path: Path) -> None:
    folder = save_tiny_reader(tmp_path)
    (folder / "config.json").write_text("{")
    assert str(folder) in message_of(folder)


def test_a_model_without_a_trained_span_layer_is_refused(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    BertModel(tiny_model(tokenizer).config).save_pretrained(tmp_path)
    assert str(tmp_path) in message_of(tmp_path)


def test_a_slow_tokenizer_is_one_line(tmp_path: Path) -> None:
    folder = save_tiny_reader(tmp_path)
    for path in folder.glob("*token*"):
        path.unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CanineTokenizer"}))
    assert "fast tokenizer" in message_of(folder)


def test_a_model_of_old_names_is_read_by_the_fast_engine_too(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in weights.items()
    }
    assert old.keys() != weights.keys()
    save_file(old, tmp_path / "model.safetensors", metadata={"format": "pt"})
    new_names, old_names = (
        ExtractiveReader(path, model_id="x").read(QUESTION, PASSAGES) for path in (folder, tmp_path)
    )
    for one, other in zip(new_names, old_names, strict=True):
        assert one.relevance == pytest.approx(other.relevance, abs=LOOSE)
