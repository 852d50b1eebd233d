"""The service behind the page, the API and MCP, with questions counted and articles guarded; knows no requests.

All three ask through this one object, so what is measured, limited and refused here is so everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import cast

from index.types import Filters
from qa.audit import AuditLog
from qa.types import Done, Event, Mode, Turn
from qa.ui.access.actor import current_actor
from qa.ui.access.audited import ADDRESSES, ARTICLES, Audited, Methods
from qa.ui.access.identity import BusyError, TooOftenError
from qa.ui.access.limits import RateLimit
from qa.ui.access.metrics import Metrics
from qa.ui.passed_on import PassedOn
from qa.ui.ports import ArticleStore, QuestionService, WebAddresses


class AccountedService(PassedOn):
    """A question service whose use is accounted for.

    :param questions: How many each client may ask.
    :param audit: Where changes are written down; None for nowhere.
    """

    def __init__(
        self, service: QuestionService, metrics: Metrics, *, questions: RateLimit, audit: AuditLog | None = None
    ) -> None:
        super().__init__(service)
        self._metrics = metrics
        self._questions = questions
        self._audit = audit

    @property
    def collection(self) -> ArticleStore:
        """The articles, as whoever asks for them now may use them."""
        return cast("ArticleStore", self._audited(self._service.collection, ARTICLES))

    @property
    def addresses(self) -> WebAddresses:
        """What reads web addresses, likewise."""
        return cast("WebAddresses", self._audited(self._service.addresses, ADDRESSES))

    def _audited(self, store: object, methods: Methods) -> Audited:
        return Audited(store, methods, current_actor(), self._audit, self._metrics)

    def ask(
        self,
        question: str,
        *,
        as_of: str | None = None,
        history: Sequence[Turn] = (),
        mode: Mode = "full",
        filters: Filters | None = None,
        use_date_window: bool = True,
    ) -> Iterator[Event]:
        """See :meth:`qa.ui.ports.QuestionService.ask`.

        :raises TooOftenError: If the client asked too many in the last minute.
        """
        wait = self._questions.take(current_actor().key)
        if wait is not None:
            self._metrics.refusal("question_rate")
            raise TooOftenError(wait)
        events = self._service.ask(
            question, as_of=as_of, history=history, mode=mode, filters=filters, use_date_window=use_date_window
        )
        return self._counted(events, mode)

    def _counted(self, events: Iterator[Event], mode: Mode) -> Iterator[Event]:
        outcome = "stopped"
        self._metrics.question_begins()
        try:
            with closing(events):  # type: ignore[type-var]  # the services' iterators are generators
                for event in events:
                    if isinstance(event, Done):
                        outcome = event.answer.outcome
                        self._metrics.answer(event.answer, mode)
                    yield event
        except BusyError:
            outcome = "refused"
            raise
        except Exception:
            outcome = "failed"
            raise
        finally:
            self._metrics.question_ends(mode, outcome)
