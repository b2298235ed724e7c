from __future__ import annotations

from dataclasses import fields
from typing import Any

from rest_framework import serializers

from analytics import links
from analytics.numbers import Numbers
from delivery.states import LeavingReason


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


class FinerNumbersSerializer(serializers.Serializer[Any]):
    links = LinkSerializer(many=True, help_text="Those that were followed.")
    leaving_reasons = LeavingReasonsSerializer()


def finer(kind: str, source_id: int) -> dict[str, Any]:
    """What FinerNumbersSerializer shows of a source."""
    return {
        "links": links.links(kind, source_id),
        "leaving_reasons": links.leaving_reasons(kind, source_id),
    }


class NumbersSerializer(serializers.Serializer[Any]):
    """What became of messages. Opens and clicks count people once; opens are estimates."""

    def get_fields(self) -> dict[str, Any]:
        numbers = {field.name: serializers.IntegerField() for field in fields(Numbers)}
        return {**numbers, **super().get_fields()}
