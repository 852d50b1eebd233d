"""A stack for the tests of the comparison: finds what it was given, in order, and answers with the question."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scripts.peers.protocol import Article, OnPiece, Order, Reply, main


class EchoStack:
    """A :class:`scripts.peers.protocol.Stack`; prints, as libraries do, and ends the process in the setting "dead"."""

    def __init__(self, order: Order | None = None) -> None:
        self.texts: list[str] = []
        if order is not None:
            print(f"a stack in setting {order.setting}", flush=True)
            if order.setting == "dead":
                sys.exit(3)

    def index(self, articles: Sequence[Article]) -> int:
        self.texts = [article["text"] for article in articles]
        return len(self.texts)

    def search(self, question: str, as_of: str | None, k: int) -> list[str]:
        if question == "broken":
            raise RuntimeError("no such thing")
        return self.texts[:k]

    def ask(self, question: str, as_of: str | None, on_piece: OnPiece) -> Reply:
        for piece in ("", " ", question):
            on_piece(piece)
        return Reply(question, f"{question}, asked on {as_of}", 0.5)


if __name__ == "__main__":
    main(["pytest"], EchoStack)
