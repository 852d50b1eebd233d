"""Makes an article record of a document's text and of what office programs noted in it; knows no file format."""

from __future__ import annotations

import re

from index.readers.cleaning import clean_line
from index.readers.text import split_title

# What programs put in when nobody gave a title or an author: the file's name, "Untitled", the name of the account.
_NO_TITLE = re.compile(
    r"microsoft (?:word|powerpoint|excel) - .*|untitled.*|ohne titel.*|sans titre.*|(?:document|dokument)\s*\d*"
    r"|powerpoint presentation|word document"
    r"|.*\.(?:docx?|dotx?|indd|qxd|qxp|pdf|tex|dvi|rtf|odt|pub|wpd|txt|html?|pptx?)",
    re.IGNORECASE,
)
_NO_AUTHOR = frozenset(
    {"admin", "administrator", "user", "unknown", "anonymous", "owner", "microsoft office user", "python-docx", "root"}
)


def document_record(
    text: str, *, title: str, author: str, published_at: str, language: str | None
) -> dict[str, object]:
    """The article record (see :mod:`index.readers.records`) of clean ``text`` and of fields as they were noted.

    Without a title worth the name the first line is tried. A first paragraph that is the title leaves the text.
    """
    headline: str | None = clean_line(title)
    author = clean_line(author)
    if not headline or _NO_TITLE.fullmatch(headline):
        headline, text = split_title(text)
    else:
        first, _, rest = text.partition("\n\n")
        text = rest if rest and clean_line(first).casefold() == headline.casefold() else text
    record: dict[str, object] = {"title": headline, "published_at": published_at or None, "text": text}
    if author and author.casefold() not in _NO_AUTHOR:
        record["author"] = author
    return record | ({"language": language} if language else {})
