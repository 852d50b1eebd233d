"""The dependency rule and the rules of the house, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path for path in [ROOT / "app.py", *(p for d in ("index", "qa", "scripts") for p in (ROOT / d).rglob("*.py"))]
)
TEXT_GENERATION = {"xllamacpp", "transformers", "openvino_genai", "openai"}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a module stands"
            yield node.module or ""


def top(name: str) -> str:
    return name.split(".")[0]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_imports_point_down(path: Path) -> None:
    name, modules = relative(path), set(imported(path))
    tops = {top(module) for module in modules}
    if name.startswith("index/"):
        assert not tops & {"qa", "app", "scripts", "gradio", "gradio_client", *TEXT_GENERATION}
    elif name.startswith("qa/"):
        assert not tops & {"app", "scripts"}
    if name != "app.py" and not name.startswith("qa/ui/"):
        assert "gradio" not in tops
        assert not any(module.startswith("qa.ui") for module in modules)


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_only_the_edges_read_the_configuration(path: Path) -> None:
    allowed = ("app.py", "qa/config.py", "qa/composition.py", "qa/doctor.py", "qa/cli/", "scripts/")
    if not relative(path).startswith(allowed):
        assert "qa.config" not in set(imported(path))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_modules_and_functions_are_short_and_say_what_they_do(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert not text.strip() or ast.get_docstring(tree), "a module opens with a sentence on what it does"
    assert len(text.splitlines()) <= 300
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 60, node.name


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_nothing_is_unpickled_or_evaluated(path: Path) -> None:
    assert not {top(name) for name in imported(path)} & {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            assert not (isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"))
            allows = [
                k for k in node.keywords if k.arg == "allow_pickle" and getattr(k.value, "value", None) is not False
            ]
            assert not allows
