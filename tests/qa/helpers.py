"""What the tests of questions share: a generator that follows a script, small collections, the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import typer.testing
from click.testing import Result
from typer.testing import CliRunner

import app
from index.chunker import ChunkerSettings
from index.collection import Collection
from index.types import Article, Passage, RetrievedPassage, make_article
from qa.calibration import Calibration, Logistic
from qa.composition import Parts, build_pipeline
from qa.config import Config
from qa.generators.protocol import Generator, Message
from qa.prompts import SYSTEM
from tests.fakes import HashEmbedder, open_parts
from tests.qa.sentence_reader import SentenceReader

PIER = make_article(
    "The harbour of Lindby opened a new pier on Monday. The pier cost 12 million euros and took three years to build. "
    "Mayor Ada Holm said that ferries to Korsund will start in June.",
    title="Lindby opens its pier",
    url="https://coast.example/pier",
    source="Coast Daily",
    published_at="2024-03-25",
)
LIBRARY = make_article(
    "Norwick closed its old library after a burst pipe flooded the cellar. About 1,200 books were lost in the flood. "
    "Librarian Tom Reyes hopes to reopen the reading room by autumn.",
    title="Flood closes Norwick library",
    url="https://norwick.example/library",
    source="Norwick Post",
    published_at="2024-02-10",
)
ARTICLES = (PIER, LIBRARY)

# The model alone decides: an answer of it is right with 1 / (1 + e^-(Yes - No)), of the reader beside it never.
PLAIN_CALIBRATION = Calibration(
    fast=Logistic(0.0, {"log_odds": 1.0}), read=Logistic(-30.0, {}), written=Logistic(0.0, {"yes_no": 1.0})
)


@dataclass
class Call:
    """One use of a generator; ``written`` are the pieces that were taken from it."""

    kind: str
    messages: list[Message]
    written: list[str] = field(default_factory=list)
    is_closed: bool = False

    @property
    def prompt(self) -> str:
        return "\n".join(message["content"] for message in self.messages)


class ScriptedGenerator:
    """Replies as ``reply(messages)`` says, word by word, and remembers what it was asked.

    :param yes_no: Log-probabilities of the choices "Yes" and "No".
    """

    model_id = "scripted"
    context_tokens = 4096

    def __init__(
        self,
        reply: Callable[[Sequence[Message]], str] = lambda messages: "",
        *,
        yes_no: tuple[float, float] = (-0.1, -4.0),
    ) -> None:
        self._reply = reply
        self._yes_no = yes_no
        self.calls: list[Call] = []
        # Kept, so that a stream nobody closes is not closed by the garbage collector.
        self._streams: list[Iterator[str]] = []
        self.is_closed = False

    def calls_of(self, kind: str) -> list[Call]:
        return [call for call in self.calls if call.kind == kind]

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Iterator[str]:
        call = Call(task_of(messages), list(messages))
        self.calls.append(call)
        pieces = self._pieces(call, max_tokens)
        self._streams.append(pieces)
        return pieces

    def _pieces(self, call: Call, max_tokens: int) -> Iterator[str]:
        try:
            for piece in self._reply(call.messages).split(" ")[:max_tokens]:
                text = piece if not call.written else f" {piece}"
                call.written.append(text)
                yield text
        finally:
            call.is_closed = True

    def score(self, messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        self.calls.append(Call("score", list(messages)))
        return [{"Yes": self._yes_no[0], "No": self._yes_no[1]}[choice] for choice in choices]

    def prewarm(self, messages: Sequence[Message]) -> None:
        self.calls.append(Call("prewarm", list(messages)))

    def close(self) -> None:
        self.is_closed = True


def task_of(messages: Sequence[Message]) -> str:
    """What a prompt asks for: "rewrite", "sentence" (goes on from the short answer) or "short"."""
    if messages[0]["content"] != SYSTEM:
        return "rewrite"
    return "sentence" if any(message["role"] == "assistant" for message in messages) else "short"


def replies(*, short: str = "", sentence: str = "", rewrite: str = "") -> Callable[[Sequence[Message]], str]:
    """A script that answers each task with one text."""
    texts = {"short": short, "sentence": sentence, "rewrite": rewrite}
    return lambda messages: texts[task_of(messages)]


def make_passage(text: str, *, title: str = "A title", number: int = 1, start: int = 0, **fields: Any) -> Passage:
    """A passage that stands alone; ``number`` is its id and its revision's."""
    values: dict[str, Any] = {"url": None, "source": None, "published_at": None, "article_id": f"article-{number}"}
    values |= {"revision_id": number} | fields
    return Passage(passage_id=number, title=title, text=text, start=start, end=start + len(text), **values)


def found(*passages: Passage) -> list[RetrievedPassage]:
    """Passages as retrieval returns them, ranked in order."""
    return [
        RetrievedPassage(passage, rank, 1.0 / rank, "retrieval", cosine=0.5, bm25=1.0)
        for rank, passage in enumerate(passages, start=1)
    ]


def make_collection(folder: Path, articles: Iterable[Article] = ()) -> Collection:
    """A real collection in ``folder``, but for the embedder, of passages of one or two sentences."""
    collection = open_parts(folder, settings=ChunkerSettings(min_tokens=8, max_tokens=20)).collection
    collection.add(articles)
    return collection


# Once for all invocations: making the commands takes longer than most of them run.
typer.testing._get_command = cache(typer.testing._get_command)  # type: ignore[attr-defined]  # as it is imported there


def make_parts(collection: Collection, generator: Generator | None) -> Parts:
    """A put-together system without models."""
    embedder = HashEmbedder()
    pipeline = build_pipeline(Config(), collection, embedder, SentenceReader(embedder), generator)
    return Parts(collection, pipeline, embedder, generator)


class CommandLine:
    """Runs `article-qa` in the working folder and sees to it that no command ends in a traceback."""

    def __call__(self, *arguments: object) -> Result:
        result = CliRunner().invoke(app.cli, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        assert "Traceback" not in result.output
        return result

    def json(self, *arguments: object) -> Any:
        """What a command that succeeds prints with --json: one JSON object and nothing else."""
        result = self(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        assert len(result.stdout.splitlines()) == 1
        return json.loads(result.stdout)

    def error(self, *arguments: object) -> str:
        """The one line on standard error with which a command fails; standard output stays empty."""
        result = self(*arguments)
        assert result.exit_code == 1
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert line.startswith("error: ")
        return line
