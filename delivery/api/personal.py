from __future__ import annotations

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers

from accounts.api.resources import Resource, Verb
from accounts.authentication import ApiRequest
from delivery.services import personal, preferences
from emailseq.lib.api.fields import Strict
from subscribers import dossier
from subscribers.api.subscribers import SHOWN, SubscriberSerializer
from subscribers.models import Subscriber


class Break(Strict):
    until = serializers.DateTimeField(allow_null=True, help_text="null ends it.")


class PersonalData(Resource):
    """What people have a right to: peace for a while, a copy of their data, to be forgotten."""

    queryset = Subscriber.objects.select_related("workspace").prefetch_related(*SHOWN)
    serializer_class = SubscriberSerializer
    permissions = {"export": "exports:create"}
    verbs = {
        "snooze": Verb(preferences.snooze, "subscribers:write", Break),
        "erase": Verb(personal.erase, "subscribers:erase"),
    }
    outbound = ("export",)  # a file as long as that is no answer to be remembered

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def export(self, request: ApiRequest, **_: Any) -> StreamingHttpResponse:
        """A zip of JSON files with everything that is stored of a person."""
        person = self.get_object()
        name = dossier.file_name(person)
        return StreamingHttpResponse(
            personal.export(person, by=request.actor),
            content_type="application/zip",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
