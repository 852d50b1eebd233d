"""What changes the articles behind the page and the API: only editors do, and every change is written down.

Here and nowhere else, so that no caller can forget it. Knows nothing of requests. A method that is not listed below
does not exist for callers: whoever adds one to a store decides whether it reads or writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from index.errors import ArticleQAError
from index.sources.intake import Taken
from index.types import AddReport
from qa.audit import AuditLog, shown_ids
from qa.ui.access.actor import Actor
from qa.ui.access.identity import NotAllowedError
from qa.ui.access.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Methods:
    """The names of those that only read, and of those that change something."""

    reading: frozenset[str]
    writing: frozenset[str]


ARTICLES = Methods(
    reading=frozenset({"article", "history", "also_in", "articles", "sources", "day_counts", "revised_on"})
    | {"arrivals", "arrival_counts", "generations", "diff", "status", "problem", "is_removed", "are_removed"},
    writing=frozenset({"add", "accept", "update", "remove", "take_out", "put_back", "rebuild", "rollback"}),
)
"""Of :class:`qa.ui.ports.ArticleStore`."""

ADDRESSES = Methods(reading=frozenset({"status"}), writing=frozenset({"take", "keep", "forget"}))
"""Of what reads web addresses that people enter."""

_OF_ONE_ARTICLE = frozenset({"remove", "take_out"})


class Audited:
    """One actor's view of a store; has the methods that are listed.

    :param audit: None to write nothing down.
    """

    def __init__(self, store: object, methods: Methods, actor: Actor, audit: AuditLog | None, metrics: Metrics) -> None:
        self._store = store
        self._methods = methods
        self._actor = actor
        self._audit = audit
        self._metrics = metrics

    def __getattr__(self, name: str) -> Any:
        if name in self._methods.reading:
            return getattr(self._store, name)
        if name not in self._methods.writing:
            raise AttributeError(f"{name!r} is in no list of {__name__}: say there whether it reads or writes")
        method = getattr(self._store, name)
        return lambda *args, **kwargs: self._written(name, method, args, kwargs)

    def _written(self, action: str, method: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Do it and note it, also when it failed half-way: some of it may be done."""
        if not self._actor.identity.may_write:
            self._note(action, "refused", {})
            raise NotAllowedError("only editors may change the articles; log in as one, or ask an editor")
        asked = _asked(action, args, kwargs)
        try:
            result = method(*args, **kwargs)
        except BaseException as error:
            outcome = "failed" if isinstance(error, ArticleQAError) else "interrupted"
            self._note(action, outcome, {**asked, "error": type(error).__name__})
            raise
        self._note(action, "done", {**asked, **_done(action, result)})
        return result

    def _note(self, action: str, outcome: str, details: Mapping[str, object]) -> None:
        is_logged = self._audit is None or self._audit.write(
            action,
            identity=self._actor.identity.to_header(),
            client=self._actor.client,
            outcome=outcome,
            details=details,
        )
        self._metrics.write(action, outcome, is_logged=is_logged)


def _asked(action: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, object]:
    """Ids and switches; whatever else callers gave may be text."""
    first = args[0] if args else next(iter(kwargs.values()), None)
    if action in _OF_ONE_ARTICLE | ADDRESSES.writing:
        return shown_ids([first] if isinstance(first, str) else list(first or ()))
    if action == "put_back":
        return shown_ids(sorted({revision.article.article_id for revision in first or ()}))
    if action == "rollback" and isinstance(first, str):
        return {"to": first[:32]}
    return {"full": True} if kwargs.get("full") else {}


def _done(action: str, result: object) -> dict[str, object]:
    if isinstance(result, Taken):
        return {**_done(action, result.report), "is_read": result.error is None}
    if isinstance(result, AddReport):
        counts = {name: getattr(result, name) for name in ("added", "revised", "unchanged", "duplicates")}
        ids = [item.article_id for item in result.items if item.article_id is not None]
        generation = {"generation": result.generation} if result.generation is not None else {}
        articles = {"num_articles": len(ids), "articles": shown_ids(ids)["ids"]}
        return {**counts, "rejected": len(result.rejected), **articles, **generation}
    if action == "remove" and isinstance(result, list):
        return {"num_removed": len(result)}
    return {"generation": result} if isinstance(result, str) else {}
