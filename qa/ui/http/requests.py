"""What programs send to the HTTP API, as typed and documented models; knows nothing of what is done with it.

The bounds here are those of :mod:`qa.ui.arguments`, which checks the same values wherever they come from; stated here,
they are part of the published schema. Keys that are not known are errors: a misspelt filter must not be ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from qa.ui import arguments

_MAX_QUERY = arguments.MAX_QUESTION_CHARS
_MAX_LABEL = 500
_DATE = "An ISO date such as 2024-03-28; other clear forms, such as 28 March 2024, are understood too."

AsOf = Annotated[str | None, Field(description=f"The day the question is asked on. {_DATE}", examples=["2024-03-28"])]
Source = Annotated[
    str | None, Field(max_length=_MAX_LABEL, description="Only articles of this source, exactly.", examples=["Reuters"])
]
After = Annotated[str | None, Field(description=f"Only articles of this date or later. {_DATE}")]
Before = Annotated[str | None, Field(description=f"Only articles of this date or earlier. {_DATE}")]
Mode = Annotated[
    Literal["full", "fast"],
    Field(description='"full" writes an answer in sentences; "fast" returns evidence and short answer only.'),
]
UseDateWindow = Annotated[
    bool, Field(description='Let articles of the days that the question names ("last week") count for more.')
]


class Strict(BaseModel):
    """Nothing is converted and nothing unknown is taken."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Turn(BaseModel):
    """One earlier turn of the conversation; other keys are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")

    role: Literal["user", "assistant"]
    content: Annotated[str, Field(min_length=1, max_length=arguments.MAX_TURN_CHARS)]


class AskRequest(Strict):
    """A question, and what bounds its answer."""

    question: Annotated[str, Field(min_length=1, max_length=_MAX_QUERY, examples=["Who refereed the World Cup final?"])]
    as_of: AsOf = None
    history: Annotated[
        list[Turn] | None, Field(max_length=arguments.MAX_TURNS, description="Earlier turns, oldest first.")
    ] = None
    mode: Mode = "full"
    source: Source = None
    published_after: After = None
    published_before: Before = None
    use_date_window: UseDateWindow = True


class SearchRequest(Strict):
    """Words to find passages for."""

    query: Annotated[str, Field(min_length=1, max_length=_MAX_QUERY, examples=["world cup"])]
    k: Annotated[int, Field(ge=1, le=100, description="How many passages to return.")] = 10
    published_after: After = None
    published_before: Before = None
    source: Source = None


class ArticlesQuery(BaseModel):
    """Which articles to list, and which part of the list."""

    model_config = ConfigDict(extra="forbid")

    offset: Annotated[int, Field(ge=0, le=1_000_000_000, description="How many articles to leave out.")] = 0
    limit: Annotated[int, Field(ge=1, le=1_000, description="How many articles to return at most.")] = 50
    query: Annotated[
        str | None, Field(max_length=_MAX_LABEL, description="Only articles with this in title, source or address.")
    ] = None
    source: Source = None
    published_after: After = None
    published_before: Before = None
    sort: Annotated[
        Literal["newest", "oldest", "added", "title", "source"],
        Field(description='By publication date, undated last; "added": what came in last comes first.'),
    ] = "newest"


_RECORD_SCHEMA = {
    "type": "object",
    "required": ["text"],
    "properties": {
        "text": {"type": "string", "minLength": 1},
        "title": {"type": "string"},
        "url": {"type": "string", "format": "uri"},
        "source": {"type": "string"},
        "published_at": {"type": "string", "description": "An ISO date."},
        "article_id": {"type": "string"},
    },
    "description": "Other keys are kept as metadata. What is no article is rejected by name, and the rest goes in.",
}


class AddRequest(Strict):
    """Articles to add, or to revise where url or article_id is known already."""

    articles: Annotated[
        list[Any],
        Field(max_length=arguments.MAX_ARTICLES_PER_CALL),
        WithJsonSchema(
            {"type": "array", "maxItems": arguments.MAX_ARTICLES_PER_CALL, "items": _RECORD_SCHEMA, "title": "Articles"}
        ),
    ]


class RebuildRequest(Strict):
    """How to build the index anew."""

    full: Annotated[
        bool, Field(description="Build everything anew instead of reusing what the present generation has.")
    ] = False
