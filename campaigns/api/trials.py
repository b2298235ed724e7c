from __future__ import annotations

from typing import Any

from django.http import Http404
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb
from accounts.authentication import ApiRequest
from campaigns import judging, trials, variants
from campaigns.judging import STANDINGS
from campaigns.models import Campaign, Trial
from campaigns.states import Metric, Otherwise
from campaigns.variants import TERMS, Other
from delivery.models import SenderIdentity
from emailseq.lib.api.fields import Reference, Strict
from templates_app.models import Template

TOLD = (*TERMS, "left_at", "winner", "decided_at", "decided_by")


class OtherSerializer(Strict):
    """In what a variant differs from the campaign, which is variant `a` itself."""

    subject = serializers.CharField(required=False, max_length=500)
    template = Reference(Template.objects.filter(archived_at=None), required=False)
    sender = Reference(SenderIdentity.objects.all(), required=False)

    def to_internal_value(self, data: Any) -> Any:
        return Other(**super().to_internal_value(data))


class TermsSerializer(Strict):
    variants = OtherSerializer(many=True, help_text="One to four, beside the campaign itself.")
    sample_percent = serializers.IntegerField(
        default=20, help_text="Of the audience; 100 sends each variant to its share of all."
    )
    metric = serializers.ChoiceField(Metric.choices, default=Metric.CLICK)
    goal = serializers.CharField(
        default="", max_length=100, help_text="The name of a custom event, for goal and revenue."
    )
    amount_property = serializers.CharField(
        default="", max_length=100, help_text="Of that event: the number that is the revenue."
    )
    wait_minutes = serializers.IntegerField(
        default=240, help_text="After the last message of the sample has left."
    )
    minimum = serializers.IntegerField(
        default=100, help_text="Messages of each variant before one can win."
    )
    otherwise = serializers.ChoiceField(
        Otherwise.choices,
        default=Otherwise.ASK,
        help_text="What to do after the wait if none is better.",
    )


class RateSerializer(serializers.Serializer[Any]):
    """An estimate, and between which values the truth lies, 95 times of 100."""

    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class TriedVariantSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    subject = serializers.CharField()
    template = serializers.CharField()
    sender = serializers.CharField()
    sent = serializers.IntegerField()
    hits = serializers.IntegerField(help_text="Messages after which it happened.")
    amount = serializers.FloatField(help_text="The revenue, if that is what counts.")
    rate = RateSerializer(
        allow_null=True,
        help_text="Hits per message, or revenue per message; null: too little to tell.",
    )


class CampaignTrialSerializer(serializers.ModelSerializer[Trial]):
    state = serializers.CharField(help_text=f"One of {', '.join(STANDINGS)}.")
    variants = TriedVariantSerializer(many=True)

    class Meta:
        model = Trial
        fields = ["state", *TOLD, "variants"]


class ChooseVariant(Strict):
    variant = serializers.CharField(max_length=20)


class CampaignTrials(Resource):
    """The A/B test of a campaign: how it is made, how it stands, which variant the rest gets."""

    queryset = Campaign.objects.select_related("list", "template", "sender")
    serializer_class = CampaignTrialSerializer
    inputs = {"choose": ChooseVariant}
    permissions = {"retrieve": "campaigns:read", "choose": "campaigns:send"}
    verbs = {
        "replace": Verb(variants.set_trial, "campaigns:write", TermsSerializer, guarded=True),
        "remove": Verb(variants.remove_trial, "campaigns:write", guarded=True, gone=True),
    }

    def choose(self, request: ApiRequest, **_: Any) -> Response:
        """Send this variant to the rest of the audience, whatever the numbers say."""
        campaign = self.get_object()
        judging.choose(campaign, by=request.actor, **self.body())
        return self.shown(campaign)

    def shown(self, row: Campaign, status: int = 200) -> Response:
        stands = judging.standing(row)
        if stands is None:
            raise Http404
        trial, metric = stands.trial, stands.trial.metric
        meant = variants.described(row)
        told = [
            {
                "key": key,
                "subject": meant[key].subject,
                "template": meant[key].template.public_id,
                "sender": meant[key].sender.public_id,
                "sent": tally.trials,
                "hits": tally.hits,
                "amount": tally.total,
                "rate": interval._asdict() if interval else None,
            }
            for key, tally in stands.tallies.items()
            for interval in [trials.interval(metric, tally)]
        ]
        own = {name: getattr(trial, name) for name in TOLD}
        body = {**own, "state": stands.state, "variants": told}
        headers = {"ETag": f'"r{row.revision}"'}
        return Response(self.get_serializer(body).data, headers=headers)
