from __future__ import annotations

from datetime import timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from delivery import tasks, webhooks
from delivery.models import WebhookAttempt, WebhookCall, WebhookEndpoint
from delivery.services import webhooks as services
from delivery.tests.receiver import Receiver
from emailseq.lib import clock
from subscribers import services as people

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def workspace():
    return WorkspaceFactory(name="Harbour")


@pytest.fixture
def api(workspace):
    return Api(workspace)


@pytest.fixture
def receiver(settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def listening(api, receiver):
    """An endpoint that hears everything about people, made over the API, and its secret."""
    made = api("POST", "/webhook-endpoints", {"url": receiver.url, "types": ["subscriber.*"]})
    assert made.status_code == 201, made.content
    return made.json()


def tick(seconds: float = 5) -> int:
    tasks.feed_webhooks()
    return webhooks.deliver(seconds=seconds)


def test_what_happens_is_told_and_signed(api, receiver, listening, workspace):
    api("POST", "/subscribers", {"email": "ada@example.com", "first_name": "Ada"})

    assert tick() == 1

    (body,) = receiver.verified(listening["secret"])
    ada = api("GET", "/subscribers").json()["data"][0]
    call = WebhookCall.objects.get()
    assert body["type"] == "subscriber.created"
    assert body["data"]["event_id"].startswith("evt_")
    assert body["data"]["subscriber"] == {
        "id": ada["id"],
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "",
    }
    assert receiver.calls[0][0]["webhook-id"] == call.public_id
    assert call.state == "delivered"
    assert (call.attempts.get().status, call.attempts.get().answer) == (200, "thanks")
    assert tick() == 0
    assert len(receiver.calls) == 1


def test_a_forged_body_is_noticed_by_the_receiver(api, receiver, listening):
    api("POST", "/subscribers", {"email": "ada@example.com"})
    tick()

    headers, body = receiver.calls[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(listening["secret"]).verify(body.replace(b"ada", b"eve"), headers)


def test_only_types_that_were_asked_for_are_told(api, receiver, listening):
    api("POST", "/lists", {"name": "News", "opt_in": "single"})
    made = api("POST", "/subscribers", {"email": "ada@example.com"}).json()
    consent = {"source": "fair"}
    place = {"list": "news", "consent": consent}
    assert api("POST", f"/subscribers/{made['id']}/subscribe", place).status_code == 200

    tick()

    assert receiver.types == ["subscriber.created"]


def test_nobody_elses_people_are_told_about(receiver, listening):
    Api(WorkspaceFactory(name="Other"))("POST", "/subscribers", {"email": "eve@example.com"})

    tick()

    assert receiver.calls == []


def test_what_happened_before_is_not_news(api, receiver):
    api("POST", "/subscribers", {"email": "ada@example.com"})
    api("POST", "/webhook-endpoints", {"url": receiver.url, "types": ["*"]})
    api("POST", "/subscribers", {"email": "bob@example.com"})

    tick()

    assert [body["data"]["subscriber"]["email"] for body in receiver.bodies] == ["bob@example.com"]


def test_a_failed_call_is_made_again_with_the_same_id_and_body(api, receiver, listening):
    api("POST", "/subscribers", {"email": "ada@example.com"})
    receiver.status = 500
    tick()
    call = WebhookCall.objects.get()
    assert (call.state, call.attempt_count) == ("queued", 1)
    assert timedelta(seconds=3) < call.due_at - clock.now() < timedelta(seconds=7)

    receiver.status = 204
    with clock.frozen(clock.now() + timedelta(seconds=10)):
        tick()

    call.refresh_from_db()
    assert call.state == "delivered"
    (first, again) = receiver.calls
    assert first[1] == again[1]
    assert first[0]["webhook-id"] == again[0]["webhook-id"]
    assert [attempt.status for attempt in call.attempts.all()] == [500, 204]


def test_after_the_last_try_a_call_has_failed_and_can_be_replayed(api, receiver, listening):
    api("POST", "/subscribers", {"email": "ada@example.com"})
    receiver.status = 503
    start = clock.now()
    for hours in (0, 1, 2, 5, 11, 24, 40, 80):
        with clock.frozen(start + timedelta(hours=hours)):
            tick()
    call = WebhookCall.objects.get()
    assert (call.state, call.attempt_count) == ("failed", 8)

    receiver.status = 200
    path = f"/webhook-endpoints/{listening['id']}/deliveries"
    (shown,) = api("GET", f"{path}?state=failed").json()["data"]
    assert [attempt["status"] for attempt in shown["attempts"]] == [503] * 8
    with clock.frozen(start + timedelta(hours=90)):
        assert api("POST", f"{path}/{shown['id']}/replay").status_code == 200
        tick()

    call.refresh_from_db()
    assert call.state == "delivered"
    assert len({headers["webhook-id"] for headers, _ in receiver.calls}) == 1


def test_replay_since_takes_what_has_failed(api, receiver, listening):
    api("POST", "/subscribers", {"email": "ada@example.com"})
    tick()
    WebhookCall.objects.update(state="failed")

    path = f"/webhook-endpoints/{listening['id']}/replay-since"
    assert api("POST", path, {"since": "2020-01-01T00:00:00Z"}).json() == {"replayed": 1}
    assert api("POST", path, {"since": "2099-01-01T00:00:00Z"}).json() == {"replayed": 0}


def test_a_receiver_that_is_gone_is_told_nothing_more(api, receiver, listening):
    receiver.status = 410
    api("POST", "/subscribers", {"email": "ada@example.com"})
    tick()

    shown = api("GET", f"/webhook-endpoints/{listening['id']}").json()
    assert (shown["state"], shown["disabled_reason"]) == ("disabled", "It answered 410 Gone.")
    api("POST", "/subscribers", {"email": "bob@example.com"})
    tick()
    assert len(receiver.calls) == 1
    assert AuditEntry.objects.filter(verb="webhook_endpoint.disabled").count() == 1


def test_five_days_without_success_disable_it(api, receiver, listening):
    receiver.status = 500
    api("POST", "/subscribers", {"email": "ada@example.com"})
    tick()
    assert WebhookEndpoint.objects.get().state == "enabled"

    with clock.frozen(clock.now() + timedelta(days=5, minutes=1)):
        tick()

    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.state, endpoint.disabled_reason) == ("disabled", "It has failed for 5 days.")


def test_an_endpoint_that_keeps_failing_rests(api, receiver, listening):
    receiver.status = 500
    for number in range(20):
        api("POST", "/subscribers", {"email": f"p{number}@example.com"})

    tick()

    endpoint = WebhookEndpoint.objects.get()
    assert len(receiver.calls) == webhooks.AT_ONCE
    assert endpoint.rests_until > clock.now()
    receiver.status = 200
    with clock.frozen(clock.now() + timedelta(minutes=6)):
        tick()
    assert WebhookCall.objects.filter(state="delivered").count() == 20
    assert WebhookEndpoint.objects.get().rests_until is None


def test_one_persons_events_are_told_in_order(api, receiver, listening):
    made = api("POST", "/subscribers", {"email": "ada@example.com"}).json()
    receiver.status = 500
    tick()
    api("PATCH", f"/subscribers/{made['id']}", {"first_name": "Ada"})
    receiver.status = 200
    tick()
    assert receiver.types == ["subscriber.created"]  # the second waits behind the first

    with clock.frozen(clock.now() + timedelta(seconds=10)):
        tick()

    assert receiver.types == ["subscriber.created", "subscriber.created", "subscriber.updated"]


@pytest.mark.slow
def test_a_slow_endpoint_makes_nobody_else_wait(api, receiver, listening):
    slow = Receiver()
    slow.delay = 1.5
    api("POST", "/webhook-endpoints", {"url": slow.url, "types": ["subscriber.*"]})
    for number in range(10):
        api("POST", "/subscribers", {"email": f"p{number}@example.com"})
    seen: list[int] = []
    slow_post = receiver.server.RequestHandlerClass.do_POST

    def note(handler):
        seen.append(len(slow.calls))
        slow_post(handler)

    receiver.server.RequestHandlerClass.do_POST = note

    tick(seconds=3)
    slow.close()

    assert len(receiver.calls) == 10
    assert max(seen) <= webhooks.AT_ONCE  # all told while the slow one was still at its first


def test_a_test_call_is_made_and_never_logged(api, receiver, listening):
    answer = api("POST", f"/webhook-endpoints/{listening['id']}/test")

    webhooks.deliver()

    assert answer.status_code == 202
    assert receiver.verified(listening["secret"])[0]["type"] == "webhook.test"


def test_a_rotated_secret_overlaps_for_a_day(api, receiver, listening):
    path = f"/webhook-endpoints/{listening['id']}/rotate-secret"
    fresh = api("POST", path).json()["secret"]
    api("POST", "/subscribers", {"email": "ada@example.com"})
    tick()

    assert receiver.verified(listening["secret"]) == receiver.verified(fresh)
    receiver.calls.clear()
    WebhookEndpoint.objects.update(rotated_at=clock.now() - services.ROTATION)
    api("POST", "/subscribers", {"email": "bob@example.com"})
    tick()
    assert receiver.verified(fresh)
    with pytest.raises(WebhookVerificationError):
        receiver.verified(listening["secret"])


def test_the_secret_is_shown_once_and_stored_encrypted(api, listening):
    shown = api("GET", f"/webhook-endpoints/{listening['id']}").json()
    stored = WebhookEndpoint.objects.values_list("secret", flat=True).get()

    assert "secret" not in shown
    assert listening["secret"].startswith("whsec_")
    assert listening["secret"] not in stored.token


def test_thin_bodies_have_ids_only(api, receiver):
    body = {"url": receiver.url, "types": ["subscriber.*"], "thin": True}
    api("POST", "/webhook-endpoints", body)
    api("POST", "/subscribers", {"email": "ada@example.com", "first_name": "Ada"})

    tick()

    assert set(receiver.bodies[0]["data"]) == {"event_id", "workspace", "subscriber"}
    assert "ada@example.com" not in receiver.calls[0][1].decode()


def test_a_redirect_is_not_followed_and_a_long_answer_is_cut(api, receiver, listening):
    elsewhere = Receiver()
    receiver.status, receiver.headers = 302, {"location": elsewhere.url}
    receiver.answer = b"\0x" * 100_000
    api("POST", "/subscribers", {"email": "ada@example.com"})

    tick()
    elsewhere.close()

    attempt = WebhookAttempt.objects.get()
    assert (attempt.status, len(attempt.answer)) == (302, webhooks.KEEP_BODY)
    assert "\0" not in attempt.answer
    assert elsewhere.calls == []


@pytest.mark.parametrize(
    ("types", "code"),
    [([], "required"), (["Message.Sent"], "invalid_choice"), (["message"], "invalid_choice")],
)
def test_types_are_checked(api, receiver, types, code):
    answer = api("POST", "/webhook-endpoints", {"url": receiver.url, "types": types})

    assert answer.status_code in (400, 422)
    assert answer.json()["errors"][0]["code"] == code
    assert not WebhookEndpoint.objects.exists()


def test_a_killed_worker_s_calls_are_made_after_their_lease(api, receiver, listening):
    api("POST", "/subscribers", {"email": "ada@example.com"})
    tasks.feed_webhooks()
    WebhookCall.objects.update(leased_until=clock.now() + timedelta(minutes=1), attempt_count=1)
    assert webhooks.deliver() == 0

    WebhookCall.objects.update(leased_until=clock.now() - timedelta(seconds=1))

    assert webhooks.deliver() == 1
    assert len(receiver.calls) == 1


def test_old_calls_are_forgotten(api, receiver, listening):
    api("POST", "/subscribers", {"email": "ada@example.com"})
    tick()
    assert webhooks.forget() == 0

    WebhookCall.objects.update(created_at=clock.now() - timedelta(days=31))
    webhooks.forget()

    assert not WebhookCall.objects.exists()
    assert not WebhookAttempt.objects.exists()


def test_while_nobody_listens_nobody_reads_the_log(workspace):
    people.upsert(workspace, email="ada@example.com", by=SYSTEM)

    assert tasks.feed_webhooks() == 0
