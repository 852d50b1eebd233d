"""Runs any causal language model with safetensors weights through transformers; knows nothing of prompts or articles.

A model without a chat template gets :data:`PLAIN_TEMPLATE`: base models continue text, and this labelled
dialogue is the plainest text whose continuation is an answer. Nothing is downloaded unless asked, code from
a model's repository never runs, and pickled weights are refused.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.errors import ModelError
from qa.generators.background import BackgroundRun
from qa.generators.messages import inert_messages
from qa.generators.protocol import Message

if TYPE_CHECKING:
    import torch

# It ends with a line break, not a space, so that the answer's first token is a word without a space in front.
PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].capitalize() }}:\n{{ message['content'] }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:\n{% endif %}"
)


class TransformersGenerator:
    """A :class:`qa.generators.protocol.Generator`.

    Thread-safe: one request at a time, others wait. Greedy, without the repetition penalty that some models' own
    settings ask for. Closing a stream stops it after the token in work; a prompt being read is read to its end.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        dtype: str = "auto",
        device: str = "cpu",
        max_context: int | None = None,
        local_files_only: bool = True,
    ) -> None:
        """
        :param model: A Hub id (from the local cache, unless ``local_files_only`` is False) or a folder.
        :param dtype: "auto" for what the weights are stored in, or "float32", "bfloat16", "float16".
        :param device: "cpu", "cuda", "cuda:1", "mps".
        :param max_context: Tokens of prompt and answer together; None for what the model was trained with.
        :param local_files_only: Whether to keep from the network; HF_HUB_OFFLINE=1 does so in any case.
        :raises ModelError: If the model cannot be loaded or does not fit the device.
        """
        self._model_id = str(model)
        self._tokenizer, self._model = _load(self._model_id, dtype, device, local_files_only)
        self._device = device
        self._context_tokens = _context_tokens(self._model_id, self._model, max_context)
        self._control_tokens = [
            str(token) for token in self._tokenizer.added_tokens_decoder.values() if getattr(token, "special", False)
        ]
        self._chat_template = None if self._tokenizer.chat_template else PLAIN_TEMPLATE
        self._lock = threading.Lock()
        self._runs: list[BackgroundRun[str]] = []

    @property
    def model_id(self) -> str:
        return self._model_id

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    def count_tokens(self, text: str) -> int:
        """Exact for ``text`` alone; the chat template adds some tokens a message."""
        return len(self._token_ids(text))

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Iterator[str]:
        """See :class:`qa.generators.protocol.Generator`."""
        prompt = self._prompt_ids(self._prompt(messages))
        num_tokens = min(max_tokens, self._context_tokens - len(prompt))
        run = BackgroundRun(partial(self._generate, prompt, num_tokens), "transformers request")
        self._runs = [earlier for earlier in self._runs if earlier.is_alive] + [run]
        try:
            yield from run.items()
        finally:
            run.cancel()

    def score(self, messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        """See :class:`qa.generators.protocol.Generator`; every token of the vocabulary is reported here."""
        prompt = self._prompt(messages)
        prompt_ids = self._prompt_ids(prompt)
        first_tokens = [self._first_token(prompt, prompt_ids, choice) for choice in choices]
        with self._lock:
            logprobs = self._next_token_logprobs(prompt_ids)
        return [float(logprobs[token]) for token in first_tokens]

    def prewarm(self, messages: Sequence[Message]) -> None:
        """Does nothing: this engine keeps no prefix from one request to the next."""

    def close(self) -> None:
        """Stop what is being written and let the model's memory go. Closing twice does nothing."""
        for run in self._runs:
            run.cancel()
            run.join()
        self._model = None

    def _loaded_model(self) -> Any:
        if self._model is None:
            raise ModelError(f"the model {self._model_id} was closed; load it again to use it")
        return self._model

    def _prompt(self, messages: Sequence[Message]) -> str:
        import jinja2  # Comes with transformers, which only this engine needs.

        render = partial(
            self._tokenizer.apply_chat_template,
            chat_template=self._chat_template,
            tokenize=False,
            add_generation_prompt=True,
        )
        turns = inert_messages(messages, self._control_tokens)
        try:
            return str(render(turns))
        except jinja2.TemplateError:
            # Some models (Gemma 1 and 2) know no system turn.
            try:
                return str(render(_without_system(turns)))
            except jinja2.TemplateError as error:
                raise ModelError(f"the chat template of {self._model_id} refuses the messages: {error}") from error

    def _prompt_ids(self, prompt: str) -> list[int]:
        """:raises ModelError: If not even one token of an answer would fit behind it."""
        # Chat templates write their own special tokens; the plain one has none.
        ids: list[int] = self._tokenizer(prompt, add_special_tokens=self._chat_template is not None, verbose=False)[
            "input_ids"
        ]
        if len(ids) >= self._context_tokens:
            raise ModelError(
                f"the prompt has {len(ids)} tokens and the model's context holds {self._context_tokens}; "
                "give fewer or shorter passages, or a larger context"
            )
        return ids

    def _token_ids(self, text: str) -> list[int]:
        text = text.encode("utf-8", errors="replace").decode("utf-8")
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids

    def _first_token(self, prompt: str, prompt_ids: list[int], choice: str) -> int:
        """The token that follows the prompt when the reply is ``choice``: many tokenizers write a word
        differently at the start of a text than within one."""
        joined = self._prompt_ids(prompt + choice)
        if len(joined) > len(prompt_ids) and joined[: len(prompt_ids)] == prompt_ids:
            return joined[len(prompt_ids)]
        alone = self._token_ids(choice)
        if not alone:
            raise ModelError(f"the choice {choice!r} has no token; give one or more visible characters")
        return alone[0]

    def _next_token_logprobs(self, prompt_ids: list[int]) -> torch.Tensor:
        """(vocabulary,) float32, natural logarithm, <= 0."""
        import torch  # Heavy; the evidence-only mode and the other engines do without.

        model = self._loaded_model()
        # Without it the model computes a row of the vocabulary's size for every token of the prompt.
        last_only = {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
        try:
            with torch.inference_mode():
                logits = model(torch.tensor([prompt_ids], device=self._device), use_cache=False, **last_only).logits
            return torch.log_softmax(logits[0, -1].float(), dim=-1).cpu()
        except RuntimeError as error:
            raise ModelError(f"the language model failed: {error}") from error

    def _generate(self, prompt_ids: list[int], num_tokens: int, run: BackgroundRun[str]) -> None:
        import torch  # See _next_token_logprobs.

        with self._lock:
            model = self._loaded_model()
            prompt = torch.tensor([prompt_ids], device=self._device)
            model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=num_tokens,
                streamer=_PieceStreamer(self._tokenizer, run),
                stopping_criteria=[lambda ids, scores: torch.full((len(ids),), run.is_cancelled, device=ids.device)],
            )


class _PieceStreamer:
    """What ``generate`` calls with each token; emits the text that it adds."""

    def __init__(self, tokenizer: Any, run: BackgroundRun[str]) -> None:
        self._tokenizer = tokenizer
        self._run = run
        self._seen_prompt = False
        self._ids: list[int] = []
        self._num_emitted = 0

    def put(self, ids: torch.Tensor) -> None:
        if not self._seen_prompt:
            self._seen_prompt = True
            return
        self._ids.extend(ids.flatten().tolist())
        text = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        # A character whose bytes are not all there yet decodes to the replacement character.
        if not text.endswith("\N{REPLACEMENT CHARACTER}"):
            self._emit_new(text)

    def end(self) -> None:
        self._emit_new(self._tokenizer.decode(self._ids, skip_special_tokens=True))

    def _emit_new(self, text: str) -> None:
        if len(text) > self._num_emitted:
            self._run.emit(text[self._num_emitted :])
            self._num_emitted = len(text)


def _load(model_id: str, dtype: str, device: str, local_files_only: bool) -> tuple[Any, Any]:
    # Imported here: seconds and hundreds of megabytes that the other engines do without.
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options: dict[str, Any] = {"local_files_only": local_files_only, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(model_id, **options)
        model: Any = AutoModelForCausalLM.from_pretrained(model_id, dtype=dtype, use_safetensors=True, **options)
        model.generation_config = _greedy_config(model.generation_config)
        return tokenizer, model.to(device).eval()
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, AssertionError, SafetensorError) as error:
        raise ModelError(
            f"cannot load the model {model_id} on {device}: {_first_line(error)}; it must be a causal language model "
            f"with safetensors weights, in a folder or already downloaded (hf download {model_id})"
        ) from error


def _greedy_config(own: Any) -> Any:
    """Only what ends a reply is kept of the model's own settings; a repetition penalty would forbid quoting."""
    from transformers import GenerationConfig  # See _load.

    return GenerationConfig(  # type: ignore[no-untyped-call]  # transformers left it so.
        do_sample=False,
        eos_token_id=own.eos_token_id,
        pad_token_id=own.pad_token_id if own.pad_token_id is not None else 0,  # Never seen: one row needs no padding.
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _context_tokens(model_id: str, model: Any, max_context: int | None) -> int:
    trained = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    limits = [limit for limit in (trained, max_context) if limit]
    if not limits:
        raise ModelError(f"{model_id} does not say how many tokens it can read; give max_context")
    return int(min(limits))


def _without_system(turns: Sequence[Message]) -> list[Message]:
    """The system turn's text in front of the first user turn's instead."""
    system = "\n\n".join(turn["content"] for turn in turns if turn["role"] == "system")
    others = [turn for turn in turns if turn["role"] != "system"]
    if system and others:
        others[0] = Message(role=others[0]["role"], content=f"{system}\n\n{others[0]['content']}")
    return others
