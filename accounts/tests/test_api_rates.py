from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from accounts.models import APIKey
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from accounts.throttles import Rate
from emailseq.lib import clock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def api(settings):
    settings.API_RATE = "20/min"
    return Api(WorkspaceFactory())


@pytest.fixture
def no_valkey(settings):
    settings.BUCKETS_URL = "unix:///nowhere/valkey.sock?db=2"


def statuses(api, calls):
    return Counter(api("GET", "/me").status_code for _ in range(calls))


@pytest.mark.parametrize(
    ("text", "rate"),
    [("6000/min", Rate(6000, 60)), ("100/s", Rate(100, 1)), ("5/hour", Rate(5, 3600))],
)
def test_rates_are_read(text, rate):
    assert Rate.parse(text) == rate


@pytest.mark.django_db
def test_every_answer_says_what_is_left(api):
    first, refused, unknown = api("GET", "/me"), api("DELETE", "/me"), api("GET", "/lists/nope")

    assert first.headers["RateLimit-Policy"] == '"key";q=20;w=60'
    assert first.headers["RateLimit"] == '"key";r=19;t=3'
    assert refused.headers["RateLimit"].startswith('"key";r=18;')
    assert unknown.headers["RateLimit"].startswith('"key";r=17;')


@pytest.mark.django_db
def test_who_calls_too_often_is_told_when_to_come_back(api):
    assert statuses(api, 20) == {200: 20}

    answer = api("GET", "/me")

    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(answer.headers["Retry-After"]) <= 3
    assert answer.headers["RateLimit"].startswith('"key";r=0;')


@pytest.mark.django_db
def test_refused_calls_count_too(settings):
    settings.API_RATE = "3/min"
    humble = Api(WorkspaceFactory(), "lists:read")

    answers = [humble("POST", "/lists", {"name": "x"}).status_code for _ in range(5)]

    assert answers == [403, 403, 403, 429, 429]


@pytest.mark.django_db
def test_credentials_do_not_share(api):
    other = Api(WorkspaceFactory())

    assert statuses(api, 22) == {200: 20, 429: 2}
    assert statuses(other, 20) == {200: 20}


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_fifty_callers_at_once_get_exactly_the_quota(api, settings):
    settings.API_RATE = "20/hour"  # none more while they call, however long that takes

    def call(_):
        try:
            return api("GET", "/me").status_code
        finally:
            connection.close()

    APIKey.objects.update(last_used_at=clock.now())
    with ThreadPoolExecutor(50) as pool:
        answers = Counter(pool.map(call, range(50)))

    assert answers == {200: 20, 429: 30}


@pytest.mark.django_db
def test_without_valkey_half_the_rate_holds_in_this_process(api, no_valkey):
    with clock.frozen(NOON):
        full = statuses(api, 15)
        limited = api("GET", "/me")
    with clock.frozen(NOON + timedelta(seconds=6)):
        one_more = statuses(api, 2)
    with clock.frozen(NOON + timedelta(hours=1)):
        rested = statuses(api, 11)

    assert full == {200: 10, 429: 5}
    assert limited.json()["code"] == "rate_limited"
    assert int(limited.headers["Retry-After"]) <= 6
    assert one_more == {200: 1, 429: 1}
    assert rested == {200: 10, 429: 1}


@pytest.mark.django_db
def test_when_valkey_is_back_it_counts_again(api, settings):
    there = settings.BUCKETS_URL
    settings.BUCKETS_URL = "unix:///nowhere/valkey.sock?db=2"
    statuses(api, 11)
    settings.BUCKETS_URL = there

    assert statuses(api, 21) == {200: 20, 429: 1}


@pytest.mark.django_db
def test_the_buckets_of_a_process_do_not_pile_up(api, no_valkey, monkeypatch):
    buckets = {f"api_key:-{n}": 0.0 for n in range(10_001)}
    monkeypatch.setattr("accounts.throttles._full_at", buckets)

    api("GET", "/me")

    assert len(buckets) == 1
