"""What holds for every test: no network but this machine, no model hub, no deadline that a busy machine would miss.

Markers (see pyproject.toml) pick the suite: ``pytest`` runs everything; ``pytest -m "not model and not browser and not
slow"`` leaves out what needs the packaged models, a browser or a long time.
"""

from __future__ import annotations

import gc
import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before any test module imports a library that reads it.
os.environ["HF_HUB_OFFLINE"] = "1"

import hypothesis
import pytest
import pytest_socket

from tests.collecting import can_hold

pytest_plugins = ("tests.browser.fixtures", "tests.databases", "tests.postgres.fixtures")

FAST_EXAMPLES = 25
_ALLOWED_HOSTS = ["127.0.0.1", "::1", "localhost"]
_RESOLVED_HOSTS: dict[str, set[str]] = {}
_resolve = socket.getaddrinfo

gc.disable()  # until all modules are imported: looking for garbage among millions of new objects would take seconds

hypothesis.settings.register_profile("thorough", deadline=None)
hypothesis.settings.register_profile("fast", deadline=None, max_examples=FAST_EXAMPLES)
hypothesis.settings.load_profile("thorough")  # unless --hypothesis-profile says otherwise


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no module without a test that ``-m`` asks for."""
    if not (collection_path.suffix == ".py" and collection_path.name.startswith("test_")):
        return None
    return None if can_hold(collection_path.read_text(encoding="utf-8"), config.option.markexpr) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow modules first, so that of several workers none has a long one left when the others are done."""
    items.sort(key=lambda item: not _is_slow(item))


def _is_slow(item: pytest.Item) -> bool:
    module = item.getparent(pytest.Module)
    return module is not None and any(mark.name == "slow" for mark in module.own_markers)


def pytest_collection_finish() -> None:
    """What was imported stays, and is not looked through again at each collection of garbage."""
    gc.freeze()
    gc.enable()


def _resolve_locally(host: str | bytes | None, *arguments: Any, **options: Any) -> Any:
    """Even asking for another host's address leaves this machine."""
    name = host.decode() if isinstance(host, bytes) else host
    if name and name not in (*_ALLOWED_HOSTS, socket.gethostname()) and not _is_address(name):
        raise pytest_socket.SocketBlockedError(f"a test asked for the address of {name!r}")
    return _resolve(host, *arguments, **options)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    """Connections to other machines fail; the plugin lifts its guard after each test."""
    pytest_socket.socket_allow_hosts(_ALLOWED_HOSTS, allow_unix_socket=True, resolution_cache=_RESOLVED_HOSTS)
    with pytest.MonkeyPatch.context() as patch:  # of its own: a test may undo what it patched itself
        patch.setattr(socket, "getaddrinfo", _resolve_locally)
        yield
