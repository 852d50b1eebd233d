"""What the page remembers of a person, as values and what is done with them; knows nothing of HTML or of Gradio.

Between the page's exchanges and what :mod:`qa.conversations` keeps of them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from index.errors import ArticleQAError
from qa.answer_json import article_keys
from qa.conversations import KeptConversation, Summary, owner_of
from qa.feedback import Opinion
from qa.kept import Kept
from qa.kept_exchanges import KeptExchange
from qa.ui import text
from qa.ui.access.identity import Identity
from qa.ui.ask_options import read_options
from qa.ui.conversation import Conversation, Exchange, Phase
from qa.ui.ports import ArticleStore

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Given:
    """What was said of an answer, and under which id."""

    feedback_id: str
    opinion: Opinion


@dataclass(frozen=True, slots=True)
class Remembered:
    """A session's: whose it is, and where its conversation is kept.

    ``secret_owner`` is who the browser's secret stands for; None before it was told. ``opinions``: of the answers that
    are kept or could be, by their number among those (see :func:`kept_number`).
    """

    secret_owner: str | None = None
    conversation_id: str | None = None
    version: int = 0
    opinions: Mapping[int, Given] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the list of conversations shows. ``problem``: why it cannot be shown, one line."""

    summaries: tuple[Summary, ...] = ()
    keeps: bool = True
    problem: str | None = None


class Memory:
    """Keeps what one person asked and said, for that person alone. Safe to use from several threads."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self.is_on = kept.conversations.is_on

    def owner(self, remembered: Remembered, identity: Identity) -> str | None:
        """Whose a request is: the user's who makes it, or the browser's where there are no users."""
        return owner_of(identity.name, None) or remembered.secret_owner

    def shelf(self, owner: str | None) -> Shelf:
        """All conversations of an owner."""
        if owner is None:
            return Shelf()
        try:
            return Shelf(tuple(self._kept.conversations.list(owner)), self._kept.conversations.keeps(owner))
        except ArticleQAError as error:
            return Shelf(problem=str(error))

    def opened(self, owner: str, conversation_id: str) -> tuple[KeptConversation, Mapping[int, Given]] | None:
        """A kept conversation with what was said of its answers; None when the owner has no such one.

        :raises StorageError: If it cannot be read.
        """
        conversation = self._kept.conversations.load(owner, conversation_id)
        if conversation is None:
            return None
        said = self._kept.feedback.of_conversation(owner, conversation_id)
        return conversation, {number: Given(one.feedback_id, one.opinion) for number, one in said.items()}

    def save(
        self, owner: str, remembered: Remembered, conversation: Conversation, articles: ArticleStore
    ) -> Remembered:
        """Keep a conversation whose last question was answered, unless its owner said no.

        :raises StorageError: If it cannot be written.
        """
        exchanges = kept_exchanges(conversation)
        number = len(exchanges) - 1
        opinions = {place: given for place, given in remembered.opinions.items() if place < number}
        saved = self._kept.conversations.save(owner, exchanges, remembered.conversation_id, remembered.version)
        if saved is None:
            return replace(remembered, conversation_id=None, version=0, opinions=opinions)
        self._forget_removed(exchanges, articles)
        return replace(remembered, conversation_id=saved.conversation_id, version=saved.version, opinions=opinions)

    def say(
        self, owner: str, remembered: Remembered, conversation: Conversation, opinion: Opinion, articles: ArticleStore
    ) -> Remembered:
        """Store what is said of the last answer, in place of what was said of it before.

        :raises ArticleQAError: If it cannot be stored.
        """
        exchanges = kept_exchanges(conversation)
        number = len(exchanges) - 1
        answer = exchanges[-1].answer if exchanges else None
        if answer is None:
            return remembered
        before = [exchange.answer for exchange in exchanges[:-1] if exchange.answer is not None]
        given = remembered.opinions.get(number)
        feedback_id = self._kept.feedback.give(
            owner,
            opinion,
            answer,
            before=before,
            settings=exchanges[-1].settings,
            conversation_id=remembered.conversation_id,
            number=number,
            feedback_id=given.feedback_id if given is not None else None,
        )
        self._forget_removed(exchanges, articles)
        return replace(remembered, opinions={**remembered.opinions, number: Given(feedback_id, opinion)})

    def take_back(self, owner: str, remembered: Remembered, conversation: Conversation) -> Remembered:
        """Delete what was said of the last answer."""
        number = len(kept_exchanges(conversation)) - 1
        given = remembered.opinions.get(number)
        if given is None:
            return remembered
        self._kept.feedback.take_back(owner, given.feedback_id)
        return replace(remembered, opinions={k: v for k, v in remembered.opinions.items() if k != number})

    def delete(self, owner: str, conversation_id: str) -> None:
        self._kept.conversations.delete(owner, conversation_id)

    def delete_all(self, owner: str) -> None:
        self._kept.conversations.delete_all(owner)

    def set_keeps(self, owner: str, keeps: bool) -> None:
        self._kept.conversations.set_keeps(owner, keeps)

    def _forget_removed(self, exchanges: Sequence[KeptExchange], articles: ArticleStore) -> None:
        """An article may have been removed while its answer was on its way here; who removed it did not see it."""
        named: set[str] = set()
        urls: set[str] = set()
        for exchange in exchanges:
            if exchange.answer is not None:
                ids, addresses = article_keys(exchange.answer.to_json())
                named |= ids
                urls |= addresses
        gone, gone_urls = _removed(articles, sorted(named)), _removed_urls(articles, sorted(urls))
        if gone or gone_urls:
            _log.info("%d articles were removed while an answer that names them was kept", len(gone | gone_urls))
            self._kept.removal.forget(gone, gone_urls)


def _removed(articles: ArticleStore, ids: Sequence[str]) -> set[str]:
    found = articles.are_removed([(one, None) for one in ids])
    return {one for one, is_gone in zip(ids, found, strict=True) if is_gone}


def _removed_urls(articles: ArticleStore, urls: Sequence[str]) -> set[str]:
    found = articles.are_removed([(None, url) for url in urls])
    return {url for url, is_gone in zip(urls, found, strict=True) if is_gone}


def kept_exchanges(conversation: Conversation) -> list[KeptExchange]:
    """What is kept of a conversation: the questions that were answered, and those whose answers are lost."""
    return [
        KeptExchange(exchange.question, exchange.answer, _settings(exchange))
        for exchange in conversation
        if exchange.phase in (Phase.DONE, Phase.LOST)
    ]


def shown_conversation(kept: KeptConversation) -> Conversation:
    """The conversation as the page shows it."""
    return tuple(_exchange(exchange) for exchange in kept.exchanges)


def _settings(exchange: Exchange) -> dict[str, Any]:
    return {**asdict(exchange.options), "use_date_window": exchange.use_date_window}


def _exchange(kept: KeptExchange) -> Exchange:
    options = read_options(kept.settings)
    use_date_window = kept.settings.get("use_date_window") is not False
    if kept.answer is None:
        problem = text.LOST_REMOVED if kept.lost == "removed" else text.LOST_DAMAGED
        return Exchange(kept.question, Phase.LOST, problem=problem, use_date_window=use_date_window, options=options)
    return Exchange(
        kept.question,
        Phase.DONE,
        passages=kept.answer.passages,
        answer=kept.answer,
        use_date_window=use_date_window,
        options=options,
    )
