from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from delivery.models import DkimKey, SendingDomain
from delivery.records.findings import Kind, Level
from delivery.services import domains as services
from delivery.states import DomainState, KeyAlgorithm
from emailseq.lib.api.fields import ResourceSerializer, Strict


class DkimKeySerializer(serializers.ModelSerializer[DkimKey]):
    host = serializers.CharField(help_text="Where DNS shows the record, of type TXT.")

    class Meta:
        model = DkimKey
        fields = [
            *("selector", "algorithm", "state", "host", "record", "created_at", "replaced_at"),
        ]


class FindingSerializer(serializers.Serializer[Any]):
    """What a check found about one record."""

    kind = serializers.ChoiceField([(each.value, each.value) for each in Kind])
    type = serializers.CharField(help_text="Of the record: TXT, MX, …")
    host = serializers.CharField()
    expected = serializers.CharField(help_text="What to publish; empty where it is yours to say.")
    level = serializers.ChoiceField([(each.value, each.value) for each in Level])
    found = serializers.ListField(child=serializers.CharField())
    advice = serializers.CharField()


class SendingDomainSerializer(ResourceSerializer):
    keys = DkimKeySerializer(many=True, read_only=True)
    findings = FindingSerializer(many=True, read_only=True)

    class Meta:
        model = SendingDomain
        fields = [
            *("id", "name", "bounce_domain", "tracking_host", "tracking_ready"),
            *("state", "keys", "findings"),
            *("checked_at", "created_at"),
        ]


class DomainChanges(Strict):
    bounce_domain = serializers.CharField(
        max_length=253, required=False, help_text="Where bounces go: the domain itself or below."
    )
    tracking_host = serializers.CharField(
        max_length=253,
        required=False,
        allow_blank=True,
        help_text="Where links lead: a host below the domain; empty for the installation's own.",
    )


class NewDomain(DomainChanges):
    name = serializers.CharField(max_length=253)


class Rotation(Strict):
    algorithm = serializers.ChoiceField(KeyAlgorithm.choices, required=False)


class DomainFilters(Strict):
    state = serializers.ChoiceField(DomainState.choices, required=False)


class SendingDomains(Resource):
    """Domains that messages come from: their DKIM keys, and what DNS has to say."""

    queryset = SendingDomain.objects.prefetch_related("keys")
    serializer_class = SendingDomainSerializer
    filters = DomainFilters
    inputs = {"create": NewDomain, "partial_update": DomainChanges, "rotate_dkim": Rotation}
    outbound = ("check",)
    permissions = reads("delivery", create="delivery:write", rotate_dkim="delivery:write")
    verbs = {
        "partial_update": Verb(services.update_domain, "delivery:write"),
        "destroy": Verb(services.delete_domain, "delivery:write", gone=True),
        "check": Verb(services.check_domain, "delivery:write"),
    }

    def create(self, request: ApiRequest) -> Response:
        """Make a domain known; its keys and findings say what to publish."""
        return self.make(services.create_domain)

    @action(detail=True, methods=["post"], url_path="rotate-dkim")
    def rotate_dkim(self, request: ApiRequest, **_: Any) -> Response:
        """Make the next key; it signs once a check has found its record in DNS."""
        domain = self.get_object()
        services.rotate_key(domain, by=request.actor, **self.body())
        return self.shown(self.again(domain))
