from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.api.resources import Resource, crud
from accounts.authentication import ApiRequest
from subscribers.api.serializers import ArchivedFilter
from templates_app import services
from templates_app.api.serializers import TemplateLine, TemplateSerializer
from templates_app.models import Template


class Templates(Resource):
    """What messages say: a draft, and the version that was published last."""

    queryset = Template.objects.select_related("published_version").defer(
        "published_version__html", "published_version__text"
    )
    serializer_class = TemplateSerializer
    filters = ArchivedFilter
    guarded = {"partial_update", "destroy", "publish"}
    permissions = crud("templates", publish="templates:write")

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return TemplateLine if self.action == "list" else TemplateSerializer

    def create(self, request: ApiRequest) -> Response:
        """Write a draft."""
        values = self.body()
        return self.made(services.create_template(request.workspace, by=request.actor, **values))

    def partial_update(self, request: ApiRequest, **_: Any) -> Response:
        """Change the draft; what is published stays as it is."""
        return self.act(services.save_draft)

    def destroy(self, request: ApiRequest, **_: Any) -> Response:
        """Put the template away: it cannot be published any more."""
        return self.ended(services.archive)

    @action(detail=True, methods=["post"])
    def publish(self, request: ApiRequest, **_: Any) -> Response:
        """Freeze the draft into a version, which messages are sent from."""
        return self.act(services.publish)

    def filtered(self, rows: QuerySet[Any], **values: Any) -> QuerySet[Any]:
        shown = rows.filter(archived_at__isnull=not values["archived"])
        return shown.defer("html", "text", "published_version__html", "published_version__text")
