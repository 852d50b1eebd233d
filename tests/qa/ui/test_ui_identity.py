"""Who makes a request, and what a reader is told."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from qa.ui.access.identity import (
    IDENTITY_HEADER,
    NOBODY,
    BusyError,
    Identity,
    NotAllowedError,
    identity_of,
    require_editor,
)


@pytest.mark.parametrize(
    "identity", [Identity(None, "editor"), Identity("ada", "reader"), Identity("b.c-d_1", "editor")]
)
def test_the_header_says_who_it_is(identity: Identity) -> None:
    assert identity_of({IDENTITY_HEADER: identity.to_header()}) == identity


@pytest.mark.parametrize("value", ["", "admin", "editor:", "editor:Ada", "editor:a b", "EDITOR", "reader:" + "a" * 65])
def test_what_the_guard_never_writes_is_nobody_or_nameless(value: str) -> None:
    assert identity_of({IDENTITY_HEADER: value}).name is None


def test_without_the_header_nobody_writes() -> None:
    assert identity_of({}) == NOBODY
    for request in (None, SimpleNamespace(headers={}), SimpleNamespace(headers={IDENTITY_HEADER: "reader:ada"})):
        with pytest.raises(NotAllowedError, match="only editors"):
            require_editor(request)


def test_an_editor_may() -> None:
    request = SimpleNamespace(headers={IDENTITY_HEADER: "editor:ada"})
    assert require_editor(request) == Identity("ada", "editor")


def test_busy_says_for_how_long() -> None:
    assert str(BusyError(1)) == "busy, try in 1 second"
    assert str(BusyError(7)) == "busy, try in 7 seconds"
