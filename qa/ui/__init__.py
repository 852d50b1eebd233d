"""The web page, the Gradio API and MCP over the question-answering service; the only package that imports Gradio.

Knows nothing of configuration: :mod:`app` hands it a service and plain values.
"""

from __future__ import annotations

import os

# Read by Gradio and by the model hub's client when they are imported: nothing is ever reported to anybody.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from qa.ui.page import build_blocks
from qa.ui.server import create_site, serve

__all__ = ["build_blocks", "create_site", "serve"]
