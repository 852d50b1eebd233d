"""The command that derives the index from the library: rebuild; knows nothing of how it is done."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from index.base_collection import BaseCollection
from index.builder import Progress
from index.errors import BadInputError
from qa.cli.console import AsJson, DataDir, configured, one_line_errors, out, print_json, progress_bars
from qa.composition import build_parts


class Engine(StrEnum):
    """What embeds."""

    local = "local"
    ray = "ray"


def rebuild(
    full: Annotated[bool, typer.Option("--full", help="Derive everything anew from the library.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Switch to the new index even if it fails the probe questions.")
    ] = False,
    engine: Annotated[
        Engine, typer.Option(help="What embeds: this process, or the nodes of a Ray cluster (extra `ray`).")
    ] = Engine.local,
    ray_address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="The Ray cluster, of which this machine is a node; `local` for this machine alone.",
            show_default="ray.address",
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Bring the index up to date with the library."""
    with one_line_errors():
        if ray_address is not None and engine is not Engine.ray:
            raise BadInputError("--ray-address says where to embed with --engine ray; give both")
        with progress_bars() as progress:
            collection = _collection(data_dir, engine, ray_address, progress)
            name = collection.rebuild(full=full, force=force, progress=progress)
        if as_json:
            print_json({"generation": name})
        else:
            out.print(f"index: {name}" if name else "the library is empty; add an article first")


def _collection(data_dir: Path | None, engine: Engine, ray_address: str | None, progress: Progress) -> BaseCollection:
    config = configured(data_dir)
    ahead = None
    if engine is Engine.ray:
        # Imported here: it needs an extra that only those install who ask for it.
        from qa.configured_ray import ray_embedding

        ahead = ray_embedding(config, address=ray_address, progress=progress)
    parts = build_parts(config, with_embedder=False, with_reader=False, with_generator=False, embed_ahead=ahead)
    return parts.collection
