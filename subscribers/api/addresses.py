from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from emailseq.lib.api.fields import Strict


class AddressFilter(Strict):
    q = serializers.CharField(required=False, max_length=254, help_text="How the address begins.")


def beginning(rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Those whose address begins with the text, if there is one, in the order of addresses."""
    if not text:
        return rows
    return rows.filter(address_key__startswith=text.casefold()).order_by("address_key")
