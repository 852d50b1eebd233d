"""Commands that say who may use a served Article QA: users add, list, role, reset, remove; knows nothing of serving."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qa.audit import AUDIT_FILE, AuditLog
from qa.cli.console import AsJson, DataDir, configured, one_line_errors, out, print_json
from qa.composition import build_kept, build_users
from qa.conversations import owner_of

users = typer.Typer(
    name="users",
    help="Who may use the page, the API and MCP. As soon as there is one user, everybody has to log in.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="Small letters, digits, dots, hyphens, underscores.", show_default=False)]
RoleOption = Annotated[str, typer.Option("--role", help="reader (asks and reads) or editor (also changes articles).")]


@users.command()
def add(name: Name, role: RoleOption = "reader", data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Add a user and print the secret, once: it is stored as a hash only."""
    with one_line_errors():
        config = configured(data_dir)
        secret = build_users(config).add(name, role)
        _note(config.data_dir, "add_user", name, role)
        _print_secret(name, role, secret, as_json)


@users.command("list")
def list_users(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the users and their roles."""
    with one_line_errors():
        there = build_users(configured(data_dir)).all().values()
        if as_json:
            listed = [{"name": user.name, "role": user.role, "created_at": user.created_at} for user in there]
            print_json({"users": listed})
            return
        if not there:
            out.print("no users: on this computer everybody is an editor; `article-qa users add NAME` adds one")
        for user in there:
            out.print(f"{user.name}  {user.role}  since {user.created_at}", markup=False)


@users.command()
def role(
    name: Name,
    role: Annotated[str, typer.Argument(help="reader or editor.", show_default=False)],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a user another role, from the next request on; the secret stays."""
    with one_line_errors():
        config = configured(data_dir)
        build_users(config).give_role(name, role)
        _note(config.data_dir, "change_role", name, role)
        if as_json:
            print_json({"name": name, "role": role})
            return
        out.print(f"{name} is a{'n' if role == 'editor' else ''} {role} now", markup=False)


@users.command()
def remove(name: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Remove a user with all conversations and feedback; a running server refuses the secret from then on."""
    with one_line_errors():
        config = configured(data_dir)
        there = build_users(config)
        there.remove(name)
        _note(config.data_dir, "remove_user", name)
        # After the user: who cannot log in any more keeps nothing new. Whoever gets the name next is somebody else.
        num_deleted = build_kept(config).conversations.delete_all(owner_of(name, None) or "", is_gone=True)
        if as_json:
            print_json({"removed": name, "conversations_deleted": num_deleted})
            return
        kept = f"{num_deleted} kept conversation{'s' if num_deleted != 1 else ''}"
        out.print(f"removed {name}, and deleted {kept} and all feedback of {name}", markup=False)
        if not there.all():
            out.print("no users are left: a server that runs lets nobody in; one that starts now needs no log-in here")


@users.command()
def reset(name: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Give a user a new secret, printed once; the old one counts no more."""
    with one_line_errors():
        config = configured(data_dir)
        there = build_users(config)
        secret = there.reset(name)
        _note(config.data_dir, "reset_user", name)
        _print_secret(name, there.all()[name].role, secret, as_json)


def _note(folder: Path, action: str, name: str, role: str | None = None) -> None:
    details = {"user": name} | ({"role": role} if role is not None else {})
    AuditLog(folder / AUDIT_FILE).write(
        action, identity="operator", client="command line", outcome="done", details=details
    )


def _print_secret(name: str, role: str, secret: str, as_json: bool) -> None:
    if as_json:
        print_json({"name": name, "role": role, "secret": secret})
        return
    out.print(f"{name} ({role}): {secret}", markup=False)
    out.print("Write it down now; it is shown only this once. It is the password of the page and the bearer token.")
