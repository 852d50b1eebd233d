"""What went wrong, as a stable code, an HTTP status and one line; knows nothing of web frameworks or Gradio.

The codes are a public contract: programs branch on them, people read the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from index.errors import (
    ArticleQAError,
    BadInputError,
    BuilderBusyError,
    ClusterError,
    ConfigError,
    DamagedIndexError,
    FetchError,
    ModelError,
    NoGenerationError,
    NotFoundError,
    StorageError,
    VerificationError,
)
from qa.ui.access.identity import BusyError, NotAllowedError, TooOftenError

Code = Literal[
    "bad_input",
    "unauthorized",
    "forbidden",
    "not_found",
    "method_not_allowed",
    "conflict",
    "length_required",
    "too_large",
    "wrong_host",
    "rate_limited",
    "busy",
    "not_ready",
    "no_index",
    "verification_failed",
    "model_failed",
    "index_damaged",
    "storage_failed",
    "fetch_failed",
    "misconfigured",
    "internal",
]
CODES: tuple[str, ...] = get_args(Code)

_LOADING_RETRY_SECONDS = 5
_BUILDER_RETRY_SECONDS = 10


class ConflictError(ArticleQAError):
    """The request contradicts an earlier one."""


class NotReadyError(ArticleQAError):
    """The models are still loading."""


@dataclass(frozen=True, slots=True)
class Problem:
    """``retry_after_seconds`` is None where trying again does not help by itself."""

    code: Code
    status: int
    message: str
    retry_after_seconds: int | None = None


# The first that fits counts, so special kinds stand before general ones.
_KINDS: tuple[tuple[type[ArticleQAError], Code, int, int | None], ...] = (
    (NotFoundError, "not_found", 404, None),
    (BadInputError, "bad_input", 400, None),
    (NotAllowedError, "forbidden", 403, None),
    (ConflictError, "conflict", 409, None),
    (NotReadyError, "not_ready", 503, _LOADING_RETRY_SECONDS),
    (BuilderBusyError, "busy", 503, _BUILDER_RETRY_SECONDS),
    (NoGenerationError, "no_index", 409, None),
    (VerificationError, "verification_failed", 409, None),
    (ModelError, "model_failed", 503, None),
    (DamagedIndexError, "index_damaged", 503, None),
    (StorageError, "storage_failed", 503, None),
    (FetchError, "fetch_failed", 502, None),
    (ConfigError, "misconfigured", 500, None),
    (ClusterError, "misconfigured", 500, None),
)
_BY_STATUS: dict[int, Code] = {
    400: "bad_input",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    411: "length_required",
    413: "too_large",
    421: "wrong_host",
    422: "bad_input",
    429: "rate_limited",
    503: "busy",
}


def problem_of(error: ArticleQAError) -> Problem:
    """What to tell the caller about one of the project's own errors."""
    message = one_line(str(error))
    if isinstance(error, TooOftenError):
        return Problem("rate_limited", 429, message, error.retry_after_seconds)
    if isinstance(error, BusyError):
        return Problem("busy", 503, message, error.retry_after_seconds)
    for kind, code, status, retry_after_seconds in _KINDS:
        if isinstance(error, kind):
            return Problem(code, status, message, retry_after_seconds)
    return Problem("internal", 500, message)


def code_of_status(status: int) -> Code:
    """The code that goes with an HTTP status where nothing more is known."""
    return _BY_STATUS.get(status, "bad_input" if 400 <= status < 500 else "internal")


def error_json(code: Code, message: str) -> dict[str, dict[str, str]]:
    """The body of every error."""
    return {"error": {"code": code, "message": one_line(message)}}


def one_line(message: str) -> str:
    """A message as one line of valid Unicode, whatever it quotes."""
    return " ".join(message.split()).encode("utf-8", "replace").decode("utf-8")
