"""What people keep, put together over one store: conversations, feedback, and their cleaning when an article goes.

Knows nothing of pages or of configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qa.conversations import Conversations
from qa.feedback import FeedbackStore
from qa.kept_file import KeptFile, KeptStore
from qa.kept_removal import KeptRemoval


@dataclass(frozen=True, slots=True)
class Kept:
    """``removal`` goes to the collection as one of its ``mentions``."""

    conversations: Conversations
    feedback: FeedbackStore
    removal: KeptRemoval

    @classmethod
    def at(cls, path: Path, *, is_on: bool = True, max_conversations: int = 200, max_days: int = 365) -> Kept:
        """In a file; see :class:`qa.conversations.Conversations` for the rest."""
        return cls.over(KeptFile(path), is_on=is_on, max_conversations=max_conversations, max_days=max_days)

    @classmethod
    def over(cls, store: KeptStore, *, is_on: bool = True, max_conversations: int = 200, max_days: int = 365) -> Kept:
        """In any store, likewise."""
        return cls(
            Conversations(store, is_on=is_on, max_conversations=max_conversations, max_days=max_days),
            FeedbackStore(store, max_days=max_days),
            KeptRemoval(store),
        )
