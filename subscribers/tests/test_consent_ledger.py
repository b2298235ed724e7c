"""The consent ledger: a line for every change of a place, and none that can be changed."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.db.utils import ProgrammingError

from accounts.audit import SUBSCRIBER, SYSTEM
from accounts.tests.api import Api
from emailseq.lib import clock
from subscribers import services
from subscribers.models import ConsentEntry, Subscription
from subscribers.services import Consent
from subscribers.services.crowds import subscribe_people, unsubscribe_people
from subscribers.states import OptIn
from subscribers.tests.factories import ListFactory, SubscriberFactory, make_people

pytestmark = pytest.mark.django_db


def lines(person):
    ledger = ConsentEntry.objects.filter(subscriber=person).order_by("id")
    return list(ledger.values_list("state", "source", "text", "ip"))


def test_every_way_onto_a_list_and_off_it_leaves_a_line():
    news = ListFactory()
    ada = SubscriberFactory(workspace=news.workspace)
    form = "form: Join, version 1", "Yes, mail me.", "192.0.2.7"
    place = services.subscribe(ada, to=news, by=SYSTEM, consent=Consent(*form))
    services.confirm(place, by=SUBSCRIBER)
    services.unsubscribe(ada, by=SUBSCRIBER, from_list=news)
    services.join(ada, to=news, consent=Consent("preference page", "Again."))
    Subscription.objects.filter(subscriber=ada).delete()

    assert lines(ada) == [
        ("pending", *form),
        ("confirmed", *form),
        ("unsubscribed", *form),
        ("pending", "preference page", "Again.", None),
        ("removed", "", "", None),
    ]
    confirmed = ConsentEntry.objects.get(state="confirmed")
    assert confirmed.list_id == news.pk
    assert clock.now() >= confirmed.at >= place.created_at


def test_crowds_leave_theirs_and_what_is_no_change_leaves_none():
    news = ListFactory(opt_in=OptIn.SINGLE)
    people = make_people(3, workspace=news.workspace)
    ids = [person.pk for person in people]

    for _ in range(2):
        subscribe_people(news, ids, consent=Consent("fair"), by=SYSTEM)
    unsubscribe_people(news, ids[:1], by=SYSTEM)

    assert [lines(person) for person in people] == [
        [("confirmed", "fair", "", None), ("unsubscribed", "fair", "", None)],
        [("confirmed", "fair", "", None)],
        [("confirmed", "fair", "", None)],
    ]


def test_no_line_can_be_changed_or_deleted():
    news = ListFactory(opt_in=OptIn.SINGLE)
    ada = SubscriberFactory(workspace=news.workspace)
    services.subscribe(ada, to=news, by=SYSTEM, consent=Consent("fair", ip="192.0.2.7"))
    ledger = ConsentEntry.objects.filter(subscriber=ada)

    for change in ({"source": "elsewhere"}, {"ip": None}):
        with pytest.raises(ProgrammingError), transaction.atomic():
            ledger.update(**change)
    with pytest.raises(ProgrammingError), transaction.atomic():
        ledger.delete()

    assert lines(ada) == [("confirmed", "fair", "", "192.0.2.7")]


def test_the_api_tells_it_newest_first():
    news = ListFactory()
    ada = SubscriberFactory(workspace=news.workspace)
    consent = Consent("form: Join, version 1", "Yes, mail me.", "192.0.2.7")
    place = services.subscribe(ada, to=news, by=SYSTEM, consent=consent)
    services.confirm(place, by=SUBSCRIBER)

    told = Api(news.workspace)("GET", f"/subscribers/{ada.public_id}/consents").json()["data"]

    assert [line.pop("state") for line in told] == ["confirmed", "pending"]
    assert all(line.pop("at") for line in told)
    evidence = {"source": consent.source, "text": consent.text, "ip": consent.ip}
    assert told == [{"list": news.public_id, **evidence}] * 2
