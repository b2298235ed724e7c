from __future__ import annotations

from rest_framework.response import Response

from accounts.api.resources import Resource, reads
from accounts.authentication import ApiRequest
from delivery import services
from delivery.models import SenderIdentity
from emailseq.lib.api.fields import Email, ResourceSerializer


class SenderIdentitySerializer(ResourceSerializer):
    email = Email(max_length=254)
    reply_to = Email(max_length=254, required=False)

    class Meta:
        model = SenderIdentity
        fields = ["id", "name", "email", "reply_to", "created_at"]


class SenderIdentities(Resource):
    """From names and addresses, and where answers go."""

    queryset = SenderIdentity.objects.all()
    serializer_class = SenderIdentitySerializer
    permissions = reads("delivery", create="delivery:write")

    def create(self, request: ApiRequest) -> Response:
        return self.make(services.create_sender)
