"""A question service that passes everything on to another, for those that change a part of it; knows nothing else."""

from __future__ import annotations

from typing import Any

from index.types import Filters, RetrievedPassage
from qa.ui.ports import ArticleStore, LoadingState, QuestionService, WebAddresses


class PassedOn:
    """All of :class:`qa.ui.ports.QuestionService` but ``ask``."""

    def __init__(self, service: QuestionService) -> None:
        self._service = service

    @property
    def collection(self) -> ArticleStore:
        return self._service.collection

    @property
    def addresses(self) -> WebAddresses:
        return self._service.addresses

    def loading(self) -> LoadingState:
        return self._service.loading()

    def status(self) -> dict[str, Any]:
        return self._service.status()

    def search(self, query: str, k: int = 10, filters: Filters | None = None) -> list[RetrievedPassage]:
        return self._service.search(query, k, filters)
