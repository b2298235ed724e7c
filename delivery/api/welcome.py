from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource
from accounts.authentication import ApiRequest
from delivery.models import SenderIdentity, WelcomeMessage
from delivery.services import welcomes
from emailseq.lib.api.fields import Reference, Strict
from subscribers.models import List
from templates_app.models import Template


class WelcomeMessageSerializer(Strict):
    sends = serializers.BooleanField(required=False, help_text="Whether who joins gets it.")
    template = Reference(Template.objects.filter(archived_at=None), required=False, allow_null=True)
    sender = Reference(
        SenderIdentity.objects.all(),
        required=False,
        allow_null=True,
        help_text="null: the workspace's first.",
    )


class WelcomeMessages(Resource):
    """What whoever joins a list is sent, once."""

    queryset = List.objects.all()
    serializer_class = WelcomeMessageSerializer
    permissions = {"retrieve": "lists:read", "partial_update": "lists:write"}

    def retrieve(self, request: ApiRequest, **_: Any) -> Response:
        return self.shown(self._of(self.get_object()))

    def partial_update(self, request: ApiRequest, **_: Any) -> Response:
        """Change it; a template is published, and must have `links.unsubscribe`."""
        target = self.get_object()
        return self.shown(welcomes.set_welcome(target, by=request.actor, **self.body()))

    def _of(self, target: List) -> dict[str, Any] | WelcomeMessage:
        own = WelcomeMessage.objects.filter(list=target).select_related("template").first()
        return own or {"sends": False, "template": None, "sender": None}
