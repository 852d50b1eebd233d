"""Haystack: its in-memory document store and pipelines; knows nothing of the comparison but its protocol.

``default`` is the tutorial "Creating Your First QA Pipeline with Retrieval-Augmentation" with DocumentSplitter as it
comes (pieces of 200 words, ten of them in the prompt); ``best`` is a hybrid pipeline (word search, reciprocal ranks)
over smaller pieces under title and day, and asks for a short answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from haystack import Document, Pipeline
from haystack.components.builders import ChatPromptBuilder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.components.joiners import DocumentJoiner
from haystack.components.preprocessors import DocumentSplitter
from haystack.components.retrievers import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
from haystack.components.writers import DocumentWriter
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)

from scripts.peers.protocol import (
    MAX_TOKENS,
    NUM_IN_PROMPT,
    SHORT_ANSWER,
    Article,
    OnPiece,
    Order,
    Reply,
    header,
    main,
    question_part,
)

_DEFAULT_TEMPLATE = """
Given the following information, answer the question.

Context:
{% for document in documents %}
    {{ document.content }}
{% endfor %}

Question: {{question}}
Answer:
"""
_BEST_TEMPLATE = "{% for document in documents %}{{ document.content }}\n\n{% endfor %}{{question}}\n\n" + SHORT_ANSWER
_DEFAULT_K = 10
_PACKAGES = ("haystack-ai", "sentence-transformers-haystack", "sentence-transformers", "torch", "transformers")


class HaystackStack:
    """A :class:`scripts.peers.protocol.Stack`."""

    def __init__(self, order: Order) -> None:
        self._is_best = order.setting == "best"
        self._store = InMemoryDocumentStore()
        self._document_embedder = SentenceTransformersDocumentEmbedder(model=order.embedder, progress_bar=False)
        self._document_embedder.warm_up()
        self._on_piece: OnPiece = lambda piece: None
        self._finder = self._finding(order)
        self._answerer = self._finding(order)
        template = _BEST_TEMPLATE if self._is_best else _DEFAULT_TEMPLATE
        prompt = ChatPromptBuilder([ChatMessage.from_user(template)], required_variables="*")
        self._answerer.add_component("prompt", prompt)
        self._answerer.add_component("model", self._model(order))
        self._answerer.connect(self._last, "prompt.documents")
        self._answerer.connect("prompt.prompt", "model.messages")
        self._finder.warm_up()
        self._answerer.warm_up()

    def index(self, articles: Sequence[Article]) -> int:
        splitter = DocumentSplitter(split_by="word", split_length=90, split_overlap=10) if self._is_best else None
        pieces = (splitter or DocumentSplitter()).run([self._document(article) for article in articles])["documents"]
        if self._is_best:
            pieces = [Document(content=f"{piece.meta['header']}\n{piece.content}") for piece in pieces]
        embedded = self._document_embedder.run(pieces)["documents"]
        DocumentWriter(self._store).run(embedded)
        return int(self._store.count_documents())

    def search(self, question: str, as_of: str | None, k: int) -> list[str]:
        found = self._finder.run(self._inputs(question, k))
        return [document.content for document in found[self._last.split(".")[0]]["documents"]][:k]

    def ask(self, question: str, as_of: str | None, on_piece: OnPiece) -> Reply:
        self._on_piece = on_piece
        asked = question_part(question, as_of) if self._is_best else question
        inputs = self._inputs(question, NUM_IN_PROMPT if self._is_best else _DEFAULT_K)
        done = self._answerer.run({**inputs, "prompt": {"question": asked}})
        text = done["model"]["replies"][0].text or ""
        return Reply(text, text)

    @property
    def _last(self) -> str:
        return "joiner.documents" if self._is_best else "retriever.documents"

    def _finding(self, order: Order) -> Pipeline:
        pipeline = Pipeline()
        pipeline.add_component("embedder", SentenceTransformersTextEmbedder(model=order.embedder, progress_bar=False))
        pipeline.add_component("retriever", InMemoryEmbeddingRetriever(self._store))
        pipeline.connect("embedder.embedding", "retriever.query_embedding")
        if self._is_best:
            pipeline.add_component("words", InMemoryBM25Retriever(self._store))
            pipeline.add_component("joiner", DocumentJoiner(join_mode="reciprocal_rank_fusion"))
            pipeline.connect("retriever.documents", "joiner.documents")
            pipeline.connect("words.documents", "joiner.documents")
        return pipeline

    def _inputs(self, question: str, k: int) -> dict[str, Any]:
        if not self._is_best:
            return {"embedder": {"text": question}, "retriever": {"top_k": k}}
        return {
            "embedder": {"text": question},
            "retriever": {"top_k": 2 * k},
            "words": {"query": question, "top_k": 2 * k},
            "joiner": {"top_k": k},
        }

    def _model(self, order: Order) -> OpenAIChatGenerator:
        return OpenAIChatGenerator(
            model=order.model,
            api_base_url=order.server,
            streaming_callback=lambda chunk: self._on_piece(chunk.content),
            generation_kwargs={"max_tokens": MAX_TOKENS},
        )

    def _document(self, article: Article) -> Document:
        if self._is_best:
            return Document(content=article["text"], meta={"header": header(article)})
        return Document(content=f"{article['title']}\n\n{article['text']}")


if __name__ == "__main__":
    main(_PACKAGES, HaystackStack)
