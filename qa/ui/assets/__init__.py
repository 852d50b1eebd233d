"""The page's own style sheet and script, read once; knows nothing of when they are used."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent

STYLE_SHEET = (_FOLDER / "page.css").read_text(encoding="utf-8")
PANEL_SCRIPT = (_FOLDER / "panel.js").read_text(encoding="utf-8")
ICON = _FOLDER / "icon.svg"
