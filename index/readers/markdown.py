"""Reads Markdown (CommonMark with tables) as plain text; knows nothing of how it would look."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from index.readers.blocks import Block, joined
from index.readers.front_matter import split_front_matter
from index.readers.text import says_all_of

_MARKDOWN = MarkdownIt("commonmark").enable("table")
_LINE_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)
_HIDDEN_HTML = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")


def parse_markdown(raw: str) -> dict[str, object]:
    """The article record of a Markdown file (see :mod:`index.readers.records`).

    Without a title in the front matter the first "# heading" is the title. A heading that is the title leaves the
    text, unless it says a word that the rest does not.
    """
    fields, body = split_front_matter(raw)
    blocks = [block for block in _blocks(_MARKDOWN.parse(body)) if block.text.strip()]
    heading = next((block for block in blocks if block.kind == "h1"), None)
    if heading is not None:
        title = fields.get("title") or heading.text
        others = [block for block in blocks if block is not heading]
        # The title of the front matter is the author's; the same words once more are no part of the text.
        if heading.text == fields.get("title") or (title == heading.text and says_all_of(joined(others), heading.text)):
            blocks = others
        fields["title"] = title
    return {**fields, "text": joined(blocks)}


def _blocks(tokens: Sequence[Token]) -> Iterator[Block]:
    kind = item_mark = ""
    cells: list[str] = []
    for token in tokens:
        if token.type == "heading_open":
            kind = token.tag
        elif token.type == "heading_close":
            kind = ""
        elif token.type == "list_item_open":
            item_mark = f"{token.info}{token.markup} " if token.info else "- "
        elif token.type == "tr_open":
            cells, kind = [], "tr"
        elif token.type == "tr_close":
            yield Block(" | ".join(cells), kind)
            kind = ""
        elif kind == "tr" and token.type == "inline":
            cells.append(_inline_text(token))
        elif text := _leaf_text(token):
            yield Block(item_mark + text, "li" if item_mark else kind)
            item_mark = ""


def _leaf_text(token: Token) -> str:
    if token.type == "inline":
        return _inline_text(token)
    if token.type == "html_block":
        return html.unescape(_TAG.sub(" ", _HIDDEN_HTML.sub(" ", token.content))).strip()
    return token.content.strip() if token.type in ("fence", "code_block") else ""


def _inline_text(token: Token) -> str:
    parts = []
    for child in token.children or ():
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type == "softbreak":
            parts.append(" ")
        elif child.type == "hardbreak" or (child.type == "html_inline" and _LINE_BREAK_TAG.match(child.content)):
            parts.append("\n")
    return "".join(parts).strip()
