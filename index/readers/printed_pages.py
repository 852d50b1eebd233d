"""Makes running text of printed pages: paragraphs of lines, whole words, no page numbers; knows nothing of PDF.

A page is known by its lines alone. Lines are joined unless something says that a paragraph ends, since a sentence cut
in two is worse than two paragraphs in one.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from index.readers.cleaning import clean_text

# Running headers and footers take up to two lines, and stand on most pages.
_NUM_EDGE_LINES = 2
_MIN_PAGES_FOR_RUNNING_LINES = 3
_PAGE_NUMBER = re.compile(
    r"(?:[-–—|]\s*)?(?:(?:page|seite|página|pagina|стр\.)\s*)?#(?:\s*(?:/|of|von|de|sur)\s*#)?(?:\s*[-–—|])?", re.I
)
_SOFT_HYPHEN_BREAK = re.compile("\u00ad[^\\S\n]*\r?\n[^\\S\n]*")
_SENTENCE_END = re.compile(r"[.!?…:。！？।॥][\"'”’»›」』)\]]*$")
_LIST_MARK = re.compile(r"(?:[-*•–—·▪◦‣]|\(?\d{1,3}[.)]|[a-z][.)])\s")
_HYPHENATED = re.compile(r"(\w+)[-‐]$")
# Of the usual line of a document: a shorter line that ends a sentence ends a paragraph; one shorter still, that does
# not end a sentence, is a heading.
_SHORT_SHARE = 0.85
_HEADING_SHARE = 0.7


def text_of_pages(pages: Sequence[str]) -> str:
    """The text of ``pages``, each one line per printed line, with blank lines between its paragraphs."""
    cleaned = [clean_text(_SOFT_HYPHEN_BREAK.sub("", page)).split("\n") for page in pages]
    lines = [line for page in _without_running_lines(cleaned) for line in page]
    printed = [line for line in lines if line]
    if not printed:
        return ""
    usual_width = sorted(map(len, printed))[len(printed) * 9 // 10]
    words = Counter(re.findall(r"\w+(?:-\w+)*", " ".join(printed).casefold()))
    parts = [printed[0]]
    for (previous, line), is_blank_between in zip(pairwise(printed), _blanks_between(lines), strict=True):
        if _ends_paragraph(previous, line, usual_width, is_blank_between):
            parts += ["\n\n", line]
        else:
            parts[-1], glue = _glued(parts[-1], line, words)
            parts += [glue, line]
    return "".join(parts)


def _without_running_lines(pages: Sequence[list[str]]) -> list[list[str]]:
    """Pages without the lines at their edges that most of them share but for numbers, and without page numbers."""
    edges = [{_numberless(page[index]) for index in _edge_indexes(page)} for page in pages]
    counts = Counter(line for edge in edges for line in edge)
    is_running = {
        line
        for line, count in counts.items()
        if (count >= _MIN_PAGES_FOR_RUNNING_LINES and count > len(pages) / 2)
        or (len(pages) > 1 and _PAGE_NUMBER.fullmatch(line))
    }
    dropped = [{index for index in _edge_indexes(page) if _numberless(page[index]) in is_running} for page in pages]
    return [
        [line for index, line in enumerate(page) if index not in gone]
        for page, gone in zip(pages, dropped, strict=True)
    ]


def _edge_indexes(page: Sequence[str]) -> set[int]:
    printed = [index for index, line in enumerate(page) if line]
    return {*printed[:_NUM_EDGE_LINES], *printed[-_NUM_EDGE_LINES:]}


def _numberless(line: str) -> str:
    return re.sub(r"\d+", "#", line).casefold()


def _blanks_between(lines: Sequence[str]) -> list[bool]:
    """For each two printed lines that follow each other: whether a blank line stands between them."""
    indexes = [index for index, line in enumerate(lines) if line]
    return [following - index > 1 for index, following in pairwise(indexes)]


def _ends_paragraph(line: str, following: str, usual_width: int, is_blank_between: bool) -> bool:
    ends_sentence = _SENTENCE_END.search(line) is not None
    if _LIST_MARK.match(following):
        return True
    if following[0].islower() and not ends_sentence:
        return False
    if is_blank_between:
        return True
    if ends_sentence:
        is_before_heading = len(following) < _HEADING_SHARE * usual_width and not _SENTENCE_END.search(following)
        return len(line) < _SHORT_SHARE * usual_width or is_before_heading
    return len(line) < _HEADING_SHARE * usual_width


def _glued(text: str, following: str, words: Counter[str]) -> tuple[str, str]:
    """``text``, perhaps without its last hyphen, and what goes between it and the line that follows."""
    hyphenated = _HYPHENATED.search(text)
    if hyphenated and (first_word := re.match(r"\w+", following)):
        first, second = hyphenated[1].casefold(), first_word[0].casefold()
        # The document itself tells "well-known" from "har-bour"; else a small letter speaks for a word cut in two.
        is_compound = words[f"{first}-{second}"] > 0 or not first_word[0][0].islower()
        return (text, "") if is_compound and words[first + second] == 0 else (text[:-1], "")
    return (text, "") if _is_wide(text[-1]) and _is_wide(following[0]) else (text, " ")


def _is_wide(character: str) -> bool:
    """Chinese and Japanese are written without spaces between words; Korean is not."""
    return unicodedata.east_asian_width(character) in "WF" and not "\uac00" <= character <= "\ud7a3"
