from __future__ import annotations

from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import ArchivedFilter, Named, ResourceSerializer
from subscribers import services
from subscribers.models import List

LISTS = List.objects.all()
OPEN_LISTS = List.objects.filter(archived_at=None)


class ListSerializer(Named, ResourceSerializer):
    class Meta:
        model = List
        fields = ["id", "name", "slug", "opt_in", "public", "created_at", "archived_at"]


class Lists(Resource):
    """Named consent scopes: what people say yes to, and leave."""

    queryset = LISTS
    serializer_class = ListSerializer
    filters = ArchivedFilter
    permissions = reads("lists", create="lists:write")
    verbs = {
        "partial_update": Verb(services.update_list, "lists:write"),
        "destroy": Verb(services.archive_list, "lists:write", gone=True),
    }

    def create(self, request: ApiRequest) -> Response:
        return self.make(services.create_list)
