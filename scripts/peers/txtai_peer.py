"""txtai: an embeddings database with content and its RAG pipeline; knows nothing of the comparison but its protocol.

``default`` is what txtai's authors do in their own application: paragraphs, the ten best of them in the prompt, with
its template; ``best`` is a hybrid index (words and vectors) over pieces of some 500 characters under title and day, and
asks for a short answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from txtai import RAG, Embeddings
from txtai.pipeline import Segmentation

from scripts.peers.protocol import (
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
Answer the following question using only the context below. Only include information
specifically discussed.

question: {question}
context: {context} """
_DEFAULT_SYSTEM = "You are a friendly assistant. You answer questions from users."
_DEFAULT_K = 10
_BEST_TEMPLATE = f"{{context}}\n\n{{question}}\n\n{SHORT_ANSWER}"
_PACKAGES = ("txtai", "litellm", "chonkie", "faiss-cpu", "torch", "transformers")


class TxtaiStack:
    """A :class:`scripts.peers.protocol.Stack`."""

    def __init__(self, order: Order) -> None:
        self._is_best = order.setting == "best"
        self._embeddings = Embeddings(path=order.embedder, content=True, **({"hybrid": True} if self._is_best else {}))
        if self._is_best:
            self._split = Segmentation(chunker="sentence", chunk_size=500)
        else:
            self._split = Segmentation(paragraphs=True)
        self._rag = RAG(
            self._embeddings,
            f"openai/{order.model}",
            api_base=order.server,
            template=_BEST_TEMPLATE if self._is_best else _DEFAULT_TEMPLATE,
            system=None if self._is_best else _DEFAULT_SYSTEM,
            context=NUM_IN_PROMPT if self._is_best else _DEFAULT_K,
            separator="\n\n" if self._is_best else " ",
        )

    def index(self, articles: Sequence[Article]) -> int:
        pieces = [piece for article in articles for piece in self._pieces(article)]
        self._embeddings.index(pieces)
        return int(self._embeddings.count())

    def search(self, question: str, as_of: str | None, k: int) -> list[str]:
        return [found["text"] for found in self._embeddings.search(question, k)]

    def ask(self, question: str, as_of: str | None, on_piece: OnPiece) -> Reply:
        asked = question_part(question, as_of) if self._is_best else question
        text = ""
        for piece in self._streamed(question, asked):
            on_piece(piece)
            text += piece
        return Reply(text, text)

    def _streamed(self, question: str, asked: str) -> Any:
        return self._rag([{"query": question, "question": asked}], stream=True)

    def _pieces(self, article: Article) -> list[str]:
        if not self._is_best:
            return list(self._split(f"{article['title']}\n\n{article['text']}"))
        return [f"{header(article)}\n{piece}" for piece in self._split(article["text"])]


if __name__ == "__main__":
    main(_PACKAGES, TxtaiStack)
