"""What every test finds: the tables as the migrations left them."""

from __future__ import annotations

import os
from collections.abc import Generator
from functools import partial

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from pytest_django.plugin import blocking_manager_key

from accounts.permissions import ROLES
from delivery.services.transports import shared_transport
from subscribers import feed
from tests.support import horizon

TEMPLATE = "EMAILSEQ_TEST_TEMPLATE"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Migrate once for all workers, which get copies: migrations take them seconds each. And keep
    files in memory."""
    settings.STORAGES["default"] = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    if session.config.getoption("numprocesses", None):
        with session.config.stash[blocking_manager_key].unblock():
            database = connection.settings_dict["NAME"]
            os.environ[TEMPLATE] = connection.creation.create_test_db(0, autoclobber=True)
            connection.close()
            session.config.add_cleanup(partial(_drop_template, session, database))


def _drop_template(session: pytest.Session, database: str) -> None:
    with session.config.stash[blocking_manager_key].unblock():
        connection.creation.destroy_test_db(database, verbosity=0)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    connection.settings_dict["TEST"]["TEMPLATE"] = os.environ.get(TEMPLATE)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """After real commits Django empties the tables it made, with what migrations put there, and
    not those that SQL made: finish the job."""
    yield
    marker = item.get_closest_marker("django_db")
    # After the last test the database is gone.
    if nextitem is None or marker is None or not marker.kwargs.get("transaction"):
        return
    with item.config.stash[blocking_manager_key].unblock():
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE delivery_ledger, subscribers_event")
            cursor.execute(
                "INSERT INTO subscribers_logbase (id, system_identifier, base)"
                " SELECT 1, system_identifier, 0 FROM pg_control_system()"
            )
        Group.objects.bulk_create([Group(name=role) for role in ROLES], ignore_conflicts=True)
        shared_transport()
        connection.close()


@pytest.fixture(autouse=True)
def _cold_cache() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def _clear_horizon(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Consumers see what a test has committed, whatever other workers have open meanwhile."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("transaction"):
        return
    run = feed.run

    def run_when_clear(name: str, **options: int) -> int:
        horizon.wait_until_clear()
        return run(name, **options)

    monkeypatch.setattr(feed, "run", run_when_clear)
