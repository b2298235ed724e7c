"""A message is written in its reader's language when it is sent, and its links lead there."""

from __future__ import annotations

import re
from email import message_from_bytes, policy

import pytest

from delivery.models import Outbox
from delivery.tests.factories import queue
from subscribers.models import Subscriber
from subscribers.tests.factories import ListFactory, make_audience
from templates_app.models import TemplateVersion

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def test_everybody_gets_their_language_from_one_version(wire, client):
    news = ListFactory()
    people = make_audience(3, on=news)
    for person, language in zip(people, ("de-AT", "fr", ""), strict=True):
        Subscriber.objects.filter(pk=person.pk).update(language=language)
    leave = '<a href="{{ links.unsubscribe }}">x</a>'
    english = f'<a href="https://harbour.org/tides">x</a>{leave}'
    german = f'<a href="https://harbour.org/gezeiten">x</a>{leave}'
    queue(
        people,
        on=news,
        subject="Tides",
        html=english,
        links=["https://harbour.org/tides", "https://harbour.org/gezeiten"],
        translations={"de": {"subject": "Gezeiten", "html": german, "text": ""}},
    )

    assert wire.send() == 3

    mails = [message_from_bytes(data, policy=policy.default) for data in wire.mails]
    said = {mail["To"].addresses[0].addr_spec: mail for mail in mails}
    assert [said[person.email]["Subject"] for person in people] == ["Gezeiten", "Tides", "Tides"]
    assert TemplateVersion.objects.count() == 1
    assert not Outbox.objects.exists()
    for person, target in zip(people, ("gezeiten", "tides", "tides"), strict=True):
        body = said[person.email].get_body(("html",)).get_content()
        click = next(url for url in re.findall(r'href="([^"]+)"', body) if "/c/" in url)
        answer = client.get("/c/" + click.partition("/c/")[2])
        assert answer.headers["Location"] == f"https://harbour.org/{target}"
