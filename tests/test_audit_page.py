"""The audit log of the back office, narrowed down."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts import audit
from accounts.audit import SYSTEM, Actor
from accounts.tests.backoffice import sign_in
from emailseq.lib import clock

pytestmark = pytest.mark.django_db
PAGE = "/admin/accounts/auditentry/"


def test_the_log_is_narrowed_down_by_thing_actor_time_and_name():
    client = sign_in()
    workspace = client.workspace
    with clock.frozen(clock.now() - timedelta(days=3)):
        audit.record(workspace, "workspace.updated", by=SYSTEM, on=workspace)
    audit.record(workspace, "member.added", by=Actor.user(client.user), on=client.user)

    def shown(query):
        page = client.get(f"{PAGE}?{query}").text
        return [verb for verb in ("workspace.updated", "member.added") if verb in page]

    assert shown("") == ["workspace.updated", "member.added"]
    assert shown("about=user") == ["member.added"]
    assert shown("by=system") == ["workspace.updated"]
    assert shown("days=1") == ["member.added"]
    assert shown("days=nonsense") == ["workspace.updated", "member.added"]
    assert shown(f"q={client.user.email}") == ["member.added"]
