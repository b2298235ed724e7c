from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest, require
from analytics.api import FinerNumbersSerializer, NumbersSerializer, finer
from analytics.numbers import numbers
from campaigns import (
    approvals,
    audience,
    checklist,
    copies,
    recurring,
    services,
    showing,
    why,
)
from campaigns.models import Campaign
from campaigns.progress import progress
from campaigns.states import CampaignState, Every, Ignored
from delivery.api.explanations import Explained
from delivery.models import SenderIdentity
from delivery.states import SourceKind
from emailseq.lib.api.fields import (
    ArchivedFilter,
    Reference,
    References,
    ResourceSerializer,
    Strict,
)
from subscribers.models import List, Segment
from templates_app.models import Template


class Several(References):
    """Objects of one kind, or none, by public id."""

    def __init__(self, rows: QuerySet[Any], **options: Any) -> None:
        super().__init__(rows, required=False, **options)
        self.allow_empty = True

    def to_representation(self, data: Any) -> list[str]:
        return [row.public_id for row in data.all()]


class RecurrenceSerializer(Strict):
    every = serializers.ChoiceField(Every.choices)
    on = serializers.IntegerField(
        default=1, help_text="Day of the week, 1 is Monday, or of the month; 31 is its last."
    )
    at = serializers.TimeField(help_text="On the clock of the workspace, e.g. 09:00.")
    next_at = serializers.DateTimeField(read_only=True)


class CampaignSerializer(ResourceSerializer):
    list = Reference(List.objects.filter(archived_at=None))
    template = Reference(Template.objects.filter(archived_at=None))
    sender = Reference(SenderIdentity.objects.all())
    segments = Several(
        Segment.objects.filter(archived_at=None),
        help_text="Only who is in one of these, if there are any.",
    )
    excluded_lists = Several(List.objects.all(), help_text="Nobody who is confirmed on these.")
    excluded_segments = Several(
        Segment.objects.filter(archived_at=None), help_text="Nobody who is in these."
    )
    excluded_campaigns = Several(
        Campaign.objects.all(), help_text="Nobody who has got one of these, or is about to."
    )

    is_overdue = serializers.BooleanField(
        read_only=True, help_text="It missed its time, and waits for `send` or `schedule`."
    )

    resend_of = Reference(Campaign.objects.all(), read_only=True)
    occurrence_of = Reference(
        Campaign.objects.all(), read_only=True, help_text="The draft of which it is a copy."
    )
    approval = serializers.SerializerMethodField(
        help_text="approved, asked, outdated (it has changed since), or nothing."
    )

    recurrence = RecurrenceSerializer(
        read_only=True, allow_null=True, help_text="When copies of it are sent; null: never."
    )
    web_url = serializers.SerializerMethodField(help_text="Its page in the archive, if any.")

    def get_web_url(self, campaign: Campaign) -> str:
        return showing.url(campaign)

    def get_approval(self, campaign: Campaign) -> str:
        return approvals.standing(campaign)

    class Meta:
        model = Campaign
        fields = [
            *("id", "name", "state", "list", *services.NARROWING, "template", "sender"),
            *("scheduled_at", "local_time", "spread_minutes", "best_time", "is_overdue", "refusal"),
            *("resend_of", "resend_to", "occurrence_of", "recurrence", "approval", "web_url"),
            *("recipient_count", "created_at", "started_at", "ended_at", "archived_at"),
        ]


class ScheduleSerializer(Strict):
    at = serializers.DateTimeField()
    local_time = serializers.BooleanField(
        default=False,
        help_text="On everybody's own clock: what the workspace's clock shows at that time.",
    )
    best_time = serializers.BooleanField(
        default=False,
        help_text="In the day from then on, each at the hour at which they read; who is not known "
        "well, when others in their time zone do; of whom nothing can be said, at once.",
    )
    spread_minutes = serializers.IntegerField(
        default=0, min_value=0, max_value=1440, help_text="Over how long it is sent, evenly."
    )
    expected_recipients = serializers.IntegerField(
        required=False, min_value=1, help_text="As for `send`."
    )


class SendSerializer(Strict):
    expected_recipients = serializers.IntegerField(
        required=False,
        min_value=1,
        help_text="How many people are meant; needed when that is much more than usual.",
    )


class ResendSerializer(Strict):
    to = serializers.ChoiceField(Ignored.choices)


class CampaignFilters(ArchivedFilter):
    state = serializers.ChoiceField(CampaignState.choices, required=False)
    list = Reference(List.objects.all(), required=False)


class CampaignStatsSerializer(FinerNumbersSerializer, NumbersSerializer):
    recipients = serializers.IntegerField()
    queued = serializers.IntegerField()
    in_doubt = serializers.IntegerField()


class AudienceSerializer(Strict):
    recipients = serializers.IntegerField()
    left_out = serializers.DictField(
        child=serializers.IntegerField(),
        help_text=f"By the first reason that holds: {', '.join(audience.REASONS)}.",
    )


class CampaignCheckSerializer(Strict):
    pointer = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class CampaignChecksSerializer(Strict):
    blocks = CampaignCheckSerializer(many=True)
    warnings = CampaignCheckSerializer(many=True)


class Campaigns(Resource):
    """One message to those on a list when it starts, or to some of them."""

    queryset = (
        Campaign.objects.select_related(
            "list", "template", "sender", "resend_of", "occurrence_of", "approval", "recurrence"
        )
        .select_related("workspace")
        .prefetch_related(*services.NARROWING)
        .defer("template__html", "template__text")
    )
    serializer_class = CampaignSerializer
    filters = CampaignFilters
    inputs = {"resend": ResendSerializer}
    permissions = reads(
        "campaigns",
        create="campaigns:write",
        duplicate="campaigns:write",
        finish_rest="campaigns:send",
        resend="campaigns:write",
        audience="campaigns:read",
        checks="campaigns:read",
        stats="reports:read",
    )
    verbs = {
        "partial_update": Verb(services.update_campaign, "campaigns:write", guarded=True),
        "destroy": Verb(services.delete_campaign, "campaigns:write", guarded=True, gone=True),
        "schedule": Verb(services.schedule, "campaigns:send", body=ScheduleSerializer),
        "unschedule": Verb(services.unschedule, "campaigns:send"),
        "send": Verb(services.send, "campaigns:send", body=SendSerializer),
        "repeat": Verb(recurring.repeat, "campaigns:send", body=RecurrenceSerializer),
        "stop_repeating": Verb(recurring.stop_repeating, "campaigns:send"),
        "show": Verb(showing.show, "campaigns:send"),
        "hide": Verb(showing.hide, "campaigns:send"),
        "archive": Verb(services.archive, "campaigns:write"),
        "unarchive": Verb(services.unarchive, "campaigns:write"),
        "request_approval": Verb(approvals.request_approval, "campaigns:write"),
        "approve": Verb(approvals.approve, "campaigns:send"),
        "pause": Verb(services.pause, "delivery:pause"),
        "resume": Verb(services.resume, "delivery:pause"),
        "cancel": Verb(services.cancel, "campaigns:send"),
    }

    def create(self, request: ApiRequest) -> Response:
        """Make a draft."""
        return self.make(services.create_campaign)

    @action(detail=True, methods=["post"])
    def duplicate(self, request: ApiRequest, **_: Any) -> Response:
        """Make a draft with the same audience, template and sender."""
        return self.made(copies.duplicate(self.get_object(), by=request.actor))

    @action(detail=True, methods=["post"], url_path="finish-rest")
    def finish_rest(self, request: ApiRequest, **_: Any) -> Response:
        """Send to exactly those whom it failed to reach, by a campaign of its own."""
        return self.made(copies.finish_rest(self.get_object(), by=request.actor))

    @action(detail=True, methods=["post"])
    def resend(self, request: ApiRequest, **_: Any) -> Response:
        """Make a draft to those who have got it, and have not opened or clicked."""
        return self.made(copies.resend(self.get_object(), by=request.actor, **self.body()))

    @action(detail=True, serializer_class=AudienceSerializer)
    def audience(self, request: ApiRequest, **_: Any) -> Response:
        """How many would get it now, and how many on its list would not, by reason."""
        counted = audience.count(self.get_object())
        return Response(self.get_serializer(asdict(counted)).data)

    @action(detail=True, serializer_class=CampaignChecksSerializer)
    def checks(self, request: ApiRequest, **_: Any) -> Response:
        """What would stop it if it were sent now, and what to look at twice."""
        return Response(self.get_serializer(asdict(checklist.check(self.get_object()))).data)

    @action(detail=True, serializer_class=CampaignStatsSerializer)
    def stats(self, request: ApiRequest, **_: Any) -> Response:
        """Where the recipients are, and what became of their messages."""
        campaign = self.get_object()
        of_campaign = progress(campaign)
        stats = {
            **asdict(numbers(SourceKind.CAMPAIGN, campaign.pk)),
            **asdict(of_campaign),
            "queued": of_campaign.queued,
            **finer(SourceKind.CAMPAIGN, campaign.pk),
        }
        return Response(self.get_serializer(stats).data)


class CampaignExplanations(Explained):
    """Why people did, or did not, get a campaign."""

    queryset = Campaign.objects.select_related("list")
    permissions = {"explain": "subscribers:read"}

    def explain(self, request: ApiRequest, **_: Any) -> Response:
        """Every gate between a person and a campaign, and its answer as of now."""
        person, campaign = self.person(), self.get_object()
        require(request, "campaigns:read")
        gates = why.gates(person, campaign)
        return self.explained(person, gates, SourceKind.CAMPAIGN, campaign.pk)
