"""The Gradio API: names, types and documentation of the endpoints; what they do is in :mod:`qa.ui.endpoints`.

The signatures and docstrings here are what programs see, so they are part of the public contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import gradio as gr
from gradio.events import api as gradio_api

from index.errors import ArticleQAError
from qa.ui.access.identity import require_editor
from qa.ui.endpoints import Endpoints
from qa.ui.problems import problem_of

Result = TypeVar("Result")
_NUM_READING = 8


def add_endpoints(endpoints: Endpoints, *, num_parallel: int) -> None:
    """Register every endpoint with the current Blocks.

    :param num_parallel: How many questions are answered at once, the page's own included.
    """
    _add_ask(endpoints, num_parallel)
    _add_ask_stream(endpoints, num_parallel)
    _add_search(endpoints)
    _add_reading(endpoints)
    _add_writing(endpoints)


def _add_ask(endpoints: Endpoints, num_parallel: int) -> None:
    def ask(
        question: str,
        as_of: str | None = None,
        history: list[dict[str, Any]] | None = None,
        mode: str = "full",
        source: str | None = None,
        published_after: str | None = None,
        published_before: str | None = None,
        use_date_window: bool = True,
    ) -> dict[str, Any]:
        """Answer a question from the articles, with quoted evidence, or say that they do not hold the answer.

        Args:
            question: The question, 1 to 2,000 characters, in natural language.
            as_of: The date the question is asked on, such as "2024-03-28"; newer articles then count for more.
            history: Earlier turns, oldest first, each {"role": "user" or "assistant", "content": text}.
            mode: "full" writes an answer in sentences; "fast" returns the evidence and the short answer only.
            source: Only articles of this source, as /articles names it.
            published_after: Only articles of this date or later, such as "2024-01-01".
            published_before: Only articles of this date or earlier.
            use_date_window: Let articles of the days that the question names ("last week") count for more.

        Returns:
            The answer: outcome ("answered", "not_in_articles" or "no_articles"), short_answer, answer, confidence,
            citations, passages, generation, models, seconds, date_window (the days that the question was taken to
            speak of, or null) and notes (what should be shown beside the answer).
        """
        options = (as_of, history, mode, source, published_after, published_before, use_date_window)
        return _or_one_line(lambda: endpoints.ask(question, *options))

    gradio_api(ask, api_name="ask", concurrency_id="asking", concurrency_limit=num_parallel)


def _add_ask_stream(endpoints: Endpoints, num_parallel: int) -> None:
    def ask_stream(
        question: str,
        as_of: str | None = None,
        history: list[dict[str, Any]] | None = None,
        mode: str = "full",
        source: str | None = None,
        published_after: str | None = None,
        published_before: str | None = None,
        use_date_window: bool = True,
    ) -> Iterator[dict[str, Any]]:
        """Answer a question step by step: the evidence first, then the draft as it is written, then the answer.

        Args:
            question: The question, 1 to 2,000 characters, in natural language.
            as_of: The date the question is asked on, such as "2024-03-28"; newer articles then count for more.
            history: Earlier turns, oldest first, each {"role": "user" or "assistant", "content": text}.
            mode: "full" writes an answer in sentences; "fast" returns the evidence and the short answer only.
            source: Only articles of this source, as /articles names it.
            published_after: Only articles of this date or later, such as "2024-01-01".
            published_before: Only articles of this date or earlier.
            use_date_window: Let articles of the days that the question names ("last week") count for more.

        Returns:
            Objects with event and data: "evidence" (standalone_question, passages, and answer: what the evidence says
            by itself, or null), "token" (text: what is new of a draft that is not checked yet), and at last "done"
            (the answer, as /ask returns it).
        """
        options = (as_of, history, mode, source, published_after, published_before, use_date_window)
        with _one_line():
            yield from endpoints.ask_stream(question, *options)

    gradio_api(ask_stream, api_name="ask_stream", concurrency_id="asking", concurrency_limit=num_parallel)


def _add_search(endpoints: Endpoints) -> None:
    def search(
        query: str,
        k: int = 10,
        published_after: str | None = None,
        published_before: str | None = None,
        source: str | None = None,
    ) -> dict[str, Any]:
        """Find the passages nearest to a query, best first.

        Args:
            query: Words or a question, 1 to 2,000 characters.
            k: How many passages to return, 1 to 100.
            published_after: Only articles of this date or later, such as "2024-01-01".
            published_before: Only articles of this date or earlier.
            source: Only articles of this source, as /articles names it.

        Returns:
            The query and its passages, each with rank, score, article and offsets into the article's text.
        """
        return _or_one_line(lambda: endpoints.search(query, k, published_after, published_before, source))

    gradio_api(search, api_name="search", concurrency_id="reading", concurrency_limit=_NUM_READING)


def _add_reading(endpoints: Endpoints) -> None:
    def articles(
        offset: int = 0,
        limit: int = 50,
        query: str | None = None,
        source: str | None = None,
        published_after: str | None = None,
        published_before: str | None = None,
        sort: str = "newest",
    ) -> dict[str, Any]:
        """List the articles, newest first, without their texts.

        Args:
            offset: How many articles to leave out.
            limit: How many to return at most, 1 to 1,000.
            query: Only articles with this in their title, source or address.
            source: Only articles of this source.
            published_after: Only articles of this date or later, such as "2024-01-01".
            published_before: Only articles of this date or earlier.
            sort: "newest", "oldest", "added" (what came in last comes first), "title" or "source".

        Returns:
            One page of articles, and how many match in all.
        """
        filters = (query, source, published_after, published_before, sort)
        return _or_one_line(lambda: endpoints.articles(offset, limit, *filters))

    def article(article_id: str) -> dict[str, Any]:
        """Return one article with its whole text.

        Args:
            article_id: The article's id, as /articles and /search give it.

        Returns:
            The article's current revision.
        """
        return _or_one_line(lambda: endpoints.article(article_id))

    def status() -> dict[str, Any]:
        """Say which generation is served, over how many articles and by which models.

        Returns:
            generation, num_articles, num_passages, newest_published_at, models and more.
        """
        return _or_one_line(endpoints.status)

    for function in (articles, article, status):
        gradio_api(function, api_name=function.__name__, concurrency_id="reading", concurrency_limit=_NUM_READING)


def _add_writing(endpoints: Endpoints) -> None:
    def add_articles(articles: list[dict[str, Any]], request: gr.Request) -> dict[str, Any]:
        """Add articles, or revise those whose url or article_id is known already; they can be asked about at once.

        Args:
            articles: Objects with text (required), title, url, source, published_at and article_id (optional).

        Returns:
            How many were added, revised, unchanged or duplicates; which were rejected, and why; the generation.
        """
        return _written(request, lambda: endpoints.add_articles(articles))

    def upload(files: list[gr.FileData], request: gr.Request) -> dict[str, Any]:
        """Add the articles of uploaded files (.txt, .md, .html, .pdf, .docx, .eml, .json, .jsonl, .jsonl.gz).

        Args:
            files: Files uploaded to this server before, as gradio_client's handle_file does.

        Returns:
            How many were added, revised, unchanged or duplicates; which were rejected, and why; the generation.
        """
        return _written(request, lambda: endpoints.upload(files))

    def remove_article(article_id: str, request: gr.Request) -> dict[str, Any]:
        """Remove an article and its text for good.

        Args:
            article_id: The article's id.

        Returns:
            The ids that were removed and the generation without them.
        """
        return _written(request, lambda: endpoints.remove_article(article_id))

    def rebuild(request: gr.Request, full: bool = False) -> dict[str, Any]:
        """Build a new generation of the index from the stored articles.

        Args:
            full: Build everything anew instead of reusing what the present generation has.

        Returns:
            The new generation's name.
        """
        return _written(request, lambda: endpoints.rebuild(full))

    for function in (add_articles, upload, remove_article, rebuild):
        gradio_api(function, api_name=function.__name__, concurrency_id="writing", concurrency_limit=1)


def _written(request: gr.Request, call: Callable[[], Result]) -> Result:
    """What a call that changes articles returns, when whoever asks may do that."""
    with _one_line():
        require_editor(request)
        return call()


def _or_one_line(call: Callable[[], Result]) -> Result:
    with _one_line():
        return call()


@contextmanager
def _one_line() -> Iterator[None]:
    """:raises gradio.Error: In place of the project's own errors, with their one line; its title is the code."""
    try:
        yield
    except ArticleQAError as error:
        problem = problem_of(error)
        raise gr.Error(problem.message, title=problem.code, print_exception=False) from None
