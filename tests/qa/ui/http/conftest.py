"""The HTTP API over a fake service, on a real port."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.qa.ui.fakes import FakeService
from tests.qa.ui.serving import served


@pytest.fixture(scope="module")
def service() -> FakeService:
    return FakeService()


@pytest.fixture(scope="module")
def client(service: FakeService) -> Iterator[httpx.Client]:
    options = {"max_upload_bytes": 10_000, "num_parallel": 2, "max_queue": 1}
    with served(service, **options) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client
