"""The page's own style sheets and scripts, read once; knows nothing of when they are used."""

from __future__ import annotations

from pathlib import Path

from qa.ui import text_articles as words

_FOLDER = Path(__file__).parent


def _joined(*names: str) -> str:
    return "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)


_WORDS = f':root {{ --aq-drop-words: "{words.DROP_HERE}"; }}'  # a text of the interface that only a style can show
STYLE_SHEET = "\n".join([_joined("page.css", "ask.css", "articles.css", "memory.css"), _WORDS])
PANEL_SCRIPT = _joined("panel.js")
ASK_SCRIPT = _joined("popover.js", "ask.js")
ARTICLES_SCRIPT = _joined("articles.js")
MEMORY_SCRIPT = _joined("popover.js", "memory.js")
ICON = _FOLDER / "icon.svg"
