"""Reads and checks the configuration; knows nothing of the objects built from it.

Sources, later ones win: defaults, ``article-qa.toml`` (in the working folder, or named by ARTICLE_QA_CONFIG), the
environment (ARTICLE_QA_DATA_DIR, ARTICLE_QA_CACHE_DIR, ARTICLE_QA_PASSWORD, ARTICLE_QA_INDEX_URL), the command line.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from index.errors import ConfigError
from qa.shown_addresses import UNREADABLE, without_secrets

CONFIG_FILE = "article-qa.toml"
_IN_SECTIONS = (("ARTICLE_QA_PASSWORD", "serve", "password"), ("ARTICLE_QA_INDEX_URL", "index", "url"))
_SECRETS = ("index.url", "index.shards", "generator.base_url", "serve.password")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EmbedderConfig(_Section):
    """``model``: a local sentence-transformers folder, or "packaged"."""

    model: str = "packaged"
    engine: Literal["openvino", "torch"] = "openvino"
    query_prefix: str = ""
    passage_prefix: str = ""


class ChunkerConfig(_Section):
    """Passage sizes in tokens of the embedder."""

    min_tokens: Annotated[int, Field(ge=8, le=400)] = 80
    max_tokens: Annotated[int, Field(ge=16, le=500)] = 120

    @model_validator(mode="after")
    def _in_order(self) -> ChunkerConfig:
        if self.min_tokens > self.max_tokens:
            raise ValueError(f"min_tokens={self.min_tokens} is above max_tokens={self.max_tokens}")
        return self


class IndexConfig(_Section):
    """``keep_generations``: how many stay for rollback; ``flat_limit``: passages up to which vectors are searched
    exactly. ``url`` (or ARTICLE_QA_INDEX_URL): a PostgreSQL server with pgvector that holds articles and index in place
    of files; ``shards``: others that hold the passages, all of them, in place of the first; ``allow_partial``: answer
    from the shards that can be reached."""

    keep_generations: Annotated[int, Field(ge=2, le=100)] = 3
    flat_limit: Annotated[int, Field(ge=1_000)] = 120_000
    url: str | None = None
    shards: tuple[str, ...] = ()
    allow_partial: bool = False

    @model_validator(mode="after")
    def _addresses(self) -> IndexConfig:
        addresses = ((("url", self.url),) if self.url is not None else ()) + tuple(("shards", s) for s in self.shards)
        wrong = next((key for key, url in addresses if not url.startswith(("postgresql://", "postgres://"))), None)
        if wrong is not None:
            raise ValueError(f"{wrong} must be an address such as postgresql://user@host:5432/name")
        if self.shards and self.url is None:
            raise ValueError("shards need url, the server that holds the articles")
        if len(set(self.shards)) < len(self.shards):
            raise ValueError("shards lists one address twice")
        return self


class RayConfig(_Section):
    """For `rebuild --engine ray`. ``address``: host:port of the cluster, or "local" for one of this machine alone;
    ``cpus_per_process``: what each process that holds the embedding model takes of a node."""

    address: Annotated[str, Field(min_length=1)] = "local"
    cpus_per_process: Annotated[int, Field(ge=1, le=1024)] = 2


class RetrievalConfig(_Section):
    """Weights of the two searches; see :class:`index.retriever.FusionSettings`."""

    num_passages: Annotated[int, Field(ge=1, le=100)] = 10
    depth: Annotated[int, Field(ge=10, le=1000)] = 60
    dense_weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    title_weight: Annotated[float, Field(ge=0, le=10)] = 0.2
    recency_weight: Annotated[float, Field(ge=0, le=10)] = 0.25
    half_life_days: Annotated[float, Field(gt=0)] = 7.0


class ReaderConfig(_Section):
    """``model``: "packaged", or an extractive (SQuAD 2.0 style) model: a local folder, or an id that is in the local
    model cache; ``num_candidates``: passages that are read."""

    model: str = "packaged"
    engine: Literal["openvino", "torch"] = "openvino"
    num_candidates: Annotated[int, Field(ge=1, le=100)] = 20


class GeneratorConfig(_Section):
    """``engine``: "llamacpp", "openvino" or "auto" for the faster one here (``model``: "packaged" or a GGUF file),
    "transformers" (``model``: a Hub id
    or folder), "openai" (``model`` and ``base_url`` of any compatible server, or several that run one model; their key
    comes from the environment variable that ``api_key_env`` names), or "none" for evidence only. The other settings
    are for "openai": seconds to wait for a connection, for the first token, between two tokens (``timeout_seconds``)
    and from one look at the servers to the next (0 for never); ``scores``: see
    :class:`qa.generators.openai_http.OpenAICompatibleGenerator`."""

    engine: Literal["auto", "llamacpp", "openvino", "transformers", "openai", "none"] = "llamacpp"
    model: str = "packaged"
    base_url: str | tuple[str, ...] | None = None
    api_key_env: str = "ARTICLE_QA_API_KEY"
    context_tokens: Annotated[int, Field(ge=512, le=131_072)] = 4096
    connect_seconds: Annotated[float, Field(gt=0)] = 5.0
    first_token_seconds: Annotated[float, Field(gt=0)] = 120.0
    timeout_seconds: Annotated[float, Field(gt=0)] = 120.0
    health_seconds: Annotated[float, Field(ge=0)] = 10.0
    scores: Literal["auto", "logprobs", "word"] = "auto"

    @property
    def base_urls(self) -> tuple[str, ...]:
        """All of them, in their order."""
        if self.base_url is None:
            return ()
        return (self.base_url,) if isinstance(self.base_url, str) else self.base_url

    @model_validator(mode="after")
    def _complete(self) -> GeneratorConfig:
        if self.engine == "openai" and not self.base_urls:
            raise ValueError('engine "openai" needs base_url, such as "http://127.0.0.1:8000/v1"')
        if wrong := [url for url in self.base_urls if not url.startswith(("http://", "https://"))]:
            raise ValueError(f"base_url {without_secrets(wrong[0])} must begin with http:// or https://")
        if any(without_secrets(url) == UNREADABLE for url in self.base_urls):
            raise ValueError(
                "base_url must be an address such as http://127.0.0.1:8000/v1; in a password, / ? # and @ are written "
                "%2F %3F %23 and %40"
            )
        if wrong := [url for url in self.base_urls if "?" in url or "#" in url]:
            raise ValueError(f"base_url {without_secrets(wrong[0])} must end with its path; leave out what follows it")
        if len({url.rstrip("/") for url in self.base_urls}) < len(self.base_urls):
            raise ValueError("base_url lists a server twice; leave one of them out")
        if self.engine in ("openai", "transformers") and self.model == "packaged":
            raise ValueError(f'engine "{self.engine}" needs model: "packaged" is for "auto", "llamacpp" and "openvino"')
        return self


class AnswerConfig(_Section):
    """See :class:`qa.pipeline.PipelineSettings`. ``min_confidence``: below it the articles are said not to say."""

    evidence_chars: Annotated[int, Field(ge=200)] = 1000
    small_collection_chars: Annotated[int, Field(ge=0)] = 6000
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.15
    min_fast_confidence: Annotated[float, Field(ge=0, le=1)] = 0.15
    write_sentence: bool = True


class ServeConfig(_Section):
    """``host`` other than loopback needs ``password`` (or ARTICLE_QA_PASSWORD) or users. ``allowed_hosts``: further
    names that the server is reached by. ``keep_conversations``: False to keep nobody's. ``trusted_proxies``: addresses
    whose word counts for where requests come from. ``requests_per_minute`` and ``questions_per_minute``: of each user
    or address; 0 for any number."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 7860
    password: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    max_upload_mb: Annotated[int, Field(ge=1, le=4096)] = 50
    max_queue: Annotated[int, Field(ge=1, le=10_000)] = 64
    keep_conversations: bool = True
    max_conversations: Annotated[int, Field(ge=1, le=10_000)] = 200
    keep_conversations_days: Annotated[int, Field(ge=1, le=36_500)] = 365
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    requests_per_minute: Annotated[int, Field(ge=0, le=1_000_000)] = 1200
    questions_per_minute: Annotated[int, Field(ge=0, le=1_000_000)] = 120
    examples: tuple[str, ...] = (
        "Which body must approve Xiaomi's car production?",
        "Who refereed the 2022 World Cup final?",
        "How long was the Ever Given stuck in the Suez Canal?",
        "How high is the spire of Notre-Dame?",
    )


class SourceConfig(_Section):
    """``address``: a feed, sitemap or page (http or https), or a folder; ``limit``: pages read of a feed or sitemap."""

    address: Annotated[str, Field(min_length=1)]
    name: str | None = None
    interval_minutes: Annotated[float, Field(ge=1, le=100_000)] = 15.0
    limit: Annotated[int, Field(ge=1, le=10_000)] = 200


class FetchConfig(_Section):
    """How web addresses are fetched. ``allowed_networks``: private networks (CIDR) that may be fetched from, too;
    ``ports``: those that may be fetched from at all."""

    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 20.0
    max_mb: Annotated[int, Field(ge=1, le=50)] = 10
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    ports: Annotated[tuple[Annotated[int, Field(ge=1, le=65_535)], ...], Field(min_length=1)] = (80, 443, 8080, 8443)


class Config(_Section):
    """Everything that can be configured. Unknown keys and values out of range are errors."""

    data_dir: Path = Path("var")
    cache_dir: Path = Field(default_factory=lambda: Path(platformdirs.user_cache_dir("article-qa")))
    embedder: EmbedderConfig = EmbedderConfig()
    chunker: ChunkerConfig = ChunkerConfig()
    index: IndexConfig = IndexConfig()
    ray: RayConfig = RayConfig()
    retrieval: RetrievalConfig = RetrievalConfig()
    reader: ReaderConfig = ReaderConfig()
    generator: GeneratorConfig = GeneratorConfig()
    answer: AnswerConfig = AnswerConfig()
    serve: ServeConfig = ServeConfig()
    fetch: FetchConfig = FetchConfig()
    sources: tuple[SourceConfig, ...] = ()

    @model_validator(mode="after")
    def _sources_once(self) -> Config:
        addresses = [source.address for source in self.sources]
        twice = next((address for address in addresses if addresses.count(address) > 1), None)
        if twice is not None:
            raise ValueError(f"sources lists {twice!r} twice; leave one of them out")
        return self


def load_config(
    *, file: Path | None = None, data_dir: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Config:
    """Put the configuration together.

    :param file: A configuration file that must exist; None for the usual places.
    :raises ConfigError: Naming the key, what was found and what is expected.
    """
    values = _read_file(file, environment)
    for variable, key in (("ARTICLE_QA_DATA_DIR", "data_dir"), ("ARTICLE_QA_CACHE_DIR", "cache_dir")):
        if environment.get(variable):
            values[key] = environment[variable]
    for variable, section, key in _IN_SECTIONS:
        # A section that is no table is left as it is, for the validation to name.
        if environment.get(variable) and isinstance(table := values.setdefault(section, {}), dict):
            table[key] = environment[variable]
    if data_dir is not None:
        values["data_dir"] = str(data_dir)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_one_line(error)) from error


def _read_file(file: Path | None, environment: Mapping[str, str]) -> dict[str, Any]:
    named = file or (Path(environment["ARTICLE_QA_CONFIG"]) if environment.get("ARTICLE_QA_CONFIG") else None)
    path = named or Path(CONFIG_FILE)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if named is None:
            return {}
        raise ConfigError(f"the configuration file {path} does not exist") from error
    except OSError as error:
        raise ConfigError(f"the configuration file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


def _one_line(error: ValidationError) -> str:
    """The first problem, as ``key: what is wrong``, and how many more there are."""
    problems = error.errors()
    first = problems[0]
    key = ".".join(map(str, first["loc"])) or "configuration"
    if first["type"] == "extra_forbidden":
        message = f"configuration key {key!r} is unknown; docs/configuration.md lists the keys"
    else:
        # Addresses of servers may hold passwords, and a whole section may hold such addresses.
        is_secret = isinstance(first["input"], dict | list | tuple) or key.startswith(_SECRETS)
        found = "" if is_secret else f", found {str(first['input'])[:60]!r}"
        message = f"configuration key {key!r}: {first['msg']}{found}"
    return message if len(problems) == 1 else f"{message} (and {len(problems) - 1} more)"
