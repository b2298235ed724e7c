from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from delivery.models import Mailbox
from delivery.services import mailboxes as services
from emailseq.lib.api.fields import ResourceSerializer


class MailboxSerializer(ResourceSerializer):
    password = serializers.CharField(write_only=True, max_length=200, trim_whitespace=False)
    empties = serializers.BooleanField(
        required=False, help_text="Delete what was taken in; else leave it for people to read."
    )
    fault = serializers.CharField(read_only=True, help_text="Why it could not be read.")

    class Meta:
        model = Mailbox
        fields = [
            *("id", "name", "protocol", "host", "port", "tls", "username", "password"),
            *("folder", "empties", "read_at", "failing_since", "fault", "created_at"),
        ]
        read_only_fields = ["read_at", "failing_since"]


class Mailboxes(Resource):
    """Mailboxes that bounces and answers are picked up from."""

    queryset = Mailbox.objects.in_use()
    serializer_class = MailboxSerializer
    outbound = ("test",)
    permissions = reads("delivery", create="delivery:write", test="delivery:write")
    verbs = {
        "partial_update": Verb(services.update_mailbox, "delivery:write"),
        "destroy": Verb(services.archive_mailbox, "delivery:write", gone=True),
    }

    def create(self, request: ApiRequest) -> Response:
        """Pick up mail from a mailbox from now on, each minute."""
        return self.make(services.create_mailbox)

    @action(detail=True, methods=["post"])
    def test(self, request: ApiRequest, **_: Any) -> Response:
        """Sign in and leave again, taking nothing; 409 with the server's words where it fails."""
        mailbox = self.get_object()
        services.test_mailbox(mailbox, by=request.actor)
        return self.shown(self.again(mailbox))
