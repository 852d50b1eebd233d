"""What a model that writes must do (`Generator`); knows nothing of any engine, prompt or article."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol, TypedDict


class Message(TypedDict):
    """One chat turn."""

    role: Literal["system", "user", "assistant"]
    content: str


class Generator(Protocol):
    """A chat model. Greedy decoding: the same messages give the same text."""

    @property
    def model_id(self) -> str: ...

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and answer may fill together."""
        ...

    def count_tokens(self, text: str) -> int: ...

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Iterator[str]:
        """Pieces of the reply as they are written; closing the iterator stops the writing.

        :raises ModelError: If the engine fails or the prompt does not fit.
        """
        ...

    def score(self, messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        """Log-probability (natural, <= 0) that the reply begins with each choice's first token, in order.

        A choice so unlikely that the engine does not report it gets the smallest log-probability reported.

        :raises ModelError: If the engine cannot report log-probabilities.
        """
        ...

    def prewarm(self, messages: Sequence[Message]) -> None:
        """Read the messages into the prefix cache without writing; engines without a cache do nothing."""
        ...

    def close(self) -> None: ...
