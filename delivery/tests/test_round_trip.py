"""From the wire and back: what leaves comes back by the addresses that stand in it."""

from __future__ import annotations

import re

import pytest

from delivery import callbacks
from delivery.models import Feedback, SendLedger
from delivery.tests.factories import make_domain, queue
from delivery.tests.returned import mail
from subscribers.models import Subscription, Suppression
from subscribers.tests.factories import ListFactory, make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def test_a_bounce_and_an_opt_out_by_mail_find_their_message(wire, names):
    news = ListFactory()
    make_domain(names, workspace=news.workspace)
    people = make_audience(3, on=news)
    queue(people, on=news)
    assert wire.send() == 3

    by_recipient = {entry["rcpt"]: entry["from"] for entry in wire.journal}
    gone, leaves, stays = people
    callbacks.keep_mail(mail("fields_postfix", to=by_recipient[gone.email]), origin="test")
    [letter] = [each for each in wire.mails if f"<{leaves.email}>".encode() in each]
    [way_out] = re.findall(rb"<mailto:([^>]+)>", letter)
    callbacks.keep_mail(mail("a_person_answers", to=way_out.decode()), origin="test")
    assert callbacks.apply() == 2

    told = {*Feedback.objects.values_list("subscriber", "kind")}
    assert told == {(gone.pk, "hard"), (leaves.pk, "unsubscribed")}
    assert Suppression.objects.get().address_key == gone.address_key
    left = Subscription.objects.get(state="unsubscribed")
    assert left.subscriber == leaves

    queue(people, on=news, source_id=2)
    wire.send()

    again = SendLedger.objects.filter(source_id=2).order_by("subscriber")
    assert [*again.values_list("subscriber", "outcome", "reason")] == [
        (gone.pk, "skipped", "suppressed: hard_bounce"),
        (leaves.pk, "skipped", "not subscribed"),
        (stays.pk, "sent", ""),
    ]
