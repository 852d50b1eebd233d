"""Gradio's Blocks, but requests can name no file except those they uploaded, and may leave out what has a default.

Knows nothing of what is on the page.

Before a handler sees a request, Gradio copies every file that the request names into its cache, and fetches every
address. It checks whose files they are only in apps that were started by its own ``launch``, which this one is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components.api_component import Api
from gradio.utils import get_upload_folder

_NOT_UPLOADED = "a file in the request (an object with path and meta) was not uploaded to this server; upload it first"


class GuardedBlocks(gr.Blocks):
    """Refuses requests with file objects that stand for anything but an upload."""

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> Any:
        for file in files_in(inputs):
            if not is_upload(file.get("path"), upload_folder()):
                raise gr.Error(_NOT_UPLOADED, print_exception=False)
        return await super().preprocess_data(block_fn, _completed(block_fn, inputs), *args, **kwargs)


def _completed(block_fn: Any, inputs: list[Any]) -> list[Any]:
    """The arguments of an endpoint with the defaults of those left out at the end.

    Programs that were written when it had fewer parameters send no more than those.
    """
    missing = block_fn.inputs[len(inputs) :]
    if not all(isinstance(component, Api) for component in block_fn.inputs):
        return inputs
    return [*inputs, *(component.value for component in missing)]


def upload_folder() -> Path:
    """Where Gradio keeps uploads."""
    return Path(get_upload_folder()).resolve()


def is_upload(path: object, folder: Path) -> bool:
    """Whether ``path`` names a file in the upload folder."""
    if not isinstance(path, str) or "\x00" in path or "://" in path:
        return False
    try:
        resolved = Path(path).resolve()
        return resolved.is_relative_to(folder) and resolved.is_file()
    except (OSError, ValueError):  # names that no file system can have: too long, half a character
        return False


def files_in(value: object) -> Iterator[dict[str, Any]]:
    """Every object, however deep, that Gradio would take for a file, or fail on as one."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "path" in value and "meta" in value:
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
