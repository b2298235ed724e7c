"""The whole database in a file, and back into an empty one, by the commands."""

from __future__ import annotations

import io
import json
import stat

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from delivery.models import Deployment
from delivery.services import stops
from subscribers.models import Subscriber
from subscribers.tests.factories import SubscriberFactory

pytestmark = pytest.mark.pg


@pytest.fixture
def empty():
    """An empty database, which Django uses when asked to."""
    here, there = connection.settings_dict["NAME"], "emailseq_restored"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {there}")
        cursor.execute(f"CREATE DATABASE {there} TEMPLATE template0")

    def use(name):
        connection.close()
        connection.settings_dict["NAME"] = name

    yield lambda: use(there)
    use(here)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {there} WITH (FORCE)")


def run(*arguments):
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_what_is_restored_is_all_there_and_sends_nothing(tmp_path, empty):
    file = tmp_path / "all.dump"
    ada = SubscriberFactory(email="ada@example.org", fields={"city": "Łódź"})
    assert stops.move_in() == ""

    said = json.loads(run("backup", str(file), "--json"))
    assert said == {"file": str(file), "bytes": file.stat().st_size}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [*tmp_path.iterdir()] == [file]
    tables = len(connection.introspection.table_names())

    empty()
    assert json.loads(run("restore", str(file), "--json"))["tables"] == tables
    again = Subscriber.objects.get()
    assert (again.uid, again.email, again.fields) == (ada.uid, "ada@example.org", {"city": "Łódź"})
    assert stops.move_in() == "This database was restored."
    assert Deployment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_nothing_is_written_over(tmp_path):
    file = tmp_path / "all.dump"
    file.write_text("precious")

    with pytest.raises(CommandError, match="exists already"):
        run("backup", str(file))
    with pytest.raises(CommandError, match="tables already"):
        run("restore", str(file))
    with pytest.raises(CommandError, match="cannot be written: No such file or directory"):
        run("backup", str(tmp_path / "nowhere" / "all.dump"))
    assert file.read_text() == "precious"
    assert [*tmp_path.iterdir()] == [file]


@pytest.mark.django_db(transaction=True)
def test_what_is_no_dump_fills_nothing(tmp_path, empty):
    file = tmp_path / "some.dump"
    file.write_text("CREATE TABLE t ();")

    empty()
    with pytest.raises(CommandError, match="does not appear to be a valid archive"):
        run("restore", str(file))
    with pytest.raises(CommandError, match="There is no file"):
        run("restore", str(tmp_path / "none"))
    assert connection.introspection.table_names() == []
