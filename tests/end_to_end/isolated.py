"""Adds, serves and asks inside a network namespace of its own, with every connection traced; run by its test.

python -m tests.end_to_end.isolated DATA_DIR TRACE PORT, inside `unshare -rn`: there is no network but loopback.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 300.0
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


def raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as some:
        fcntl.ioctl(some, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def command(data_dir: str, trace: str, *words: str) -> list[str]:
    # By seccomp, or every other call would stop the process, too, and all would take many times as long.
    traced = ["-e", "trace=connect,sendto,sendmsg", "-e", "signal=none"]
    tracing = ["strace", "-f", "--seccomp-bpf", "-qq", "-A", *traced, "-o", trace]
    return [*tracing, sys.executable, str(ROOT / "app.py"), *words, "--data-dir", data_dir]


def fetched(url: str, body: object = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as reply:
        return bytes(reply.read())


def wait_until_ready(address: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError("the server ended before it was ready")
        try:
            fetched(f"{address}/readyz")
        except (OSError, urllib.error.URLError):
            time.sleep(0.5)
        else:
            return
    raise RuntimeError("the server was not ready in time")


def main(data_dir: str, trace: str, port: str) -> None:
    raise_loopback()
    subprocess.run(command(data_dir, trace, "add", str(ROOT / "articles")), check=True, stdout=subprocess.DEVNULL)
    server = subprocess.Popen(command(data_dir, trace, "serve", "--port", port), start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(address, server)
        page = fetched(address + "/")
        answer = json.loads(fetched(f"{address}/v1/ask", {"question": "Who refereed the 2022 World Cup final?"}))
    finally:
        os.killpg(server.pid, signal.SIGINT)
        server.wait(60)
    print(json.dumps({"page_bytes": len(page), "short_answer": answer["short_answer"]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
