"""Keeps the HTTP listener that llama.cpp's server insists on private; knows nothing of models or chats.

The binding cannot start without a listener, and its default is TCP, no key and open CORS, which any web
page could use. Ours is a Unix socket in a folder only this user may enter, so that no browser and no other
user can reach it, with a random key besides; where there are no Unix sockets, a loopback port with the key.
"""

from __future__ import annotations

import secrets
import shutil
import socket
import tempfile
import weakref
from pathlib import Path
from typing import Any

import httpx

_TIMEOUT_SECONDS = 30.0
# sockaddr_un holds 108 bytes on Linux, 104 on macOS, the closing NUL included.
_MAX_SOCKET_PATH_BYTES = 103


class PrivateListener:
    """Where the server listens, the key it asks for and a client that has both."""

    def __init__(self) -> None:
        self.api_key = secrets.token_urlsafe(32)
        self._folder: Path | None = None
        if hasattr(socket, "AF_UNIX"):
            folder = Path(tempfile.mkdtemp(prefix="article-qa-"))  # Mode 0700.
            if len(str(folder / "llama.sock").encode()) <= _MAX_SOCKET_PATH_BYTES:
                self._folder = folder
            else:
                folder.rmdir()
        # Also when the interpreter ends without close().
        self._remove_folder = weakref.finalize(self, _remove, self._folder)

    @property
    def socket_path(self) -> Path | None:
        """None where the server listens on a loopback port instead."""
        return self._folder / "llama.sock" if self._folder else None

    def apply_to(self, parameters: Any) -> None:
        """Set the fields of xllamacpp's ``CommonParams`` that concern the listener."""
        parameters.hostnames = [str(self.socket_path) if self.socket_path else "127.0.0.1"]
        parameters.port = 0  # On TCP: any free one.
        parameters.api_keys = [self.api_key]
        parameters.cors_origins = "https://localhost.invalid"  # No page has this origin (RFC 2606).
        parameters.cors_origins_explicit = True
        parameters.cors_credentials = False
        parameters.cors_methods = ""
        parameters.cors_headers = ""
        parameters.n_threads_http = 2
        parameters.ui = False
        parameters.endpoint_slots = False
        parameters.endpoint_props = False
        parameters.endpoint_metrics = False

    def client(self, listening_address: str, *, with_key: bool = True) -> httpx.Client:
        """:param listening_address: As the server reports it once it runs."""
        transport = httpx.HTTPTransport(uds=str(self.socket_path)) if self.socket_path else None
        return httpx.Client(
            base_url="http://localhost" if transport else listening_address,
            transport=transport,
            headers={"Authorization": f"Bearer {self.api_key}"} if with_key else {},
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
        )

    def close(self) -> None:
        """Remove the socket's folder; call it when the server has stopped."""
        self._remove_folder()


def _remove(folder: Path | None) -> None:
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
