from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection

from sequences.models import Trigger
from sequences.tests.factories import make_draft

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


@pytest.mark.slow  # there and back through all migrations since
def test_the_lists_that_started_a_sequence_become_its_triggers_and_back():
    draft = make_draft()

    call_command("migrate", "sequences", "0002", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT sequence_id, list_id FROM sequences_sequence_triggers")
        assert cursor.fetchall() == [(draft.pk, draft.list_id)]
        cursor.execute("DELETE FROM sequences_trigger")
    call_command("migrate", "sequences", verbosity=0)

    trigger = Trigger.objects.get()
    assert (trigger.sequence, trigger.kind, trigger.list) == (draft, "list_joined", draft.list)
    assert trigger.settings == {}
