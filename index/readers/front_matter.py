"""Splits the "---" block of "key: value" lines off the head of a file; knows nothing of what the keys mean but dates.

Not YAML: values are plain text, optionally quoted, or a list of "- item" lines.
"""

from __future__ import annotations

import re

_MAX_LINES = 100
_KEY_LINE = re.compile(r"([A-Za-z][\w -]{0,60}?)\s*:(?:\s+(.*))?")
_DATE_KEYS = ("published_at", "date", "published")


def split_front_matter(text: str) -> tuple[dict[str, object], str]:
    """The front matter of ``text`` and what follows it; an empty dict and all of ``text`` when it has none.

    Keys are lower case with underscores. Lists and lines continued by indentation are understood, comments dropped.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\n").split("\n")
    if lines[0].rstrip() != "---":
        return {}, text
    for number, line in enumerate(lines[1 : _MAX_LINES + 1], start=1):
        if line.rstrip() in ("---", "..."):
            fields = _fields(lines[1:number])
            return ({}, text) if fields is None else (_with_date(fields), "\n".join(lines[number + 1 :]))
    return {}, text


def _fields(lines: list[str]) -> dict[str, object] | None:
    """None when the lines are no front matter after all, such as text between two ruled lines."""
    fields: dict[str, object] = {}
    key: str | None = None
    for line in lines:
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _KEY_LINE.fullmatch(line.rstrip())
        if match:
            key = re.sub(r"[ -]+", "_", match[1].lower())
            fields[key] = _unquoted(match[2] or "")
        elif key is not None and (line[0] in " \t" or stripped.startswith("- ")):
            fields[key] = _continued(fields[key], stripped)
        else:
            return None
    return fields or None


def _continued(value: object, line: str) -> object:
    if line.startswith("- "):
        items = value if isinstance(value, list) else []
        return [*items, _unquoted(line[2:])]
    return line if not value else f"{value} {line}"


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        quote = value[0]
        return value[1:-1].replace(f"\\{quote}", quote)
    return value


def _with_date(fields: dict[str, object]) -> dict[str, object]:
    """The first of the usual names for the publication date is the one of the article record."""
    name = next((key for key in _DATE_KEYS if fields.get(key)), None)
    if name is None or name == "published_at":
        return fields
    return {("published_at" if key == name else key): value for key, value in fields.items() if key != "published_at"}
