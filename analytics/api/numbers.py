from __future__ import annotations

from dataclasses import fields
from typing import Any

from rest_framework import serializers

from analytics import links
from analytics.conversions import reached
from analytics.models import Conversion
from analytics.numbers import Numbers
from analytics.providers import ENOUGH, Reputation, delays, providers
from analytics.states import Attribution
from delivery.states import LeavingReason
from emailseq.lib.api.fields import Reference

HUNDREDTHS = "What these came to, in hundredths of your currency."


class LinkSerializer(serializers.Serializer[Any]):
    """A link of a message: how many people followed it, how often, and how often machines did."""

    step = serializers.CharField(help_text="Key of the email; empty for a campaign.")
    variant = serializers.CharField()
    template_version = serializers.IntegerField()
    position = serializers.IntegerField(help_text="In the HTML, from 0 on.")
    url = serializers.CharField()
    clicked = serializers.IntegerField(help_text="People.")
    clicks = serializers.IntegerField()
    machine_clicks = serializers.IntegerField()


class LeavingReasonsSerializer(serializers.Serializer[Any]):
    """How many said why they left."""

    def get_fields(self) -> dict[str, Any]:
        return {reason: serializers.IntegerField() for reason in LeavingReason.values}


class ReasonSerializer(serializers.Serializer[Any]):
    what = serializers.ChoiceField(["deferred", "failed", "bounced"])
    why = serializers.CharField()
    count = serializers.IntegerField()


class ProviderSerializer(serializers.Serializer[Any]):
    """How one mailbox provider took messages; `deferred` counts tries."""

    provider = serializers.CharField(help_text="Who runs the mailboxes, or a domain.")
    sent = serializers.IntegerField()
    deferred = serializers.IntegerField()
    failed = serializers.IntegerField()
    bounced = serializers.IntegerField()
    complained = serializers.IntegerField()
    opened = serializers.IntegerField()
    clicked = serializers.IntegerField()
    unsubscribed = serializers.IntegerField()
    delivered_rate = serializers.FloatField(allow_null=True)
    complaint_rate = serializers.FloatField(allow_null=True)
    reputation = serializers.ChoiceField(
        [each.value for each in Reputation],
        help_text="good below 0.1 % of complaints, watch below 0.3 %, bad from there on; unknown "
        f"below {ENOUGH} messages.",
    )
    reasons = ReasonSerializer(many=True)


class DelaySerializer(serializers.Serializer[Any]):
    within = serializers.IntegerField(allow_null=True, help_text="Seconds; null: later.")
    opened = serializers.IntegerField(help_text="Messages that people opened first, an estimate.")


class ReachedSerializer(serializers.Serializer[Any]):
    """What the messages led to, by the conversion's own model and window."""

    conversion = Reference(Conversion.objects.all(), read_only=True)
    name = serializers.CharField(source="conversion.name")
    attribution = serializers.ChoiceField(
        Attribution.choices, source="conversion.attribution", read_only=True
    )
    window_days = serializers.IntegerField(source="conversion.window_days")
    conversions = serializers.IntegerField()
    converted = serializers.IntegerField(help_text="Messages that led to one.")
    revenue = serializers.IntegerField(help_text=HUNDREDTHS)


class FinerNumbersSerializer(serializers.Serializer[Any]):
    links = LinkSerializer(many=True, help_text="Those that were followed.")
    leaving_reasons = LeavingReasonsSerializer()
    providers = ProviderSerializer(many=True)
    time_to_open = DelaySerializer(many=True)
    conversion_goals = ReachedSerializer(many=True)


def finer(kind: str, source_id: int) -> dict[str, Any]:
    """What FinerNumbersSerializer shows of a source."""
    return {
        "links": links.links(kind, source_id),
        "leaving_reasons": links.leaving_reasons(kind, source_id),
        "providers": providers(kind, source_id),
        "time_to_open": delays(kind, source_id),
        "conversion_goals": reached(kind, source_id),
    }


class NumbersSerializer(serializers.Serializer[Any]):
    """What became of messages. Opens and clicks count people once, and in `opens` and `clicks` as
    often as they did it; opens are estimates."""

    def get_fields(self) -> dict[str, Any]:
        numbers = {field.name: serializers.IntegerField() for field in fields(Numbers)}
        numbers["revenue"] = serializers.IntegerField(help_text=HUNDREDTHS)
        return {**numbers, **super().get_fields()}
