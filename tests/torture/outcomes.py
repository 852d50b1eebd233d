"""Says in plain values what became of an action in a worker; knows nothing of the action."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from index.errors import ArticleQAError


def attempt(action: Callable[[], object]) -> dict[str, Any]:
    """What became of it: "done", "refused" with one line, or "crashed" with what nobody foresaw."""
    try:
        action()
    except ArticleQAError as error:
        return {"outcome": "refused", "error": type(error).__name__, "message": str(error)}
    except BaseException as error:  # noqa: BLE001 (the finding itself; Rust panics are BaseException)
        lines = traceback.format_exception(error)
        return {"outcome": "crashed", "error": type(error).__name__, "message": "".join(lines)[-3000:]}
    return {"outcome": "done", "error": "", "message": ""}
