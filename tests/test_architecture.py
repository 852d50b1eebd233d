"""The dependency rule and the rules of the house, read from the source."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path for path in [ROOT / "app.py", *(p for d in ("index", "qa", "scripts") for p in (ROOT / d).rglob("*.py"))]
)
OPTIONAL = {"ray", "pyarrow", "psycopg", "psycopg_pool", "openvino_genai"}
TEXT_GENERATION = {"xllamacpp", "transformers", "openvino_genai", "openai"}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a module stands"
            found.add(node.module or "")
    return frozenset(found)


def top(name: str) -> str:
    return name.split(".")[0]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def offences(problems: Callable[[Path], Iterable[str]]) -> list[str]:
    """What is wrong in any of the sources; a test for each of the hundreds would take longer than its checks."""
    assert len(SOURCES) > 100
    return [f"{relative(path)}: {problem}" for path in SOURCES for problem in problems(path)]


def imports_upwards(path: Path) -> Iterator[str]:
    name, modules = relative(path), imported(path)
    tops = {top(module) for module in modules}
    forbidden: set[str] = set()
    if name.startswith("index/"):
        forbidden = {"qa", "app", "scripts", "gradio", "gradio_client", *TEXT_GENERATION}
    elif name.startswith("qa/"):
        forbidden = {"app", "scripts"}
    yield from sorted(tops & forbidden)
    if name != "app.py" and not name.startswith("qa/ui/"):
        yield from sorted(m for m in modules if top(m) == "gradio" or m.startswith("qa.ui"))


def test_imports_point_down() -> None:
    assert offences(imports_upwards) == []


def imported_at_once(path: Path) -> Iterator[str]:
    """What is imported together with the module, not later by one of its functions."""
    waiting: list[ast.AST] = list(parsed(path).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Try | ast.ExceptHandler) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test)
        ):
            waiting.extend(ast.iter_child_nodes(node))


def needed_by(start: Path) -> dict[str, str]:
    """The other projects whose modules are imported when this one is, and by which of ours."""
    found: dict[str, str] = {}
    seen, waiting = {start}, [start]
    while waiting:
        path = waiting.pop()
        for name in imported_at_once(path):
            found.setdefault(top(name), relative(path))
            for module in (name, name.rpartition(".")[0]):
                file = (ROOT / module.replace(".", "/")).with_suffix(".py")
                if module and file.is_file() and file not in seen:
                    seen.add(file)
                    waiting.append(file)
    return found


def test_nothing_optional_is_imported_unless_it_is_asked_for() -> None:
    needed = needed_by(ROOT / "app.py")
    assert {"typer", "numpy", "tantivy", "index", "qa"} <= needed.keys()
    assert {name: by for name, by in needed.items() if name in OPTIONAL} == {}


def test_what_is_imported_at_once_is_told_from_what_is_imported_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "a.py").write_text("import b\nif TYPE_CHECKING:\n    import never\ndef f():\n    import later")
    (tmp_path / "b.py").write_text("try:\n    from deep.er import x\nexcept ImportError:\n    import other")
    assert needed_by(tmp_path / "a.py") == {"b": "a.py", "deep": "b.py", "other": "b.py"}


def test_only_the_edges_read_the_configuration() -> None:
    allowed = (
        "app.py",
        "qa/config.py",
        "qa/composition.py",
        "qa/configured_",
        "qa/doctor.py",
        "qa/cli/",
        "scripts/",
    )

    def reads_it(path: Path) -> Iterator[str]:
        if not relative(path).startswith(allowed) and "qa.config" in imported(path):
            yield "qa.config"

    assert offences(reads_it) == []


def loads_postgres(path: Path) -> Iterator[str]:
    """The client of PostgreSQL is an extra: only what is configured by ``index.url`` may need it."""
    name = relative(path)
    if name.startswith(("index/postgres/", "qa/shared/", "qa/configured_postgres.py", "scripts/")):
        return
    for module in sorted(imported(path)):
        if module.startswith(("psycopg", "index.postgres", "qa.shared")):
            yield module
        may_when_asked = name in ("qa/composition.py", "qa/cli/moving.py") and module not in at_the_top(path)
        if module.startswith("qa.configured_postgres") and not may_when_asked:
            yield module


def loads_ray(path: Path) -> Iterator[str]:
    """Ray is an extra: only `rebuild --engine ray` may need it."""
    name = relative(path)
    if not name.startswith(("index/ray_", "qa/configured_ray.py", "scripts/")):
        for module in sorted(imported(path)):
            is_asked = (
                module == "qa.configured_ray" and name == "qa/cli/rebuilding.py" and module not in at_the_top(path)
            )
            if top(module) == "ray" or (module.startswith(("index.ray_", "qa.configured_ray")) and not is_asked):
                yield module


def test_ray_is_loaded_only_when_it_is_wanted() -> None:
    assert offences(loads_ray) == []


def loads_the_http_engine(path: Path) -> Iterator[str]:
    """What speaks with model servers is loaded only where one is configured."""
    name = relative(path)
    if not name.startswith(("qa/generators/openai_", "scripts/")):
        for module in sorted(imported(path)):
            if module.startswith("qa.generators.openai_") and (
                name != "qa/configured_generator.py" or module in at_the_top(path)
            ):
                yield module


def test_the_http_engine_is_loaded_only_when_it_is_wanted() -> None:
    assert offences(loads_the_http_engine) == []


def at_the_top(path: Path) -> set[str]:
    return {node.module or "" for node in parsed(path).body if isinstance(node, ast.ImportFrom)}


def test_postgres_is_loaded_only_where_it_is_configured() -> None:
    assert offences(loads_postgres) == []


def lengths(path: Path) -> Iterator[str]:
    text, tree = path.read_text(encoding="utf-8"), parsed(path)
    if text.strip() and not ast.get_docstring(tree):
        yield "a module opens with a sentence on what it does"
    if len(text.splitlines()) > 300:
        yield "more than 300 lines"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno >= 60:
                yield f"{node.name} is too long"


def test_modules_and_functions_are_short_and_say_what_they_do() -> None:
    assert offences(lengths) == []


def unpickled_or_evaluated(path: Path) -> Iterator[str]:
    pickles = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
    yield from sorted({top(name) for name in imported(path)} & pickles)
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
                yield f"line {node.lineno}: {node.func.id}"
            if any(k.arg == "allow_pickle" and getattr(k.value, "value", None) is not False for k in node.keywords):
                yield f"line {node.lineno}: allow_pickle"


def test_nothing_is_unpickled_or_evaluated() -> None:
    assert offences(unpickled_or_evaluated) == []


@pytest.mark.parametrize(
    ("problems", "name", "text", "found"),
    [
        (imports_upwards, "index/a.py", "import qa.types, os\nfrom gradio import x", ["gradio", "qa", "gradio"]),
        (imports_upwards, "qa/a.py", "from qa.ui.text import x\nimport app", ["app", "qa.ui.text"]),
        (imports_upwards, "qa/ui/a.py", "import gradio, qa.types, index.types", []),
        (
            loads_postgres,
            "index/a.py",
            "import psycopg\nfrom index.postgres.pool import x",
            ["index.postgres", "psycopg"],
        ),
        (loads_postgres, "qa/composition.py", "from qa.configured_postgres import x", ["qa.configured_postgres"]),
        (loads_postgres, "qa/composition.py", "def f():\n    from qa.configured_postgres import x", []),
        (loads_postgres, "qa/shared/a.py", "import psycopg", []),
        (
            loads_ray,
            "qa/a.py",
            "import ray.data\nfrom index.ray_embedding import x",
            ["index.ray_embedding", "ray.data"],
        ),
        (loads_ray, "qa/cli/rebuilding.py", "from qa.configured_ray import x", ["qa.configured_ray"]),
        (loads_ray, "qa/cli/rebuilding.py", "def f():\n    from qa.configured_ray import x", []),
        (loads_ray, "index/ray_a.py", "import ray", []),
        (lengths, "a.py", "import os\n" * 301, ["a module opens with", "more than 300"]),
        (lengths, "a.py", '"""It."""\n\ndef f():\n' + "    x = 1\n" * 60, ["f is too long"]),
        (lengths, "a.py", '"""It."""\n\ndef f():\n' + "    x = 1\n" * 59, []),
        (loads_the_http_engine, "qa/a.py", "from qa.generators.openai_http import x", ["qa.generators.openai_http"]),
        (loads_the_http_engine, "qa/configured_generator.py", "import qa.types\ndef f():\n    pass\n", []),
        (unpickled_or_evaluated, "a.py", "import joblib\neval(x)", ["joblib", "line 2: eval"]),
        (unpickled_or_evaluated, "a.py", "load(p, allow_pickle=True)\nload(p, allow_pickle=False)", ["line 1: allow"]),
    ],
)
def test_offences_are_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    problems: Callable[[Path], Iterable[str]],
    name: str,
    text: str,
    found: list[str],
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    said = list(problems(path))
    assert len(said) == len(found) and all(s.startswith(f) for s, f in zip(said, found, strict=True)), said
