from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from emailseq.lib import clock

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


@pytest.mark.django_db
def test_a_frozen_clock_stands_still_for_python_and_the_database():
    with clock.frozen(NOON):
        assert clock.now() == clock.db_now() == NOON
        with clock.frozen(NOON + timedelta(days=1)):
            assert clock.now() == clock.db_now() == NOON + timedelta(days=1)
        assert clock.now() == NOON

    assert clock.now() > NOON


@pytest.mark.django_db
def test_both_clocks_run_and_agree():
    before = clock.db_now()

    assert clock.db_now() > before
    assert abs(clock.db_now() - clock.now()) < timedelta(seconds=5)
    assert clock.now().utcoffset() == timedelta(0)


def test_a_failure_lets_the_clock_run_again():
    with pytest.raises(RuntimeError), clock.frozen(NOON):
        raise RuntimeError

    assert clock.now() != NOON


def test_zones_are_iana_names():
    assert {"Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires"} <= clock.zones()
    assert "Berlin" not in clock.zones()
