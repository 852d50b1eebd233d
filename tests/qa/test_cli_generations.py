"""The commands about generations, reports, verification and removal, over real data folders with a fake embedder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qa import composition
from qa.config import Config
from tests.fakes import HashEmbedder
from tests.qa.helpers import LIBRARY, PIER, CommandLine

ADD_KEYS = ["added", "revised", "unchanged", "duplicates", "rejected", "generation"]


def _write(name: str, *articles: Any) -> Path:
    keys = ("url", "title", "published_at", "source", "text")
    lines = [json.dumps({key: getattr(article, key) for key in keys}) for article in articles]
    Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Path(name)


def _reports() -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(Path("var/reports").glob("add-*.json"))]


# generations and diff


def test_generations_of_nothing_says_so(cli: CommandLine) -> None:
    assert cli.json("generations") == {"generations": []}
    assert cli("generations").stdout == "no index yet: run `article-qa add PATH`\n"


def test_generations_are_listed(cli: CommandLine) -> None:
    cli("add", _write("1.jsonl", PIER))
    cli("add", _write("2.jsonl", LIBRARY))
    first, second = cli.json("generations")["generations"]
    assert set(first) == {
        "generation", "is_live", "created_at", "num_articles", "num_passages", "embedder", "damage",
    }  # fmt: skip
    assert (first["generation"], first["is_live"], first["num_articles"]) == ("gen-000001", False, 1)
    assert (second["generation"], second["is_live"], second["num_articles"]) == ("gen-000002", True, 2)
    one, other = cli("generations").stdout.splitlines()
    assert one.startswith("gen-000001        ")
    assert other.startswith("gen-000002  live  ")
    assert "2 articles, " in other
    assert other.endswith("hash-words; whole")


def test_a_damaged_generation_is_listed_as_such(cli: CommandLine) -> None:
    cli("add", _write("1.jsonl", PIER))
    Path("var/index/gen-000001/rows.npy").write_bytes(b"x")
    (line,) = cli("generations").stdout.splitlines()
    assert "damaged: gen-000001: rows.npy is damaged" in line
    Path("var/index/gen-000001/manifest.json").unlink()
    (line,) = cli("generations").stdout.splitlines()
    assert "damaged: gen-000001: manifest.json cannot be read" in line


def test_a_diff_in_words_and_as_json(cli: CommandLine) -> None:
    cli("add", _write("1.jsonl", PIER))
    cli("add", _write("2.jsonl", LIBRARY))
    assert cli("diff", "gen-000001", "gen-000002").stdout.splitlines() == [
        "gen-000001 -> gen-000002: 1 in, 0 out, 0 revised",
        f"+ {LIBRARY.article_id}  {LIBRARY.title}",
    ]
    found = cli.json("diff", "gen-000002", "gen-000001")
    assert found["articles_out"] == [{"article_id": LIBRARY.article_id, "title": LIBRARY.title}]
    assert found["articles_in"] == found["revised"] == []


def test_a_diff_with_what_is_not_there_is_one_line(cli: CommandLine) -> None:
    cli("add", _write("1.jsonl", PIER))
    assert "no generation 'gen-000007'; there are gen-000001" in cli.error("diff", "gen-000001", "gen-000007")


# add's report


def test_add_writes_a_report_and_prints_its_path(cli: CommandLine) -> None:
    bad = Path("bad.jsonl")
    bad.write_text("{broken\n")
    tally, path = cli("add", _write("1.jsonl", PIER), bad).stdout.splitlines()
    assert tally.startswith("1 added, ")
    assert path.startswith("report: var/reports/add-")
    (report,) = _reports()
    assert report == json.loads(Path(path.removeprefix("report: ")).read_text())
    assert report["totals"] == {"added": 1, "revised": 0, "unchanged": 0, "duplicates": 0, "rejected": 1}
    assert report["generation"] == "gen-000001"
    assert report["seconds"] > 0
    added, rejected = report["items"]
    assert (added["outcome"], added["article_id"], added["title"]) == ("added", PIER.article_id, PIER.title)
    assert rejected["outcome"] == "rejected"
    assert "bad.jsonl:1" in rejected["item"]
    assert rejected["reason"]


def test_the_keys_of_add_json_stay_as_they_are(cli: CommandLine) -> None:
    assert list(cli.json("add", _write("1.jsonl", PIER))) == ADD_KEYS
    assert len(_reports()) == 1


def test_the_report_may_go_elsewhere(cli: CommandLine) -> None:
    assert cli("add", _write("1.jsonl", PIER), "--report", "mine.json").stdout.splitlines()[-1] == "report: mine.json"
    assert json.loads(Path("mine.json").read_text())["totals"]["added"] == 1
    assert not Path("var/reports").exists()


def test_what_is_accepted_and_not_indexed_is_reported_too(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("add", _write("1.jsonl", PIER))
    Path("var/index").chmod(0o555)
    monkeypatch.setattr("pathlib.Path.mkdir", _refuse(".building-"))
    message = cli.error("add", _write("2.jsonl", LIBRARY))
    Path("var/index").chmod(0o755)
    report = _reports()[-1]
    assert report["error"] in message
    assert (report["generation"], report["totals"]["added"]) == (None, 1)


def _refuse(beginning: str) -> Any:
    """``Path.mkdir``, but for folders whose name begins so."""
    mkdir = Path.mkdir

    def refusing(self: Path, *arguments: Any, **options: Any) -> None:
        if self.name.startswith(beginning):
            raise PermissionError(13, "Permission denied")
        mkdir(self, *arguments, **options)

    return refusing


# remove


def test_a_removed_article_is_named_nowhere(cli: CommandLine) -> None:
    cli("add", _write("1.jsonl", PIER, LIBRARY))
    removed = cli.json("remove", LIBRARY.article_id)
    assert removed == {"removed": [LIBRARY.article_id], "generation": "gen-000002"}
    assert cli.json("status")["removal"] == {"num_removed": 1, "text_left_in": []}
    for path in Path("var").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for sought in ("Norwick", "norwick.example", "Tom Reyes"):
                assert sought.encode() not in data, f"{path} still names {sought}"
    assert [info["generation"] for info in cli.json("generations")["generations"]] == ["gen-000002"]


def test_status_says_where_removed_text_is_left(cli: CommandLine) -> None:
    cli("add", _write("1.jsonl", PIER, LIBRARY))
    library = composition.build_history(Config(data_dir=Path("var"))).library
    library.remove([LIBRARY.article_id])
    assert "removed text is still in gen-000001; run `article-qa rebuild`" in cli("status").stdout
    cli("rebuild")
    assert "removed text" not in cli("status").stdout


# Verification


def test_a_rebuild_that_fails_the_probes_is_refused_unless_forced(cli: CommandLine) -> None:
    cli("add", _write("1.jsonl", PIER, LIBRARY))
    probe = {"question": "The pier cost how many million euros?", "answers": ["12 million euros"]}
    Path("var/probes.jsonl").write_text(json.dumps(probe) + "\n")
    assert cli.json("rebuild", "--full") == {"generation": "gen-000002"}
    probe["answers"] = ["a bag of shells"]
    Path("var/probes.jsonl").write_text(json.dumps(probe) + "\n")
    message = cli.error("rebuild", "--full")
    assert "probe 1: 'The pier cost how many million euros?' answered" in message
    assert "expected one of 'a bag of shells'" in message
    assert "rebuild --force" in message
    assert cli.json("status")["generation"] == "gen-000002"
    assert cli.json("rebuild", "--full", "--force") == {"generation": "gen-000003"}


def test_a_bad_probe_is_one_line_with_its_number(cli: CommandLine) -> None:
    cli("add", _write("1.jsonl", PIER))
    Path("var/probes.jsonl").write_text('\n{"question": "Who?"}\n')
    assert "var/probes.jsonl:2: answers must be" in cli.error("rebuild", "--full")


def test_another_embedder_is_said_and_rebuilt_for(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("add", _write("1.jsonl", PIER))
    monkeypatch.setattr(composition, "lazy_embedder", lambda config: HashEmbedder(dim=32, model_id="other"))
    assert "by words only" in cli.json("status")["problem"]
    assert cli.json("search", "pier of Lindby")["passages"][0]["article_id"] == PIER.article_id
    assert cli.json("rebuild") == {"generation": "gen-000002"}
    assert cli.json("status")["problem"] is None
