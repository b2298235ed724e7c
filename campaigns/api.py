from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest, require
from analytics.api import FinerNumbersSerializer, NumbersSerializer, finer
from analytics.numbers import numbers
from campaigns import services
from campaigns.models import Campaign
from campaigns.progress import progress
from campaigns.states import CampaignState
from delivery import explain
from delivery.api.explanations import Explained
from delivery.models import SenderIdentity
from delivery.states import SourceKind
from emailseq.lib.api.fields import Reference, ResourceSerializer, Strict
from subscribers.models import List
from templates_app.models import Template


class CampaignSerializer(ResourceSerializer):
    list = Reference(List.objects.filter(archived_at=None))
    template = Reference(Template.objects.filter(archived_at=None))
    sender = Reference(SenderIdentity.objects.all())

    class Meta:
        model = Campaign
        fields = [
            *("id", "name", "state", "list", "template", "sender"),
            *("recipient_count", "created_at", "started_at", "ended_at"),
        ]


class CampaignFilters(Strict):
    state = serializers.ChoiceField(CampaignState.choices, required=False)
    list = Reference(List.objects.all(), required=False)


class CampaignStatsSerializer(FinerNumbersSerializer, NumbersSerializer):
    recipients = serializers.IntegerField()
    queued = serializers.IntegerField()
    in_doubt = serializers.IntegerField()


class Campaigns(Resource):
    """One message to everybody who is confirmed on a list when it starts."""

    queryset = Campaign.objects.select_related("list", "template", "sender").defer(
        "template__html", "template__text"
    )
    serializer_class = CampaignSerializer
    filters = CampaignFilters
    permissions = reads("campaigns", create="campaigns:write", stats="reports:read")
    verbs = {
        "partial_update": Verb(services.update_campaign, "campaigns:write", guarded=True),
        "destroy": Verb(services.delete_campaign, "campaigns:write", guarded=True, gone=True),
        "send": Verb(services.send, "campaigns:send"),
        "pause": Verb(services.pause, "delivery:pause"),
        "resume": Verb(services.resume, "delivery:pause"),
        "cancel": Verb(services.cancel, "campaigns:send"),
    }

    def create(self, request: ApiRequest) -> Response:
        """Make a draft."""
        return self.make(services.create_campaign)

    @action(detail=True, serializer_class=CampaignStatsSerializer)
    def stats(self, request: ApiRequest, **_: Any) -> Response:
        """Where the recipients are, and what became of their messages."""
        campaign = self.get_object()
        of_campaign = progress(campaign)
        stats = {
            **asdict(numbers(SourceKind.CAMPAIGN, campaign.pk)),
            **asdict(of_campaign),
            "queued": of_campaign.queued,
            **finer(SourceKind.CAMPAIGN, campaign.pk),
        }
        return Response(self.get_serializer(stats).data)


class CampaignExplanations(Explained):
    """Why people did, or did not, get a campaign."""

    queryset = Campaign.objects.select_related("list")
    permissions = {"explain": "subscribers:read"}

    def explain(self, request: ApiRequest, **_: Any) -> Response:
        """Every gate between a person and a campaign, and its answer as of now."""
        person, campaign = self.person(), self.get_object()
        require(request, "campaigns:read")
        kind = SourceKind.CAMPAIGN
        gates = explain.gates(person, kind, campaign.pk, consent_list=campaign.list)
        return self.explained(person, gates, kind, campaign.pk)
