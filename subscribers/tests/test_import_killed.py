from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from django.conf import settings
from django.db import connection

from accounts.audit import SYSTEM
from subscribers.imports import jobs, parts, work
from subscribers.imports.read import examine
from subscribers.imports.run import import_people
from subscribers.models import Event, Import, ImportPart, Subscriber, Subscription
from subscribers.services import Consent
from subscribers.tests.factories import ListFactory

PEOPLE, BAD = 30_000, 300
WORKER = (
    "-c",
    "import django; django.setup(); from subscribers.imports import work\nwhile True: work.go_on()",
)


@pytest.mark.slow
@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_an_import_that_is_killed_again_and_again_loses_and_doubles_nobody(tmp_path):
    to = ListFactory(slug="news")
    file, errors = tmp_path / "people.csv", tmp_path / "people.csv.errors.csv"
    lines = [f"p{n}@example.com,Person {n},city {n % 7}" for n in range(PEOPLE)]
    lines += [f"bad {n},," for n in range(BAD)]
    random.Random(7).shuffle(lines)
    file.write_text("email,first name,city\n" + "\n".join(lines) + "\n")

    command = ("manage.py", "import_subscribers", file, "--list", "news")
    command = (*command, "--confirmed", "--consent-source", "paper")
    reached = [_kill_behind(line, *command) for line in (0, 1, 10_001)]
    assert reached == sorted(reached)
    assert reached[-1] < PEOPLE

    job = import_people(
        examine(file), to=to, by=SYSTEM, error_path=errors, consent=Consent("paper"), confirmed=True
    )

    assert Import.objects.count() == 1
    assert (job.state, job.line_count) == ("finished", PEOPLE + BAD + 1)
    assert (job.created_count, job.updated_count, job.unchanged_count) == (PEOPLE, 0, 0)
    assert Subscriber.objects.count() == Subscription.objects.count() == PEOPLE
    assert Subscriber.objects.get(email="p777@example.com").fields == {"city": "city 0"}
    log = Event.objects.of(to.workspace)
    for kind in ("subscriber.created", "subscription.confirmed"):
        assert log.filter(kind=kind).count() == PEOPLE
        assert log.filter(kind=kind).values("subscriber").distinct().count() == PEOPLE
    with errors.open(newline="") as found:
        refused = [int(row[0]) for row in list(csv.reader(found))[1:]]
    assert refused == sorted(set(refused))
    assert len(refused) == job.refused_count == BAD


@pytest.mark.slow
@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_a_stored_import_whose_worker_is_killed_loses_and_doubles_nobody():
    to = ListFactory(slug="news")
    lines = [f"p{n}@example.com,Person {n}" for n in range(PEOPLE)]
    lines[::100] = [f"bad {n}," for n in range(BAD)]
    job = jobs.upload(
        to.workspace,
        file_name="people.csv",
        content=["\n".join(["email,first name", *lines]).encode()],
        by=SYSTEM,
        list=to,
        consent_source="paper",
        confirmed=True,
        at_once=True,
    )

    reached = [_kill_behind(line, *WORKER) for line in (0, 1, 10_001)]
    assert reached == sorted(reached)
    assert reached[-1] < PEOPLE
    deadline = time.monotonic() + 60
    while Import.objects.get().state == "running":  # until the lock of the dead is gone, too
        assert time.monotonic() < deadline
        work.go_on()

    job.refresh_from_db()
    there = PEOPLE - BAD
    assert (job.state, job.fault) == ("finished", "")
    assert (job.created_count, job.updated_count, job.unchanged_count) == (there, 0, 0)
    assert Subscriber.objects.count() == Subscription.objects.count() == there
    for kind in ("subscriber.created", "subscription.confirmed"):
        assert Event.objects.filter(kind=kind).count() == there
        assert Event.objects.filter(kind=kind).values("subscriber").distinct().count() == there
    refused = b"".join(parts.contents(job, ImportPart.Kind.REFUSED)).decode().splitlines()[1:]
    assert len(set(refused)) == len(refused) == job.refused_count == BAD


def _kill_behind(line, *command):
    """Start the command, kill -9 it when it has done `line` lines; how many lines it had done."""
    deadline = time.monotonic() + 60
    settings_module = {"DJANGO_SETTINGS_MODULE": "emailseq.settings"}
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=settings.BASE_DIR,
        env={**os.environ, **settings_module, "DATABASE_URL": _url_of_the_test_database()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        while _lines_done() < line or not Import.objects.exists():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    return _lines_done()


def _lines_done():
    return max(Import.objects.values_list("line_count", flat=True), default=0)


def _url_of_the_test_database():
    return os.environ["DATABASE_URL"].rpartition("/")[0] + "/" + connection.settings_dict["NAME"]
