"""Takes the pictures in the README: serves the sample articles with the configured models and opens pages in Chromium.

    python scripts/make_screenshots.py --out docs/screenshots

Knows the page by its roles and classes only. Needs Playwright and Chromium (``ARTICLE_QA_CHROMIUM``, /usr/bin/chromium,
or the one that Playwright installs).
"""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import httpx
import typer
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from index.atomic import write_atomically

ROOT = Path(__file__).resolve().parent.parent
ANSWERED = "When did Finland join NATO?"
NOT_IN_ARTICLES = "What will Xiaomi's first car cost?"
ON_THE_PHONE = "Who won the Nobel Prize in Medicine?"
_WIDE, _PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
_READY_SECONDS, _ANSWER_MS, _SLOW_MS = 600, 600_000, 60_000
_SETTLE_MS = 1_500
_MAX_BYTES, _COLOURS = 200_000, 256


@contextmanager
def served(data_dir: Path) -> Iterator[str]:
    """The address of a server over the sample articles, once its models are loaded."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = ["--data-dir", str(data_dir)]
    subprocess.run([sys.executable, "app.py", "add", "articles", *data], cwd=ROOT, check=True)  # noqa: S603 (ours)
    process = subprocess.Popen([sys.executable, "app.py", "serve", "--port", str(port), *data], cwd=ROOT)  # noqa: S603
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit("the server stopped before it was ready")
        try:
            if httpx.get(f"{url}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise SystemExit(f"the server was not ready within {_READY_SECONDS} s")


def ask(page: Page, question: str) -> None:
    """Ask, and wait until all of the answer is there."""
    box = page.locator(".aq-question-box textarea")
    box.fill(question)
    box.press("Enter")
    expect(page.locator('.aq-exchange[data-phase="done"]')).to_be_visible(timeout=_ANSWER_MS)
    page.wait_for_timeout(_SETTLE_MS)  # suggestions and thumbs come last
    # How long it took says more of the machine than of the program; the place stays as it is.
    page.locator(".aq-working").evaluate_all("all => all.forEach((one) => { one.style.visibility = 'hidden' })")


def take(page: Page, path: Path) -> None:
    """Write what is in view; with fewer colours where the file would be large."""
    data = page.screenshot(animations="disabled")
    if len(data) > _MAX_BYTES:
        smaller = io.BytesIO()
        Image.open(io.BytesIO(data)).convert("RGB").quantize(_COLOURS).save(smaller, "PNG", optimize=True)
        data = smaller.getvalue()
    if len(data) > _MAX_BYTES:
        raise SystemExit(f"{path} would have {len(data):,} bytes; at most {_MAX_BYTES:,} are wanted")
    write_atomically(path, data)
    print(f"{path}: {len(data):,} bytes")


@contextmanager
def opened(browser: Browser, url: str, *, size: dict[str, int], theme: str = "light", scale: int = 1) -> Iterator[Page]:
    """A page of somebody who was never here before."""
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme="dark" if theme == "dark" else "light",
        device_scale_factor=scale,
        has_touch=size == _PHONE,
        is_mobile=size == _PHONE,
    )
    page = context.new_page()
    page.goto(url)
    expect(page.locator(".aq-question-box textarea")).to_be_visible(timeout=_SLOW_MS)
    yield page
    context.close()


def take_all(browser: Browser, url: str, out: Path) -> None:
    with opened(browser, url, size=_WIDE) as page:
        page.get_by_role("tab", name="Articles", exact=True).click()
        expect(page.locator(".aq-chart")).to_be_visible(timeout=_SLOW_MS)
        page.wait_for_timeout(_SETTLE_MS)
        take(page, out / "articles.png")
    with opened(browser, url, size=_WIDE) as page:
        ask(page, ANSWERED)
        page.locator(".aq-answer .aq-chip").first.click()
        expect(page.locator(".aq-reader mark")).to_be_in_viewport(timeout=_SLOW_MS)
        page.mouse.move(5, 5)
        page.wait_for_timeout(_SETTLE_MS)
        take(page, out / "ask.png")
    with opened(browser, url, size=_PHONE, theme="dark", scale=2) as page:
        ask(page, ON_THE_PHONE)
        take(page, out / "phone.png")
    with opened(browser, url, size=_WIDE) as page:
        ask(page, NOT_IN_ARTICLES)
        take(page, out / "not-in-articles.png")


def main(
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = ROOT / "docs" / "screenshots",
    url: Annotated[str | None, typer.Option(help="A server to take them of, in place of one over the samples.")] = None,
) -> None:
    """Take all pictures anew."""
    installed = os.environ.get("ARTICLE_QA_CHROMIUM", "/usr/bin/chromium")
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=installed if Path(installed).exists() else None, args=["--no-sandbox"]
        )
        if url is not None:
            take_all(browser, url, out)
        else:
            with served(Path(folder)) as own:
                take_all(browser, own, out)
        browser.close()


if __name__ == "__main__":
    typer.run(main)
