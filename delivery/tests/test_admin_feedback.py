from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.tests.backoffice import act, is_done, sign_in
from delivery.models import Feedback, Mailbox
from delivery.services.feedback import NewFeedback, record_feedback
from delivery.tests.postoffice import PASSWORD
from delivery.tests.returned import NOW, sent
from subscribers.tests.factories import ListFactory

pytestmark = pytest.mark.django_db
LIST = reverse("admin:delivery_feedback_changelist")


def listed(client, **query):
    return [row.kind for row in client.get(LIST, query).context["cl"].result_list]


def test_bounces_and_complaints_are_listed_with_their_words_and_source():
    client = sign_in()
    (message,) = sent(on=ListFactory(workspace=client.workspace))
    (foreign,) = sent(source_id=2)
    told = NewFeedback(message.pk, "hard", NOW, status="5.1.1", reason="No such user.")
    again = told._replace(kind="complained", reason="550 5.1.1 Nobody.")
    record_feedback(
        [
            *(told, again, told._replace(kind="delivered")),
            told._replace(message_id=foreign.pk),
        ]
    )

    page = client.get(LIST)

    text = page.content.decode()
    assert listed(client) == ["hard", "complained"]
    assert "5.1.1 No such user." in text
    assert "550 5.1.1 Nobody." in text
    assert "5.1.1 550 5.1.1" not in text
    assert "November news" in text
    assert message.subscriber.email in text
    assert foreign.subscriber.email not in text
    assert listed(client, kind__exact="delivered") == ["delivered"]
    assert Feedback.objects.count() == 4


def test_a_person_s_page_tells_what_came_back_and_what_they_answered():
    client = sign_in()
    (message,) = sent(on=ListFactory(workspace=client.workspace))
    told = NewFeedback(message.pk, "soft", NOW, status="4.2.2", reason="The mailbox is full.")
    answered = told._replace(kind="replied", reason="Yes, {Thursday} <b>suits</b> me.")
    record_feedback([told, told._replace(kind="hard", reason="550 Gone."), answered])

    url = reverse("admin:subscribers_subscriber_change", args=[message.subscriber_id])
    page = client.get(url).content.decode()

    name = message.template_version.template.name
    assert f"“{name}” came back: The mailbox is full." in page
    assert f"“{name}” came back for good, nobody lives there: 550 Gone." in page
    assert f"Answered “{name}”: Yes, {{Thursday}} &lt;b&gt;suits&lt;/b&gt; me." in page


def test_a_mailbox_is_made_and_changed_and_its_password_never_shown():
    client = sign_in()
    given = {
        "name": "Bounces",
        "protocol": "imap",
        "host": "imap.harbour.example",
        "port": "993",
        "tls": "implicit",
        "username": "bounces",
        "folder": "INBOX",
    }

    wrong = {**given, "port": "0", "password": PASSWORD}
    refused = act(client, reverse("admin:delivery_mailbox_create"), **wrong)
    assert 'id="id_port_error"' in refused.content.decode()
    made = act(client, reverse("admin:delivery_mailbox_create"), **given, password=PASSWORD)
    assert is_done(made)

    mailbox = Mailbox.objects.get()
    assert (mailbox.workspace, mailbox.empties) == (client.workspace, False)
    assert mailbox.password.reveal() == PASSWORD
    edit = reverse("admin:delivery_mailbox_edit", args=[mailbox.pk])
    assert PASSWORD not in client.get(edit).content.decode()
    assert is_done(act(client, edit, **{**given, "name": "Answers", "empties": "on"}))
    mailbox.refresh_from_db()
    assert (mailbox.name, mailbox.empties) == ("Answers", True)
    assert mailbox.password.reveal() == PASSWORD
    page = client.get(reverse("admin:delivery_mailbox_changelist")).content.decode()
    assert "IMAP imap.harbour.example:993" in page
    assert PASSWORD not in page
