"""Documentation that cannot rot: what it lists is what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
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


def anchors_of(text: str) -> set[str]:
    """Of the headings, as code hosts make them: small letters, hyphens for spaces, a number for what comes again."""
    found: set[str] = set()
    without_code = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for heading in re.findall(r"^#{1,6} +(.+?)[ #]*$", without_code, flags=re.MULTILINE):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        again = next(number for number in count() if (f"{anchor}-{number}" if number else anchor) not in found)
        found.add(f"{anchor}-{again}" if again else anchor)
    return found


def dangling(page: Path) -> list[str]:
    """Links of a page to files that are not there, and to headings that are not there."""
    found = []
    for link in re.findall(r"\]\((?!http|mailto:)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        target, _, anchor = link.partition("#")
        file = page.parent / target if target else page
        if not file.is_file() or (anchor and anchor not in anchors_of(file.read_text(encoding="utf-8"))):
            found.append(link)
    return found


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", *DOCS])
def test_every_page_and_heading_linked_from_the_documentation_exists(page: str) -> None:
    assert dangling(ROOT / page) == []


def test_links_to_what_is_not_there_are_found(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# It, and `more` (2026-11)\n## Two\n## Two\n```\n# code\n```\n")
    (tmp_path / "a.md").write_text(
        "## Here\n[1](b.md) [2](b.md#it-and-more-2026-11) [3](b.md#two-1) [4](#here) [5](https://example.org/#x)\n"
        "[6](c.md) [7](b.md#it) [8](b.md#two-2) [9](b.md#code) [10](#there) [11](c.md#two)\n"
    )
    assert dangling(tmp_path / "a.md") == ["c.md", "b.md#it", "b.md#two-2", "b.md#code", "#there", "c.md#two"]


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
