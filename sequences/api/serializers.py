from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from analytics.api.serializers import NumbersSerializer
from delivery.models import SenderIdentity
from emailseq.lib import ids
from emailseq.lib.api.fields import Named, Reference, ResourceSerializer, Strict
from sequences.models import Enrollment, Sequence, Step
from sequences.states import EnrollmentState, SequenceState, StepKind
from subscribers.models import List, Subscriber
from templates_app.models import Template

LISTS = List.objects.filter(archived_at=None)
PEOPLE = Subscriber.objects.filter(archived_at=None)
MOST_AT_ONCE = 1000


class Triggers(Strict):
    """What starts runs: joining one of the lists; people and the API by hand."""

    lists = serializers.ListField(child=Reference(LISTS), max_length=100)
    manual = serializers.BooleanField()


class SequenceSerializer(Named, ResourceSerializer):
    list = Reference(LISTS, required=False, allow_null=True)
    sender = Reference(SenderIdentity.objects.all(), required=False)
    version = serializers.IntegerField(
        source="live_version.number", read_only=True, default=None, allow_null=True
    )
    triggers = serializers.SerializerMethodField()

    class Meta:
        model = Sequence
        fields = [
            "id",
            "name",
            "slug",
            "state",
            "list",
            "sender",
            "re_entry",
            "version",
            "triggers",
            "created_at",
        ]
        extra_kwargs = {"slug": {"required": False}}

    @extend_schema_field(Triggers)
    def get_triggers(self, sequence: Sequence) -> dict[str, Any]:
        triggers = sequence.triggers.all()
        return {
            "lists": [trigger.list.public_id for trigger in triggers if trigger.list],
            "manual": any(trigger.list is None for trigger in triggers),
        }


class SequenceFilters(Strict):
    state = serializers.ChoiceField(SequenceState.choices, required=False)
    list = Reference(List.objects.all(), required=False)


class StepSerializer(Strict, serializers.ModelSerializer[Step]):
    id = serializers.CharField(source="key", read_only=True)
    number = serializers.IntegerField(source="position", read_only=True)
    template = Reference(Template.objects.filter(archived_at=None), required=False, allow_null=True)

    class Meta:
        model = Step
        fields = ["id", "number", "kind", "template", "delay"]


class NewStep(Strict):
    kind = serializers.ChoiceField(StepKind.choices)
    template = Reference(Template.objects.filter(archived_at=None), required=False)
    delay = serializers.DurationField(required=False, help_text="ISO 8601, e.g. P2D.")
    number = serializers.IntegerField(
        source="to", required=False, min_value=1, max_value=1000, help_text="By default the last."
    )


class StepChanges(Strict):
    template = Reference(Template.objects.filter(archived_at=None), required=False)
    delay = serializers.DurationField(required=False)


class StepMove(Strict):
    to = serializers.IntegerField(min_value=1, max_value=1000, help_text="Its number from now on.")


class StepStatsSerializer(NumbersSerializer):
    id = serializers.CharField()
    waiting = serializers.IntegerField(help_text="People who stand at this step now.")


class SequenceStatsSerializer(NumbersSerializer):
    steps = StepStatsSerializer(many=True)


class EnrollmentSerializer(ResourceSerializer):
    sequence = Reference(Sequence.objects.all(), read_only=True)
    subscriber = Reference(Subscriber.objects.all(), read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)
    step = serializers.CharField(source="position", read_only=True)

    class Meta:
        model = Enrollment
        fields = [
            "id",
            "sequence",
            "subscriber",
            "version",
            "run",
            "state",
            "step",
            "due_at",
            "started_at",
            "entered_step_at",
            "paused_at",
            "ended_at",
            "reason",
        ]
        read_only_fields = fields


class RunFilters(Strict):
    sequence = Reference(Sequence.objects.all(), required=False)
    state = serializers.ChoiceField(EnrollmentState.choices, required=False)


class EnrollmentFilters(RunFilters):
    subscriber = Reference(Subscriber.objects.all(), required=False)


class PeopleField(serializers.ListField):
    """Ids of people, read in one query; everyone who is not there is a fault of its own."""

    child = serializers.CharField()

    def to_internal_value(self, data: Any) -> list[Subscriber]:
        uids = [ids.decode(Subscriber.prefix, name) for name in super().to_internal_value(data)]
        of_workspace = PEOPLE.of(self.context["request"].workspace)
        found = {person.uid: person for person in of_workspace.filter(uid__in=filter(None, uids))}
        missing = [place for place, uid in enumerate(uids) if uid not in found]
        if missing:
            fault = ErrorDetail("There is no such subscriber.", "not_found")
            raise serializers.ValidationError({str(place): [fault] for place in missing})
        return [found[uid] for uid in uids if uid]


class Enroll(Strict):
    """One `subscriber`, or up to a thousand `subscribers`."""

    sequence = Reference(Sequence.objects.all())
    subscriber = Reference(PEOPLE, required=False)
    subscribers = PeopleField(required=False, allow_empty=False, max_length=MOST_AT_ONCE)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("subscriber" in attrs) == ("subscribers" in attrs):
            raise serializers.ValidationError("Either one subscriber, or several.", "required")
        return attrs


class EnrolledSerializer(serializers.Serializer[Any]):
    started = serializers.IntegerField(help_text="Runs that began.")
    passed_over = serializers.IntegerField(help_text="Whoever is inside, or has been, already.")


class Exit(Strict):
    reason = serializers.CharField(required=False, max_length=300)
