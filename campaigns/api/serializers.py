from __future__ import annotations

from rest_framework import serializers

from analytics.api.serializers import NumbersSerializer
from campaigns.models import Campaign
from campaigns.states import CampaignState
from delivery.models import SenderIdentity
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
            "id",
            "name",
            "state",
            "list",
            "template",
            "sender",
            "recipient_count",
            "created_at",
            "started_at",
            "ended_at",
        ]


class CampaignFilters(Strict):
    state = serializers.ChoiceField(CampaignState.choices, required=False)
    list = Reference(List.objects.all(), required=False)


class CampaignStatsSerializer(NumbersSerializer):
    """Where the recipients are, and what became of their messages."""

    recipients = serializers.IntegerField()
    queued = serializers.IntegerField()
    in_doubt = serializers.IntegerField()
