from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.tests.api import Api
from accounts.tests.backoffice import act, is_done, sign_in
from delivery.models import Outbox, Specimen
from sequences.models import Enrollment
from sequences.tests.factories import EMAIL, SequenceFactory, make_live

pytestmark = pytest.mark.django_db


def test_all_messages_of_a_sequence_are_tried_or_those_of_a_step():
    client = sign_in()
    sequence = make_live(EMAIL, timedelta(days=1), EMAIL, workspace=client.workspace)
    first = sequence.steps.order_by("position").first()
    messages = len(set(sequence.steps.exclude(template=None).values_list("template", flat=True)))
    path = f"/sequences/{sequence.public_id}/test"

    answer = Api(client.workspace)("POST", path, {"to": ["a@x.example"]})
    of_step = act(
        client, reverse("admin:sequences_step_send_test", args=[first.pk]), to=client.user.email
    )

    assert (answer.status_code, answer.json()) == (202, {"messages": messages})
    assert is_done(of_step)
    sent = list(Specimen.objects.order_by("id").values_list("email", flat=True))
    assert sent == ["a@x.example"] * messages + [client.user.email]
    assert not Outbox.objects.exists()
    assert not Enrollment.objects.exists()


def test_a_sequence_without_messages_has_nothing_to_try():
    sequence = SequenceFactory()
    path = f"/sequences/{sequence.public_id}/test"

    answer = Api(sequence.workspace)("POST", path, {"to": ["a@x.example"]})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["detail"] == "It sends no message yet."
