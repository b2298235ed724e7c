"""What every test finds: the tables as the migrations left them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import TransactionTestCase
from pytest_django.plugin import blocking_manager_key

from subscribers import feed
from tests.support import databases, horizon

TEMPLATE = "EMAILSEQ_TEST_TEMPLATE"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Files stay in memory, and migrations run once at most, whoever needs a database."""
    settings.STORAGES["default"] = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    if not hasattr(session.config, "workerinput"):
        unblock = session.config.stash[blocking_manager_key].unblock
        with unblock():
            os.environ[TEMPLATE] = databases.make_template()
        session.config.add_cleanup(lambda: _drop_template(unblock))


def _drop_template(unblock: Callable[[], AbstractContextManager[None]]) -> None:
    with unblock():
        databases.drop_template()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    connection.settings_dict["TEST"]["TEMPLATE"] = os.environ[TEMPLATE]


TransactionTestCase._fixture_teardown = lambda _case: databases.empty()  # type: ignore[attr-defined]


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
