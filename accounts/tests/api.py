from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client

from accounts.audit import SYSTEM
from accounts.models import Workspace
from accounts.permissions import ALL
from accounts.services import create_api_key


class Api:
    """A caller with a key of a workspace: `Api(workspace, "lists:read")("GET", "/lists")`.

    Without scopes the key holds every permission there is.
    """

    def __init__(self, workspace: Workspace, *scopes: str) -> None:
        _, key = create_api_key(workspace=workspace, name="test", scopes=scopes or ALL, by=SYSTEM)
        self.client = Client(headers={"authorization": f"Bearer {key}"})

    def __call__(
        self, method: str, path: str, body: Any = None, *, match: str | None = None
    ) -> HttpResponse:
        return self.client.generic(
            method,
            path if path.startswith("/api/") else f"/api/v1{path}",
            data="" if body is None else json.dumps(body),
            content_type="application/json",
            headers={"if-match": match} if match else None,
        )
