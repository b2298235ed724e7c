from __future__ import annotations

from typing import Any

from rest_framework import serializers


class NumbersSerializer(serializers.Serializer[Any]):
    """What became of messages. Opens and clicks count people once; opens are estimates."""

    sent = serializers.IntegerField()
    skipped = serializers.IntegerField()
    failed = serializers.IntegerField()
    opened = serializers.IntegerField()
    clicked = serializers.IntegerField()
    unsubscribed = serializers.IntegerField()
    machine_opened = serializers.IntegerField()
    machine_clicked = serializers.IntegerField()
