"""Every example of docs/api.md works, as it stands there, against a served app."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qa.ui.problems import CODES
from tests.qa.ui.contracts import PROMISED
from tests.qa.ui.fakes import FakeService
from tests.qa.ui.serving import served

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```(bash|python)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:7860"
# What each example must print, by its order on the page.
EXPECTED = [
    *('"short_answer":"The National Development', '"total":2', '"query":"car licence"', '"num_articles":2'),
    *("event: evidence", "National Development and Reform Commission The licence must", '"added":1', '"added":1'),
    *('"removed":["bridge"]', '"generation":"gen-', '"code":"not_found"', "Sources:", "0.91", "evidence\ntoken"),
    *("event: complete", "The National Development and Reform Commission", '"structuredContent"'),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(FakeService()) as address:
        yield address


def test_every_example_is_run() -> None:
    assert shutil.which("curl"), "the examples need curl: apt-get install curl"
    assert len(EXAMPLES) == len(EXPECTED)
    assert PAGE.count("```") == 2 * len(EXAMPLES), "blocks of other languages would not be run"


@pytest.mark.parametrize(
    "number",
    [
        # Python starts and imports its libraries for each of these.
        pytest.param(number, marks=[pytest.mark.slow] if language == "python" else [], id=f"{number}-{language}")
        for number, (language, _) in enumerate(EXAMPLES)
    ],
)
def test_the_example_works(number: int, address: str, tmp_path: Path) -> None:
    language, code = EXAMPLES[number]
    command = ["bash", "-euo", "pipefail", "-c"] if language == "bash" else [sys.executable, "-c"]
    done = subprocess.run(
        [*command, code.replace(ADDRESS, address)],
        cwd=tmp_path,
        env={**os.environ, "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert EXPECTED[number] in done.stdout, done.stdout


def test_every_error_code_is_explained() -> None:
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| \d", PAGE, flags=re.MULTILINE)
    explained = {code for row in rows for code in row.split("`")[1::2]}
    assert explained == set(CODES)


def test_every_operation_is_listed() -> None:
    paths = set(re.findall(r'"(/v1/[a-z_/{}]+)":', PROMISED.read_text(encoding="utf-8")))
    assert paths == set(re.findall(r"(/v1/[a-z_/{}]+)", PAGE)) - {"/v1/articles/nothing", "/v1/articles/bridge"}
