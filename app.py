"""Article QA's entry point: puts the parts behind the web page, the API and the command line. Wiring only."""

from __future__ import annotations

from qa.generators.cpu_cores import limit_spinning

limit_spinning()  # OpenMP reads it when torch or faiss is imported, which the next lines do

# ruff: noqa: E402
from typing import Annotated

import typer

from qa.audit import AUDIT_FILE
from qa.cli import articles, feedback, generations, moving, questions, rebuilding, users
from qa.cli.console import DataDir, configured, one_line_errors, out, quiet_libraries
from qa.composition import build_addresses, build_common, build_kept, build_parts, build_schedule
from qa.service import Service
from qa.users import USERS_FILE

cli = typer.Typer(
    name="article-qa",
    help="Ask your news articles: quoted evidence, cited answers, all on this computer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    articles.add,
    articles.remove,
    rebuilding.rebuild,
    articles.watch,
    questions.ask,
    questions.search,
    articles.status,
    articles.check,
    generations.generations,
    generations.diff,
    articles.rollback,
    questions.doctor,
    moving.migrate,
):
    cli.command()(command)
cli.add_typer(feedback.feedback, name="feedback")
cli.add_typer(users.users)


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; others than loopback need a log-in.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", show_default="7860")] = None,
    watch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR_OR_URL",
            help="A folder, feed, sitemap or page whose news are added as they come; may be given several times.",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Serve the web page, the API and read-only tools over MCP."""
    with one_line_errors():
        config = configured(data_dir)
        # Imported here: Gradio takes seconds, which no other command should pay.
        from qa.ui.front_door import AccessSettings
        from qa.ui.server import serve as serve_page

        sources = articles.served_sources(config, watch or [])
        service = Service(
            lambda progress: build_parts(config, progress=progress),
            (lambda parts: build_schedule(config, parts.collection, sources)) if sources else None,
            lambda parts: build_addresses(config, parts.collection, sources),
        )
        service.start()
        try:
            serve_page(
                service,
                host=host or config.serve.host,
                port=config.serve.port if port is None else port,
                access=AccessSettings(
                    password=config.serve.password,
                    users_file=config.data_dir / USERS_FILE,
                    trusted_proxies=tuple(map(str, config.serve.trusted_proxies)),
                    requests_per_minute=config.serve.requests_per_minute,
                    questions_per_minute=config.serve.questions_per_minute,
                    audit_file=config.data_dir / AUDIT_FILE,
                    common=build_common(config),
                ),
                trusted_hosts=config.serve.allowed_hosts,
                max_upload_bytes=config.serve.max_upload_mb << 20,
                max_queue=config.serve.max_queue,
                examples=config.serve.examples,
                kept=build_kept(config),
                on_listening=lambda url: out.print(f"Article QA is at {url} (Ctrl+C ends it)", markup=False),
            )
        finally:
            service.close()


def main() -> None:
    """Run the command line."""
    quiet_libraries()
    cli()


if __name__ == "__main__":
    main()
