"""Probe questions are read strictly, asked of the finished index, and keep a worse one from being published."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from index.collection import Collection
from index.errors import BadInputError, StorageError, VerificationError
from index.snapshot import Snapshot
from qa.config import Config
from qa.configured_pipeline import build_pipeline
from qa.pipeline import Pipeline, SnapshotSource
from qa.probes import Probe, failed_probes, is_expected, probe_verifier, read_probes
from tests.fakes import TITLE_WEIGHT, HashEmbedder, open_parts
from tests.qa.helpers import ARTICLES, make_collection
from tests.qa.sentence_reader import SentenceReader

_PIER_COST = {"question": "The pier cost how many million euros?", "answers": ["12 million euros"]}
_ZEPPELIN = {"question": "Who steered the zeppelin over Lindby?", "answers": ["Ada Holm's uncle"]}


def _pipeline(source: SnapshotSource) -> Pipeline:
    embedder = HashEmbedder()
    return build_pipeline(Config(), source, embedder, SentenceReader(embedder), None)


def _write(path: Path, *lines: Any) -> Path:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n")
    return path


# Reading


def test_probes_are_read_with_their_dates(tmp_path: Path) -> None:
    path = _write(tmp_path / "p.jsonl", _PIER_COST, "", {**_ZEPPELIN, "as_of": "28 March 2024"})
    assert read_probes(path) == [
        Probe("The pier cost how many million euros?", ("12 million euros",)),
        Probe("Who steered the zeppelin over Lindby?", ("Ada Holm's uncle",), date(2024, 3, 28)),
    ]


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert read_probes(tmp_path / "probes.jsonl") == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{broken", "no JSON"),
        ("[]", "found list"),
        ('"Who?"', "found str"),
        ({**_PIER_COST, "answer": "x"}, "unknown key 'answer'"),
        ({"answers": ["x"]}, "no question"),
        ({"question": " ", "answers": ["x"]}, "no question"),
        ({"question": 3, "answers": ["x"]}, "no question"),
        ({"question": "Who?"}, "answers must be"),
        ({"question": "Who?", "answers": []}, "answers must be"),
        ({"question": "Who?", "answers": "x"}, "answers must be"),
        ({"question": "Who?", "answers": ["x", 3]}, "answers must be"),
        ({"question": "Who?", "answers": ["The"]}, "answers must be"),
        ({**_PIER_COST, "as_of": "some day"}, "as_of"),
        ({**_PIER_COST, "as_of": 3}, "as_of 3 is no date"),
        ({**_PIER_COST, "as_of": ""}, "as_of '' is no date"),
        (b"\xff\xfe".decode("latin-1"), "no JSON"),
    ],
)
def test_a_bad_line_is_named_with_its_number(line: Any, reason: str, tmp_path: Path) -> None:
    path = _write(tmp_path / "p.jsonl", _PIER_COST, line)
    with pytest.raises(BadInputError, match=r"p\.jsonl:2: ") as error:
        read_probes(path)
    assert reason in str(error.value)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").mkdir()
    with pytest.raises(StorageError, match=r"p\.jsonl cannot be read"):
        read_probes(tmp_path / "p.jsonl")


# Comparing


@pytest.mark.parametrize(
    ("given", "answers", "expected"),
    [
        ("12 million euros", ["12 million euros"], True),
        ("The 12 Million Euros.", ["12 million euros"], True),
        ("about 12 million euros in all", ["12 million euros"], True),
        ("12 million", ["12 million euros"], True),  # token F1 0.8
        ("112 million", ["12"], False),
        ("euros", ["12 million euros"], False),
        ("Tom Reyes", ["Ada Holm", "Reyes"], True),
        ("", ["x"], False),
    ],
)
def test_an_expected_answer_stands_in_the_given_one_or_nearly_is_it(
    given: str, answers: list[str], expected: bool
) -> None:
    assert is_expected(given, answers) is expected


# Asking


def test_failures_name_the_probe_and_what_was_answered(tmp_path: Path) -> None:
    collection = make_collection(tmp_path, ARTICLES)
    probes = [
        Probe("The pier cost how many million euros?", ("12 million euros",)),
        Probe("The pier cost how many million euros?", ("a bag of shells",)),
    ]
    (wrong,) = failed_probes(probes, _pipeline(collection))
    assert wrong.startswith("probe 2: 'The pier cost how many million euros?' answered '")
    assert wrong.endswith("expected one of 'a bag of shells'")


def test_a_probe_that_is_not_answered_at_all_fails(tmp_path: Path) -> None:
    collection = make_collection(tmp_path, ARTICLES)
    collection.remove([article.article_id for article in ARTICLES])
    assert failed_probes([Probe("Who?", ("x", "y"))], _pipeline(collection)) == [
        "probe 1: 'Who?' did not answer, expected one of 'x', 'y'"
    ]


def test_without_probes_no_pipeline_is_made(tmp_path: Path) -> None:
    def never(source: SnapshotSource) -> Pipeline:
        raise AssertionError

    snapshot = make_collection(tmp_path, ARTICLES).snapshot()
    assert snapshot is not None
    assert probe_verifier(tmp_path / "probes.jsonl", never)(snapshot) == []


# Publishing


class _Verified:
    """A collection whose new generations are asked the probes of a file."""

    def __init__(self, folder: Path, *lines: Any, embedder: HashEmbedder | None = None) -> None:
        self.probes = _write(folder / "probes.jsonl", *lines)
        self.parts = open_parts(folder, embedder=embedder)
        self.seen: list[Snapshot] = []
        self.collection = Collection(
            self.parts.library,
            self.parts.generations,
            self.parts.builder,
            title_weight=TITLE_WEIGHT,
            verify=self._verify,
        )

    def _verify(self, snapshot: Snapshot) -> Sequence[str]:
        self.seen.append(snapshot)
        return probe_verifier(self.probes, _pipeline)(snapshot)

    @property
    def names(self) -> list[str]:
        return sorted(p.name for p in self.parts.generations.folder.iterdir() if p.name not in (".builder.lock",))


def test_a_rebuild_that_answers_the_probes_is_published(tmp_path: Path) -> None:
    verified = _Verified(tmp_path, _PIER_COST)
    verified.collection.add(ARTICLES)
    assert verified.seen == []  # nothing was live that it could have replaced
    assert verified.collection.rebuild(full=True) == "gen-000002"
    assert [snapshot.generation for snapshot in verified.seen] == ["gen-000002"]


def test_a_rebuild_that_does_not_is_refused_and_the_old_one_serves_on(tmp_path: Path) -> None:
    verified = _Verified(tmp_path, _PIER_COST, _ZEPPELIN)
    verified.collection.add(ARTICLES)
    with pytest.raises(VerificationError) as error:
        verified.collection.rebuild(full=True)
    message = str(error.value)
    assert "probe 2: 'Who steered the zeppelin over Lindby?'" in message
    assert "probe 1" not in message
    assert "--force" in message
    assert verified.names == ["CURRENT", "HIGHEST", "gen-000001"]
    assert verified.collection.status()["generation"] == "gen-000001"


def test_force_publishes_it_anyway(tmp_path: Path) -> None:
    verified = _Verified(tmp_path, _ZEPPELIN, "{broken")
    verified.collection.add(ARTICLES)
    assert verified.collection.rebuild(full=True, force=True) == "gen-000002"


def test_a_changed_embedder_is_verified_before_it_replaces_the_index(tmp_path: Path) -> None:
    first = _Verified(tmp_path, _ZEPPELIN)
    first.collection.add(ARTICLES[:1])
    changed = _Verified(tmp_path, _ZEPPELIN, embedder=HashEmbedder(dim=32, model_id="other"))
    with pytest.raises(VerificationError):
        changed.collection.add(ARTICLES[1:])
    assert changed.names == ["CURRENT", "HIGHEST", "gen-000001"]
    assert len(changed.collection.articles()[1:]) == 1
    assert changed.collection.articles()[1] == 2  # in the library all the same
    assert changed.collection.rebuild(force=True) == "gen-000002"


def test_an_incremental_build_is_not_verified(tmp_path: Path) -> None:
    verified = _Verified(tmp_path, _ZEPPELIN)
    verified.collection.add(ARTICLES[:1])
    assert verified.collection.add(ARTICLES[1:]).generation == "gen-000002"
    assert verified.seen == []


def test_when_nothing_whole_is_left_to_serve_the_repair_is_not_held_up(tmp_path: Path) -> None:
    verified = _Verified(tmp_path, _ZEPPELIN)
    verified.collection.add(ARTICLES)
    (verified.parts.live_folder / "rows.npy").write_bytes(b"damaged")
    assert verified.collection.rebuild() == "gen-000002"
