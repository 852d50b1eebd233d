"""Brings the index up to date with the library, or anew with --full; the same as `article-qa rebuild`."""

from __future__ import annotations

import typer

from qa.cli.console import quiet_libraries
from qa.cli.rebuilding import rebuild

if __name__ == "__main__":
    quiet_libraries()
    typer.run(rebuild)
