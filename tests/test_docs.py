"""Documentation that cannot rot: what it lists is what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

import app
from qa.config import Config

ROOT = Path(__file__).parent.parent
DOCS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))


def config_keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from config_keys(annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field.get_default(call_default_factory=True)


def documented_keys() -> dict[str, str]:
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([a-z_.]+)` \| (.+?) \|", text, flags=re.MULTILINE))


def test_every_configuration_key_is_documented_and_no_other() -> None:
    assert set(documented_keys()) == {key for key, _ in config_keys(Config)}


@pytest.mark.parametrize(
    ("key", "default"),
    [(k, d) for k, d in config_keys(Config) if isinstance(d, int | float) or (d and isinstance(d, str))],
)
def test_documented_defaults_are_the_real_ones(key: str, default: object) -> None:
    written = documented_keys()[key].strip("`")
    if isinstance(default, bool):
        assert written == str(default).lower()
    else:
        assert (float(written) if isinstance(default, int | float) else written) == default


def test_the_readme_has_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make run" in text
    assert "make test" in text


def test_every_command_in_the_readme_exists_and_every_command_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    in_readme = set(re.findall(r"article-qa ([a-z]+)", text))
    commands = set(typer.main.get_command(app.cli).commands)  # type: ignore[attr-defined]  # a group has commands
    assert in_readme - commands == set()
    assert commands - in_readme - {"serve"} == set()


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", *DOCS])
def test_every_page_linked_from_the_documentation_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert ((ROOT / page).parent / target).is_file(), target


def test_every_page_of_the_documentation_is_linked_from_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {page for page in DOCS if f"]({page})" not in text} == set()


def test_every_screenshot_in_the_readme_is_a_small_png_and_every_one_there_is_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"docs/screenshots/[\w.-]+", text))
    assert named
    for name in named:
        data = (ROOT / name).read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n"), name
        assert len(data) < 250_000, name
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "docs/screenshots").iterdir()}
    assert named == there


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 250


def test_every_direct_dependency_has_its_notice() -> None:
    import tomllib

    notices = (ROOT / "THIRD_PARTY_NOTICES.md").read_text(encoding="utf-8")
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[^\w.-]", one)[0] for one in declared}
    assert names == set(re.findall(r"^\| ([\w.-]+) \| \d[\w.+]* \|", notices, flags=re.MULTILINE))


def test_packages_in_pyproject_are_the_packages_there_are() -> None:
    import tomllib

    declared = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for name in ("index", "qa")
        for path in (ROOT / name).rglob("__init__.py")
    }
    assert declared == found
