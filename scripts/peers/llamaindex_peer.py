"""LlamaIndex: its in-memory vector index and query engine; knows nothing of the comparison but its protocol.

``default`` is the starter tutorial's ``VectorStoreIndex.from_documents(...).as_query_engine()`` as it comes (pieces of
1,024 tokens, two of them in the prompt); ``best`` adds word search (QueryFusionRetriever, reciprocal ranks), smaller
pieces, a larger batch for the embedder, and asks for a short answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core import Document, PromptTemplate, Settings, VectorStoreIndex, get_response_synthesizer
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import MetadataMode
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.llms.openai_like import OpenAILike
from llama_index.retrievers.bm25 import BM25Retriever

from scripts.peers.protocol import (
    MAX_TOKENS,
    NUM_IN_PROMPT,
    SHORT_ANSWER,
    Article,
    OnPiece,
    Order,
    Reply,
    main,
    question_part,
)

_CONTEXT_TOKENS = 8192
_NUM_BY_WORDS = 20
_PACKAGES = (
    "llama-index-core",
    "llama-index-embeddings-huggingface",
    "llama-index-llms-openai-like",
    "llama-index-retrievers-bm25",
    "sentence-transformers",
    "torch",
    "transformers",
)


class LlamaIndexStack:
    """A :class:`scripts.peers.protocol.Stack`."""

    def __init__(self, order: Order) -> None:
        self._is_best = order.setting == "best"
        batch: dict[str, Any] = {"embed_batch_size": 32} if self._is_best else {}
        Settings.embed_model = HuggingFaceEmbedding(model_name=order.embedder, **batch)
        Settings.llm = OpenAILike(
            model=order.model,
            api_base=order.server,
            is_chat_model=True,
            context_window=_CONTEXT_TOKENS,
            max_tokens=MAX_TOKENS,
        )
        self._index: Any = None
        self._words: Any = None

    def index(self, articles: Sequence[Article]) -> int:
        documents = [_document(article) for article in articles]
        if not self._is_best:
            self._index = VectorStoreIndex.from_documents(documents)
            return len(self._index.docstore.docs)
        splitter = SentenceSplitter(chunk_size=128, chunk_overlap=16, include_metadata=False)
        nodes = splitter.get_nodes_from_documents(documents)
        self._index = VectorStoreIndex(nodes)
        self._words = BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=_NUM_BY_WORDS)
        return len(nodes)

    def search(self, question: str, as_of: str | None, k: int) -> list[str]:
        found = self._retriever(k).retrieve(question)
        return [node.node.get_content(metadata_mode=MetadataMode.LLM) for node in found][:k]

    def ask(self, question: str, as_of: str | None, on_piece: OnPiece) -> Reply:
        if not self._is_best:
            return _streamed(self._index.as_query_engine(streaming=True).query(question), on_piece)
        template = PromptTemplate(f"{{context_str}}\n\n{{query_str}}\n\n{SHORT_ANSWER}")
        synthesizer = get_response_synthesizer(streaming=True, text_qa_template=template)
        nodes = self._retriever(NUM_IN_PROMPT).retrieve(question)[:NUM_IN_PROMPT]
        return _streamed(synthesizer.synthesize(question_part(question, as_of), nodes=nodes), on_piece)

    def _retriever(self, k: int) -> Any:
        if not self._is_best:
            return self._index.as_retriever(similarity_top_k=k)
        dense = self._index.as_retriever(similarity_top_k=2 * k)
        both = [self._words, dense]
        return QueryFusionRetriever(
            both, similarity_top_k=k, num_queries=1, mode=FUSION_MODES.RECIPROCAL_RANK, use_async=False
        )


def _document(article: Article) -> Document:
    """Title, source and day as metadata, which LlamaIndex embeds and gives to the model with every piece."""
    metadata = {key: article[key] for key in ("title", "source", "published_at") if article.get(key)}
    return Document(text=article["text"], metadata=metadata)


def _streamed(response: Any, on_piece: OnPiece) -> Reply:
    text = ""
    for piece in response.response_gen:
        on_piece(piece)
        text += piece
    return Reply(text, text)


if __name__ == "__main__":
    main(_PACKAGES, LlamaIndexStack)
