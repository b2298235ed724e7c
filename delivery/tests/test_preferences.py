"""The page on which people choose what they get: by the link of a message, without a login."""

from __future__ import annotations

import email
import email.policy
import io
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client

from delivery import tracking
from delivery.models import DataRequest, Outbox, SendLedger, TransactionalMessage
from delivery.states import SourceKind
from delivery.tests.factories import SenderFactory, queue
from emailseq.lib import clock
from subscribers.models import Event, Subscriber, Subscription, Suppression
from subscribers.states import OptIn, SubscriptionState
from subscribers.tests.factories import ListFactory, SubscriptionFactory, make_audience

pytestmark = pytest.mark.django_db
ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en"}


@pytest.fixture
def news():
    return ListFactory(name="Harbour news", workspace__name="Harbour")


@pytest.fixture
def ada(news):
    (person,) = make_audience(1, on=news)
    return person


@pytest.fixture
def sent_message(ada, news):
    """A message of the list that has left."""
    (row,) = queue([ada], on=news)
    return SendLedger.objects.create(
        id=row.pk,
        workspace=news.workspace,
        kind=row.kind,
        source_id=row.source_id,
        subscriber=ada,
        list=news,
        template_version_id=row.template_version_id,
        sender_id=row.sender_id,
        queued_at=row.queued_at,
        finished_at=clock.now(),
        outcome="sent",
        reason="",
        reply="",
    )


def link(person, *, message_id=0, at=None):
    at = at or clock.now()
    return tracking.preferences("", subscriber_id=person.pk, message_id=message_id, at=at)


def post(url, **form):
    return Client(**ENGLISH).post(url, form)


def state_of(person):
    people = Subscriber.objects.filter(pk=person.pk)
    return [*people.values(), *Subscription.objects.filter(subscriber=person).values()]


def test_looking_at_the_page_changes_nothing(ada, news):
    hidden = ListFactory(workspace=news.workspace, name="Staff only", public=False)
    before = state_of(ada)

    for method in (Client(**ENGLISH).get, Client().head):
        assert method(link(ada)).status_code == 200

    page = Client(**ENGLISH).get(link(ada))
    assert state_of(ada) == before
    assert "Harbour news" in page.text
    assert ada.email in page.text
    assert hidden.name not in page.text
    assert page["Cache-Control"] == "no-store"
    assert page["Referrer-Policy"] == "no-referrer"


def test_people_choose_lists_frequency_and_language(ada, news):
    tips = ListFactory(workspace=news.workspace, name="Tips", opt_in=OptIn.SINGLE)
    offers = ListFactory(workspace=news.workspace, name="Offers")
    chosen = [tips.public_id, offers.public_id]

    page = post(link(ada), do="save", lists=chosen, frequency="weekly", language="de")

    assert "Ihre Einstellungen sind gespeichert." in page.text or "saved" in page.text
    places = {place.list.name: place for place in ada.subscriptions.select_related("list")}
    assert {name: place.state for name, place in places.items()} == {
        "Harbour news": SubscriptionState.UNSUBSCRIBED,
        "Tips": SubscriptionState.CONFIRMED,
        "Offers": SubscriptionState.PENDING,  # a message asks them
    }
    assert (places["Tips"].consent_source, places["Tips"].consent_ip) == (
        "preference page",
        "127.0.0.1",
    )
    ada.refresh_from_db()
    assert (ada.frequency, ada.language) == ("weekly", "de")
    assert "Einstellungen" in Client(**ENGLISH).get(link(ada)).text


def test_leaving_a_list_counts_for_the_message_that_led_there(ada, sent_message):
    message = sent_message
    post(link(ada, message_id=message.pk), do="save", frequency="all", language="")

    message.refresh_from_db()
    assert message.unsubscribed_at
    left = Event.objects.get(kind="message.unsubscribed")
    assert (left.message_id, left.subscriber_id) == (message.pk, ada.pk)
    assert not Suppression.objects.exists()


def test_a_break_puts_off_sequences_and_its_end_brings_them_back(ada, news):
    (row,) = queue([ada], on=news, kind=SourceKind.SEQUENCE)
    began = datetime(2027, 3, 1, 12, tzinfo=UTC)
    with clock.frozen(began):
        page = post(link(ada), do="snooze", days="30")
        ada.refresh_from_db()
        assert ada.snoozed_until == began + timedelta(days=30)
        assert "You take a break until 31 Mar 2027." in page.text
        Outbox.objects.update(run_at=ada.snoozed_until)  # as the gate does

        assert "Your break is over." in post(link(ada), do="wake").text

    ada.refresh_from_db()
    row.refresh_from_db()
    assert (ada.snoozed_until, row.run_at) == (None, began)


def test_a_break_until_a_day_ends_when_that_begins_where_they_are(ada):
    Subscriber.objects.filter(pk=ada.pk).update(time_zone="America/New_York")
    with clock.frozen(datetime(2027, 3, 1, 12, tzinfo=UTC)):
        assert post(link(ada), do="snooze", until="2027-03-20").status_code == 200
        for day in ("2027-02-28", "2029-01-01", "soon", ""):
            assert post(link(ada), do="snooze", until=day).status_code == 400

    ada.refresh_from_db()
    assert ada.snoozed_until == datetime(2027, 3, 20, 4, tzinfo=UTC)


def test_a_link_is_nobodys_elses_and_ends(ada, client):
    url = link(ada)
    assert client.get(url[:-1] + ("A" if url[-1] != "A" else "B")).status_code == 404
    assert client.get(url.replace("/p/", "/r/")).status_code == 404
    old = link(ada, at=clock.now() - timedelta(days=92))
    SenderFactory(workspace=ada.workspace)

    assert client.get(old).status_code == 410
    before = state_of(ada)
    assert (
        post(old, do="leave").status_code == 410
    )  # all that an old link does is to mail a new one

    assert state_of(ada) == before
    sent = TransactionalMessage.objects.get()
    assert client.get(urlsplit(sent.data["url"]).path).status_code == 200


def test_leaving_everything_suppresses(ada):
    post(link(ada), do="leave")

    assert Suppression.objects.get().reason == "unsubscribed"
    assert not ada.subscriptions.filter(state=SubscriptionState.CONFIRMED).exists()


def test_it_works_while_valkey_is_down(ada, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1",
        }
    }

    assert post(link(ada), do="snooze", days="60").status_code == 200
    ada.refresh_from_db()
    assert ada.snoozed_until


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_a_copy_of_the_data_is_confirmed_by_mail(wire, ada, news, settings):
    settings.TRACKING_URL = "https://links.harbour.example"
    SenderFactory(workspace=news.workspace)
    for _ in range(5):
        assert "a message there leads on" in post(link(ada), do="export").text
    assert DataRequest.objects.count() == 3  # a day

    assert wire.send() == 3
    mail = email.message_from_bytes(wire.mails[0], policy=email.policy.default)
    assert ada.email in mail["To"]
    assert mail["Subject"] == "A copy of your data"
    path = re.search(
        r"https://links\.harbour\.example(/r/\S+)", mail.get_body(("plain",)).get_content()
    )
    assert "Download" in Client(**ENGLISH).get(path[1]).text
    answer = post(path[1])

    assert answer["Content-Type"] == "application/zip"
    assert ada.email not in answer["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        told = {name.filename: json.loads(archive.read(name)) for name in archive.infolist()}
    assert told["profile.json"][0]["email"] == ada.email
    assert [place["list__name"] for place in told["lists.json"]] == ["Harbour news"]
    assert len(told["messages.json"]) == 3
    assert told["enrollments.json"] == []
    with clock.frozen(clock.now() + timedelta(days=4)):
        assert post(path[1]).status_code == 410


def test_erasing_takes_the_mail_and_a_button(ada, news, client):
    SenderFactory(workspace=news.workspace)
    SubscriptionFactory(list=news)
    post(link(ada), do="erase")
    ada.refresh_from_db()
    assert ada.erased_at is None
    path = urlsplit(TransactionalMessage.objects.get().data["url"]).path
    before = state_of(ada)
    assert client.get(path).status_code == 200
    assert state_of(ada) == before

    assert "It is done" in post(path).text

    ada.refresh_from_db()
    assert ada.erased_at
    assert "erased.invalid" in ada.email
    assert client.get(link(ada)).status_code == 404
    assert Subscriber.objects.filter(erased_at=None).count() == 1
