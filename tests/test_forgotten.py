"""Somebody is forgotten in the middle of things: nothing reaches them, and all books agree."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from accounts.audit import SYSTEM
from delivery import reaper
from delivery.models import SendLedger
from delivery.services import personal
from delivery.tests.conftest import before_mark, wire  # noqa: F401 - a real pump and a real sink
from emailseq.lib import clock
from sequences import engine
from sequences.models import Enrollment
from sequences.tests.factories import DAY, EMAIL, consume, make_live, make_runs
from subscribers import feed

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def test_who_is_erased_between_claim_and_wire_gets_nothing_ever(wire, before_mark, capsys):  # noqa: F811
    sequence = make_live(EMAIL, DAY, EMAIL)
    for run in make_runs(sequence, 2):
        Enrollment.objects.filter(pk=run.pk).update(entry={"note": run.subscriber.email})
    ada, grace = (run.subscriber for run in Enrollment.objects.order_by("id"))
    engine.advance()
    before_mark(lambda: personal.erase(ada, by=SYSTEM))

    assert wire.send() == 1
    reaper.reap()
    consume()
    with clock.frozen(clock.now() + 2 * DAY):
        engine.advance()
        assert wire.send() == 1

    assert wire.recipients == [grace.email] * 2
    skipped = SendLedger.objects.get(subscriber=ada)
    assert (skipped.outcome, skipped.reason) == ("skipped", "cancelled")
    gone, staying = Enrollment.objects.order_by("id")
    assert (gone.state, gone.reason, gone.entry) == ("exited", "archived", None)
    assert staying.entry == {"note": grace.email}
    for name in ("rollups", "links"):
        feed.run(name)
    with pytest.raises(SystemExit) as ended:
        call_command("reconcile")
    assert (ended.value.code, capsys.readouterr().out) == (0, "Drift: none.\n")
