"""Test sends: they reach whoever asks for one, once, and leave no trace in anybody's record."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.api import Api
from accounts.tests.backoffice import act, is_done, sign_in
from delivery import specimens
from delivery.models import Outbox, SendLedger, Specimen, Transport
from delivery.services import create_sender, stops
from delivery.services.transports import pause_transport, shared_transport
from delivery.states import SpecimenState
from emailseq.lib import clock
from subscribers.models import Event, Subscriber
from subscribers.services import suppress
from subscribers.states import SuppressionReason
from subscribers.tests.factories import SubscriberFactory
from templates_app.services import put_translation
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    client = sign_in()
    create_sender(client.workspace, name="Mie", email="mie@harbour.example", by=SYSTEM)
    return client


@pytest.fixture
def template(client):
    return TemplateFactory(workspace=client.workspace, name="News")


@pytest.fixture
def api(client):
    return Api(client.workspace)


def to_send(arrived):
    """Send what is due; what arrived, parsed."""
    specimens.send_due()
    return [
        (sender, recipient, message_from_bytes(mail, policy=policy.default))
        for sender, recipient, mail in arrived()
    ]


def refusal(answer):
    assert answer.status_code == 400
    return [(one["pointer"], one["code"]) for one in answer.json()["errors"]]


def test_a_draft_arrives_as_somebody_would_get_it_and_nobody_is_the_wiser(
    client, template, arrived
):
    grace = SubscriberFactory(workspace=client.workspace, email="g@x.example", first_name="Grace")
    url = reverse("admin:templates_app_template_send_test", args=[template.pk])
    people, facts = Subscriber.objects.count(), Event.objects.count()

    shown = client.get(url).content.decode()
    done = act(client, url, to=client.user.email, person="G@x.example")
    [(sender, recipient, mail)] = to_send(arrived)
    specimens.send_due()

    assert f'value="{client.user.email}"' in shown
    assert is_done(done)
    assert (sender, recipient) == ("mie@harbour.example", client.user.email)
    assert (mail["Subject"], mail["To"]) == ("[Test] Hello Grace", client.user.email)
    assert mail["List-Unsubscribe"] is None
    assert mail["Feedback-ID"].split(":")[1:] == [client.workspace.slug, "test", "emailseq"]
    html = mail.get_body(("html",)).get_content()
    assert "Hello Grace," in html
    assert 'href="https://example.com/start"' in html  # not counted
    assert 'href="#unsubscribe"' in html  # nobody is unsubscribed by trying it
    assert grace.email not in str(mail)
    assert len(arrived()) == 1
    assert (Subscriber.objects.count(), Event.objects.count()) == (people, facts)
    assert not Outbox.objects.exists()
    assert not SendLedger.objects.exists()
    entry = AuditEntry.objects.get(verb="template.tested")
    assert entry.changes == {"to": [client.user.email], "messages": 1}
    assert "Sent" in client.get(url).content.decode()


def test_a_preview_shows_the_headers_that_its_reader_sees(client, template):
    SubscriberFactory(workspace=client.workspace, email="g@x.example", first_name="Grace")
    url = reverse("admin:templates_app_template_look", args=[template.pk])

    page = client.get(url, {"email": "g@x"}).content.decode()

    assert "<dt>From</dt><dd>Mie &lt;mie@harbour.example&gt;</dd>" in page
    assert "<dt>To</dt><dd>Grace Lovelace &lt;g@x.example&gt;</dd>" in page
    assert "<dt>Subject</dt><dd>Hello Grace</dd>" in page
    assert "<dt>List-Unsubscribe-Post</dt>" in page


def test_the_api_sends_to_several_in_a_language(api, template, arrived):
    put_translation(template, language="de", subject="Hallo Welt", html=template.html, by=SYSTEM)
    to = ["a@x.example", "b@x.example"]

    answer = api("POST", f"/templates/{template.slug}/test", {"to": to, "language": "de"})

    assert (answer.status_code, answer.json()) == (202, {"messages": 2})
    assert [(to, mail["Subject"]) for _, to, mail in to_send(arrived)] == [
        ("a@x.example", "[Test] Hallo Welt"),
        ("b@x.example", "[Test] Hallo Welt"),
    ]


def test_who_gets_one_is_limited(client, template):
    suppress(client.workspace, email="no@x.example", reason=SuppressionReason.COMPLAINT, by=SYSTEM)
    path = f"/templates/{template.public_id}/test"
    full, author = Api(client.workspace), Api(client.workspace, "templates:write")

    six = full("POST", path, {"to": [f"{number}@x.example" for number in range(6)]})
    stranger = author("POST", path, {"to": ["stranger@x.example"]})
    suppressed = full("POST", path, {"to": ["no@x.example"]})
    as_whom = author(
        "POST",
        path,
        {
            "to": [client.user.email],
            "subscriber": SubscriberFactory(workspace=client.workspace).public_id,
        },
    )

    assert refusal(six) == [("/to", "too_long")]
    assert refusal(stranger) == [("/to", "not_of_the_team")]
    assert refusal(suppressed) == [("/to", "suppressed")]
    assert as_whom.status_code == 403
    assert not Specimen.objects.exists()
    assert author("POST", path, {"to": [client.user.email]}).status_code == 202


def test_it_waits_while_sending_is_paused_and_goes_where_safe_mode_says(
    client, api, template, arrived, settings
):
    settings.SAFE_MODE = ("redirect", ("trial@harbour.example",))
    stops.pause_sending(reason="x", by=SYSTEM, workspace=client.workspace)
    api("POST", f"/templates/{template.public_id}/test", {"to": ["a@x.example"]})

    paused = specimens.send_due()
    stops.resume_sending(by=SYSTEM, workspace=client.workspace)
    [(_, recipient, mail)] = to_send(arrived)

    assert paused == 0
    assert (recipient, mail["To"]) == ("trial@harbour.example", "a@x.example")


def test_what_cannot_be_handed_over_is_tried_again_and_told(client, api, template, monkeypatch):
    api("POST", f"/templates/{template.public_id}/test", {"to": ["a@x.example"]})
    pause_transport(shared_transport(), by=SYSTEM)

    tries = 0
    while specimens.send_due():
        tries += 1
        later = clock.now() + timedelta(minutes=2)
        monkeypatch.setattr(clock, "now", lambda later=later: later)

    told = Specimen.objects.get()
    assert tries == specimens.MOST_TRIES
    assert (told.state, told.fault) == (SpecimenState.FAILED, "No transport carries it at present.")


def test_nothing_leaves_twice_when_its_worker_dies(api, template, arrived, monkeypatch):
    api("POST", f"/templates/{template.public_id}/test", {"to": ["a@x.example"]})

    def die(*_args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(specimens, "_settle", die)
        with pytest.raises(KeyboardInterrupt):
            specimens.send_due()

    assert len(to_send(arrived)) == 1
    assert Specimen.objects.get().state == SpecimenState.UNDER_WAY
    assert Transport.objects.exists()
