"""What people have a right to, in the back office."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.backoffice import act, is_done, sign_in
from emailseq.lib import clock
from subscribers import services
from subscribers.services import Consent
from subscribers.tests.factories import ListFactory, SubscriberFactory

pytestmark = pytest.mark.django_db


def page(name, person):
    return reverse(f"admin:subscribers_subscriber_{name}", args=[person.pk])


def test_a_proof_tells_words_source_address_and_time():
    client = sign_in()
    news = ListFactory(workspace=client.workspace, name="Harbour news")
    ada = SubscriberFactory(workspace=client.workspace)
    consent = Consent("form: Join, version 3", "Yes, <b>mail</b> me.", "192.0.2.7")
    services.subscribe(ada, to=news, by=SYSTEM, consent=consent)

    shown = client.get(page("proof", ada)).text

    for told in ("Harbour news", "form: Join, version 3", "192.0.2.7", "Asked to join"):
        assert told in shown
    assert "Yes, &lt;b&gt;mail&lt;/b&gt; me." in shown
    assert client.get(page("proof", SubscriberFactory())).status_code == 404


def test_a_copy_and_an_erasure_are_for_owners():
    owner = sign_in()
    marketer = sign_in(role="Marketer", workspace=owner.workspace)
    ada = SubscriberFactory(workspace=owner.workspace)

    assert marketer.get(page("export", ada)).status_code == 403
    answer = owner.get(page("export", ada))
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        assert ada.email.encode() in archive.read("profile.json")
    assert not is_done(act(marketer, page("erase", ada), address=ada.email))
    assert not is_done(act(owner, page("erase", ada), address="somebody@example.com"))
    ada.refresh_from_db()
    assert ada.erased_at is None

    assert is_done(act(owner, page("erase", ada), address=ada.email.upper()))

    ada.refresh_from_db()
    assert ada.erased_at
    assert "Forgotten for good" in owner.get(page("change", ada)).text


def test_a_break_begins_and_ends():
    client = sign_in()
    ada = SubscriberFactory(workspace=client.workspace)

    assert is_done(act(client, page("snooze", ada), days=30))
    ada.refresh_from_db()
    assert 29 <= (ada.snoozed_until - clock.now()).days <= 30
    assert "Takes a break until" in client.get(page("change", ada)).text

    assert is_done(act(client, page("snooze", ada), days=0))
    ada.refresh_from_db()
    assert ada.snoozed_until is None
