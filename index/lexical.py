"""Finds passages by their words: BM25 in tantivy, stemmed, filtered; knows nothing of vectors or fusion.

BM25 is tantivy's (k1 = 1.2, b = 0.75; Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import tantivy
from tantivy import Occur, Query

from index.lexical_segments import StoredSegments
from index.types import PASSAGES_PER_REVISION, Filters, IntArray, Passage
from index.words import content_stems, make_analyzer, stems

_ANALYZER = "news"
_WRITER_HEAP_BYTES = 64 * 1024 * 1024
_MAX_QUERY_TERMS = 64
_UNKNOWN_DAY = 0
_LAST_DAY = date.max.toordinal()


def _make_schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("passage_id", stored=True, indexed=True, fast=True)
    builder.add_integer_field("revision_id", stored=False, indexed=True)
    builder.add_integer_field("day", stored=False, indexed=True, fast=True)
    builder.add_text_field("text", stored=True, tokenizer_name=_ANALYZER, index_option="freq")
    builder.add_text_field("title", stored=True, tokenizer_name=_ANALYZER, index_option="freq")
    builder.add_text_field("source", stored=True, tokenizer_name="raw", index_option="basic")
    for name in ("article_id", "url", "published_at"):
        builder.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("start", stored=True, indexed=False)
    builder.add_integer_field("end", stored=True, indexed=False)
    return builder.build()


def day_of(published_at: str | None) -> int:
    """Proleptic ordinal of an ISO date, 0 when unknown."""
    return date.fromisoformat(published_at[:10]).toordinal() if published_at else _UNKNOWN_DAY


class LexicalWriter:
    """Adds and deletes passages in a folder that nobody reads yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if tantivy.Index.exists(str(folder)):
            self._index = tantivy.Index.open(str(folder))
        else:
            self._index = tantivy.Index(_make_schema(), path=str(folder))
        self._index.register_tokenizer(_ANALYZER, make_analyzer())
        # One thread writes one segment: the same articles give the same index.
        self._writer = self._index.writer(heap_size=_WRITER_HEAP_BYTES, num_threads=1)

    def add(self, passage: Passage) -> None:
        document = tantivy.Document()
        for name in ("passage_id", "revision_id", "start", "end"):
            document.add_integer(name, getattr(passage, name))
        document.add_integer("day", day_of(passage.published_at))
        for name in ("text", "title", "article_id", "url", "source", "published_at"):
            value = getattr(passage, name)
            if value is not None:
                document.add_text(name, value)
        self._writer.add_document(document)

    def delete_revision(self, revision_id: int) -> None:
        self._writer.delete_documents_by_term("revision_id", revision_id)

    def erase(self, revision_ids: Collection[int], live_passage_ids: IntArray) -> None:
        """Write anew every segment that ever held one of these revisions, so that none of their words stays in a file.

        Call it before anything is added.

        :param live_passage_ids: (n,) What is to stay found.
        """
        stored = StoredSegments(self._folder)
        erased = np.fromiter(revision_ids, dtype=np.int64, count=len(revision_ids))
        ids = {number: stored.passage_ids(number) for number in range(len(stored))}
        touched = [number for number, held in ids.items() if np.isin(held // PASSAGES_PER_REVISION, erased).any()]
        # A segment without any document left is dropped by the commit. All deletions come first: a passage that two
        # segments hold, in one of them deleted, is to be written once.
        left = set(live_passage_ids.tolist())
        for passage_id in {some for number in touched for some in ids[number].tolist()}:
            self._writer.delete_documents_by_term("passage_id", passage_id)
        for number in touched:
            for document in stored.documents(number, left.__contains__):
                self.add(_passage(document))
            left.difference_update(ids[number].tolist())

    def commit(self) -> None:
        """Write everything out and wait for merges; the writer is spent afterwards."""
        self._writer.commit()
        self._writer.garbage_collect_files()
        self._writer.wait_merging_threads()

    def close(self) -> None:
        """Stop the writer's thread, so that the folder can be removed; what was not committed is lost."""
        del self._writer


class LexicalIndex:
    """One committed index, open for reading."""

    def __init__(self, folder: Path, *, title_weight: float) -> None:
        self._index = tantivy.Index.open(str(folder))
        self._index.register_tokenizer(_ANALYZER, make_analyzer())
        # A generation never changes: nothing to watch for, so no thread that polls meta.json.
        self._index.config_reader("Manual", 1)
        self._index.reload()
        self._schema = self._index.schema
        self._searcher = self._index.searcher()
        self._title_weight = title_weight

    @property
    def num_passages(self) -> int:
        return int(self._searcher.num_docs)

    def search(self, text: str, k: int, filters: Filters) -> dict[int, float]:
        """The k best passages by BM25.

        :return: passage_id -> score > 0, higher is better; empty when no word of ``text`` is known.
        """
        words = self._words_query(text)
        if words is None:
            return {}
        required = [(Occur.Must, query) for query in self._filter_queries(filters)]
        # By itself a plain union of words, of which tantivy skips blocks that cannot reach the best k.
        return self._hits(Query.boolean_query([(Occur.Must, words), *required]) if required else words, k)

    def score(self, text: str, passage_ids: Sequence[int]) -> dict[int, float]:
        """BM25 of given passages; those that share no word with ``text`` are left out."""
        words = self._words_query(text)
        if words is None or not passage_ids:
            return {}
        some = Query.const_score_query(self._these(passage_ids), 0.0)
        return self._hits(Query.boolean_query([(Occur.Must, some), (Occur.Must, words)]), len(passage_ids))

    def fetch(self, passage_ids: Sequence[int]) -> list[Passage]:
        """The stored passages, in the order of the ids.

        :raises KeyError: If one is not in the index.
        """
        if not passage_ids:
            return []
        hits = self._searcher.search(self._these(passage_ids), limit=len(passage_ids), count=False).hits
        found = {p.passage_id: p for p in (_passage(self._searcher.doc(address)) for _, address in hits)}
        return [found[passage_id] for passage_id in passage_ids]

    def all_passages(self) -> Iterator[Passage]:
        """Every passage, in no particular order; for small indexes."""
        num = self.num_passages
        for _, address in self._searcher.search(Query.all_query(), limit=max(num, 1), count=False).hits:
            yield _passage(self._searcher.doc(address))

    def _these(self, passage_ids: Sequence[int]) -> Query:
        """Some passages. Looking each up costs half of what a set of terms does, which goes through all of them."""
        return Query.boolean_query(
            [(Occur.Should, Query.term_query(self._schema, "passage_id", passage_id)) for passage_id in passage_ids]
        )

    def _hits(self, query: Query, limit: int) -> dict[int, float]:
        hits = self._searcher.search(query, limit=limit, count=False).hits
        ids = self._searcher.fast_field_values("passage_id", [address for _, address in hits])
        return {int(i or 0): float(score) for i, (score, _) in zip(ids, hits, strict=True)}

    def _words_query(self, text: str) -> Query | None:
        words = self.question_terms(text)
        if not words:
            return None
        queries = [(Occur.Should, Query.term_query(self._schema, "text", word, "freq")) for word in words]
        if self._title_weight > 0:
            for word in words:
                in_title = Query.term_query(self._schema, "title", word, "freq")
                queries.append((Occur.Should, Query.boost_query(in_title, self._title_weight)))
        return Query.boolean_query(queries)

    def question_terms(self, text: str) -> list[str]:
        """Distinct stems of a question, without stop words (unless nothing else is left), at most 64."""
        return (content_stems(text) or list(dict.fromkeys(stems(text))))[:_MAX_QUERY_TERMS]

    def _filter_queries(self, filters: Filters) -> Iterable[Query]:
        if filters.source is not None:
            yield Query.const_score_query(Query.term_query(self._schema, "source", filters.source), 0.0)
        if filters.published_after is not None or filters.published_before is not None:
            first = day_of(filters.published_after) if filters.published_after else 1
            last = day_of(filters.published_before) if filters.published_before else _LAST_DAY
            in_range = Query.range_query(self._schema, "day", tantivy.FieldType.Integer, first, last)
            yield Query.const_score_query(in_range, 0.0)


def _passage(document: tantivy.Document) -> Passage:
    fields: dict[str, list[Any]] = document.to_dict()

    def first(name: str) -> Any:
        values = fields.get(name)
        return values[0] if values else None

    passage_id = int(first("passage_id"))
    return Passage(
        passage_id=passage_id,
        article_id=first("article_id"),
        revision_id=passage_id // PASSAGES_PER_REVISION,
        title=first("title"),
        url=first("url"),
        source=first("source"),
        published_at=first("published_at"),
        text=first("text"),
        start=int(first("start")),
        end=int(first("end")),
    )
