"""Receipts and the like: a program asks, one person gets them, whatever they have subscribed to."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from delivery import reaper, services
from delivery.models import Lane, Outbox, SendLedger, TransactionalMessage
from delivery.services import transactional
from delivery.tests.factories import SenderFactory, queue
from emailseq.lib import clock
from subscribers import services as people
from subscribers.models import Event, Subscriber
from subscribers.tests.factories import ListFactory, SubscriberFactory, make_audience

TEXT = (
    "Dear {{ subscriber.first_name }}, {% for item in data.items %}{{ item.name }} {% endfor %}"
    "makes {{ data.order.total }}: {{ data.url }}"
)
DATA = {"items": [{"name": "Mast"}], "order": {"total": "12.00"}, "url": "https://a.example/7"}


@pytest.fixture
def workspace():
    return SenderFactory(workspace=WorkspaceFactory(cap_per_day=1)).workspace


@pytest.fixture
def api(workspace):
    return Api(workspace)


@pytest.fixture
def ada(workspace):
    return SubscriberFactory(workspace=workspace, email="ada@example.com", first_name="Ada")


@pytest.fixture
def receipt(api):
    made = api(
        "POST",
        "/templates",
        {
            "name": "Receipt",
            "message_class": "transactional",
            "subject": "Order of {{ data.order.total }}",
            "text": TEXT,
        },
    )
    assert made.status_code == 201, made.json()
    published = api("POST", "/templates/receipt/publish", match='"r1"')
    assert published.json()["version"] == 1
    return made.json()["id"]


def send(api, **changes):
    asked = {"template": "receipt", "to": {"email": "ada@example.com"}, "data": DATA, **changes}
    return api("POST", "/messages", {name: value for name, value in asked.items() if value})


def faults(answer):
    assert answer.status_code == 400, answer.json()
    return {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]}


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_it_leaves_in_a_lane_of_its_own_whatever_they_have_said_to_marketing(
    wire, api, ada, receipt, workspace
):
    news = ListFactory(workspace=workspace)
    (ben,) = make_audience(1, on=news)
    queue([ben], on=news)
    people.suppress(workspace, email=ada.email, reason="unsubscribed", by=SYSTEM)
    answers = [send(api), send(api)]  # more than the cap lets through
    made = answers[0].json()

    assert wire.send() == 3

    shown = api("GET", f"/messages/{made['id']}").json()
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].headers["Location"] == f"/api/v1/messages/{made['id']}"
    assert (made["state"], made["finished_at"]) == ("queued", None)
    assert (shown["state"], shown["reason"], shown["subscriber"]) == ("sent", "", ada.public_id)
    assert shown["finished_at"] is not None
    assert [row["id"] for row in api("GET", "/messages").json()["data"]] == [
        answers[1].json()["id"],
        made["id"],
    ]
    assert Event.objects.filter(kind="message.sent", subscriber=ada).count() == 2
    assert {lane.message_class for lane in Lane.objects.exclude(domain_group="")} == {
        "marketing",
        "transactional",
    }
    mail = next(
        mail
        for mail in (message_from_bytes(data, policy=policy.default) for data in wire.mails)
        if mail["To"].addresses[0].addr_spec == ada.email
    )
    assert mail["Subject"] == "Order of 12.00"
    text = mail.get_body(("plain",)).get_content()
    assert text.strip() == "Dear Ada, Mast makes 12.00: https://a.example/7"
    assert not [name for name in mail.keys() if name.startswith(("List-", "Precedence"))]  # noqa: SIM118


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("reason", ["hard_bounce", "complaint"])
def test_a_suppressed_address_gets_nothing(wire, api, ada, receipt, workspace, reason):
    people.suppress(workspace, email=ada.email, reason=reason, by=SYSTEM)
    made = send(api).json()

    assert wire.send() == 0

    shown = api("GET", f"/messages/{made['id']}").json()
    assert (shown["state"], shown["reason"]) == ("skipped", f"suppressed: {reason}")
    assert wire.mails == []


@pytest.mark.django_db
def test_who_is_new_becomes_a_subscriber_without_consent(api, receipt):
    made = send(api, to={"email": "New@Example.com"}).json()

    person = Subscriber.objects.get()
    assert (made["subscriber"], made["email"]) == (person.public_id, "New@example.com")
    assert not person.subscriptions.exists()
    message = Outbox.objects.get()
    assert (message.message_class, message.priority, message.list_id) == ("transactional", 0, None)


@pytest.mark.django_db
def test_all_that_is_missing_is_told_and_nothing_is_queued(api, receipt, ada):
    assert faults(send(api, data={"items": [], "order": {}})) == {
        ("/data/order/total", "template_data_missing"),
        ("/data/url", "template_data_missing"),
    }
    assert faults(send(api, to={})) == {("/to", "required")}
    assert faults(send(api, to={"email": "a@b.example", "subscriber": ada.public_id})) == {
        ("/to", "required")
    }
    assert faults(send(api, data={**DATA, "url": "x" * 33_000})) == {("/data", "too_large")}
    assert not Outbox.objects.exists()
    assert not TransactionalMessage.objects.exists()
    assert send(api, data={**DATA, "url": None}).status_code == 202


@pytest.mark.django_db
def test_marketing_and_transactional_templates_do_not_serve_each_other(api, receipt, workspace):
    plain = {"subject": "Hi", "text": "{{ links.unsubscribe }}"}
    api("POST", "/templates", {"name": "News", **plain})
    reads_data = {"name": "Other", "subject": "Hi", "text": "{{ data.url }}"}
    api("POST", "/templates", {"name": "Draft", "message_class": "transactional", **plain})

    assert faults(send(api, template="news")) == {("/template", "not_transactional")}
    assert faults(send(api, template="draft")) == {("/template", "not_published")}
    assert faults(api("POST", "/templates", reads_data)) == {("/text", "unknown_field")}
    changed = api("PATCH", "/templates/news", {"message_class": "transactional"}, match='"r1"')
    assert faults(changed) == {("/message_class", "unknown_field")}


@pytest.mark.django_db
def test_one_that_has_not_left_can_be_cancelled(api, receipt, ada):
    at = clock.now() + timedelta(days=1)
    made, other = (send(api, send_at=at.isoformat()).json() for _ in range(2))
    assert Outbox.objects.filter(run_at=at).count() == 2

    cancelled = api("POST", f"/messages/{made['id']}/cancel").json()
    again = api("POST", f"/messages/{made['id']}/cancel")
    reaper.reap()

    assert (cancelled["state"], again.status_code) == ("skipped", 200)
    shown = api("GET", f"/messages/{made['id']}").json()
    assert (shown["state"], shown["reason"]) == ("skipped", "cancelled")
    assert api("GET", f"/messages/{other['id']}").json()["state"] == "queued"


@pytest.mark.django_db
def test_a_repeat_with_its_key_is_one_message(api, receipt):
    body = {"template": "receipt", "to": {"email": "ada@example.com"}, "data": DATA}

    answers = [
        api.client.post(
            "/api/v1/messages",
            json.dumps(body),
            content_type="application/json",
            headers={"idempotency-key": "order-7"},
        )
        for _ in range(2)
    ]

    assert answers[0].json() == answers[1].json()
    assert Outbox.objects.count() == 1


@pytest.mark.django_db
def test_what_nobody_can_know_is_told(api, receipt):
    made = send(api).json()
    token = uuid.uuid4()
    Outbox.objects.update(lease_token=token, wire_at=clock.now(), doubt_at=clock.now())

    assert api("GET", f"/messages/{made['id']}").json()["state"] == "in_doubt"

    services.resolve_in_doubt(Outbox.objects.get(), as_sent=True, by=SYSTEM)
    assert api("GET", f"/messages/{made['id']}").json()["state"] == "sent"
    assert SendLedger.objects.count() == 1


@pytest.mark.django_db
def test_of_a_batch_what_is_wrong_with_one_does_not_stop_the_others(api, receipt, ada):
    good = {"template": "receipt", "to": {"subscriber": ada.public_id}, "data": DATA}
    bad = [{**good, "data": {}}, {**good, "to": {"email": "nope"}}, {**good, "template": "x"}, None]

    answer = api("POST", "/messages/batch", {"items": [good, *bad, good]})

    assert answer.status_code == 200, answer.json()
    told = answer.json()
    assert told["summary"] == {"queued": 2, "error": 4}
    assert [each["index"] for each in told["results"] if each["result"] == "queued"] == [0, 5]
    faulty = [each["problem"]["errors"][0]["pointer"] for each in told["results"][1:4]]
    assert faulty == ["/data/items", "/to/email", "/template"]
    assert {told["results"][0]["id"], told["results"][5]["id"]} == {
        row.public_id for row in TransactionalMessage.objects.all()
    }
    assert Outbox.objects.count() == 2
    over = api("POST", "/messages/batch", {"items": [good] * 101})
    assert (over.status_code, over.json()["code"]) == (413, "batch_too_large")
    assert Outbox.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize(("outcome", "state"), [("sent", "sent"), ("resend", "queued")])
def test_a_doubt_is_resolved_once(api, receipt, outcome, state):
    made = send(api).json()
    url = f"/messages/{made['id']}/resolve"
    early = api("POST", url, {"outcome": outcome})
    assert (early.status_code, early.json()["state"]) == (409, "queued")
    Outbox.objects.update(lease_token=uuid.uuid4(), wire_at=clock.now(), doubt_at=clock.now())

    assert faults(api("POST", url, {"outcome": "maybe"})) == {("/outcome", "invalid_choice")}
    assert api("POST", url, {"outcome": outcome}).json()["state"] == state

    again = api("POST", url, {"outcome": outcome})
    assert (again.status_code, again.json()["code"]) == (409, "state_conflict")
    assert SendLedger.objects.count() == (outcome == "sent")


@pytest.mark.django_db
def test_data_are_forgotten_thirty_days_after_the_end(api, receipt, ada):
    finished, waiting, recent = (send(api, headers={"X-Order": "7"}).json() for _ in range(3))
    runs = list(TransactionalMessage.objects.order_by("id"))
    token, now = uuid.uuid4(), clock.now()
    TransactionalMessage.objects.update(created_at=now - timedelta(days=60))
    Outbox.objects.exclude(run=runs[1].pk).update(lease_token=token)
    rows = {row.run: row.pk for row in Outbox.objects.all()}
    for run in (runs[0], runs[2]):
        services.finish([(rows[run.pk], "sent", "", "")], token=token)

    with clock.frozen(now + timedelta(days=29)):
        assert transactional.forget() == 0
    SendLedger.objects.filter(pk=rows[runs[2].pk]).update(finished_at=now + timedelta(days=2))
    with clock.frozen(now + timedelta(days=31)):
        assert transactional.forget() == 1

    kept = {row.public_id: (row.data, row.headers) for row in TransactionalMessage.objects.all()}
    assert kept[finished["id"]] == ({}, {})
    assert kept[waiting["id"]] == kept[recent["id"]] == (DATA, {"X-Order": "7"})
