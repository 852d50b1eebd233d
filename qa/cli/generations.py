"""Commands that show the generations of the index: generations and diff; knows nothing of what is served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from index.generation_list import ChangedArticle, GenerationInfo
from qa.cli.console import AsJson, DataDir, configured, one_line_errors, out, print_json
from qa.composition import build_history

Name = Annotated[str, typer.Argument(help="Name of a generation, as in `generations`.", show_default=False)]


def generations(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the generations of the index: when and by what each was made, which is live, and whether it is whole."""
    with one_line_errors():
        infos = build_history(configured(data_dir)).generations()
        if as_json:
            print_json({"generations": [info.to_json() for info in infos]})
            return
        if not infos:
            out.print("no index yet: run `article-qa add PATH`")
        for info in infos:
            out.print(_line(info), markup=False)


def diff(older: Name, newer: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Say which articles came, went and were revised from one generation to another."""
    with one_line_errors():
        found = build_history(configured(data_dir)).diff(older, newer)
        if as_json:
            print_json(found.to_json())
            return
        out.print(
            f"{older} -> {newer}: {len(found.articles_in)} in, {len(found.articles_out)} out, "
            f"{len(found.revised)} revised"
        )
        for mark, articles in (("+", found.articles_in), ("-", found.articles_out), ("~", found.revised)):
            _print_articles(mark, articles)


def _line(info: GenerationInfo) -> str:
    live = "live" if info.is_live else "    "
    if info.created_at is None:
        return f"{info.generation}  {live}  damaged: {info.damage}"
    state = "whole" if info.damage is None else f"damaged: {info.damage}"
    return (
        f"{info.generation}  {live}  {info.created_at}  {info.num_articles:,} articles, "
        f"{info.num_passages:,} passages, {info.embedder}; {state}"
    )


def _print_articles(mark: str, articles: Sequence[ChangedArticle]) -> None:
    for article in articles:
        out.print(f"{mark} {article.article_id}  {article.title or '(removed from the library)'}", markup=False)
