from __future__ import annotations

from datetime import timedelta

import pytest

from delivery import callbacks, forwarding
from delivery.models import Callback, Forward, SenderIdentity
from delivery.tests.returned import mail, sent, way_back
from emailseq import env
from emailseq.lib import clock

pytestmark = pytest.mark.django_db


def answer(raw):
    callbacks.keep_mail(raw, origin="test")
    callbacks.apply()


def test_an_answer_to_the_return_path_goes_on_as_it_came(arrived):
    (message,) = sent(finished_at=clock.now())
    raw = mail("a_person_answers", to=way_back(message))

    for _ in range(3):
        answer(raw)
        forwarding.send_due()

    [(sender, recipient, data)] = arrived()
    assert (sender, recipient) == ("mie@harbour.example", "help@harbour.example")
    mark, _, rest = data.partition(b"\r\n")
    assert mark == b"X-Emailseq-Forwarded: %d" % message.pk
    assert rest.rstrip() == raw.replace(b"\n", b"\r\n").rstrip()
    assert Forward.objects.get().sent_at is not None


def test_without_a_reply_address_it_goes_to_the_sender(arrived):
    (message,) = sent(finished_at=clock.now())
    SenderIdentity.objects.update(reply_to="")

    answer(mail("a_person_answers", to=way_back(message)))
    forwarding.send_due()

    assert [to for _, to, _ in arrived()] == ["mie@harbour.example"]


@pytest.mark.parametrize("name", ["vacation_outlook", "fields_postfix", "arf_abuse", "challenge"])
def test_no_machine_s_mail_goes_on(name, arrived):
    (message,) = sent(finished_at=clock.now())

    answer(mail(name, to=way_back(message)))

    assert (forwarding.send_due(), arrived()) == (0, [])


@pytest.mark.parametrize(
    "circle",
    [
        lambda raw: b"X-Emailseq-Forwarded: 7\n" + raw,
        lambda raw: b"Delivered-To: Help@harbour.example\n" + raw,
    ],
    ids=["it went on before", "they have it"],
)
def test_nothing_runs_in_circles(circle, arrived):
    (message,) = sent(finished_at=clock.now())

    answer(circle(mail("a_person_answers", to=way_back(message))))
    forwarding.send_due()

    assert arrived() == []
    assert Forward.objects.get().due_at is None


def test_what_is_refused_is_tried_again_and_then_kept(sink, arrived):
    (message,) = sent(finished_at=clock.now())
    SenderIdentity.objects.update(reply_to="mie+f_rcpt_451@harbour.example")
    answer(mail("a_person_answers", to=way_back(message)))

    rests = []
    for _ in range(8):
        forwarding.send_due()
        row = Forward.objects.get()
        rests.append(row.due_at and round((row.due_at - clock.now()).total_seconds() / 60))
        Forward.objects.exclude(due_at=None).update(due_at=clock.now())

    assert rests == [5, 10, 20, 40, 80, 160, 320, None]
    assert row.fault.startswith("451")
    assert (forwarding.send_due(), [*Forward.objects.parked()]) == (0, [row])

    assert callbacks.retry() == 1
    SenderIdentity.objects.update(reply_to="mie@harbour.example")
    forwarding.send_due()
    assert [to for _, to, _ in arrived()] == ["mie@harbour.example"]


def test_an_answer_that_waits_is_not_forgotten():
    (message,) = sent(finished_at=clock.now())
    answer(mail("a_person_answers", to=way_back(message)))
    Callback.objects.update(received_at=clock.now() - timedelta(days=40))

    assert callbacks.forget() == 0
    Forward.objects.update(due_at=None)
    assert callbacks.forget() == 1
    assert not Forward.objects.exists()


def test_safe_mode_holds_for_answers_too(settings, arrived):
    settings.SAFE_MODE = env.safe_mode("redirect:me@trial.example")
    (message,) = sent(finished_at=clock.now())

    answer(mail("a_person_answers", to=way_back(message)))
    forwarding.send_due()

    assert [to for _, to, _ in arrived()] == ["me@trial.example"]
