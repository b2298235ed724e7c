from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.backoffice import act, is_done, sign_in
from delivery import reaper
from delivery.services.transactional import send_transactional
from delivery.tests.factories import SenderFactory
from subscribers.tests.factories import SubscriberFactory
from templates_app import services as templates
from templates_app.models import Template
from templates_app.states import MessageClass

pytestmark = pytest.mark.django_db


def make_message(workspace):
    SenderFactory(workspace=workspace)
    template = templates.create_template(
        workspace,
        name="Receipt",
        slug="receipt",
        subject="Hi",
        text="Yours: {{ data.total }}",
        message_class=MessageClass.TRANSACTIONAL,
        by=SYSTEM,
    )
    templates.publish(template, by=SYSTEM)
    template.refresh_from_db()
    person = SubscriberFactory(workspace=workspace, email="ada@example.com")
    return send_transactional(
        workspace, template=template, to=person, data={"total": "7"}, by=SYSTEM
    )


def test_what_programs_have_asked_for_is_listed_with_its_outcome_and_can_be_cancelled():
    client = sign_in()
    message = make_message(client.workspace)
    listed = reverse("admin:delivery_transactionalmessage_changelist")
    cancel = reverse("admin:delivery_transactionalmessage_cancel", args=[message.pk])

    page = client.get(listed).content.decode()
    assert "ada@example.com" in page
    assert "Receipt" in page
    assert "Queued" in page
    assert "ada@example.com" not in sign_in().get(listed).content.decode()  # of another workspace
    assert sign_in().post(cancel).status_code == 404

    assert is_done(act(client, cancel))
    reaper.reap()

    [row] = client.get(listed).context["cl"].result_list
    assert (row.state, row.reason) == ("skipped", "cancelled")


def test_what_a_template_is_for_is_chosen_when_it_is_made():
    client = sign_in()
    create = reverse("admin:templates_app_template_create")

    assert is_done(act(client, create, name="News", subject="Hi"))
    assert is_done(
        act(client, create, name="Receipt", subject="{{ data.id }}", message_class="transactional")
    )
    refused = act(client, create, name="Other", subject="Hi", message_class="legal")

    assert dict(Template.objects.values_list("slug", "message_class")) == {
        "news": "marketing",
        "receipt": "transactional",
    }
    assert 'id="id_message_class_error"' in refused.content.decode()
