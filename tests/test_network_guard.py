"""The guard in conftest.py does block what lies outside this machine, and nothing else."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
import pytest_socket


@pytest.mark.parametrize("address", ["192.0.2.1", "8.8.8.8"])
def test_connecting_to_another_machine_is_blocked(address: str) -> None:
    with (
        socket.socket() as outgoing,
        pytest.warns(UserWarning, match="connect"),
        pytest.raises(pytest_socket.SocketConnectBlockedError),
    ):
        outgoing.connect((address, 80))


def test_looking_up_another_machine_is_blocked() -> None:
    with pytest.warns(UserWarning, match=r"model-hub\.example"), pytest.raises(pytest_socket.SocketBlockedError):
        socket.create_connection(("model-hub.example", 443), timeout=1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_can_be_reached(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.listen()
        with socket.create_connection((host, server.getsockname()[1]), timeout=5) as outgoing:
            assert outgoing.getpeername() == server.getsockname()


def test_unix_sockets_can_be_reached(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as outgoing:
        server.bind(str(tmp_path / "s"))
        server.listen()
        outgoing.connect(str(tmp_path / "s"))


def test_no_model_is_looked_for_on_a_hub() -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
