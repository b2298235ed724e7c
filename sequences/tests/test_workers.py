from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from analytics.tests.factories import in_a_session_of_its_own
from delivery.models import Outbox, SendLedger
from emailseq.lib import clock
from sequences import engine
from sequences.models import Enrollment
from sequences.tests.factories import DAY, EMAIL, consume, make_live, make_runs
from subscribers import services as people
from subscribers.models import Event
from subscribers.services import Consent
from subscribers.tests.factories import SubscriberFactory

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def test_any_number_of_workers_takes_each_step_once():
    first, second = make_live(EMAIL, DAY, EMAIL), make_live(EMAIL)
    make_runs(first, 60)
    make_runs(second, 20)

    with ThreadPoolExecutor(4) as pool:
        work = in_a_session_of_its_own(engine.advance)
        handled = [*pool.map(work, [7] * 4)]
    handled.append(engine.advance())

    assert sum(handled) == 80
    assert Counter(Outbox.objects.values_list("source_id", flat=True)) == {
        first.pk: 60,
        second.pk: 20,
    }
    steps = Event.objects.filter(kind="enrollment.step", source_id__in=[first.pk, second.pk])
    assert set(Counter(steps.values_list("subscriber", "step_key")).values()) == {1}
    assert steps.count() == 140


def test_who_joins_a_list_gets_every_message_once_and_in_order_over_smtp(wire):
    live = make_live(EMAIL, DAY, EMAIL, DAY, EMAIL)
    ada = SubscriberFactory(workspace=live.workspace, email="ada@example.com")
    start = clock.now()
    people.subscribe(ada, to=live.list, by=SYSTEM, confirmed=True, consent=Consent(source="test"))

    sent = []
    for day in range(4):
        with clock.frozen(start + day * (DAY + timedelta(minutes=5))):
            for _ in range(2):
                consume()
                engine.advance()
            sent.append(wire.send())

    consume()
    engine.advance()
    assert sent == [1, 1, 1, 0]
    assert wire.recipients == [ada.email] * 3
    keys = [*live.steps.filter(kind=EMAIL).values_list("key", flat=True)]
    ledger = SendLedger.objects.filter(source_id=live.pk).order_by("id")
    assert [(row.step_key, row.outcome) for row in ledger] == [(key, "sent") for key in keys]
    assert Enrollment.objects.get().state == "completed"
