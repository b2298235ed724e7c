"""What becomes of a domain and its keys as DNS changes and time goes by."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from delivery import tasks
from delivery.models import DkimKey, SendingDomain, Transport
from delivery.records import lookup
from delivery.services import domains
from delivery.tests.factories import make_domain
from emailseq.lib import clock
from emailseq.lib.encrypted import Secret
from subscribers.models import Event

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(lookup, "QUERY_SECONDS", 0.1)


def check(domain):
    return domains.check_domain(domain, by=SYSTEM)


def told(domain):
    """What the event log says about domains."""
    events = Event.objects.filter(workspace=domain.workspace, kind__startswith="domain.")
    return [(event.kind, event.properties) for event in events.order_by("id")]


def audited(domain):
    entries = AuditEntry.objects.of(domain.workspace).order_by("id")
    return [entry.verb for entry in entries if entry.verb.startswith(("domain.", "dkim_key."))]


def keys(domain):
    return [key.state for key in domain.keys.all()]


def test_a_record_that_goes_makes_a_domain_fail_until_it_is_back(names):
    domain = make_domain(names)
    assert (domain.state, told(domain)) == ("verified", [])

    record = names.zone.pop(("_dmarc.harbour.example", "TXT"))
    assert check(domain).state == "failing"
    assert check(domain).state == "failing"
    assert told(domain) == [("domain.failing", {"domain": "harbour.example"})]

    names.zone["_dmarc.harbour.example", "TXT"] = record
    assert check(domain).state == "verified"
    assert told(domain)[1:] == [("domain.recovered", {"domain": "harbour.example"})]
    assert audited(domain)[-2:] == ["domain.failing", "domain.verified"]
    assert Event.objects.filter(kind__startswith="domain.").first().subscriber_id is None


@pytest.mark.parametrize("kind", ["spf", "dkim", "dmarc", "return_path"])
def test_each_record_of_its_own_counts(names, kind):
    domain = make_domain(names)
    [key] = domain.keys.all()
    del names.zone[
        {
            "spf": ("bounce.harbour.example", "TXT"),
            "dkim": (key.host, "TXT"),
            "dmarc": ("_dmarc.harbour.example", "TXT"),
            "return_path": ("bounce.harbour.example", "MX"),
        }[kind]
    ]

    assert check(domain).state == "failing"
    assert {each["kind"] for each in domain.findings if each["level"] == "bad"} == {kind}
    assert keys(domain) == ["active"]


def test_faults_of_the_installation_are_no_faults_of_a_domain(names, settings):
    settings.TRACKING_URL = "http://links.harbour.example"
    domain = make_domain(names)
    del names.zone["1.2.0.192.in-addr.arpa", "PTR"]

    assert check(domain).state == "verified"
    assert {each["kind"] for each in domain.findings if each["level"] == "bad"} == {"ptr", "links"}


def test_every_way_to_a_mail_server_is_looked_at(names):
    domain = make_domain(names)
    Transport.objects.create(
        workspace=domain.workspace, name="Relay", host="relay.example", port=25, tls="none"
    )
    Transport.objects.create(
        workspace=make_domain(names, name="x.example").workspace, name="Theirs", host="x.example"
    )

    check(domain)

    ways = [each for each in domain.findings if each["kind"] == "tls"]
    assert [(each["host"], each["level"]) for each in ways] == [
        ("127.0.0.1", "good"),
        ("relay.example", "advice"),
    ]
    assert domain.state == "verified"


def test_nobody_fails_because_dns_does_not_answer(names, impatient):
    domain = make_domain(names)
    names.silent = {"_dmarc.harbour.example"}

    assert check(domain).state == "verified"
    [policy] = [each for each in domain.findings if each["kind"] == "dmarc"]
    assert policy["level"] == "unknown"


def test_nobody_is_verified_because_dns_does_not_answer(names, impatient):
    names.silent = {"_dmarc.harbour.example"}

    assert make_domain(names).state == "unverified"


def test_a_replaced_key_stays_for_a_week_and_is_destroyed(names):
    with clock.frozen(NOON):
        domain = make_domain(names)
        domains.rotate_key(domain, by=SYSTEM)
        names.publish(domain)
        check(domain)
    old, new = domain.keys.all()
    assert keys(domain) == ["retiring", "active"]
    assert old.private_key.reveal().startswith("-----BEGIN PRIVATE KEY-----")

    with clock.frozen(NOON + 7 * DAY - timedelta(seconds=1)):
        assert domains.retire_keys() == 0
    with clock.frozen(NOON + 7 * DAY):
        assert domains.retire_keys() == 1
        assert domains.retire_keys() == 0

    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.state, old.private_key) == ("retired", None)
    assert (new.state, bool(new.private_key)) == ("active", True)
    assert audited(domain)[-1] == "dkim_key.retired"
    names.zone.pop((old.host, "TXT"))
    assert old.host not in {each["host"] for each in check(domain).findings}
    assert domain.state == "verified"


def test_a_replaced_key_that_leaves_dns_early_is_told(names):
    domain = make_domain(names)
    [old] = domain.keys.all()
    domains.rotate_key(domain, by=SYSTEM)
    names.publish(domain)
    check(domain)
    del names.zone[old.host, "TXT"]

    check(domain)

    [finding] = [each for each in domain.findings if each["host"] == old.host]
    assert finding["level"] == "advice"
    assert "Put the record back" in finding["advice"]
    assert domain.state == "verified"


def test_a_new_key_does_not_sign_by_the_record_of_another(names):
    domain = domains.create_domain(
        make_domain(names).workspace, name="news.harbour.example", by=SYSTEM
    )
    [key] = domain.keys.all()
    names.publish(domain)
    names.text(key.host, DkimKey.objects.exclude(pk=key.pk).get().record)

    check(domain)

    assert (domain.state, keys(domain)) == ("unverified", ["new"])


def test_private_keys_are_encrypted_at_rest(names, django_assert_num_queries):
    domain = make_domain(names)

    stored = DkimKey.objects.filter(domain=domain).values_list("private_key", flat=True)[0]
    assert isinstance(stored, Secret)
    assert "PRIVATE" not in stored.token
    assert "BEGIN" not in repr(domain.keys.get().private_key)
    entries = AuditEntry.objects.of(domain.workspace)
    assert not any("PRIVATE" in str(entry.changes) for entry in entries)


def test_the_tick_asks_about_one_domain_a_minute_and_each_once_a_day(names):
    with clock.frozen(NOON):
        first = make_domain(names)
    with clock.frozen(NOON + timedelta(hours=1)):
        second = make_domain(names, name="second.example")
        new = domains.create_domain(first.workspace, name="new.example", by=SYSTEM)

    def checked_at(at):
        with clock.frozen(at):
            tasks.check_domains()
        rows = SendingDomain.objects.in_bulk([first.pk, second.pk, new.pk])
        return {row.name for row in rows.values() if row.checked_at == at}

    assert checked_at(NOON + timedelta(hours=2)) == {"new.example"}
    assert checked_at(NOON + timedelta(hours=3)) == set()
    assert checked_at(NOON + DAY) == {"harbour.example"}
    assert checked_at(NOON + DAY + timedelta(hours=2)) == {"second.example"}


def test_the_closest_domain_of_an_address(names):
    parent = make_domain(names)
    below = domains.create_domain(parent.workspace, name="news.harbour.example", by=SYSTEM)
    make_domain(names, name="shop.harbour.example")  # of another workspace
    emails = [f"mie@{name}" for name in ("news.harbour.example", "shop.harbour.example", "x.test")]

    closest = SendingDomain.objects.of(parent.workspace).closest([*emails, "mie@arbour.example"])

    assert closest == {emails[0]: below, emails[1]: parent}


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_two_people_who_rotate_at_once_make_one_key(names):
    domain = make_domain(names)

    rotated = at_once(lambda: domains.rotate_key(domain, by=SYSTEM).selector, 4)

    assert len(set(rotated)) == 1
    assert keys(domain) == ["active", "new"]


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_two_checks_at_once_hand_over_once(names):
    domain = make_domain(names)
    domains.rotate_key(domain, by=SYSTEM)
    names.publish(domain)

    states = at_once(lambda: check(SendingDomain.objects.get(pk=domain.pk)).state, 4)

    assert states == ["verified"] * 4
    assert keys(domain) == ["retiring", "active"]
    assert audited(domain).count("dkim_key.activated") == 2


def at_once(act, count):
    """Run something on several connections at the same time."""

    def on_own_connection(_):
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as threads:
        return [*threads.map(on_own_connection, range(count))]
