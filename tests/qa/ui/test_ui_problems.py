"""Every error of the project has a stable code, a fitting status and one line."""

from __future__ import annotations

import pytest

from index import errors
from index.errors import ArticleQAError
from qa.ui.access.identity import BusyError, NotAllowedError, TooOftenError
from qa.ui.problems import CODES, ConflictError, NotReadyError, code_of_status, problem_of

EXPECTED = [
    (errors.BadInputError("x"), "bad_input", 400),
    (errors.NotFoundError("x"), "not_found", 404),
    (NotAllowedError("x"), "forbidden", 403),
    (ConflictError("x"), "conflict", 409),
    (NotReadyError("x"), "not_ready", 503),
    (errors.BuilderBusyError("x"), "busy", 503),
    (errors.NoGenerationError("x"), "no_index", 409),
    (errors.VerificationError("x"), "verification_failed", 409),
    (errors.ModelError("x"), "model_failed", 503),
    (errors.DamagedIndexError("x"), "index_damaged", 503),
    (errors.StorageError("x"), "storage_failed", 503),
    (errors.TransientFetchError("x"), "fetch_failed", 502),
    (errors.ConfigError("x"), "misconfigured", 500),
]


@pytest.mark.parametrize(("error", "code", "status"), EXPECTED)
def test_errors_have_their_code_and_status(error: ArticleQAError, code: str, status: int) -> None:
    problem = problem_of(error)
    assert (problem.code, problem.status, problem.message) == (code, status, "x")
    assert (problem.retry_after_seconds is not None) == (code in ("busy", "not_ready"))


def test_busy_says_when_to_come_back() -> None:
    problem = problem_of(BusyError(7))
    assert (problem.code, problem.status, problem.retry_after_seconds) == ("busy", 503, 7)
    assert problem.message == "busy, try in 7 seconds"


def test_one_client_that_asks_too_often_is_told_apart_from_a_busy_server() -> None:
    problem = problem_of(TooOftenError(7))
    assert (problem.code, problem.status, problem.retry_after_seconds) == ("rate_limited", 429, 7)


def test_every_error_of_the_index_was_thought_of() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ArticleQAError)}
    assert {kind.__name__ for kind in kinds if problem_of(_made(kind)).code == "internal"} == {"ArticleQAError"}


def _made(kind: type[ArticleQAError]) -> ArticleQAError:
    return kind("x")


def test_the_codes_are_these() -> None:
    assert set(CODES) == {
        *("bad_input", "unauthorized", "forbidden", "not_found", "method_not_allowed", "conflict", "length_required"),
        *("too_large", "wrong_host", "rate_limited", "busy", "not_ready", "no_index", "verification_failed"),
        *("model_failed", "index_damaged", "storage_failed", "fetch_failed", "misconfigured", "internal"),
    }


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorized"), (418, "bad_input"), (500, "internal")])
def test_statuses_have_codes(status: int, code: str) -> None:
    assert code_of_status(status) == code


def test_a_message_is_one_line_of_valid_text() -> None:
    assert problem_of(errors.BadInputError("a\nb \ud800")).message == "a b ?"
