"""Asks one question of the configured collection: `python scripts/ask.py "Who …?"`; the same as `article-qa ask`."""

from __future__ import annotations

import typer

from qa.cli.console import quiet_libraries
from qa.cli.questions import ask

if __name__ == "__main__":
    quiet_libraries()
    typer.run(ask)
