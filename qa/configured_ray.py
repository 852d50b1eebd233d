"""Turns the configuration of Ray into what embeds on its nodes; see :mod:`qa.composition`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from index.builder import Progress
from index.ray_cluster import require_ray
from index.ray_embedding import RayEmbedding
from qa.composition import MakeEmbedAhead, build_embedder
from qa.config import Config


def ray_embedding(config: Config, *, address: str | None, progress: Progress) -> MakeEmbedAhead:
    """Makes what embeds on the nodes of a Ray cluster, of the embedder of this process.

    :param address: None for the configured one.
    :raises ConfigError: If Ray is not installed.
    """
    require_ray()
    num_cpus, on_nodes = config.ray.cpus_per_process, config.embedder
    if on_nodes.model != "packaged":  # a node's process works in another folder
        on_nodes = on_nodes.model_copy(update={"model": str(Path(on_nodes.model).resolve())})
    return partial(
        RayEmbedding,
        partial(build_embedder, on_nodes, num_cores=num_cpus),
        address=address or config.ray.address,
        cpus_per_process=num_cpus,
        progress=progress,
    )
