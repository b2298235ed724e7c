"""A POST that is repeated with its Idempotency-Key has its effect once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken

from accounts import tasks
from accounts.models import RememberedAnswer
from accounts.tests.api import Api
from accounts.tests.factories import UserFactory, WorkspaceFactory
from delivery.models import Outbox, WebhookEndpoint
from emailseq.lib import clock
from sequences import engine
from sequences.models import Enrollment
from sequences.tests.factories import EMAIL, make_live
from subscribers import services
from subscribers.models import List
from subscribers.tests.factories import make_audience


def post(api, path, body, key):
    return api.client.post(
        f"/api/v1{path}",
        json.dumps(body),
        content_type="application/json",
        headers={"idempotency-key": key},
    )


@pytest.mark.django_db
class TestOneCaller:
    @pytest.fixture
    def api(self):
        workspace = WorkspaceFactory()
        caller = Api(workspace)
        caller.workspace = workspace
        return caller

    def test_a_repeat_gets_the_first_answer(self, api):
        body = {"name": "News", "slug": "news"}

        first = post(api, "/lists", body, "k-1")
        again = post(api, "/lists", {"slug": "news", "name": "News"}, "k-1")

        assert first.status_code == again.status_code == 201
        assert again.json() == first.json()
        assert again.headers["Location"] == first.headers["Location"]
        assert again.headers["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first.headers
        assert List.objects.count() == 1

    def test_another_body_is_refused(self, api):
        post(api, "/lists", {"name": "News"}, "k-1")

        answer = post(api, "/lists", {"name": "Offers"}, "k-1")

        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
        assert [*List.objects.values_list("name", flat=True)] == ["News"]

    def test_a_key_is_that_of_one_caller_and_one_route(self, api):
        stranger, colleague = Api(WorkspaceFactory()), Api(api.workspace)
        statuses = [
            post(caller, path, {"name": name}, "k-1").status_code
            for caller, path, name in (
                (api, "/lists", "News"),
                (stranger, "/lists", "News"),
                (colleague, "/lists", "Offers"),
                (api, "/tags", "News"),
            )
        ]

        assert statuses == [201, 201, 201, 201]

    def test_a_refusal_is_not_remembered(self, api):
        refused = post(api, "/lists", {"surname": "x"}, "k-1")
        mended = post(api, "/lists", {"name": "News"}, "k-1")

        assert (refused.status_code, mended.status_code) == (400, 201)

    def test_our_own_fault_leaves_neither_effect_nor_memory(self, api, monkeypatch):
        create = services.create_list

        def fail(*args, **named):
            create(*args, **named)
            raise RuntimeError

        api.client.raise_request_exception = False
        with monkeypatch.context() as patched:
            patched.setattr(services, "create_list", fail)
            broken = post(api, "/lists", {"name": "News"}, "k-1")
        assert broken.status_code == 500
        assert not List.objects.exists()
        assert not RememberedAnswer.objects.exists()

        assert post(api, "/lists", {"name": "News"}, "k-1").status_code == 201

    @pytest.mark.parametrize("key", ["", " ", "x" * 256, "schlüssel", "a\x7f"])
    def test_a_key_is_printable(self, api, key):
        answer = post(api, "/lists", {"name": "News"}, key)

        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (
            400,
            "/Idempotency-Key",
        )
        assert not List.objects.exists()

    def test_a_secret_is_told_again_and_stored_under_lock(self, api):
        body = {"url": "https://93.184.216.34/hook", "types": ["*"]}

        first, again = (post(api, "/webhook-endpoints", body, "k-1") for _ in range(2))

        assert again.json()["secret"] == first.json()["secret"]
        assert WebhookEndpoint.objects.count() == 1
        assert first.json()["secret"] not in RememberedAnswer.objects.get().answer.token

    def test_after_a_day_it_is_forgotten(self, api, monkeypatch):
        post(api, "/lists", {"name": "News", "slug": "news"}, "k-1")
        assert tasks.forget_answers() == 0
        later = clock.now() + timedelta(hours=24, seconds=1)
        monkeypatch.setattr(clock, "now", lambda: later)

        again = post(api, "/lists", {"name": "Offers", "slug": "offers"}, "k-1")

        assert again.status_code == 201
        assert RememberedAnswer.objects.get().at == later
        RememberedAnswer.objects.update(at=later - timedelta(days=2))
        assert tasks.forget_answers() == 1
        assert not RememberedAnswer.objects.exists()

    def test_expired_refresh_tokens_are_forgotten(self):
        user = UserFactory()
        used, fresh = RefreshToken.for_user(user), RefreshToken.for_user(user)
        used.blacklist()
        OutstandingToken.objects.filter(jti=used["jti"]).update(
            expires_at=clock.now() - timedelta(seconds=1)
        )

        assert tasks.forget_tokens() == 1
        assert OutstandingToken.objects.get().jti == fresh["jti"]
        assert not BlacklistedToken.objects.exists()


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
class TestSeveralAtOnce:
    def test_while_the_first_runs_the_second_is_told_to_come_back(self, monkeypatch):
        api, create, answers = Api(WorkspaceFactory()), services.create_list, []

        def during(*args, **named):
            if not answers:
                answers.append(None)
                with ThreadPoolExecutor(1) as other:
                    answers.append(other.submit(second).result())
            return create(*args, **named)

        def second():
            try:
                return post(api, "/lists", {"name": "News"}, "k-1")
            finally:
                connection.close()

        monkeypatch.setattr(services, "create_list", during)
        first = post(api, "/lists", {"name": "News"}, "k-1")

        assert first.status_code == 201
        assert (answers[1].status_code, answers[1].json()["code"]) == (409, "idempotency_in_flight")
        assert answers[1].headers["Retry-After"] == "1"
        assert List.objects.count() == 1

    def test_fifty_enrollments_of_one_person_are_one(self):
        sequence = make_live(EMAIL)
        (person,) = make_audience(1, on=sequence.list)
        api = Api(sequence.workspace)
        body = {"sequence": sequence.slug, "subscriber": person.public_id}

        def enroll(turn):
            try:
                if turn % 2:
                    return post(api, "/enrollments", body, "k-1").status_code
                return api("POST", "/enrollments", body).status_code
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as callers:
            statuses = [*callers.map(enroll, range(50))]
        engine.advance(100)

        assert set(statuses) <= {200, 201, 409}
        assert Enrollment.objects.count() == 1
        assert Outbox.objects.count() == 1
