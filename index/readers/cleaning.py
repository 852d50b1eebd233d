"""Brings text to one clean form, on which all later offsets count; knows nothing of where the text comes from."""

from __future__ import annotations

import re
import unicodedata

# Every way of ending a line or paragraph that str.splitlines knows becomes "\n".
_LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c\x1d\x1e\x85\u2028]")
_SURROGATES = re.compile("[\ud800-\udfff]")
# Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt) without the two joiners U+200C and U+200D, which
# get a rule of their own; then the other control, annotation and non-characters. None of them shows, and all of them
# can carry hidden or reordered text.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff]"
)
# Persian, Indic scripts and emoji need the joiners between two of their characters; elsewhere they only hide.
_JOINED = "[\u0590-\u167f\u1681-\u1fff\u2070-\u2fff\u3001-\U0010fffd]"
_STRAY_JOINER = re.compile(f"(?<!{_JOINED})[\u200c\u200d]|[\u200c\u200d](?!{_JOINED})")
_OTHER_SPACE = re.compile(r"[^\S\n ]")
_ASCII_CONTROLS = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f]")


def clean_text(text: str) -> str:
    """``text`` in NFC with "\\n" line ends, single spaces, at most one blank line in a row and nothing invisible.

    Cleaning twice changes nothing. Lone surrogates become U+FFFD; any string is accepted.
    """
    text = _LINE_ENDS.sub("\n", text.replace("\u2029", "\n\n"))
    text = _ASCII_CONTROLS.sub("", text) if text.isascii() else _clean_unicode(text)
    text = _squeezed(_OTHER_SPACE.sub(" ", text), "  ", " ").replace(" \n", "\n").replace("\n ", "\n")
    return _squeezed(text, "\n\n\n", "\n\n").strip()


def clean_line(text: str) -> str:
    """:func:`clean_text` on one line: titles, sources, labels."""
    return " ".join(clean_text(text).split())


def _squeezed(text: str, run: str, shorter: str) -> str:
    """Replace until no ``run`` is left: each round halves the longest run, and is much faster than a pattern."""
    while run in text:
        text = text.replace(run, shorter)
    return text


def _clean_unicode(text: str) -> str:
    if _SURROGATES.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    if "\u200c" in text or "\u200d" in text:
        text = unicodedata.normalize("NFC", _STRAY_JOINER.sub("", text))
    return text
