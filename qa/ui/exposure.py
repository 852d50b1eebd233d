"""Where the server listens, and who must log in there; knows nothing of what it serves."""

from __future__ import annotations

import errno
import ipaddress
import socket

from index.errors import ConfigError


def check_exposure(host: str, password: str | None, *, has_users: bool = False, is_proxied: bool = False) -> None:
    """:param is_proxied: Whether requests come through a reverse proxy, so that others reach it even on loopback.

    :raises ConfigError: If other machines could reach the server without a log-in, or the password is empty.
    """
    if password is not None and not password.strip():
        raise ConfigError("the password is empty; set one, or leave it out to serve this machine only")
    if password is not None or has_users:
        return
    remedy = "a password or a user is needed; set one, or run `article-qa users add NAME --role editor`"
    if not _is_loopback(host):
        raise ConfigError(f"host {host!r} can be reached from other machines, so {remedy}, or use the host 127.0.0.1")
    if is_proxied:
        raise ConfigError(f"serve.trusted_proxies means that others reach this server, so {remedy}")


def listen(host: str, port: int) -> socket.socket:
    """:raises ConfigError: If the address is taken, not this machine's, or not allowed."""
    if not 0 <= port <= 65_535:
        raise ConfigError(f"cannot listen on port {port}; choose one from 1 to 65535, or 0 for any that is free")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, OverflowError, UnicodeError) as error:
        raise ConfigError(f"host {host!r}, port {port} is no address to listen on: {error}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(_bind_problem(host, port, error)) from None
    listener.set_inheritable(True)
    return listener


def page_address(listener: socket.socket) -> str:
    """Where a browser on this machine finds what listens here."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "127.0.0.1" if listener.family == socket.AF_INET else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _bind_problem(host: str, port: int, error: Exception) -> str:
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        return f"port {port} of {host} is in use; stop the program that has it, or choose another port"
    if code == errno.EACCES:
        return f"port {port} of {host} is not allowed to this user; choose a port above 1023"
    return f"cannot listen on port {port} of {host}: {error}"


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
