"""Turns chat messages into a question with its history, and an Answer into a chat reply; knows nothing of HTTP.

Chat clients show replies as Markdown. What comes from articles and models must stay text there: it could else load an
image from somewhere, and tell that the answer was read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from index.errors import BadInputError
from qa.ui import arguments, text
from qa.ui.html import web_address
from qa.ui.http.chat_models import Message

Json = dict[str, Any]
_MAX_QUOTE_CHARS = 200
# What begins an image, a link, a link's definition, or HTML. Markers such as [1] are none of these.
_MARKUP = re.compile(r"(?<=\])(?=[(:])|(?<=!)(?=\[)|(?=<)|(?=`)")
_LINE_BREAKS = re.compile(r"\s+")
_SOURCES = re.compile(rf"\n\n{re.escape(text.CHAT_SOURCES)}\n(?:- .*(?:\n|$))+\s*\Z")


def question_and_history(messages: Sequence[Message]) -> tuple[str, list[Json]]:
    """The last message, and what was said before it, as far back as is taken.

    :raises BadInputError: If the last message is not the user's.
    """
    said = [(message.role, _text_of(message)) for message in messages if message.role in ("user", "assistant")]
    if not said or messages[-1].role != "user":
        raise BadInputError("the last message must have the role user: it is the question")
    history = [
        {"role": role, "content": words[: arguments.MAX_TURN_CHARS]}
        for role, words in ((role, _without_sources(words)) for role, words in said[:-1])
        if words.strip()
    ]
    return said[-1][1], history[-arguments.MAX_TURNS :]


def reply_text(answer: Json) -> str:
    """The answer and a short list of its sources; the closest articles when the articles do not say."""
    if answer["outcome"] == "answered":
        lines = [f"[{c['marker']}] {_name(c)}: “{_shortened(c['quote'])}”" for c in answer["citations"]]
        return _with_list(as_text(answer["answer"]), text.CHAT_SOURCES, lines)
    names = dict.fromkeys(_name(passage) for passage in answer["passages"])
    return _with_list(as_text(answer["answer"]), text.CHAT_CLOSEST, list(names)[:3])


def as_text(words: str) -> str:
    """Words that Markdown shows as they are, as far as links, images and HTML go."""
    return _MARKUP.sub(r"\\", words)


def _text_of(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "\n".join(part.text for part in message.content or ())


def _without_sources(reply: str) -> str:
    """An earlier reply without the list that :func:`reply_text` put under it."""
    return _SOURCES.sub("", reply)


def _with_list(words: str, heading: str, lines: Sequence[str]) -> str:
    return f"{words}\n\n{heading}\n" + "\n".join(f"- {line}" for line in lines) if lines else words


def _name(item: Mapping[str, Any]) -> str:
    """Title, outlet, date and address, as far as they are known."""
    address = web_address(item["url"])
    facts = [item["title"], item["source"], item["published_at"]]
    named = ", ".join(as_text(_LINE_BREAKS.sub(" ", str(fact))) for fact in facts if fact)
    return f"{named} ({address})" if address else named


def _shortened(quote: str) -> str:
    quote = as_text(_LINE_BREAKS.sub(" ", quote))
    return quote if len(quote) <= _MAX_QUOTE_CHARS else quote[: _MAX_QUOTE_CHARS - 1].rsplit(" ", 1)[0] + "…"
