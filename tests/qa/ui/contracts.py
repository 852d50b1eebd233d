"""Every signature that programs rely on, as one JSON document; ``contracts.json`` beside this holds what was promised.

After a change that is meant, and only adds: ``python -m tests.qa.ui.contracts`` writes the file anew. Look at the diff:
what goes, or becomes required, breaks programs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio

from qa.ui.endpoints import Endpoints
from qa.ui.guarded_blocks import upload_folder
from qa.ui.http.app import make_http_api
from qa.ui.http.idempotency import IdempotentCalls
from qa.ui.http.schema import contract_schema
from qa.ui.mcp_tools import make_mcp_server
from qa.ui.page import build_blocks
from qa.ui.question_slots import QuestionSlots
from tests.qa.ui.fakes import FakeService

PROMISED = Path(__file__).with_name("contracts.json")
_WORDS_FOR_PEOPLE = frozenset({"description", "title", "summary", "examples", "tags"})


def contracts() -> dict[str, Any]:
    """HTTP operations, JSON schemas, Gradio endpoints and MCP tools, without the words that only people read."""
    service = FakeService()
    endpoints = Endpoints(service, upload_folder=upload_folder())
    http_api = make_http_api(service, endpoints, QuestionSlots(1, 1), IdempotentCalls(), max_file_bytes=1)
    gradio = build_blocks(service).get_api_info()["named_endpoints"]
    tools = anyio.run(make_mcp_server(endpoints, num_parallel=1).list_tools)
    found = {
        "http": http_api.openapi()["paths"],
        "schemas": contract_schema()["$defs"],
        "gradio": {name: _gradio(entry) for name, entry in gradio.items()},
        "mcp": {tool.name: tool.inputSchema for tool in tools},
    }
    return json.loads(json.dumps(_bare(found, is_named=False), sort_keys=True))  # type: ignore[no-any-return]


def _gradio(entry: dict[str, Any]) -> list[Any]:
    names = ("parameter_name", "parameter_has_default", "parameter_default", "type")
    return [{name: parameter.get(name) for name in names} for parameter in entry["parameters"]]


def _bare(value: Any, *, is_named: bool) -> Any:
    """:param is_named: Whether the keys of ``value`` are names that were given, such as those of properties."""
    if isinstance(value, list):
        return [_bare(item, is_named=False) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: item for key, item in value.items() if is_named or key not in _WORDS_FOR_PEOPLE}
    return {key: _bare(item, is_named=key in ("properties", "$defs")) for key, item in kept.items()}


def main() -> None:
    PROMISED.write_text(json.dumps(contracts(), indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
