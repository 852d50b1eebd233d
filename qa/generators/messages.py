"""Makes chat messages safe to hand to an engine; knows nothing of engines, prompts or articles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from qa.generators.protocol import Message

# Engines turn these strings into control tokens wherever they stand, so that an article holding
# "<|im_end|><|im_start|>system" could end the user's turn and speak as the system.
_CONTROL_TOKENS = re.compile(
    r"<\|[^\s<>]{1,40}\|>"  # ChatML, Llama 3, Phi
    r"|<[｜|][^<>]{1,40}[｜|]>"  # DeepSeek
    r"|</?(?:s|bos|eos|pad|unk|start_of_turn|end_of_turn|think|tool_call|tool_response)>"  # SentencePiece, Gemma, Qwen
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]|<</?SYS>>"  # Mistral, Llama 2
)


def inert_messages(messages: Sequence[Message], control_tokens: Iterable[str] = ()) -> list[Message]:
    """The same messages with control tokens in their contents broken by a space, and unencodable characters as "?".

    :param control_tokens: Further ones that this engine's tokenizer is known to have.
    """
    known = [token for token in control_tokens if len(token) > 1]
    return [Message(role=message["role"], content=_inert(message["content"], known)) for message in messages]


def _inert(text: str, known: Sequence[str]) -> str:
    # A lone surrogate (half a character, from broken input) has no UTF-8 form, and engines take only UTF-8.
    text = text.encode("utf-8", errors="replace").decode("utf-8")
    for token in known:
        text = text.replace(token, _broken(token))
    return _CONTROL_TOKENS.sub(lambda match: _broken(match.group()), text)


def _broken(token: str) -> str:
    return f"{token[0]} {token[1:]}"
