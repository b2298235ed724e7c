"""Mail to teammates, from the action of a sequence to their mailbox."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest

from sequences import engine
from sequences.services import perform
from sequences.tests.factories import consume, make_runs
from sequences.tests.living import HELLO, act, make_playing, told
from subscribers.models import Subscriber
from templates_app.models import TemplateVersion

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def test_a_teammate_is_written_to_about_all_who_come_at_once(wire):
    live = make_playing(
        act("tell", kind="notify", to="Boss@Harbour.example", text="{{ Call }} them <now>!"), HELLO
    )
    live.name = "Harbour {% raw %}"
    live.save()
    runs = make_runs(live, 2)

    engine.advance()
    wire.send()
    consume()

    [notice] = [mail for mail in wire.mails if b"boss@harbour.example" in mail.lower()]
    read = message_from_bytes(notice, policy=policy.default)
    assert read["Subject"] == "Harbour {% raw %}: 2 people"
    assert read["List-Unsubscribe"] is None
    emails = ", ".join(run.subscriber.email for run in runs)
    said = read.get_body(("plain",)).get_content().split()
    assert " ".join(said).startswith(f"{{{{ Call }}}} them <now>! {emails} Sent by the sequence")
    assert b"http" not in read.get_body(("html",)).get_content().encode()
    assert sorted(wire.recipients) == sorted(
        ["Boss@harbour.example", *(run.subscriber.email for run in runs)]
    )
    assert not Subscriber.objects.of(live.workspace).filter(email__icontains="boss").exists()
    engine.advance()
    assert len(wire.mails) == 3
    assert [each[2] for each in told(runs[0].subscriber, "enrollment.step")] == ["", ""]


def test_all_notices_are_one_version_of_a_template(wire):
    live = make_playing(act("tell", kind="notify", to="boss@harbour.example", text="Look!"))

    for _ in range(2):
        make_runs(live, 1)
        engine.advance()
    wire.send()

    assert len(wire.mails) == 2
    assert TemplateVersion.objects.filter(template__slug__startswith="team-").count() == 1


def test_who_came_is_named_as_far_as_there_is_room(wire, monkeypatch):
    monkeypatch.setattr(perform, "MOST_NAMED", 2)
    live = make_playing(act("tell", kind="notify", to="boss@harbour.example", text="Look!"))
    make_runs(live, 5)

    engine.advance()
    wire.send()

    [mail] = wire.mails
    assert (
        "and 3 more"
        in message_from_bytes(mail, policy=policy.default).get_body(("plain",)).get_content()
    )
