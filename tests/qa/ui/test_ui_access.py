"""Users, roles, limits, health, figures and the audit log, over a real server."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from index.errors import BadInputError
from qa.ui.front_door import AccessSettings
from qa.users import Users
from tests.qa.ui.fakes import LANDING, LICENCE, LICENCE_QUESTION, FakeCollection, FakeLoading, FakeService
from tests.qa.ui.serving import changed, served

RECORD = {
    "text": "A story that nobody else tells.",
    "title": "A secret headline",
    "article_id": "https://a.example/secret",
}
PASSWORD = "correct horse"
HTTP = httpx.Client(timeout=60)  # one for all: making one takes longer than most requests


class World:
    """A server with an editor ada and a reader bob, and what it wrote down."""

    def __init__(self, folder: Path) -> None:
        self.users = Users(folder / "users.json")
        self.secrets = {name: self.users.add(name, role) for name, role in (("ada", "editor"), ("bob", "reader"))}
        self.audit_file = folder / "audit.jsonl"
        self.service = FakeService()
        self.url = ""

    def client(self, name: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, auth=(name, self.secrets[name]), timeout=60)

    def audit(self) -> list[dict[str, Any]]:
        if not self.audit_file.exists():
            return []
        return [json.loads(line) for line in self.audit_file.read_text().splitlines()]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("access"))
    access = AccessSettings(password=PASSWORD, users_file=world.users.path, audit_file=world.audit_file)
    with served(world.service, access=access) as world.url:
        yield world


def called(client: httpx.Client, name: str, data: list[Any], headers: dict[str, str] | None = None) -> str:
    """The events of one call of the Gradio API, or the status line of a refusal."""
    reply = client.post(f"/gradio_api/call/{name}", json={"data": data}, headers=headers)
    if reply.status_code != 200:
        return f"{reply.status_code} {reply.text}"
    return client.get(f"/gradio_api/call/{name}/{reply.json()['event_id']}").text


def metric(client: httpx.Client, line: str) -> float:
    """The value of one series; 0 when there is none yet."""
    found = [row for row in client.get("/metrics").text.splitlines() if row.startswith(f"{line} ")]
    return float(found[0].rsplit(" ", 1)[1]) if found else 0.0


# Users and roles


@pytest.mark.parametrize("path", ["/", "/config", "/metrics", "/gradio_api/info", "/gradio_api/mcp", "/nothing"])
def test_nothing_is_served_to_strangers(world: World, path: str) -> None:
    assert HTTP.get(world.url + path).status_code == 401


def test_names_and_secrets_go_together(world: World) -> None:
    for auth in (("ada", "wrong"), ("ada", world.secrets["bob"]), ("ADA", world.secrets["ada"]), ("", "")):
        assert HTTP.get(f"{world.url}/config", auth=auth).status_code == 401


@pytest.mark.parametrize("name", ["ada", "bob"])
def test_users_get_in_by_name_and_secret_or_by_the_secret_as_a_token(world: World, name: str) -> None:
    assert world.client(name).get("/").status_code == 200
    token = {"Authorization": f"Bearer {world.secrets[name]}"}
    assert HTTP.get(f"{world.url}/config", headers=token).status_code == 200


def test_the_password_is_an_editors_without_a_name(world: World) -> None:
    with httpx.Client(base_url=world.url, auth=("anybody", PASSWORD), timeout=60) as client:
        assert '"added": 1' in called(client, "add_articles", [[{"text": "By the password.", "article_id": "p"}]])
    assert world.audit()[-1]["identity"] == "editor"


def test_readers_ask_and_read(world: World) -> None:
    with world.client("bob") as client:
        assert "National Development" in called(client, "ask", [LICENCE_QUESTION, None, None, "full"])
        assert LICENCE.title in called(client, "articles", [0, 10])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("add_articles", [[RECORD]]),
        ("remove_article", [LICENCE.article_id]),
        ("rebuild", [False]),
        ("upload", [[]]),
        ("v2/add_articles", []),
    ],
)
def test_readers_change_nothing_by_the_api(world: World, name: str, data: list[Any]) -> None:
    before = world.service.collection.generation
    with world.client("bob") as client:
        assert called(client, name, data).startswith("403 ")
        assert client.post("/gradio_api/upload", files={"files": ("a.txt", b"x")}).status_code == 403
    assert world.service.collection.generation == before


def page_call(client: httpx.Client, handler: str, data: list[Any], headers: dict[str, str] | None = None) -> str:
    """What a handler of the page answers, called as the page does: by number, so the guard sees only one path."""
    config = client.get("/config").json()
    # The last of the name: an endpoint of the API with the same one comes first.
    names = {re.sub(r"_\d+$", "", d["api_name"]): d["id"] for d in config["dependencies"] if d["api_name"]}
    number = names[handler]
    session = f"{handler}{time.monotonic_ns()}"
    body = {"data": data, "fn_index": number, "session_hash": session, "event_data": None}
    assert client.post("/gradio_api/queue/join", json=body, headers=headers).status_code == 200
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as events:
        return "".join(line for line in events.iter_lines() if "process_" in line)


def test_readers_change_nothing_by_the_page(world: World) -> None:
    before = world.service.collection.generation
    forged = {"X-Article-QA-Identity": "editor:ada"}
    with world.client("bob") as client:
        for headers in (None, forged):
            assert "only editors" in page_call(client, "add_text", ["T", "Some text."], headers)
            assert "only editors" in page_call(client, "rebuild", [], headers)
    assert world.service.collection.generation == before
    with world.client("ada") as client:
        assert "aq-verdict" in page_call(client, "add_text", ["T", "Some text."])
    assert world.service.collection.generation != before
    assert world.audit()[-1]["identity"] == "editor:ada"


def test_a_forged_identity_counts_for_nothing(world: World) -> None:
    forged = {"X-Article-QA-Identity": "editor:ada", "x-article-qa-client": "1.2.3.4"}
    with world.client("bob") as client:
        assert called(client, "rebuild", [False], forged).startswith("403 ")
    with world.client("ada") as client:
        called(client, "rebuild", [False], forged)
    assert world.audit()[-1]["client"] == "127.0.0.1"


def test_mcp_has_no_tool_that_writes_and_none_without_a_log_in(world: World) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "remove_article", "arguments": {}}}
    accept = {"Accept": "application/json, text/event-stream"}
    address = f"{world.url}/gradio_api/mcp"
    assert HTTP.post(address, json=body, headers=accept).status_code == 401
    for name in ("bob", "ada"):
        token = {"Authorization": f"Bearer {world.secrets[name]}"}
        assert HTTP.post(address, json=body, headers=accept | token).json()["result"]["isError"]
        ask = body | {"params": {"name": "ask", "arguments": {"question": LICENCE_QUESTION}}}
        assert not HTTP.post(address, json=ask, headers=accept | token).json()["result"]["isError"]


def test_changes_of_users_count_from_the_next_request_on(world: World) -> None:
    world.secrets["eve"] = world.users.add("eve", "reader")
    with world.client("eve") as client:
        assert client.get("/config").status_code == 200
        assert called(client, "rebuild", [False]).startswith("403 ")
        world.users.give_role("eve", "editor")
        assert "event: complete" in called(client, "rebuild", [False])
        world.users.remove("eve")
        assert client.get("/config").status_code == 401


def test_the_first_user_closes_a_running_server_and_the_last_one_does_not_open_it(tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json")
    with served(FakeService(), access=AccessSettings(users_file=users.path)) as url:
        assert HTTP.get(f"{url}/config").status_code == 200
        secret = users.add("ada", "editor")
        assert HTTP.get(f"{url}/config").status_code == 401
        assert HTTP.get(f"{url}/config", auth=("ada", secret)).status_code == 200
        listed = users.path.read_bytes()
        users.path.write_text("{")  # damaged, it lets nobody in
        assert HTTP.get(f"{url}/config", auth=("ada", secret)).status_code == 503
        assert HTTP.get(f"{url}/healthz").status_code == 200
        users.path.write_bytes(listed)
        assert HTTP.get(f"{url}/config", auth=("ada", secret)).status_code == 200
        users.remove("ada")
        assert HTTP.get(f"{url}/config").status_code == 401
        assert HTTP.get(f"{url}/config", auth=("ada", secret)).status_code == 401


# The audit log


def test_every_change_is_written_down_without_what_it_says(world: World) -> None:
    with world.client("ada") as client:
        called(client, "add_articles", [[RECORD, {"title": "no text"}]])
        called(client, "remove_article", [RECORD["article_id"]])
        called(client, "remove_article", ["nothing-like-it"])
    added, removed, failed = world.audit()[-3:]
    assert (added["action"], added["outcome"], added["identity"]) == ("add", "done", "editor:ada")
    assert (added["added"], added["rejected"], added["client"]) == (1, 1, "127.0.0.1")
    assert (removed["action"], removed["num_ids"], removed["num_removed"]) == ("remove", 1, 1)
    assert (failed["outcome"], failed["error"]) == ("failed", "NotFoundError")
    text = world.audit_file.read_text()
    for secret in ("nobody else tells", "secret headline", "a.example", *world.secrets.values()):
        assert secret not in text


def test_what_readers_tried_is_written_down(world: World) -> None:
    with world.client("bob") as client:
        page_call(client, "rebuild", [])
    assert world.audit()[-1] | {"time": ""} == {
        "time": "", "identity": "reader:bob", "client": "127.0.0.1", "action": "rebuild", "outcome": "refused",
    }  # fmt: skip


# Limits


def test_too_many_requests_are_told_when_to_come_back(tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json")
    secrets = {name: users.add(name, "reader") for name in ("ada", "bob")}
    access = AccessSettings(users_file=users.path, requests_per_minute=10)
    with served(FakeService(), access=access) as url:
        replies = [HTTP.get(f"{url}/config", auth=("ada", secrets["ada"])) for _ in range(14)]
        statuses = [reply.status_code for reply in replies]
        # The window slides over two counted minutes, so that one more may pass where one of them ends.
        assert statuses[:10] == [200] * 10
        assert statuses[12:] == [429] * 2
        assert 1 <= int(replies[-1].headers["retry-after"]) <= 60
        assert replies[-1].text == f"busy, try in {replies[-1].headers['retry-after']} seconds"
        programs = HTTP.get(f"{url}/v1/articles", auth=("ada", secrets["ada"])).json()
        assert programs["error"]["code"] == "rate_limited"
        chat = HTTP.post(f"{url}/v1/chat/completions", json={}, auth=("ada", secrets["ada"]))
        assert chat.json()["error"] | {"message": ""} == {
            "message": "", "code": "rate_limited", "type": "invalid_request_error", "param": None,
        }  # fmt: skip
        assert "retry-after" in chat.headers
        page = HTTP.post(f"{url}/gradio_api/queue/join", json={}, auth=("ada", secrets["ada"])).json()
        assert page["detail"].startswith("busy, try in ")
        assert HTTP.get(f"{url}/theme.css", auth=("ada", secrets["ada"])).status_code == 200
        assert HTTP.get(f"{url}/config", auth=("bob", secrets["bob"])).status_code == 200
        bob = httpx.Client(base_url=url, auth=("bob", secrets["bob"]))
        assert metric(bob, 'article_qa_refusals_total{reason="request_rate"}') >= 4


def test_too_many_questions_are_told_when_to_come_back() -> None:
    with (
        served(FakeService(), access=AccessSettings(questions_per_minute=3)) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        answers = [called(client, "ask", [LICENCE_QUESTION, None, None, "fast"]) for _ in range(4)]
        assert all("event: complete" in answer for answer in answers[:3])
        assert "busy, try in" in answers[3]
        reply = client.post("/v1/ask", json={"question": LICENCE_QUESTION})
        assert (reply.status_code, reply.json()["error"]["code"]) == (429, "rate_limited")
        assert int(reply.headers["retry-after"]) >= 1
        assert metric(client, 'article_qa_refusals_total{reason="question_rate"}') == 2


def test_guessing_is_slowed_down_but_keeps_no_user_out(tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json")
    secret = users.add("ada", "reader")
    with served(FakeService(), access=AccessSettings(password=PASSWORD, users_file=users.path)) as url:

        def status(auth: tuple[str, str] | None) -> int:
            return HTTP.get(f"{url}/config", auth=auth).status_code

        assert status(("x", PASSWORD)) == 200
        assert [status(("ada", f"guess{n}")) for n in range(25)] == [401] * 20 + [429] * 5
        assert status(None) == 401  # whoever gives nothing guesses nothing
        assert status(("x", PASSWORD)) == 429
        assert status(("ada", secret)) == 200


def test_a_full_queue_says_when_to_come_back() -> None:
    slow = FakeService(word_seconds=0.3)
    with served(slow, max_queue=2, num_parallel=1) as url, httpx.Client(base_url=url, timeout=60) as client:
        body = {"data": [LICENCE_QUESTION, None, None, "full"]}
        replies = [client.post("/gradio_api/call/ask", json=body) for _ in range(6)]
        refused = [reply for reply in replies if reply.status_code != 200]
        assert refused
        for reply in refused:
            assert reply.status_code == 429
            assert reply.json() == {"detail": f"busy, try in {reply.headers['retry-after']} seconds"}
            assert int(reply.headers["retry-after"]) > 1
        assert metric(client, "article_qa_queue_length") >= 1


# Health and figures


def test_health_is_open_and_tells_nothing_private(world: World) -> None:
    assert HTTP.get(f"{world.url}/healthz").json() == {"alive": True}
    assert HTTP.get(f"{world.url}/readyz").json() == {"ready": True, "missing": [], "impaired": []}


@pytest.mark.parametrize(
    ("state", "missing"),
    [
        (FakeLoading("loading the model", 1, 3, is_ready=False), "models"),
        (replace(FakeLoading(), error="no such file: /home/ada/model.gguf"), "models"),
    ],
)
def test_not_ready_says_what_is_missing_and_no_more(world: World, state: FakeLoading, missing: str) -> None:
    with changed(world.service, state=state):
        reply = HTTP.get(f"{world.url}/readyz")
        assert (reply.status_code, reply.json()) == (
            503,
            {"ready": False, "missing": [missing], "impaired": []},
        )
        assert metric(world.client("bob"), "article_qa_ready") == 0
    assert metric(world.client("bob"), "article_qa_ready") == 1


def test_without_an_index_it_is_not_ready(world: World) -> None:
    def unreadable() -> dict[str, Any]:
        raise BadInputError("the index is damaged: /var/secret")

    with changed(world.service, status=unreadable):
        reply = HTTP.get(f"{world.url}/readyz")
        assert (reply.status_code, reply.json()) == (
            503,
            {"ready": False, "missing": ["index"], "impaired": []},
        )


def test_servers_that_write_are_in_the_figures_and_one_that_is_gone_in_the_readiness(world: World) -> None:
    writers = [
        {"endpoint": "http://10.0.0.1/v1", "problem": None, "num_running": 2, "num_requests": 7, "num_failures": 0},
        {"endpoint": "http://10.0.0.2/v1", "problem": "gone", "num_running": 0, "num_requests": 3, "num_failures": 1},
    ]
    status = world.service.status()
    with changed(world.service, status=lambda: {**status, "writers": writers}):
        reply = HTTP.get(f"{world.url}/readyz")
        assert (reply.status_code, reply.json()) == (200, {"ready": True, "missing": [], "impaired": ["writers"]})
        client = world.client("bob")
        for name, values in (
            ("up", (1, 0)),
            ("requests_running", (2, 0)),
            ("requests_total", (7, 3)),
            ("failures_total", (0, 1)),
        ):
            for number, value in enumerate(values, start=1):
                assert metric(client, f'article_qa_writer_{name}{{endpoint="http://10.0.0.{number}/v1"}}') == value


def test_the_figures_count_questions_stages_requests_and_the_process() -> None:
    service = FakeService(FakeCollection([LICENCE, LANDING]))
    with served(service) as url, httpx.Client(base_url=url, timeout=60) as client:
        for mode in ("full", "full", "fast"):
            called(client, "ask", [LICENCE_QUESTION, None, None, mode])
        called(client, "ask", ["What is the price?", None, None, "full"])
        with changed(service, error=BadInputError("no")):
            called(client, "ask", [LICENCE_QUESTION, None, None, "full"])
        HTTP.get(f"{url}/config", headers={"Host": "evil.example"})
        assert metric(client, 'article_qa_questions_total{mode="full",outcome="answered"}') == 2
        assert metric(client, 'article_qa_questions_total{mode="fast",outcome="answered"}') == 1
        assert metric(client, 'article_qa_questions_total{mode="full",outcome="not_in_articles"}') == 1
        assert metric(client, 'article_qa_questions_total{mode="full",outcome="failed"}') == 1
        for stage in ("retrieve", "evidence", "first_token", "total"):
            assert metric(client, f'article_qa_stage_seconds_count{{mode="full",stage="{stage}"}}') >= 2
        assert metric(client, "article_qa_questions_in_progress") == 0
        assert metric(client, 'article_qa_requests_total{route="/gradio_api/call/{api_name}",status="200"}') == 5
        assert metric(client, 'article_qa_refusals_total{reason="host"}') == 1
        assert metric(client, f'article_qa_generation_info{{name="{service.collection.generation}"}}') == 1
        assert metric(client, "article_qa_articles") == 2
        assert metric(client, "article_qa_passages") == 6
        assert metric(client, "process_resident_memory_bytes") > 1e6
        assert metric(client, "process_open_fds") > 3


def test_no_path_that_anybody_thinks_of_becomes_a_figure(world: World) -> None:
    with world.client("ada") as client:
        for number in range(5):
            client.get(f"/assets/guess{number}.js")
            client.post(f"/gradio_api/call/guess{number}", json={"data": []})
            client.get(f"/v1/guess{number}")
        assert "guess" not in client.get("/metrics").text
