"""Makes the engine that writes from its configuration; an engine's libraries are imported only when it is wanted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from index.errors import ModelError
from qa.config import GeneratorConfig
from qa.generators.local_engine import fastest_local_engine
from qa.generators.protocol import Generator

Engine = Literal["llamacpp", "openvino", "transformers", "openai", "none"]

LoadProgress = Callable[[str, int, int], None]
"""Called with what is being loaded, how much is done and how much there is."""


def no_load_progress(stage: str, done: int, total: int) -> None:
    """For callers that show none."""


def chosen_engine(config: GeneratorConfig) -> Engine:
    """The configured engine; for "auto" the one that this machine runs the packaged model fastest by: of other models
    nobody knows what making them ready takes."""
    if config.engine != "auto":
        return config.engine
    return fastest_local_engine(config.context_tokens) if config.model == "packaged" else "llamacpp"


def generator_model_id(config: GeneratorConfig) -> str | None:
    """What the model that writes will call itself, without loading it; None when there is none."""
    from qa.generators.openvino_model import openvino_model_id
    from qa.generators.packaged_model import PACKAGED_MODEL

    engine = chosen_engine(config)
    if engine not in ("llamacpp", "openvino"):
        return None if engine == "none" else config.model
    model_id = PACKAGED_MODEL.model_id if config.model == "packaged" else Path(config.model).stem
    return openvino_model_id(model_id) if engine == "openvino" else model_id


def build_generator(
    config: GeneratorConfig, cache_dir: Path, progress: LoadProgress = no_load_progress
) -> Generator | None:
    """:raises ModelError: If the engine or model is not usable."""
    engine = chosen_engine(config)
    if engine == "none":
        return None
    if engine == "openai":
        return _remote_generator(config)
    if engine == "transformers":
        from qa.generators.transformers_engine import TransformersGenerator

        return TransformersGenerator(config.model, max_context=config.context_tokens)
    path, model_id = _gguf_model(config, cache_dir, progress)
    if engine == "openvino":
        try:
            return _openvino_generator(config, path, model_id, cache_dir, progress)
        except ModelError as error:
            if config.engine == "openvino":
                raise
            raise ModelError(f'{error}; generator.engine = "llamacpp" does without') from error
    from qa.generators.llamacpp import LlamaCppGenerator

    progress("loading the answering model", 0, 1)
    return LlamaCppGenerator(path, model_id=model_id, context_tokens=config.context_tokens)


def _openvino_generator(
    config: GeneratorConfig, gguf: Path, model_id: str, cache_dir: Path, progress: LoadProgress
) -> Generator:
    from qa.generators.openvino_engine import OpenVinoGenerator
    from qa.generators.openvino_model import openvino_model_id, prepared_model_path

    folder = prepared_model_path(
        gguf, cache_dir, lambda done, total: progress("preparing the answering model", done, total)
    )
    progress("loading the answering model", 0, 1)
    return OpenVinoGenerator(folder, model_id=openvino_model_id(model_id), context_tokens=config.context_tokens)


def _remote_generator(config: GeneratorConfig) -> Generator:
    from qa.generators.openai_balancer import BalancerSettings
    from qa.generators.openai_endpoint import Timeouts
    from qa.generators.openai_http import OpenAICompatibleGenerator

    return OpenAICompatibleGenerator(
        config.base_urls,
        config.model,
        api_key=os.environ.get(config.api_key_env),
        timeouts=Timeouts(config.connect_seconds, config.first_token_seconds, config.timeout_seconds),
        context_tokens=config.context_tokens,
        scores=config.scores,
        balancing=BalancerSettings(health_seconds=config.health_seconds),
    )


def _gguf_model(config: GeneratorConfig, cache_dir: Path, progress: LoadProgress) -> tuple[Path, str]:
    """The configured file, verified where it is the packaged one, and the id of its model."""
    from qa.generators.packaged_model import PACKAGED_MODEL, packaged_model_path

    if config.model == "packaged":
        path = packaged_model_path(cache_dir, lambda done, total: progress("checking the answering model", done, total))
        model_id = PACKAGED_MODEL.model_id
    else:
        path = Path(config.model)
        if path.suffix != ".gguf" or not path.is_file():
            raise ModelError(f'generator.model {config.model!r} is no .gguf file; give one, or "packaged"')
        model_id = path.stem
    return path, model_id
