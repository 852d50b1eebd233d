"""The worked deployment is read by parsers and, as far as PostgreSQL goes, by PostgreSQL; no container is started."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from qa.config import Config, load_config
from scripts.cluster.ports import free_port
from scripts.cluster.postgres_binaries import find_programs
from scripts.cluster.postgres_server import PostgresServer
from tests.postgres.fixtures import folder_for_servers

DEPLOY = Path(__file__).parents[1] / "deploy"
COMPOSE = DEPLOY / "compose"
UNITS = sorted((DEPLOY / "systemd").glob("*.[st]*"))
_TEXTS = {"type": "array", "items": {"type": "string"}}
_COMMAND = {"anyOf": [{"type": "string"}, _TEXTS]}
# What of the compose specification is used here; a misspelt key is an error, as it is for compose.
SERVICE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "anyOf": [{"required": ["image"]}, {"required": ["build"]}],
    "properties": {
        # Short names: of whichever registry the reader's machine is set up for.
        "image": {"type": "string", "pattern": r"^[a-z0-9-]+(/[a-z0-9-]+)?:(?!latest$)[a-z0-9.-]+$"},
        "build": {
            "type": "object",
            "additionalProperties": False,
            "required": ["context", "dockerfile"],
            "properties": {"context": {"type": "string"}, "dockerfile": {"type": "string"}},
        },
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "shm_size": {"type": "string", "pattern": r"^\d+[kmg]b$"},
        "stop_grace_period": {"type": "string", "pattern": r"^\d+[sm]$"},
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "command": _COMMAND,
        "entrypoint": _COMMAND,
        "volumes": {"type": "array", "items": {"type": "string", "pattern": r"^(\./)?[\w.-]+:/[\w./-]+(:ro)?$"}},
        "ports": {"type": "array", "items": {"type": "string", "pattern": r"^127\.0\.0\.1:\d+:\d+$"}},
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["condition"],
                "properties": {"condition": {"enum": ["service_started", "service_healthy"]}},
            },
        },
        "healthcheck": {
            "type": "object",
            "additionalProperties": False,
            "required": ["test"],
            "properties": {
                "test": {"type": "array", "prefixItems": [{"enum": ["CMD", "CMD-SHELL"]}], "minItems": 2},
                "interval": {"type": "string", "pattern": r"^\d+[sm]$"},
                "timeout": {"type": "string", "pattern": r"^\d+[sm]$"},
                "start_period": {"type": "string", "pattern": r"^\d+[sm]$"},
                "retries": {"type": "integer", "minimum": 1},
            },
        },
    },
}
FILE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "services"],
    "properties": {
        "name": {"type": "string"},
        "services": {"type": "object", "additionalProperties": SERVICE},
        "volumes": {"type": "object", "additionalProperties": {"type": "null"}},
    },
    "patternProperties": {"^x-": {}},
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded = yaml.safe_load((COMPOSE / "compose.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def test_the_compose_file_has_no_unknown_keys_and_no_host_of_images(compose: dict[str, Any]) -> None:
    jsonschema.validate(compose, FILE)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image", "registry.example.org/postgres:18"),
        ("image", "postgres"),
        ("image", "postgres:latest"),
        ("ports", ["8080:8080"]),
        ("enviroment", {}),
        ("restart", "sometimes"),
        ("depends_on", {"db": {"condition": "healthy"}}),
    ],
)
def test_the_schema_finds_mistakes(compose: dict[str, Any], key: str, value: object) -> None:
    service = {**compose["services"]["proxy"], key: value}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**compose, "services": {"proxy": service}}, FILE)


def test_what_services_name_is_there(compose: dict[str, Any]) -> None:
    used = set()
    for name, service in compose["services"].items():
        assert set(service.get("depends_on", ())) <= set(compose["services"]) - {name}
        for condition in ("service_healthy",):
            for other in [o for o, how in service.get("depends_on", {}).items() if how["condition"] == condition]:
                assert "healthcheck" in compose["services"][other], f"{name} waits for the health of {other}"
        for source in (volume.split(":")[0] for volume in service.get("volumes", ())):
            if source.startswith("./"):
                assert (COMPOSE / source).is_file(), f"{name}: {source}"
            else:
                used.add(source)
        if "build" in service:
            assert (COMPOSE / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    assert used == set(compose["volumes"])


def test_secrets_are_asked_for_and_none_is_written_down(compose: dict[str, Any]) -> None:
    example = (COMPOSE / ".env.example").read_text()
    wanted = set(re.findall(r"^(\w+)=", example, re.MULTILINE))
    assert set(re.findall(r"^\w+=(.+)$", example, re.MULTILINE)) == set()
    text = (COMPOSE / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+):\?", text)) == wanted and "${" not in re.sub(r"\$\{\w+:\?", "", text)
    for service in compose["services"].values():
        for key, value in service.get("environment", {}).items():
            assert "PASSWORD" not in key or value.startswith("${"), key


def test_services_reach_each_other_by_the_names_in_the_files(compose: dict[str, Any]) -> None:
    text = (COMPOSE / "article-qa.toml").read_text() + (COMPOSE / "nginx.conf").read_text()
    text += (DEPLOY / "systemd/backup.env.example").read_text()
    named = set(re.findall(r"\b(?:db|app)-\d(?:-standby)?\b", text))
    assert named == set(compose["services"]) - {"proxy"}


def test_the_apps_configuration_is_one_that_the_app_takes() -> None:
    environment = {"ARTICLE_QA_PASSWORD": "of the environment"}
    config = load_config(file=COMPOSE / "article-qa.toml", environment=environment)
    assert isinstance(config, Config)
    assert config.index.url is not None and config.index.url.endswith("target_session_attrs=read-write")
    assert len(config.index.shards) == 3 and config.index.shards[0] == config.index.url
    assert config.serve.password == "of the environment"


def test_postgresql_takes_its_configuration() -> None:
    written = _settings((COMPOSE / "postgresql.conf").read_text())
    small = {"shared_buffers": "64MB", "listen_addresses": "127.0.0.1", "maintenance_work_mem": "64MB"}
    with PostgresServer.create(settings={**written, **small}, parent=folder_for_servers()) as server:
        for name in written:
            assert server.sql(f"SHOW {name}")  # an error for what is no setting
        assert server.sql("SHOW wal_receiver_status_interval") == "1s"
        assert server.sql("SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL") == "0"


def test_the_standbys_names_are_those_that_commits_wait_for(compose: dict[str, Any]) -> None:
    script = (COMPOSE / "replicate.sh").read_text()
    names = set(re.findall(r'\\"(\w+)\\"', script))
    assert compose["services"]["db-1-standby"]["environment"]["FOLLOWS_AS"] in names and len(names) == 2


@pytest.mark.parametrize("script", sorted(DEPLOY.rglob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_shell_and_can_be_run(script: Path) -> None:
    subprocess.run(["sh", "-n", script], check=True)
    assert os.access(script, os.X_OK) and script.read_text().startswith("#!/bin/sh\n")


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_says_what_the_app_says(status: int, code: int) -> None:
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Not to stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = _health_check(server.server_port)
        server.shutdown()
    assert (done.returncode, asked) == (code, ["/readyz"])


def test_the_health_check_says_when_nothing_is_there() -> None:
    done = _health_check(free_port())
    assert done.returncode == 1 and done.stderr.startswith("not ready")


def _health_check(port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, COMPOSE / "is_ready.py", str(port)], capture_output=True, text=True)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_have_the_sections_of_their_kind(unit: Path) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)  # keys such as Environment= come repeatedly
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text())
    assert parser["Unit"]["Description"]
    kind = {"service": "Service", "timer": "Timer", "target": "Install"}[unit.suffix[1:]]
    assert parser.has_section(kind)
    if kind == "Service":
        assert parser["Service"]["User"] == "article-qa" and parser["Service"]["NoNewPrivileges"] == "yes"
        assert "PASSWORD" not in unit.read_text()


def test_there_is_a_service_for_the_timer_and_a_target_for_the_apps() -> None:
    names = {unit.name for unit in UNITS}
    assert names == {"article-qa@.service", "article-qa.target", "article-qa-backup.service", "article-qa-backup.timer"}
    assert "PartOf=article-qa.target" in (DEPLOY / "systemd/article-qa@.service").read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for unit in UNITS:  # programs that are there: systemd-analyze looks for them
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text)
    files = [tmp_path / unit.name.replace("@.", "@7861.") for unit in UNITS]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "article-qa" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


def test_a_misspelt_unit_is_found(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed here")
    unit = tmp_path / "article-qa-wrong.service"
    unit.write_text("[Service]\nExecStart=/bin/true\nRestarts=always\n")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    assert "Restarts" in done.stderr


def test_programs_named_in_the_backup_script_are_postgresqls() -> None:
    script = (DEPLOY / "backup.sh").read_text()
    for program in re.findall(r"^(pg_\w+)", script, re.MULTILINE):
        assert (find_programs().folder / program).is_file(), program


def _settings(text: str) -> dict[str, str]:
    """Of a postgresql.conf: name = value, with or without quotes, and comments."""
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    pairs = [line.split("=", 1) for line in lines if line]
    return {name.strip(): value.strip().strip("'") for name, value in pairs}
