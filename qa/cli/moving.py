"""The command that takes a grown collection from files to PostgreSQL: migrate; knows nothing of its tables."""

from __future__ import annotations

from index.errors import ConfigError, NotFoundError
from qa.cli.console import AsJson, DataDir, configured, one_line_errors, out, print_json, progress_bars


def migrate(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Copy articles, revisions, embeddings, conversations and users of a data folder to the server of `index.url`."""
    with one_line_errors():
        config = configured(data_dir)
        if config.index.url is None:
            raise ConfigError("index.url is not set; it names the PostgreSQL server to copy to")
        if not (config.data_dir / "library.sqlite").exists():
            raise NotFoundError(f"there is no library in {config.data_dir}; name its folder with --data-dir")
        # Imported here: it needs an extra that only those install who configure it.
        from qa.configured_postgres import copy_from_files

        with progress_bars() as progress:
            counts = copy_from_files(config, progress)
        if as_json:
            print_json({"copied": counts})
            return
        out.print(
            f"copied {counts['articles']:,} articles, {counts['revisions']:,} revisions, {counts['embeddings']:,} "
            f"embeddings, {counts['conversations']:,} conversations, {counts['users']:,} users; "
            "now run `article-qa rebuild`"
        )
