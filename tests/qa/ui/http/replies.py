"""Reads what the HTTP API replies: errors, and Server-Sent Events as the standard says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx


def error_of(reply: httpx.Response) -> tuple[int, str, str]:
    assert list(reply.json()) == ["error"]
    return reply.status_code, reply.json()["error"]["code"], reply.json()["error"]["message"]


def events_in(lines: Iterable[str]) -> list[tuple[str, Any]]:
    """(name, data) of every event; data is JSON, or a word such as [DONE]."""
    found: list[tuple[str, Any]] = []
    name, data = "message", []
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif not line and data:
            text = "\n".join(data)
            found.append((name, json.loads(text) if text.startswith("{") else text))
            name, data = "message", []
    return found
