"""Who joins a list is welcomed: once, by the template of the list, and not whom a file brings."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit import SUBSCRIBER, SYSTEM
from accounts.tests.api import Api
from delivery.models import Outbox, SendLedger
from delivery.tests.factories import SenderFactory
from emailseq.lib import clock
from subscribers import events, feed, services
from subscribers.events import NewEvent
from subscribers.tests.factories import ListFactory, SubscriberFactory
from templates_app.services import create_template

HTML = """\
<p>Welcome aboard. <a href="{{ links.preferences }}">Choose what you get</a></p>
<p>{{ links.unsubscribe }} {{ workspace.postal_address }}</p>
"""


@pytest.fixture
def news():
    return ListFactory(name="Harbour news", slug="news")


@pytest.fixture
def api(news):
    create_template(
        news.workspace, name="Hello", slug="hello", subject="Welcome!", html=HTML, by=SYSTEM
    )
    SenderFactory(workspace=news.workspace)
    return Api(news.workspace)


def join(person, news):
    place = services.subscribe(person, to=news, by=SYSTEM)
    services.confirm(place, by=SUBSCRIBER)
    feed.run("welcomes")


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_who_joins_is_welcomed_once(api, news, wire, settings):
    settings.TRACKING_URL = "https://links.harbour.example"
    ada = SubscriberFactory(workspace=news.workspace)
    before = SubscriberFactory(workspace=news.workspace)
    join(before, news)
    answer = api("PATCH", "/lists/news/welcome-message", {"template": "hello", "sends": True})
    assert answer.status_code == 200

    join(ada, news)
    assert wire.send() == 1
    assert wire.recipients == [ada.email]
    assert b"/p/v1." in wire.mails[0].replace(b"=\r\n", b"")
    services.unsubscribe(ada, by=SUBSCRIBER, from_list=news)
    services.join(ada, to=news, consent=services.Consent("form"))
    join(ada, news)

    assert not Outbox.objects.exists()
    sent = SendLedger.objects.get()
    assert (sent.kind, sent.source_id, sent.outcome) == ("welcome", news.pk, "sent")


@pytest.mark.django_db
def test_a_list_says_how_it_welcomes(api, news):
    path = "/lists/news/welcome-message"

    assert api("GET", path).json() == {"sends": False, "template": None, "sender": None}
    assert api("PATCH", path, {"sends": True}).json()["errors"][0]["pointer"] == "/template"
    shown = api("PATCH", path, {"template": "hello"}).json()
    assert shown == api("GET", path).json()
    assert shown["sends"] is True
    assert shown["template"].startswith("tpl_")
    assert api("PATCH", path, {"template": None}).status_code == 400


@pytest.mark.django_db
def test_imports_old_news_and_lists_that_are_silent_welcome_nobody(api, news):
    ada = SubscriberFactory(workspace=news.workspace)
    facts = {"list_id": news.pk}
    api("PATCH", "/lists/news/welcome-message", {"template": "hello", "sends": True})
    joined = NewEvent(news.workspace_id, ada.pk, "subscription.confirmed", clock.now())
    events.record_many([joined._replace(properties={**facts, "import": 1})])
    feed.run("welcomes")
    with clock.frozen(clock.now() - timedelta(days=8)):
        events.record_many([joined._replace(properties=facts)])
    feed.run("welcomes")
    api("PATCH", "/lists/news/welcome-message", {"sends": False})
    events.record_many([joined._replace(properties=facts)])
    feed.run("welcomes")

    assert not Outbox.objects.exists()
