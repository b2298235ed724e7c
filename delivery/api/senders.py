from __future__ import annotations

from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from delivery import services
from delivery.models import SenderIdentity, Transport
from delivery.services import transports
from emailseq.lib.api.fields import Email, Reference, ResourceSerializer, Strict


class SenderIdentitySerializer(ResourceSerializer):
    email = Email(max_length=254)
    reply_to = Email(max_length=254, required=False)
    transport = Reference(
        Transport.objects.in_use(), read_only=True, help_text="The only one that carries it."
    )

    class Meta:
        model = SenderIdentity
        fields = ["id", "name", "email", "reply_to", "transport", "created_at"]


class TransportChoice(Strict):
    transport = Reference(Transport.objects.in_use(), allow_null=True)


class SenderIdentities(Resource):
    """From names and addresses, and where answers go."""

    queryset = SenderIdentity.objects.select_related("transport")
    serializer_class = SenderIdentitySerializer
    inputs = {"partial_update": TransportChoice}
    permissions = reads("delivery", create="delivery:write")
    verbs = {"partial_update": Verb(transports.choose_transport, "delivery:write")}

    def create(self, request: ApiRequest) -> Response:
        return self.make(services.create_sender)
