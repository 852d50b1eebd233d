"""LangChain: FAISS over text pieces, and a chat model; knows nothing of the comparison but its protocol.

``default`` follows LangChain's tutorial on retrieval-augmented answers (pieces of 1,000 characters that overlap by 200,
four of them in the prompt); ``best`` adds word search (EnsembleRetriever), smaller pieces under title and day, and asks
for a short answer. ``transformers`` is ``default`` with the model in this process (HuggingFacePipeline).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_classic.retrievers import EnsembleRetriever
from langchain_community.retrievers import BM25Retriever
from langchain_community.vectorstores import FAISS
from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_huggingface import ChatHuggingFace, HuggingFaceEmbeddings, HuggingFacePipeline
from langchain_openai import ChatOpenAI
from langchain_text_splitters import RecursiveCharacterTextSplitter

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
    words,
)

_DEFAULT_PROMPT = (
    "You are an assistant for question-answering tasks. Use the following pieces of retrieved context to answer the "
    "question. If you don't know the answer, just say that you don't know. Use three sentences maximum and keep the "
    "answer concise.\nQuestion: {question}\nContext: {context}\nAnswer:"
)
_DEFAULT_K = 4
_PACKAGES = (
    "langchain",
    "langchain-classic",
    "langchain-community",
    "langchain-huggingface",
    "langchain-openai",
    "langchain-text-splitters",
    "faiss-cpu",
    "rank-bm25",
    "sentence-transformers",
    "torch",
    "transformers",
)


class LangChainStack:
    """A :class:`scripts.peers.protocol.Stack`."""

    def __init__(self, order: Order) -> None:
        self._is_best = order.setting == "best"
        self._embeddings = HuggingFaceEmbeddings(model_name=order.embedder)
        self._model = _in_process(order.gguf) if order.setting == "transformers" else _served(order)
        template = f"{{context}}\n\n{{question}}\n\n{SHORT_ANSWER}" if self._is_best else _DEFAULT_PROMPT
        self._prompt = ChatPromptTemplate.from_template(template)
        self._store: Any = None
        self._words: Any = None

    def index(self, articles: Sequence[Article]) -> int:
        size, overlap = (500, 50) if self._is_best else (1000, 200)
        splitter = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=overlap, add_start_index=True)
        pieces = splitter.split_documents([self._document(article) for article in articles])
        if self._is_best:
            for piece in pieces:
                piece.page_content = f"{piece.metadata['header']}\n{piece.page_content}"
            self._words = BM25Retriever.from_documents(pieces, preprocess_func=words)
        self._store = FAISS.from_documents(pieces, self._embeddings)
        return len(pieces)

    def search(self, question: str, as_of: str | None, k: int) -> list[str]:
        if not self._is_best:
            return [piece.page_content for piece in self._store.similarity_search(question, k=k)]
        self._words.k = 2 * k
        dense = self._store.as_retriever(search_kwargs={"k": 2 * k})
        both = EnsembleRetriever(retrievers=[self._words, dense], weights=[0.5, 0.5])
        return [piece.page_content for piece in both.invoke(question)][:k]

    def ask(self, question: str, as_of: str | None, on_piece: OnPiece) -> Reply:
        context = self.search(question, as_of, NUM_IN_PROMPT if self._is_best else _DEFAULT_K)
        asked = question_part(question, as_of) if self._is_best else question
        chain = self._prompt | self._model
        text = ""
        for chunk in chain.stream({"question": asked, "context": "\n\n".join(context)}):
            on_piece(str(chunk.content))
            text += str(chunk.content)
        return Reply(text, text)

    def _document(self, article: Article) -> Document:
        if self._is_best:
            return Document(article["text"], metadata={"header": header(article)})
        return Document(f"{article['title']}\n\n{article['text']}", metadata={"published_at": article["published_at"]})


def _served(order: Order) -> Any:
    return ChatOpenAI(base_url=order.server, model=order.model, streaming=True)


def _in_process(gguf: str) -> Any:
    # Imported here: only this setting runs the model by transformers.
    from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

    folder, file = str(Path(gguf).parent), Path(gguf).name
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file)
    options: Any = {"max_new_tokens": MAX_TOKENS, "do_sample": False, "return_full_text": False}
    pipe = pipeline("text-generation", model=model, tokenizer=tokenizer, **options)
    # A tokenizer that is given keeps it from asking the Hub for one.
    return ChatHuggingFace(llm=HuggingFacePipeline(pipeline=pipe), tokenizer=tokenizer)


if __name__ == "__main__":
    main(_PACKAGES, LangChainStack)
