from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from accounts.api.resources import Resource
from emailseq.lib.api.fields import Reference
from subscribers.api.lists import LISTS
from subscribers.models import ConsentEntry, Subscriber


class ConsentSerializer(serializers.ModelSerializer[ConsentEntry]):
    list = Reference(LISTS, read_only=True)
    source = serializers.CharField()  # type: ignore[assignment]

    class Meta:
        model = ConsentEntry
        fields = ["list", "state", "at", "source", "text", "ip"]


class Consents(Resource):
    """What somebody asked for, agreed to and left: the consent ledger, newest first."""

    queryset = ConsentEntry.objects.select_related("list")
    serializer_class = ConsentSerializer
    permissions = {"list": "subscribers:read"}

    def get_queryset(self) -> QuerySet[Any]:
        people = Subscriber.objects.of(self.request.workspace)
        return self.queryset.filter(subscriber=self.found(people, self.kwargs["id"]))
