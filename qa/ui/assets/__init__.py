"""The page's own style sheets and scripts, read once; knows nothing of when they are used."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def _joined(*names: str) -> str:
    return "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)


STYLE_SHEET = _joined("page.css", "ask.css", "articles.css", "memory.css")
PANEL_SCRIPT = _joined("panel.js")
ASK_SCRIPT = _joined("popover.js", "ask.js")
ARTICLES_SCRIPT = _joined("articles.js")
MEMORY_SCRIPT = _joined("popover.js", "memory.js")
ICON = _FOLDER / "icon.svg"
