"""The JSON Schema of every contract, in one document; knows nothing of routes."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from qa.ui.http import chat_models, replies, requests

# The names under $defs are part of the contract.
_REQUESTS = (
    requests.AskRequest,
    requests.SearchRequest,
    requests.ArticlesQuery,
    requests.AddRequest,
    requests.RebuildRequest,
    chat_models.ChatRequest,
)
_REPLIES = (
    replies.Answer,
    replies.SearchReply,
    replies.Article,
    replies.ArticlePage,
    replies.AddReport,
    replies.Removed,
    replies.Rebuilt,
    replies.Status,
    replies.Error,
    replies.EvidenceEvent,
    replies.TokenEvent,
    replies.DoneEvent,
    replies.ErrorEvent,
    chat_models.ChatCompletion,
    chat_models.ChatCompletionChunk,
    chat_models.ModelList,
    chat_models.OpenAIError,
)


@cache
def contract_schema() -> dict[str, Any]:
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in _REQUESTS),
        *((model, "serialization") for model in _REPLIES),
    ]
    _, schema = models_json_schema(
        modes,
        title="Article QA: the contracts of its HTTP API, version 1",
        description="Each contract is under $defs by its name. Programs ignore keys that they do not know.",
        ref_template="#/$defs/{model}",
    )
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
