"""Exact search is exact, approximate search says how good it is, and neither finds what was taken out."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import index.dense
import index.dense_parts
from index.dense import DEAD, ROW_DTYPE, DenseIndex, DenseInfo, RowArray, build_dense, load_dense, update_dense
from index.dense_parts import faiss, flat_part, ivf_part
from index.errors import DamagedIndexError
from index.types import FloatArray, IntArray

_DIM = 16
_FLAT_LIMIT = 400
_NEVER = 1_000_000


def _vectors(count: int, seed: int = 0) -> FloatArray:
    return _rounded(np.random.default_rng(seed).standard_normal((count, _DIM)))


def _rounded(vectors: npt.ArrayLike) -> FloatArray:
    """Of unit norm, and what an inverted file hands back unchanged: it holds float16."""
    vectors = np.asarray(vectors)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)


def _rows(passage_ids: npt.ArrayLike) -> RowArray:
    ids = np.asarray(passage_ids, dtype=np.int64)
    rows = np.zeros(len(ids), dtype=ROW_DTYPE)
    rows["passage_id"], rows["day"], rows["source"] = ids, 700_000 + ids, ids % 3
    return rows


def _ids(count: int, first: int = 0) -> IntArray:
    """Not the row numbers, and not in order, so that the two cannot be mistaken for each other."""
    return (first + np.random.default_rng(first + 1).permutation(count)) * 7 + 3


def _build(count: int, *, flat_limit: int = _NEVER, seed: int = 0) -> tuple[DenseIndex, dict[int, FloatArray]]:
    """An index and what it must hold: passage id -> vector."""
    vectors, ids = _vectors(count, seed), _ids(count)
    index = build_dense(vectors, _rows(ids), probes=lambda: _vectors(50, seed=99), flat_limit=flat_limit)
    return index, dict(zip(ids.tolist(), vectors, strict=True))


def _update(
    index: DenseIndex,
    held: dict[int, FloatArray],
    *,
    dead: list[int],
    num_new: int,
    flat_limit: int = _NEVER,
    seed: int = 7,
) -> tuple[DenseIndex, dict[int, FloatArray]]:
    vectors, ids = _vectors(num_new, seed), _ids(num_new, first=10_000 * (1 + seed))
    probes = lambda: _vectors(50, seed=98)  # noqa: E731
    updated = update_dense(
        index, np.array(dead, dtype=np.int64), vectors, _rows(ids), probes=probes, flat_limit=flat_limit
    )
    kept = {passage_id: vector for passage_id, vector in held.items() if passage_id not in set(dead)}
    return updated, kept | dict(zip(ids.tolist(), vectors, strict=True))


def _exact(held: dict[int, FloatArray], vector: FloatArray, k: int) -> list[int]:
    """What exact search must find, by numpy."""
    ids = np.array(list(held))
    cosines = np.stack(list(held.values())) @ vector
    return [int(i) for i in ids[np.argsort(-cosines, kind="stable")][:k]]


def _found(index: DenseIndex, vector: FloatArray, k: int, mask: npt.NDArray[np.bool_] | None = None) -> list[int]:
    rows, cosines = index.search(vector, k, mask)
    assert (np.diff(cosines) <= 0).all()
    assert np.allclose(index.cosines(vector, rows), cosines, atol=1e-5)
    return [int(i) for i in index.rows["passage_id"][rows]]


def _assert_holds(index: DenseIndex, held: dict[int, FloatArray]) -> None:
    """Every vector, under its own id and with its own row, and no other."""
    vectors, rows = index.vectors()
    assert sorted(rows["passage_id"].tolist()) == sorted(held)
    for vector, row in zip(vectors, rows, strict=True):
        assert np.array_equal(vector, held[int(row["passage_id"])])
        assert row["day"] == 700_000 + row["passage_id"]
    ids = np.array(sorted(held), dtype=np.int64)
    assert index.rows["passage_id"][index.rows_of(ids)].tolist() == ids.tolist()


def _recall(index: DenseIndex, held: dict[int, FloatArray], probes: FloatArray) -> float:
    return float(np.mean([len({*_found(index, p, 10)} & {*_exact(held, p, 10)}) / 10 for p in probes]))


# Exact search


def test_below_the_limit_search_is_exact() -> None:
    index, held = _build(300)
    assert index.info == DenseInfo(kind="flat", num_trained=0, nprobe=None, recall_at_10=1.0, num_probes=0)
    for probe in _vectors(20, seed=5):
        assert _found(index, probe, 10) == _exact(held, probe, 10)


def test_scores_are_cosines() -> None:
    index, held = _build(50)
    probe = _vectors(1, seed=5)[0]
    rows, cosines = index.search(probe, 50)
    expected = [float(held[int(i)] @ probe) for i in index.rows["passage_id"][rows]]
    assert cosines == pytest.approx(expected, abs=1e-6)
    assert cosines.dtype == np.float32


def test_no_more_is_found_than_there_is() -> None:
    index, held = _build(3)
    assert sorted(_found(index, _vectors(1)[0], 10)) == sorted(held)


def test_an_empty_index_finds_nothing() -> None:
    index, _ = _build(0)
    assert _found(index, _vectors(1)[0], 10) == []
    assert _found(index, _vectors(1)[0], 10, np.zeros(0, dtype=bool)) == []
    assert index.cosines(_vectors(1)[0], np.zeros(0, dtype=np.int64)).shape == (0,)


@pytest.mark.parametrize("flat_limit", [_NEVER, _FLAT_LIMIT])
def test_a_mask_bounds_what_is_found_not_how_much(flat_limit: int) -> None:
    index, held = _build(501, flat_limit=flat_limit)  # no whole number of bytes
    mask = index.rows["source"] == 1
    allowed = {i: v for i, v in held.items() if i % 3 == 1}
    for probe in _vectors(10, seed=5):
        found = _found(index, probe, 10, mask)
        assert set(found) <= set(allowed)
        assert len(found) == 10
        if index.is_flat:
            assert found == _exact(allowed, probe, 10)


@pytest.mark.parametrize("flat_limit", [_NEVER, _FLAT_LIMIT])
def test_a_mask_of_one_row_finds_that_row_and_an_empty_mask_nothing(flat_limit: int) -> None:
    index, _ = _build(501, flat_limit=flat_limit)
    for row in (0, 7, 8, 500):
        mask = np.zeros(501, dtype=bool)
        mask[row] = True
        vector = index.vectors()[0][row]
        assert index.search(vector, 5, mask)[0].tolist() == [row]
    assert len(index.search(_vectors(1)[0], 5, np.zeros(501, dtype=bool))[0]) == 0


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_what_a_filter_leaves_is_found_as_surely_as_without_one(share: float) -> None:
    index, held = _build(3_000, flat_limit=_FLAT_LIMIT)
    index = DenseIndex(index.parts, index.rows, replace(index.info, nprobe=64))
    mask = np.random.default_rng(3).random(3_000) < share
    ids = {*index.rows["passage_id"][mask].tolist()}
    allowed = {passage_id: vector for passage_id, vector in held.items() if passage_id in ids}
    probes = _vectors(40, seed=5)
    filtered = np.mean([len({*_found(index, p, 10, mask)} & {*_exact(allowed, p, 10)}) / 10 for p in probes])
    assert filtered >= min(_recall(index, held, probes), 0.9)


@pytest.mark.parametrize("unknown", [0, 10**9, -1])
def test_an_unknown_passage_id_has_no_row(unknown: int) -> None:
    index, _ = _build(20)
    with pytest.raises(KeyError):
        index.rows_of(np.array([unknown], dtype=np.int64))


# Approximate search


def test_from_the_limit_on_search_is_approximate_with_the_recall_it_says() -> None:
    index, held = _build(1_200, flat_limit=1_200)
    assert index.info.kind.startswith("ivf")
    assert index.info.num_trained == 1_200
    assert index.info.num_probes == 50
    assert index.info.recall_at_10 >= 0.98
    assert index.info.recall_at_10 == pytest.approx(_recall(index, held, _vectors(50, seed=99)))


def test_one_below_the_limit_search_is_exact() -> None:
    assert _build(399, flat_limit=400)[0].is_flat


def test_approximate_search_looks_into_some_cells_only() -> None:
    centres = _vectors(30, seed=3)
    near = np.repeat(centres, 40, axis=0) + 0.05 * _vectors(1_200, seed=4)
    vectors = _rounded(near)
    index = build_dense(vectors, _rows(_ids(1_200)), probes=lambda: centres, flat_limit=_FLAT_LIMIT)
    assert index.info.nprobe is not None
    assert index.info.nprobe < int(index.info.kind.removeprefix("ivf"))
    assert index.info.recall_at_10 >= 0.98


def test_the_same_vectors_give_the_same_approximate_index() -> None:
    (first, _), (second, _) = _build(600, flat_limit=_FLAT_LIMIT), _build(600, flat_limit=_FLAT_LIMIT)
    assert first.info == second.info
    for probe in _vectors(10, seed=5):
        assert _found(first, probe, 10) == _found(second, probe, 10)


# Updates


def test_a_flat_index_closes_its_gaps() -> None:
    index, held = _build(100)
    updated, held = _update(index, held, dead=list(held)[10:60:3], num_new=30)
    assert updated.is_flat
    assert DEAD not in updated.rows["passage_id"]
    _assert_holds(updated, held)
    for probe in _vectors(10, seed=5):
        assert _found(updated, probe, 10) == _exact(held, probe, 10)


def test_a_flat_index_can_lose_and_gain_everything() -> None:
    index, held = _build(20)
    updated, held = _update(index, held, dead=list(held), num_new=0)
    _assert_holds(updated, {})
    updated, held = _update(updated, held, dead=[], num_new=5)
    _assert_holds(updated, held)


def test_a_flat_index_that_reaches_the_limit_becomes_approximate() -> None:
    index, held = _build(_FLAT_LIMIT - 10)
    updated, held = _update(index, held, dead=list(held)[:5], num_new=15, flat_limit=_FLAT_LIMIT)
    assert updated.info.kind.startswith("ivf")
    assert updated.info.num_trained == _FLAT_LIMIT
    assert updated.info.recall_at_10 >= 0.98
    _assert_holds(updated, held)


def test_an_approximate_index_keeps_its_rows_and_never_finds_dead_ones() -> None:
    index, held = _build(600, flat_limit=_FLAT_LIMIT)
    dead = list(held)[50:150]
    vectors_of_dead = [held[i] for i in dead]
    updated, held = _update(index, held, dead=dead, num_new=40, flat_limit=_FLAT_LIMIT)
    assert len(updated.rows) == 640
    assert (updated.rows["passage_id"] == DEAD).sum() == 100
    assert updated.info.num_trained == 600
    _assert_holds(updated, held)
    for vector in vectors_of_dead:
        assert DEAD not in _found(updated, vector, 10)
        assert DEAD not in _found(updated, vector, 10, np.ones(640, dtype=bool))
    assert _recall(updated, held, _vectors(50, seed=5)) >= 0.95


def test_a_new_vector_is_found_in_an_approximate_index() -> None:
    index, held = _build(600, flat_limit=_FLAT_LIMIT)
    updated, held = _update(index, held, dead=[], num_new=20, flat_limit=_FLAT_LIMIT)
    for passage_id in list(held)[-20:]:
        assert _found(updated, held[passage_id], 1) == [passage_id]


def test_an_approximate_index_that_is_half_dead_is_built_anew() -> None:
    index, held = _build(1_000, flat_limit=_FLAT_LIMIT)
    updated, held = _update(index, held, dead=list(held)[:501], num_new=0, flat_limit=_FLAT_LIMIT)
    assert updated.info.num_trained == 499
    assert DEAD not in updated.rows["passage_id"]
    _assert_holds(updated, held)


def test_an_approximate_index_that_shrinks_below_the_limit_becomes_exact_again() -> None:
    index, held = _build(600, flat_limit=_FLAT_LIMIT)
    updated, held = _update(index, held, dead=list(held)[:350], num_new=3, flat_limit=_FLAT_LIMIT)
    assert updated.is_flat
    _assert_holds(updated, held)
    probe = _vectors(1, seed=5)[0]
    assert _found(updated, probe, 10) == _exact(held, probe, 10)


def test_an_approximate_index_can_lose_everything() -> None:
    index, held = _build(500, flat_limit=_FLAT_LIMIT)
    updated, _ = _update(index, held, dead=list(held), num_new=0, flat_limit=_FLAT_LIMIT)
    _assert_holds(updated, {})
    assert _found(updated, _vectors(1)[0], 5) == []


def test_growing_past_four_times_the_training_set_trains_anew() -> None:
    index, held = _build(_FLAT_LIMIT, flat_limit=_FLAT_LIMIT)
    grown, held = _update(index, held, dead=[], num_new=3 * _FLAT_LIMIT, flat_limit=_FLAT_LIMIT)
    assert grown.info.num_trained == _FLAT_LIMIT
    grown, held = _update(grown, held, dead=[], num_new=1, flat_limit=_FLAT_LIMIT, seed=8)
    assert grown.info.num_trained == 4 * _FLAT_LIMIT + 1
    _assert_holds(grown, held)


@pytest.mark.parametrize("flat_limit", [_NEVER, _FLAT_LIMIT])
def test_many_random_updates_hold_what_they_should(flat_limit: int) -> None:
    random = np.random.default_rng(11)
    index, held = _build(450, flat_limit=flat_limit)
    for step in range(8):
        dead = random.choice(list(held), size=int(random.integers(0, 60)), replace=False).tolist()
        index, held = _update(
            index, held, dead=dead, num_new=int(random.integers(0, 70)), flat_limit=flat_limit, seed=step
        )
        _assert_holds(index, held)


# Files


@pytest.mark.parametrize("flat_limit", [_NEVER, _FLAT_LIMIT])
def test_a_saved_index_finds_the_same_and_can_be_updated(tmp_path: Path, flat_limit: int) -> None:
    index, held = _build(600, flat_limit=flat_limit)
    index, held = _update(index, held, dead=list(held)[:50], num_new=30, flat_limit=flat_limit)
    index.save(tmp_path)
    loaded = load_dense(tmp_path, index.rows.copy(), index.info)
    _assert_holds(loaded, held)
    for probe in _vectors(10, seed=5):
        assert _found(loaded, probe, 10) == _found(index, probe, 10)
    updated, held = _update(loaded, held, dead=list(held)[:5], num_new=5, flat_limit=flat_limit, seed=9)
    _assert_holds(updated, held)


def _write_as_before_float16(folder: Path, held: dict[int, FloatArray]) -> DenseInfo:
    """What version 0.1.0 wrote at first: an inverted file of float32 with a hash table of its rows."""
    vectors = np.stack(list(held.values()))
    file: Any = faiss.index_factory(_DIM, "IVF40,Flat", faiss.METRIC_INNER_PRODUCT)
    file.train(vectors)
    file.set_direct_map_type(faiss.DirectMap.Hashtable)
    file.add_with_ids(vectors, np.arange(len(vectors)))
    faiss.write_index(file, str(folder / "dense.faiss"))
    return DenseInfo("ivf40", len(vectors), 40, 1.0, 50)


@pytest.mark.parametrize("num_new", [30, 500])
def test_an_inverted_file_of_an_earlier_version_opens_and_goes_on(tmp_path: Path, num_new: int) -> None:
    held = dict(zip(_ids(600).tolist(), _vectors(600), strict=True))
    info = _write_as_before_float16(tmp_path, held)
    old = load_dense(tmp_path, _rows(list(held)), info)
    _assert_holds(old, held)
    probe = _vectors(1, seed=5)[0]
    assert _found(old, probe, 10) == _exact(held, probe, 10)
    updated, held = _update(old, held, dead=list(held)[:50], num_new=num_new, flat_limit=_FLAT_LIMIT)
    _assert_holds(updated, held)
    updated.save(_folder(tmp_path / "next"))
    reloaded = load_dense(tmp_path / "next", updated.rows, updated.info)
    _assert_holds(reloaded, held)
    assert _recall(reloaded, held, _vectors(50, seed=98)) >= 0.95


def test_an_inverted_file_is_half_as_large_and_mapped_not_read(tmp_path: Path) -> None:
    index, _ = _build(1_000, flat_limit=_FLAT_LIMIT)
    index.save(tmp_path)
    num_cells = int(index.info.kind.removeprefix("ivf"))
    expected = 1_000 * (2 * _DIM + 8 + 8) + num_cells * (4 * _DIM + 8)
    assert (tmp_path / "dense.faiss").stat().st_size == pytest.approx(expected, abs=1_000)
    loaded = load_dense(tmp_path, index.rows, index.info)
    lists = faiss.downcast_InvertedLists(loaded.parts[0].index.invlists)
    assert type(lists).__name__ == "OnDiskInvertedLists"
    assert lists.prefetch_nthread == 0


@pytest.mark.parametrize("flat_limit", [_NEVER, _FLAT_LIMIT])
def test_a_search_uses_one_thread_and_leaves_the_number_as_it_was(
    flat_limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, _ = _build(500, flat_limit=flat_limit)
    before, seen = faiss.omp_get_max_threads(), []
    search = type(index.parts[0].index).search

    def watched(*arguments: Any, **options: Any) -> Any:
        seen.append(faiss.omp_get_max_threads())
        return search(*arguments, **options)

    monkeypatch.setattr(type(index.parts[0].index), "search", watched)
    index.search(_vectors(1)[0], 5)
    assert seen == [1]
    assert faiss.omp_get_max_threads() == before


def test_what_is_mapped_can_be_searched_after_its_file_is_deleted(tmp_path: Path) -> None:
    for flat_limit in (_NEVER, _FLAT_LIMIT):
        index, held = _build(600, flat_limit=flat_limit)
        index.save(tmp_path)
        loaded = load_dense(tmp_path, index.rows, index.info)
        (tmp_path / "dense.faiss").unlink()
        _assert_holds(loaded, held)


def test_recall_is_measured_anew_when_an_inverted_file_takes_in_more() -> None:
    index, held = _build(500, flat_limit=_FLAT_LIMIT)
    grown, held = _update(index, held, dead=[], num_new=900, flat_limit=_FLAT_LIMIT)
    assert grown.info.num_trained == 500
    assert grown.info.recall_at_10 >= 0.98
    assert grown.info.recall_at_10 == pytest.approx(_recall(grown, held, _vectors(50, seed=98)), abs=1e-6)


@pytest.mark.parametrize("num_cells", [1, 8, 9, 100, 4_000])
def test_the_cells_looked_into_are_tried_in_growing_steps(num_cells: int) -> None:
    steps = list(index.dense._steps(num_cells))
    assert steps[-1] == num_cells
    assert all(1 < later / earlier <= 1.5 for earlier, later in pairwise(steps))


def test_a_file_that_faiss_refuses_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "dense.faiss").write_bytes(b"no index at all, but long enough to look like one")
    with pytest.raises(DamagedIndexError, match=r"dense\.faiss"):
        load_dense(tmp_path, _rows([]), DenseInfo("flat", 0, None, 1.0, 0))


def test_more_vectors_than_rows_is_damage() -> None:
    with pytest.raises(DamagedIndexError, match="3 vectors for 2 rows"):
        DenseIndex([flat_part(_vectors(3))], _rows([1, 2]), DenseInfo("flat", 0, None, 1.0, 0))


# Parts


def _small_parts(monkeypatch: pytest.MonkeyPatch, rows: int = 8) -> None:
    monkeypatch.setattr(index.dense, "_MIN_PART_ROWS", rows)


def _sizes(dense: DenseIndex) -> list[int]:
    return [int(size) for size in np.diff(dense.bounds)]


def test_what_is_new_goes_into_a_part_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _small_parts(monkeypatch)
    first, held = _build(300)
    first.save(_folder(tmp_path / "1"))
    loaded = load_dense(tmp_path / "1", first.rows, first.info)
    second, held = _update(loaded, held, dead=list(held)[:20], num_new=10)
    second.save(_folder(tmp_path / "2"))
    assert _sizes(second) == [300, 10]
    assert (tmp_path / "1/dense.faiss").samefile(tmp_path / "2/dense.faiss")
    assert (tmp_path / "2/dense-1.faiss").stat().st_size < 1_000
    reloaded = load_dense(tmp_path / "2", second.rows, second.info)
    _assert_holds(reloaded, held)
    for probe in _vectors(20, seed=5):
        assert _found(reloaded, probe, 10) == _exact(held, probe, 10)


def test_without_hard_links_parts_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("os.link", no_links)
    first, held = _build(3_000)
    first.save(_folder(tmp_path / "1"))
    second, held = _update(load_dense(tmp_path / "1", first.rows, first.info), held, dead=[], num_new=1)
    second.save(_folder(tmp_path / "2"))
    _assert_holds(load_dense(tmp_path / "2", second.rows, second.info), held)


def test_each_part_has_more_than_twice_the_rows_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _small_parts(monkeypatch)
    dense, held = _build(10)
    num_written = 0
    for step in range(150):
        before = {id(part) for part in dense.parts}
        dense, held = _update(dense, held, dead=[], num_new=5, seed=step + 20)
        num_written += sum(part.num_vectors for part in dense.parts if id(part) not in before)
        sizes = _sizes(dense)
        assert all(size > 2 * sum(sizes[i + 1 :]) for i, size in enumerate(sizes[:-1]))
    assert len(dense.parts) <= 8
    # 750 rows came; writing everything each time would have been some 57,000.
    assert num_written < 750 * 12
    _assert_holds(dense, held)


def test_few_rows_stand_behind_an_inverted_file(monkeypatch: pytest.MonkeyPatch) -> None:
    _small_parts(monkeypatch)
    dense, held = _build(1_000, flat_limit=_FLAT_LIMIT)
    num_grown = 0
    for step in range(12):
        first = dense.parts[0]
        dense, held = _update(dense, held, dead=[], num_new=60, flat_limit=_FLAT_LIMIT, seed=step + 20)
        num_grown += dense.parts[0] is not first
        assert sum(_sizes(dense)[1:]) <= _FLAT_LIMIT // 2
    assert num_grown == 3
    _assert_holds(dense, held)


@pytest.mark.parametrize("num_rows", [1, 7, 450, 1_000])
def test_an_inverted_file_searched_whole_finds_the_exact_best(num_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index.dense_parts, "_BLOCK_ROWS", 64)
    vectors, probes = _vectors(num_rows), _vectors(20, seed=5)
    part = ivf_part(vectors, max(num_rows // 20, 1))
    expected = np.argsort(-(probes @ vectors.T), axis=1, kind="stable")[:, :5]
    for found, best in zip(part.exact(probes, 5), expected, strict=True):
        assert {*found.tolist()} - {-1} == {*best.tolist()}
        assert len(found) == 5


@pytest.mark.parametrize("flat_limit", [_NEVER, _FLAT_LIMIT])
def test_many_random_updates_of_many_parts_hold_what_they_should(
    flat_limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _small_parts(monkeypatch, 4)
    random = np.random.default_rng(12)
    dense, held = _build(450, flat_limit=flat_limit)
    num_parts = set()
    for step in range(25):
        dead = random.choice(list(held), size=int(random.integers(0, 12)), replace=False).tolist()
        dense, held = _update(
            dense, held, dead=dead, num_new=int(random.integers(0, 25)), flat_limit=flat_limit, seed=step + 30
        )
        num_parts.add(len(dense.parts))
        _assert_holds(dense, held)
        probe = _vectors(1, seed=step)[0]
        mask = dense.rows["source"] == 1
        assert set(_found(dense, probe, 10, mask)) <= {i for i in held if i % 3 == 1}
        if dense.is_flat:
            assert _found(dense, probe, 10) == _exact(held, probe, 10)
    assert len(num_parts) > 1


@pytest.mark.parametrize("flat_limit", [_NEVER, _FLAT_LIMIT])
def test_a_dead_vector_stays_in_its_part_until_it_is_erased(
    flat_limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _small_parts(monkeypatch)
    dense, held = _build(450, flat_limit=flat_limit)
    dead = list(held)[7]
    sought = held[dead].astype(np.float32 if dense.is_flat else np.float16).tobytes()
    dense, held = _update(dense, held, dead=[dead], num_new=3, flat_limit=flat_limit)
    dense.save(_folder(tmp_path / "1"))
    assert sought in (tmp_path / "1/dense.faiss").read_bytes()
    erased = update_dense(
        dense,
        np.zeros(0, dtype=np.int64),
        _vectors(0),
        _rows([]),
        probes=lambda: _vectors(5),
        flat_limit=flat_limit,
        erase=True,
    )
    erased.save(_folder(tmp_path / "2"))
    assert all(sought not in path.read_bytes() for path in (tmp_path / "2").iterdir())
    _assert_holds(erased, held)


def test_updating_leaves_the_parent_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    _small_parts(monkeypatch)
    dense, held = _build(450, flat_limit=_FLAT_LIMIT)
    _update(dense, held, dead=list(held)[:300], num_new=100, flat_limit=_FLAT_LIMIT)
    _assert_holds(dense, held)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
