"""What a model that writes must do (`Generator`); knows nothing of any engine, prompt or article."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, TypedDict, runtime_checkable


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

        A choice so unlikely that the engine does not report it gets the smallest log-probability reported. An engine
        that is told none by its server may estimate them from what the model says.

        :raises ModelError: If the engine cannot report log-probabilities and does not estimate them.
        """
        ...

    def prewarm(self, messages: Sequence[Message]) -> None:
        """Read the messages into the prefix cache without writing; engines without a cache do nothing."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class WriterState:
    """How one server that writes does; ``endpoint`` is its address without secrets.

    ``problem`` is one line while it is left alone, else None. Of ``num_requests`` so far ``num_failures`` failed by the
    server's fault. ``offers_logprobs`` is None until it was asked for some.
    """

    endpoint: str
    problem: str | None
    num_running: int
    num_requests: int
    num_failures: int
    offers_logprobs: bool | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@runtime_checkable
class RemoteWriter(Protocol):
    """An engine whose model runs on servers elsewhere."""

    def writers(self) -> tuple[WriterState, ...]: ...
