"""What every test finds: the tables as the migrations left them."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from pytest_django.plugin import blocking_manager_key

from accounts.permissions import ROLES


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """After real commits Django empties only the tables it made, roles included: finish the job."""
    yield
    marker = item.get_closest_marker("django_db")
    # After the last test the database is gone.
    if nextitem is None or marker is None or not marker.kwargs.get("transaction"):
        return
    with item.config.stash[blocking_manager_key].unblock():
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE delivery_ledger, subscribers_event")
        Group.objects.bulk_create([Group(name=role) for role in ROLES], ignore_conflicts=True)
        connection.close()


@pytest.fixture(autouse=True)
def _cold_cache() -> None:
    cache.clear()
