from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from delivery import engine
from delivery.models import SendLedger
from delivery.sink import Sink
from delivery.tests.factories import queue
from delivery.transports.smtp import Server
from emailseq import env
from subscribers.tests.factories import ListFactory, SubscriberFactory, make_audience

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def test_redirected_mail_reaches_one_address_only(wire, settings):
    settings.SAFE_MODE = env.safe_mode("redirect:me@trial.example")
    news = ListFactory()
    people = make_audience(3, on=news)
    queue(people, on=news)

    assert wire.send() == 3

    assert wire.recipients == ["me@trial.example"] * 3
    assert all(b"To: Ada Lovelace <" in mail for mail in wire.mails)


def test_only_allowed_domains_get_anything(wire, settings):
    settings.SAFE_MODE = env.safe_mode("allow:harbour.example,other.example")
    news = ListFactory()
    people = make_audience(2, on=news)
    SubscriberFactory._meta.model.objects.filter(pk=people[0].pk).update(
        email="ada@HARBOUR.example"
    )
    queue(people, on=news)

    wire.send()

    assert wire.recipients == ["ada@HARBOUR.example"]
    outcomes = set(SendLedger.objects.values_list("outcome", "reason"))
    assert outcomes == {("sent", ""), ("skipped", "safe mode")}


def test_everything_can_go_to_the_built_in_inbox(settings, tmp_path):
    settings.SAFE_MODE = env.safe_mode("inbox")
    news = ListFactory()
    queue(make_audience(2, on=news), on=news)

    async def pump():
        async with (
            Sink(journal=tmp_path / "inbox.jsonl") as inbox,
            Sink(journal=tmp_path / "real.jsonl") as real,
        ):
            settings.INBOX = replace(settings.INBOX, port=inbox.port)
            server = Server(host=real.host, port=real.port, helo="test.example")
            return await engine.pump(server, seconds=0.4, stopping=lambda: False)

    assert asyncio.run(pump()) == 2
    assert len((tmp_path / "inbox.jsonl").read_text().splitlines()) == 2
    real = tmp_path / "real.jsonl"
    assert not real.exists() or real.read_text() == ""


@pytest.mark.parametrize("value", ["on", "redirect:", "redirect:nobody", "allow:", "inbox:x"])
def test_a_mistake_in_the_setting_is_told(value):
    with pytest.raises(env.SettingError, match="EMAILSEQ_SAFE_MODE is off, inbox"):
        env.safe_mode(value)
