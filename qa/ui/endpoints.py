"""What every API endpoint does, as plain typed functions over JSON values; knows nothing of Gradio, MCP or HTTP.

All arguments may hold anything a program sends: each is checked, and a wrong one is a BadInputError of one line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast, get_args

from index.errors import BadInputError, ModelError
from index.library import Revision
from index.library_listing import Sort
from index.readers import article_from_mapping, read_bytes
from index.types import Article, Rejection
from qa.types import passage_json
from qa.ui import arguments
from qa.ui.answer_events import event_objects
from qa.ui.ports import QuestionService

MAX_FILES_PER_CALL = 1_000
SORTS: tuple[str, ...] = get_args(Sort)


class Endpoints:
    """The functions behind the API.

    :param upload_folder: Where the server keeps uploads; files elsewhere are refused, whatever a caller says.
    """

    def __init__(self, service: QuestionService, *, upload_folder: Path) -> None:
        self._service = service
        self._upload_folder = upload_folder.resolve()

    def ask(
        self,
        question: object,
        as_of: object = None,
        history: object = None,
        mode: object = "full",
        source: object = None,
        published_after: object = None,
        published_before: object = None,
        use_date_window: object = True,
    ) -> dict[str, Any]:
        asked = (question, as_of, history, mode, source, published_after, published_before, use_date_window)
        for event in self.ask_stream(*asked):
            if event["event"] == "done":
                return cast(dict[str, Any], event["data"])
        raise ModelError("the question ended without an answer; ask again")

    def ask_stream(
        self,
        question: object,
        as_of: object = None,
        history: object = None,
        mode: object = "full",
        source: object = None,
        published_after: object = None,
        published_before: object = None,
        use_date_window: object = True,
    ) -> Iterator[dict[str, Any]]:
        """The same step by step: see :mod:`qa.ui.answer_events`. Arguments are checked before anything is asked.

        Closing the iterator stops the writing.
        """
        filters = arguments.search_filters(published_after, published_before, source)
        events = self._service.ask(
            arguments.required_text(question, "question", arguments.MAX_QUESTION_CHARS),
            as_of=arguments.optional_date(as_of, "as_of"),
            history=arguments.conversation(history),
            mode=arguments.answer_mode(mode),
            filters=None if filters.is_empty else filters,
            use_date_window=arguments.truth_value(use_date_window, "use_date_window"),
        )
        return event_objects(events)

    def search(
        self, query: object, k: object, published_after: object, published_before: object, source: object
    ) -> dict[str, Any]:
        query = arguments.required_text(query, "query", arguments.MAX_QUESTION_CHARS)
        filters = arguments.search_filters(published_after, published_before, source)
        count = arguments.whole_number(k, "k", 1, 100)
        found = self._service.search(query, count, None if filters.is_empty else filters)
        return {"query": query, "passages": [passage_json(retrieved) for retrieved in found]}

    def articles(
        self,
        offset: object = 0,
        limit: object = 50,
        query: object = "",
        source: object = None,
        published_after: object = None,
        published_before: object = None,
        sort: object = "newest",
    ) -> dict[str, Any]:
        first = arguments.whole_number(offset, "offset", 0, 1_000_000_000)
        size = arguments.whole_number(limit, "limit", 1, 1_000)
        filters = arguments.search_filters(published_after, published_before, source)
        revisions, total = self._service.collection.articles(
            offset=first,
            limit=size,
            query=arguments.optional_label(query, "query") or "",
            source=filters.source,
            published_after=filters.published_after,
            published_before=filters.published_before,
            sort=arguments.one_of(sort, "sort", SORTS),
        )
        summaries = [_summary(revision) for revision in revisions]
        return {"articles": summaries, "total": total, "offset": first, "limit": size}

    def article(self, article_id: object) -> dict[str, Any]:
        wanted = arguments.required_text(article_id, "article_id", 500)
        revision = self._service.collection.article(wanted)
        num_revisions = len(self._service.collection.history(wanted))
        article = revision.article
        return {
            **_summary(revision),
            "text": article.text,
            "content_hash": article.content_hash,
            "num_revisions": num_revisions,
        }

    def add_articles(self, articles: object) -> dict[str, Any]:
        records = arguments.records(articles)
        items = (article_from_mapping(record, f"articles[{number}]") for number, record in enumerate(records))
        return self._service.collection.add(items, total=len(records)).to_json()

    def upload(self, files: object) -> dict[str, Any]:
        if not isinstance(files, list):
            raise BadInputError("files must be a list of uploaded files")
        if len(files) > MAX_FILES_PER_CALL:
            raise BadInputError(f"files has {len(files):,} entries; send at most {MAX_FILES_PER_CALL:,} a call")
        uploads = [self._uploaded(file, f"files[{number}]") for number, file in enumerate(files)]
        items = (item for path, name in uploads for item in read_upload(path, name))
        try:
            return self._service.collection.add(items).to_json()
        finally:
            delete_uploads(path for path, _ in uploads)

    def add_files(self, files: Sequence[tuple[str, BinaryIO]]) -> dict[str, Any]:
        """Add the articles of files that came with the request, each read when its turn comes."""
        if not files:
            raise BadInputError("files is empty; send at least one")
        items = (item for name, data in files for item in read_bytes(name, data.read(), identity=None))
        return self._service.collection.add(items).to_json()

    def remove_article(self, article_id: object) -> dict[str, Any]:
        wanted = arguments.required_text(article_id, "article_id", 500)
        removed = self._service.collection.remove([wanted])
        return {"removed": removed, "generation": self._service.status().get("generation")}

    def rebuild(self, full: object) -> dict[str, Any]:
        return {"generation": self._service.collection.rebuild(full=arguments.truth_value(full, "full"))}

    def status(self) -> dict[str, Any]:
        return self._service.status()

    def _uploaded(self, file: object, where: str) -> tuple[Path, str]:
        """The path and the name of an upload.

        :raises BadInputError: It is no file this server received: a caller must not make it read other files.
        """
        path = file.get("path") if isinstance(file, Mapping) else None
        if not isinstance(file, Mapping) or not isinstance(path, str) or "\x00" in path:
            raise BadInputError(f'{where} must be an uploaded file such as {{"path": "…"}}; upload it first')
        resolved = Path(path).resolve()
        if not resolved.is_relative_to(self._upload_folder) or not resolved.is_file():
            raise BadInputError(f"{where} is no file uploaded to this server; upload it first (it can be added once)")
        name = file.get("orig_name")
        return resolved, name if isinstance(name, str) and name else resolved.name


def read_upload(path: Path, name: str) -> Iterator[Article | Rejection]:
    """The articles of an uploaded file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        yield Rejection(name, f"the upload could not be read ({error.strerror}); upload it again")
        return
    yield from read_bytes(name, data, identity=None)


def delete_uploads(paths: Iterable[Path]) -> None:
    """Delete uploaded files, each in a folder of its own; their articles are in the library or were refused."""
    for path in paths:
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the folder holds another upload
            path.parent.rmdir()


def _summary(revision: Revision) -> dict[str, Any]:
    article = revision.article
    return {
        "article_id": article.article_id,
        "title": article.title,
        "url": article.url,
        "source": article.source,
        "published_at": article.published_at,
        "accepted_at": revision.accepted_at,
    }
