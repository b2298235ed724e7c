from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.test import Client

from accounts.models import Workspace
from accounts.tests.factories import MembershipFactory


def sign_in(*, role: str = "Owner", workspace: Workspace | None = None) -> Client:
    """A browser of somebody with this role; `client.workspace` and `client.user` say whose."""
    made = MembershipFactory(role=role, **({"workspace": workspace} if workspace else {}))
    client = Client()
    client.force_login(made.user)
    client.workspace, client.user = made.workspace, made.user
    return client


def act(client: Client, url: str, **fields: Any) -> HttpResponse:
    """Fill in a dialog and submit it."""
    return client.post(url, {name: value for name, value in fields.items() if value is not None})


def is_done(response: HttpResponse) -> bool:
    """Whether the dialog says that it happened: htmx then goes to another page."""
    return response.status_code == 200 and "HX-Redirect" in response.headers
