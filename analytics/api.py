from __future__ import annotations

from dataclasses import fields
from typing import Any

from rest_framework import serializers

from analytics.numbers import Numbers


class NumbersSerializer(serializers.Serializer[Any]):
    """What became of messages. Opens and clicks count people once; opens are estimates."""

    def get_fields(self) -> dict[str, Any]:
        numbers = {field.name: serializers.IntegerField() for field in fields(Numbers)}
        return {**numbers, **super().get_fields()}
