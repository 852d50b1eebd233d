"""Turns the configuration into the pipeline that answers; knows not where its parts come from."""

from __future__ import annotations

from index.embedder import Embedder
from index.retriever import FusionSettings, Retriever
from qa.config import Config
from qa.evidence import EvidenceReader
from qa.generators.protocol import Generator
from qa.pipeline import Pipeline, PipelineSettings, SnapshotSource
from qa.revision_dates import RevisedOn
from qa.span_answer import EvidenceWeights


def build_pipeline(
    config: Config,
    source: SnapshotSource,
    embedder: Embedder,
    reader: EvidenceReader,
    generator: Generator | None,
    revised_on: RevisedOn | None = None,
) -> Pipeline:
    """:param revised_on: See :class:`qa.pipeline.Pipeline`."""
    retrieval, answer = config.retrieval, config.answer
    fusion = FusionSettings(
        depth=retrieval.depth,
        dense_weight=retrieval.dense_weight,
        recency_weight=retrieval.recency_weight,
        half_life_days=retrieval.half_life_days,
    )
    settings = PipelineSettings(
        num_candidates=config.reader.num_candidates,
        num_passages=retrieval.num_passages,
        evidence_chars=answer.evidence_chars,
        small_collection_chars=answer.small_collection_chars,
        min_confidence=answer.min_confidence,
        min_fast_confidence=answer.min_fast_confidence,
        write_sentence=answer.write_sentence,
    )
    return Pipeline(
        source,
        Retriever(embedder, fusion),
        reader,
        generator,
        weights=EvidenceWeights(half_life_days=retrieval.half_life_days),
        embedder_id=embedder.model_id,
        settings=settings,
        revised_on=revised_on,
    )
