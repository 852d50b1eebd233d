"""Whoever adds files is told every kind that is read, wherever kinds are named."""

from __future__ import annotations

import inspect
import re

import pytest

from index.readers import ENDINGS
from qa.cli import articles
from qa.ui import api, text

# Named by their commoner spelling.
_NAMED = [ending for ending in ENDINGS if ending not in (".markdown", ".htm", ".ndjson", ".ndjson.gz")]


@pytest.mark.parametrize(
    "hint",
    [text.UPLOAD_HINT, inspect.getsource(articles), inspect.getsource(api)],
    ids=["page", "command", "api"],
)
def test_every_kind_of_file_is_named(hint: str) -> None:
    named = set(re.findall(r"(?:\.[a-z]+)+\b", hint))
    assert set(_NAMED) <= named
