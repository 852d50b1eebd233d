"""What stands between the network and the app: puts log-in, limits, figures and the audit log together.

Knows nothing of the app.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp

from qa.audit import AuditLog
from qa.common import Common
from qa.ui.access.accounted import AccountedService
from qa.ui.access.hosts import TrustedHosts
from qa.ui.access.limits import PerMinute, RateLimit, SharedPerMinute
from qa.ui.access.login import Login
from qa.ui.access.metrics import Metrics
from qa.ui.access.operations import known_status
from qa.ui.access.proxies import TrustedProxies
from qa.ui.access.queue_full import QueueFull
from qa.ui.exposure import check_exposure
from qa.ui.guard import Guard
from qa.ui.http.idempotency import IdempotentCalls, KeyedCalls, SharedIdempotentCalls
from qa.ui.ports import QuestionService
from qa.ui.question_slots import LimitedService, QuestionSlots
from qa.users import BaseUsers, Users

_MAX_BODY_BYTES = 32 << 20
_FAILED_LOGINS_PER_MINUTE = 20


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Who may use the server, and how much.

    ``users_file``: the list of users; None for none. ``trusted_proxies``: addresses and networks of reverse proxies
    whose word counts for where a request comes from. ``requests_per_minute`` and ``questions_per_minute`` are for each
    client; 0 for any number. ``audit_file``: where changes of articles are written down; None for nowhere. ``common``:
    what this server shares with others on the same index, in place of ``users_file`` and of counts of its own.
    """

    password: str | None = None
    users_file: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    requests_per_minute: int = 0
    questions_per_minute: int = 0
    audit_file: Path | None = None
    common: Common | None = None


OPEN = AccessSettings()
"""On this computer alone: everybody is an editor."""


class FrontDoor:
    """One server's; the app is built over :meth:`accounted` and served through :meth:`guarded`.

    :param host: The address that is listened on.
    :param trusted_hosts: Other names this server is reached by.
    :param num_parallel: How many questions are answered at once, whichever way they came.
    :param max_waiting: How many more may wait.
    :raises ConfigError: If others could reach the server without a log-in.
    :raises StorageError: If the list of users cannot be read.
    """

    def __init__(
        self,
        settings: AccessSettings,
        *,
        host: str,
        trusted_hosts: Iterable[str] = (),
        num_parallel: int,
        max_waiting: int,
    ) -> None:
        users = _users(settings)
        self._settings = settings
        self._proxies = TrustedProxies(settings.trusted_proxies)
        has_users = bool(users is not None and users.all())
        check_exposure(host, settings.password, has_users=has_users, is_proxied=bool(self._proxies))
        self._login = Login(settings.password, users)
        self._hosts = TrustedHosts(host, trusted_hosts)
        self.metrics = Metrics()
        self.slots = QuestionSlots(num_parallel, max_waiting, lambda: self.metrics.refusal("busy"))
        self._questions = self._per_minute(settings.questions_per_minute, "questions")
        self._audit = None if settings.audit_file is None else AuditLog(settings.audit_file)

    def keyed_calls(self) -> KeyedCalls:
        """What does requests with an Idempotency-Key once."""
        common = self._settings.common
        return IdempotentCalls() if common is None else SharedIdempotentCalls(common.replies)

    def accounted(self, service: QuestionService, *, takes_turns: bool = True) -> QuestionService:
        """The service as the page, the API and MCP shall see it.

        :param takes_turns: Whether its questions wait for their turns by themselves, each in a thread; else whoever
            asks waits for one of the :attr:`slots` first.
        """
        limited = LimitedService(service, self.slots) if takes_turns else service
        return AccountedService(limited, self.metrics, questions=self._questions, audit=self._audit)

    def guarded(
        self, app: ASGIApp, service: QuestionService, *, num_queued: Callable[[], int], max_upload_bytes: int
    ) -> ASGIApp:
        """The app as it may be reached.

        :param service: Whose status the figures show.
        :param num_queued: How many calls wait in Gradio's queue.
        :param max_upload_bytes: The largest upload request; it may hold several files.
        """
        self.metrics.watch(lambda: known_status(service), lambda: num_queued() + self.slots.num_waiting)
        return Guard(
            QueueFull(app, lambda: self.slots.retry_after_seconds(num_queued()), self.metrics),
            hosts=self._hosts,
            login=self._login,
            proxies=self._proxies,
            requests=self._per_minute(self._settings.requests_per_minute, "requests"),
            failed_logins=self._per_minute(_FAILED_LOGINS_PER_MINUTE, "failed log-ins"),
            waits_for_others=self._settings.common is not None,
            metrics=self.metrics,
            max_body_bytes=_MAX_BODY_BYTES,
            max_upload_bytes=max_upload_bytes,
        )

    def _per_minute(self, number: int, kind: str) -> RateLimit:
        common = self._settings.common
        return PerMinute(number) if common is None else SharedPerMinute(number, common.counts, kind)


def _users(settings: AccessSettings) -> BaseUsers | None:
    if settings.common is not None:
        return settings.common.users
    return None if settings.users_file is None else Users(settings.users_file)
