from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, crud
from accounts.authentication import ApiRequest
from analytics.numbers import numbers
from campaigns import services
from campaigns.api.serializers import (
    CampaignFilters,
    CampaignSerializer,
    CampaignStatsSerializer,
)
from campaigns.models import Campaign
from campaigns.progress import progress
from delivery.states import SourceKind


class Campaigns(Resource):
    """One message to everybody who is confirmed on a list when it starts."""

    queryset = Campaign.objects.select_related("list", "template", "sender").defer(
        "template__html", "template__text"
    )
    serializer_class = CampaignSerializer
    filters = CampaignFilters
    guarded = {"partial_update", "destroy"}
    permissions = crud(
        "campaigns",
        send="campaigns:send",
        cancel="campaigns:send",
        pause="delivery:pause",
        resume="delivery:pause",
        stats="reports:read",
    )

    def create(self, request: ApiRequest) -> Response:
        """Make a draft."""
        values = self.body()
        return self.made(services.create_campaign(request.workspace, by=request.actor, **values))

    def partial_update(self, request: ApiRequest, **_: Any) -> Response:
        """Change a draft."""
        return self.act(services.update_campaign)

    def destroy(self, request: ApiRequest, **_: Any) -> Response:
        """Remove a draft for good."""
        return self.ended(services.delete_campaign)

    @action(detail=True, methods=["post"])
    def send(self, request: ApiRequest, **_: Any) -> Response:
        """Freeze the content and the audience, and begin to send."""
        return self.act(services.send)

    @action(detail=True, methods=["post"])
    def pause(self, request: ApiRequest, **_: Any) -> Response:
        """Let nothing leave that is not on the wire yet."""
        return self.act(services.pause)

    @action(detail=True, methods=["post"])
    def resume(self, request: ApiRequest, **_: Any) -> Response:
        """Go on where a pause stopped."""
        return self.act(services.resume)

    @action(detail=True, methods=["post"])
    def cancel(self, request: ApiRequest, **_: Any) -> Response:
        """End it for all whose message is not on the wire yet."""
        return self.act(services.cancel)

    @action(detail=True, serializer_class=CampaignStatsSerializer)
    def stats(self, request: ApiRequest, **_: Any) -> Response:
        """Where the recipients are, and what became of their messages."""
        campaign = self.get_object()
        of_campaign = progress(campaign)
        stats = {
            **asdict(numbers(SourceKind.CAMPAIGN, campaign.pk)),
            **asdict(of_campaign),
            "queued": of_campaign.queued,
        }
        return Response(self.get_serializer(stats).data)
