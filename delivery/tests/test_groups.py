from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from delivery import groups
from delivery.models import Outbox, RecipientDomain
from delivery.tests.factories import queue
from delivery.tests.names import NameServer
from emailseq.lib import clock
from subscribers import feed
from subscribers import services as people
from subscribers.services import Consent
from subscribers.tests.factories import ListFactory, SubscriberFactory, make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def dns(settings):
    with NameServer() as server:
        settings.DNS_SERVERS = [server.address]
        yield server


def confirmed(news, *emails):
    found = [SubscriberFactory(workspace=news.workspace, email=email) for email in emails]
    for person in found:
        consent = Consent(source="test")
        people.subscribe(person, to=news, by=SYSTEM, confirmed=True, consent=consent)
    return found


def groups_of_messages():
    rows = Outbox.objects.order_by("id").values_list("subscriber__email", "domain_group")
    return {email.partition("@")[2]: group for email, group in rows}


def test_domains_are_grouped_by_whoever_runs_their_mail(dns):
    news = ListFactory()
    domains = ("gmail.com", "hotmail.fr", "ropes-and-knots.net", "own-server.org", "no-mail.org")
    audience = confirmed(news, *(f"ada@{domain}" for domain in domains))
    dns.zone["ropes-and-knots.net", "MX"] = [
        "10 ropes.mail.protection.outlook.com.",
        "20 backup.ropes-and-knots.net.",
    ]
    dns.zone["own-server.org", "MX"] = ["10 mx.own-server.org."]

    feed.run("domains")
    groups.look_up()
    queue(audience, on=news)

    assert groups_of_messages() == {
        "gmail.com": "google",
        "hotmail.fr": "microsoft",
        "ropes-and-knots.net": "microsoft",
        "own-server.org": "other",
        "no-mail.org": "other",
    }
    known = dict(RecipientDomain.objects.values_list("domain", "takes_mail"))
    assert known == {**dict.fromkeys(domains, True), "no-mail.org": False}
    # The well-known are not asked about, and nobody is asked about twice.
    assert {name for name, _ in dns.asked} == set(domains[2:])
    groups.look_up()
    assert set(dns.asked.values()) == {1}


def test_a_domain_with_many_people_is_a_group_of_its_own():
    news = ListFactory()
    audience = confirmed(news, *(f"person-{number}@shipyard.example" for number in range(50)))
    feed.run("domains")

    queue(audience[:1], on=news)
    assert groups_of_messages() == {"shipyard.example": "shipyard.example"}
    assert RecipientDomain.objects.get().people_count == 50


@pytest.mark.slow
def test_without_dns_the_well_known_are_grouped_and_the_others_asked_about_tomorrow(dns):
    news = ListFactory()
    confirmed(news, "ada@gmail.com", "ada@silent-shipyard.net")
    dns.silent.add("silent-shipyard.net")
    feed.run("domains")

    groups.look_up()
    groups.look_up()

    assert set(RecipientDomain.objects.values_list("domain", "operator")) == {
        ("gmail.com", "google"),
        ("silent-shipyard.net", ""),
    }
    asked = dns.asked.total()
    with clock.frozen(clock.now() + timedelta(days=1, minutes=1)):
        groups.look_up()
    assert dns.asked.total() > asked


def test_who_is_not_known_yet_is_one_of_the_others():
    news = ListFactory()
    queue(make_audience(1, on=news), on=news)

    assert set(groups_of_messages().values()) == {"other"}
