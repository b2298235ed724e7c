"""Somebody else's address in a thousand forms: they are sent three messages at most."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from delivery.models import Outbox
from delivery.tests.factories import SenderFactory
from emailseq.lib import clock
from subscribers import feed
from subscribers.models import Event, SignUp
from subscribers.services import Origin, create_form, record_sign_up, take_sign_ups
from subscribers.tests.factories import ListFactory


@pytest.mark.django_db
def test_a_thousand_sign_ups_of_one_victim_are_three_messages_at_most():
    forms = []
    for _ in range(4):
        news = ListFactory()
        SenderFactory(workspace=news.workspace)
        forms.append(
            create_form(news.workspace, name="Join", lists=[news], consent_text="Yes.", by=SYSTEM)
        )
    start, heard = clock.now(), 0
    for hour in range(5):
        with clock.frozen(start + timedelta(hours=hour)):
            for n in range(hour * 200, hour * 200 + 200):
                origin = Origin(f"198.18.{n % 200}.7")
                email = f"victim+{n}@example.com"
                record_sign_up(forms[n % 4], email=email, origin=origin)
            assert take_sign_ups() == 200
            pending = Event.objects.filter(kind="subscription.pending", pk__gt=heard)
            batch = list(pending.order_by("id"))
            feed.consumers["confirmations"].handle(batch)
            heard = max([heard, *(event.pk for event in batch)])

    assert SignUp.objects.values("network").distinct().count() == 200
    assert SignUp.objects.count() == 1000
    # One at once; the others came after ten sign-ups of that day, which do nothing more.
    assert Outbox.objects.count() == 1
