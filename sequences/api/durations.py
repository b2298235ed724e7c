from __future__ import annotations

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from emailseq.lib.errors import Invalid
from subscribers.segments import comparisons


class Duration(serializers.DurationField):
    """ISO 8601, of units that are always as long, e.g. P2D."""

    def to_internal_value(self, value: Any) -> timedelta:
        try:
            return comparisons.span(value, "")  # the framework knows no weeks
        except Invalid:
            return super().to_internal_value(value)

    def to_representation(self, value: Any) -> str:
        return comparisons.written(value)
