"""Connects to a Ray cluster, or starts one here that ends with the work; knows nothing of what is computed."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from index.errors import ClusterError, ConfigError

LOCAL = "local"
_LOOK_SECONDS = 0.5
_CONNECT_SECONDS = 10.0
_LOCAL_STORE_BYTES = 256 << 20  # a round's texts and vectors many times over


def require_ray() -> None:
    """:raises ConfigError: If Ray is not installed."""
    if any(find_spec(name) is None for name in ("ray", "pyarrow")):
        raise ConfigError("embedding on Ray needs a package more; run: pip install 'article-qa[ray]'")


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Be a driver of the cluster while the block runs.

    :param address: ``host:port`` of the cluster's head, when this machine is one of its nodes; :data:`LOCAL` for a
        cluster of this machine alone, which listens on loopback only and ends with the block.
    :raises ConfigError: If Ray is not installed, or the address is of Ray's client server.
    :raises ClusterError: If there is no cluster at the address.
    """
    require_ray()
    if "://" in address:
        raise ConfigError(
            f"ray.address {address!r}: give host:port, and make this machine a node of the cluster "
            "(`ray start --address=host:port --num-cpus=0` if it shall not embed itself)"
        )
    _must_listen(address)
    # Ray reports its use to its makers unless it is told not to before it starts.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # what Ray warns of otherwise
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it writes between our own lines
    options: dict[str, Any] = {"address": address, "logging_level": logging.ERROR, "log_to_driver": False}
    if address == LOCAL:
        options |= {"include_dashboard": False, "object_store_memory": _LOCAL_STORE_BYTES}
        options |= {"_node_ip_address": "127.0.0.1"}
        # Elsewhere than on Windows and macOS Ray replaces loopback by the network's address, and listens to everybody.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    import ray  # heavy, only for those who embed on it, and reads these variables

    try:
        ray.init(**options)
    except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError, ray.exceptions.RayError) as error:
        raise ClusterError(f"there is no Ray cluster to work with at {address}: {first_line(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _must_listen(address: str) -> None:
    """Ray itself tries for minutes.

    :raises ClusterError: If nothing listens at ``host:port``.
    """
    host, colon, port = address.rpartition(":")
    if not colon:
        return  # a word of Ray's, such as "auto"
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS):
            return
    except (OSError, ValueError, OverflowError) as error:
        raise ClusterError(f"there is no Ray cluster at {address}: {first_line(error)}") from error


def num_slots(num_cpus: int) -> int:
    """How many processes of so many CPUs fit on the nodes that are there now."""
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return sum(int(node["Resources"].get("CPU", 0) // num_cpus) for node in nodes if node["Alive"])


def wait_for_slots(num_cpus: int, seconds: float) -> int:
    """:func:`num_slots`, once there is one: nodes of a cluster come one by one. 0 if there is none in time."""
    deadline = time.monotonic() + seconds
    while (num := num_slots(num_cpus)) == 0 and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return num


def first_line(error: BaseException) -> str:
    """Ray's messages go on for pages; the last line of a remote traceback says what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if "Traceback" in str(error) else lines[0]) if lines else type(error).__name__
