from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource
from accounts.authentication import ApiRequest
from delivery.models import OptInMessage, SenderIdentity
from delivery.services import confirmations
from delivery.wording import LANGUAGES
from emailseq.lib.api.fields import Reference, Strict
from subscribers.models import List
from templates_app.models import Template


class OptInMessageSerializer(Strict):
    sends = serializers.BooleanField(help_text="Whether people who are pending are asked.")
    language = serializers.ChoiceField(
        LANGUAGES, help_text="Of the built-in message and the pages."
    )
    sender = Reference(
        SenderIdentity.objects.all(), allow_null=True, help_text="null: the workspace's first."
    )
    template = Reference(
        Template.objects.filter(archived_at=None), allow_null=True, help_text="null: the built-in."
    )


class OptInMessages(Resource):
    """How a list with double opt-in asks people to confirm."""

    queryset = List.objects.all()
    serializer_class = OptInMessageSerializer
    permissions = {"retrieve": "lists:read", "partial_update": "lists:write"}

    def retrieve(self, request: ApiRequest, **_: Any) -> Response:
        return self.shown(self._of(self.get_object()))

    def partial_update(self, request: ApiRequest, **_: Any) -> Response:
        """Change how it asks; a template is published, and must have `links.confirm`."""
        target = self.get_object()
        return self.shown(confirmations.set_opt_in(target, by=request.actor, **self.body()))

    def _of(self, target: List) -> OptInMessage:
        return OptInMessage.objects.filter(list=target).first() or OptInMessage(list=target)
