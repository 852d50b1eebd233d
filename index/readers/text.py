"""Reads plain text: title, front matter and paragraphs wrapped to a fixed width; knows nothing of markup."""

from __future__ import annotations

import re
from itertools import pairwise

from index.readers.cleaning import clean_text
from index.readers.front_matter import split_front_matter

_MAX_TITLE_CHARS = 150
_SENTENCE_ENDS = (".", "。", '."', ".”", ".'", ".’")
# Mail programs, editors and newswires wrap at 60 to 100; the longest line may fall a little short of the width.
_MIN_WIDTH, _MAX_WIDTH = 55, 100
_MIN_WRAPPED_LINES = 3
_MIN_WRAPPED_SHARE = 0.8
_LIST_MARK = re.compile(r"(?:[-*•–—·]|\d{1,3}[.)]|[a-z][.)])\s")


def parse_text(raw: str) -> dict[str, object]:
    """The article record of a plain text file (see :mod:`index.readers.records`)."""
    fields, body = split_front_matter(raw)
    text = unwrap(clean_text(body))
    if not fields.get("title"):
        title, text = split_title(text)
        fields["title"] = title
    return {**fields, "text": text}


def split_title(text: str) -> tuple[str | None, str]:
    """The headline and the text: a short first line before a blank one that does not end like a sentence.

    The line also stays in the text when it says a word that the rest does not, so that no fact is lost.

    :param text: Clean text.
    """
    first, blank_line, rest = text.partition("\n\n")
    if not blank_line or "\n" in first or len(first) > _MAX_TITLE_CHARS or first.endswith(_SENTENCE_ENDS):
        return None, text
    return first, rest if says_all_of(rest, first) else text


def says_all_of(text: str, title: str) -> bool:
    """Whether every word and number of ``title`` also stands in ``text``, in any case."""
    return _words(title) <= _words(text)


def unwrap(text: str) -> str:
    """Join the lines of text that was wrapped to a fixed width; other line breaks stay.

    A break was made by wrapping when the first word of the next line would not have fitted: with greedy wrapping at
    width W, ``len(line) + 1 + len(next_word) > W``; the longest line stands for W.

    :param text: Clean text.
    """
    lines_of = [paragraph.split("\n") for paragraph in text.split("\n\n")]
    breaks = [pair for lines in lines_of for pair in pairwise(lines) if not _LIST_MARK.match(pair[1])]
    width = max((len(line) for pair in breaks for line in pair), default=0)
    num_wrapped = sum(_is_wrapped(line, following, width) for line, following in breaks)
    if not _MIN_WIDTH <= width <= _MAX_WIDTH or num_wrapped < max(_MIN_WRAPPED_LINES, _MIN_WRAPPED_SHARE * len(breaks)):
        return text
    return "\n\n".join(_joined(lines, width) for lines in lines_of)


def _is_wrapped(line: str, following: str, width: int) -> bool:
    first_word = following.split(" ", 1)[0]
    return len(line) + 1 + len(first_word) > width and not _LIST_MARK.match(following)


def _joined(lines: list[str], width: int) -> str:
    parts = [lines[0]]
    for line, following in pairwise(lines):
        separator = " " if _is_wrapped(line, following, width) else "\n"
        # A line wrapped after the hyphen of a compound word goes on without a space.
        if separator == " " and re.search(r"\w-$", line):
            separator = ""
        parts += [separator, following]
    return "".join(parts)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))
