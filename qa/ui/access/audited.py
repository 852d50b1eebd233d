"""The articles behind the page and the API: only editors change them, and every change is written down.

Here and nowhere else, so that no caller can forget it. Knows nothing of requests. A method that is in neither list
below does not exist for callers: whoever adds one to the store decides which it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from index.errors import ArticleQAError
from index.types import AddReport
from qa.audit import AuditLog, shown_ids
from qa.ui.access.actor import Actor
from qa.ui.access.identity import NotAllowedError
from qa.ui.access.metrics import Metrics
from qa.ui.ports import ArticleStore

READING = frozenset(
    {"article", "history", "also_in", "articles", "sources", "day_counts", "arrivals", "arrival_counts"}
    | {"generations", "diff", "status", "problem", "is_removed", "are_removed"}
)
WRITING = frozenset({"add", "accept", "update", "remove", "rebuild", "rollback"})


class AuditedArticles:
    """One actor's view of the articles; has every method of :class:`qa.ui.ports.ArticleStore`.

    :param audit: None to write nothing down.
    """

    def __init__(self, articles: ArticleStore, actor: Actor, audit: AuditLog | None, metrics: Metrics) -> None:
        self._articles = articles
        self._actor = actor
        self._audit = audit
        self._metrics = metrics

    def __getattr__(self, name: str) -> Any:
        if name in READING:
            return getattr(self._articles, name)
        if name not in WRITING:
            raise AttributeError(f"{name!r} is in neither list of {__name__}: say whether it reads or writes")
        method = getattr(self._articles, name)
        return lambda *args, **kwargs: self._written(name, method, args, kwargs)

    def _written(self, action: str, method: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Do it and note it. What was asked for is noted, too, when it failed half-way: some of it may be done."""
        if not self._actor.identity.may_write:
            self._note(action, "refused", {})
            raise NotAllowedError("only editors may change the articles; log in as one, or ask an editor")
        asked = _asked(action, args, kwargs)
        try:
            result = method(*args, **kwargs)
        except ArticleQAError as error:
            self._note(action, "failed", {**asked, "error": type(error).__name__})
            raise
        except BaseException as error:
            self._note(action, "interrupted", {**asked, "error": type(error).__name__})
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
    if action == "remove":
        return shown_ids(args[0] if args else kwargs["article_ids"])
    if action == "rollback":
        name = args[0] if args else kwargs.get("name")
        return {} if name is None else {"to": str(name)[:32]}
    return {"full": True} if kwargs.get("full") else {}


def _done(action: str, result: object) -> dict[str, object]:
    if isinstance(result, AddReport):
        counts = {name: getattr(result, name) for name in ("added", "revised", "unchanged", "duplicates")}
        ids = [item.article_id for item in result.items if item.article_id is not None]
        generation = {"generation": result.generation} if result.generation is not None else {}
        return {**counts, "rejected": len(result.rejected), **shown_ids(ids), **generation}
    if action == "remove" and isinstance(result, list):
        return {"num_removed": len(result)}
    return {"generation": result} if isinstance(result, str) else {}
