"""The command line over a real PostgreSQL server: beside it lie only caches, reports and the audit log."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from index.database import Database
from index.types import Article, make_article
from qa import composition, doctor
from qa.config import Config, load_config
from qa.kept import Kept
from qa.kept_exchanges import KeptExchange
from tests.fakes import HashEmbedder, retitled
from tests.qa.helpers import LIBRARY, PIER, CommandLine
from tests.qa.kept_answers import bridge_answer

pytestmark = pytest.mark.slow


@pytest.fixture
def cli(cli: CommandLine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setenv("ARTICLE_QA_INDEX_URL", database_url)
    return cli


def _file(name: str, *articles: Article) -> Path:
    keys = ("title", "text", "url", "source", "published_at")
    path = Path(name)
    path.write_text("".join(json.dumps({key: getattr(a, key) for key in keys}) + "\n" for a in articles))
    return path


def _found(cli: CommandLine, question: str) -> list[str]:
    """Titles of what a question in mode fast brings up."""
    answer: dict[str, Any] = cli.json("ask", question, "--mode", "fast")
    return [passage["title"] for passage in answer["passages"]]


def test_articles_are_added_asked_rolled_back_and_removed(cli: CommandLine) -> None:
    assert cli.json("status")["generation"] is None
    assert cli.json("add", _file("1.jsonl", PIER))["generation"] == "gen-000001"
    assert cli.json("add", _file("2.jsonl", LIBRARY, PIER))["generation"] == "gen-000002"
    assert cli.json("ask", "Who opened the pier?", "--mode", "fast")["generation"] == "gen-000002"
    assert set(_found(cli, "Who opened the pier?")) == {PIER.title, LIBRARY.title}

    assert cli.json("rollback") == {"generation": "gen-000001"}
    assert set(_found(cli, "Who opened the pier?")) == {PIER.title}
    assert cli.json("rollback", "gen-000002") == {"generation": "gen-000002"}

    assert cli.json("remove", LIBRARY.article_id)["removed"] == [LIBRARY.article_id]
    assert set(_found(cli, "Where is the library?")) == {PIER.title}
    status = cli.json("status")
    assert (status["num_articles"], status["library"]["num_removed"]) == (1, 1)
    assert status["removal"]["text_left_in"] == []
    assert [info["generation"] for info in cli.json("generations")["generations"]] == ["gen-000001", "gen-000003"]
    assert cli.json("check")["ok"]
    assert not [*Path("var").rglob("*.sqlite"), *Path("var").glob("index")]


def test_generations_and_what_changed_between_them_are_told(cli: CommandLine) -> None:
    cli("add", _file("1.jsonl", PIER))
    cli("add", _file("2.jsonl", LIBRARY))
    infos = cli.json("generations")["generations"]
    assert [(info["generation"], info["is_live"], info["damage"]) for info in infos] == [
        ("gen-000001", False, None),
        ("gen-000002", True, None),
    ]
    found = cli.json("diff", "gen-000001", "gen-000002")
    assert [article["article_id"] for article in found["articles_in"]] == [LIBRARY.article_id]
    assert found["articles_out"] == found["revised"] == []
    assert "no generation 'gen-000009'" in cli.error("diff", "gen-000001", "gen-000009")


def test_a_server_that_cannot_be_reached_is_one_line_without_the_password(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTICLE_QA_INDEX_URL", "postgresql://me:swordfish@127.0.0.1:9/news?connect_timeout=1")
    message = cli.error("status")
    assert "PostgreSQL at 127.0.0.1:9/news" in message
    assert "swordfish" not in message


def test_without_the_client_it_is_one_line_how_to_install_it(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*sys.modules]:
        if name.split(".")[0] == "psycopg" or name.startswith(
            ("index.postgres", "qa.shared", "qa.configured_postgres")
        ):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "pip install 'article-qa[postgres]'" in cli.error("status")


def test_an_index_of_another_embedder_is_derived_anew_by_a_full_build(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("add", _file("1.jsonl", PIER))
    monkeypatch.setattr(composition, "lazy_embedder", lambda config: HashEmbedder(dim=32, model_id="other"))
    assert "was built with the embedder" in cli.json("status")["problem"]
    assert "built with the embedder" in cli.error("rollback", "gen-000001")
    assert cli.json("rebuild")["generation"] == "gen-000002"
    assert cli.json("status")["problem"] is None


def test_a_rebuild_that_fails_the_probes_is_refused_unless_forced(cli: CommandLine) -> None:
    cli("add", _file("1.jsonl", PIER, LIBRARY))
    probe = {"question": "The pier cost how many million euros?", "answers": ["12 million euros"]}
    Path("var/probes.jsonl").write_text(json.dumps(probe) + "\n")
    assert cli.json("rebuild", "--full") == {"generation": "gen-000002"}
    assert cli.json("status")["generation"] == "gen-000002"
    Path("var/probes.jsonl").write_text(json.dumps(probe | {"answers": ["a bag of shells"]}) + "\n")
    assert "gen-000003 was not published" in cli.error("rebuild", "--full")
    assert [info["generation"] for info in cli.json("generations")["generations"]] == ["gen-000001", "gen-000002"]
    assert cli.json("status")["generation"] == "gen-000002"
    assert cli.json("rebuild", "--full", "--force") == {"generation": "gen-000004"}
    assert set(_found(cli, "Who opened the pier?")) == {PIER.title, LIBRARY.title}


def test_doctor_looks_at_the_library_and_the_index(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "build_embedder", lambda config: HashEmbedder())
    cli("add", _file("1.jsonl", PIER))
    checks = {check["name"]: check for check in cli.json("doctor")["checks"]}
    assert checks["library"]["detail"] == "1 articles, 1 revisions"
    assert checks["index"]["ok"] and checks["index"]["detail"].startswith("gen-000001: 1 articles, ")


def test_users_are_those_of_every_process_on_the_index(cli: CommandLine) -> None:
    secret = cli.json("users", "add", "ada", "--role", "editor")["secret"]
    assert [user["name"] for user in cli.json("users", "list")["users"]] == ["ada"]
    assert cli.json("users", "reset", "ada")["secret"] != secret
    assert cli.json("users", "remove", "ada")["removed"] == "ada"
    assert not Path("var/users.json").exists()


# From files to the server


def test_a_collection_in_files_is_copied_whole_and_embeds_nothing_again(
    cli: CommandLine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARTICLE_QA_INDEX_URL")
    copy = make_article(PIER.text, title="A copy", url="https://copy.example/pier")
    gone = make_article("A text that was removed.", url="https://gone.example/1", title="Gone")
    cli("add", _file("1.jsonl", PIER, LIBRARY, gone))
    cli("add", _file("2.jsonl", copy, retitled(LIBRARY, "The library, again")))
    cli("remove", gone.article_id)
    secret = cli.json("users", "add", "ada", "--role", "editor")["secret"]
    kept = Kept.at(Path("var/conversations.sqlite")).conversations
    saved = kept.save("user:ada", [KeptExchange("Who opened it?", bridge_answer())])
    files = composition.build_history(Config(data_dir=Path("var"))).library
    before = (files.counts(), files.live_texts(), files.history(LIBRARY.article_id))
    found = _found(cli, "Who opened the pier?")

    monkeypatch.setenv("ARTICLE_QA_INDEX_URL", database_url)
    copied = cli.json("migrate")["copied"]
    assert (copied["articles"], copied["revisions"], copied["conversations"], copied["users"]) == (4, 4, 1, 1)
    config = load_config(data_dir=Path("var"))
    library = composition.build_history(config).library
    assert (library.counts(), library.live_texts(), library.history(LIBRARY.article_id)) == before
    assert library.check() == [] and library.is_removed("x", gone.url)
    ada = composition.build_users(config).find("ada", secret)
    assert ada is not None and ada.role == "editor"
    assert saved is not None
    assert composition.build_kept(config).conversations.load("user:ada", saved.conversation_id) is not None
    embedder = HashEmbedder()
    monkeypatch.setattr(composition, "lazy_embedder", lambda config: embedder)
    assert cli.json("rebuild") == {"generation": "gen-000001"}
    assert embedder.embedded == []
    assert _found(cli, "Who opened the pier?") == found
    # Ids go on where they were.
    library.accept([make_article("Something new.", title="New")])
    assert max(library.indexable_revision_ids()) == 6


def test_what_is_there_is_not_mixed_with_what_is_copied(
    cli: CommandLine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "there is no library in var" in cli.error("migrate")
    monkeypatch.delenv("ARTICLE_QA_INDEX_URL")
    assert "index.url is not set" in cli.error("migrate")
    cli("add", _file("1.jsonl", PIER))
    monkeypatch.setenv("ARTICLE_QA_INDEX_URL", database_url)
    cli("add", _file("2.jsonl", LIBRARY))
    assert "the table articles on the server is not empty" in cli.error("migrate")
    assert cli.json("status")["library"]["num_articles"] == 1


def test_what_postgresql_cannot_hold_is_named_and_nothing_is_copied(
    cli: CommandLine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARTICLE_QA_INDEX_URL")
    cli("add", _file("1.jsonl", PIER, LIBRARY))
    with Database(Path("var/library.sqlite")).write() as file:
        file.execute("UPDATE revisions SET source = ? WHERE revision_id = 2", ("a\0b",))
    monkeypatch.setenv("ARTICLE_QA_INDEX_URL", database_url)
    message = cli.error("migrate")
    assert "the table revisions holds in the row with revision_id 2 what PostgreSQL cannot" in message
    assert cli.json("status")["library"]["num_articles"] == 0


def test_users_that_cannot_be_copied_keep_the_articles_from_being_copied(
    cli: CommandLine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARTICLE_QA_INDEX_URL")
    cli("add", _file("1.jsonl", PIER))
    cli("users", "add", "ada", "--role", "editor")
    users = json.loads(Path("var/users.json").read_text())
    users["users"][0]["created_at"] = "\0"
    Path("var/users.json").write_text(json.dumps(users))
    monkeypatch.setenv("ARTICLE_QA_INDEX_URL", database_url)
    assert "NUL" in cli.error("migrate")
    assert cli.json("status")["library"]["num_articles"] == 0
