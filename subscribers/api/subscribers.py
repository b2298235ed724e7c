from __future__ import annotations

from typing import Any

from django.db.models import Exists, Model, OuterRef, Prefetch, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest, require
from emailseq.lib.api.fields import (
    ArchivedFilter,
    Clearable,
    Email,
    Reference,
    ResourceSerializer,
    Strict,
)
from emailseq.lib.errors import Erased
from subscribers import hygiene, services
from subscribers.api.addresses import AddressFilter, beginning
from subscribers.api.lists import LISTS, OPEN_LISTS
from subscribers.models import (
    Engagement,
    Segment,
    SegmentMember,
    Subscriber,
    Subscription,
    Tag,
    TagAssignment,
)
from subscribers.services import Consent, Place
from subscribers.states import Frequency, SubscriptionState

PLACES = Prefetch("subscriptions", Subscription.objects.select_related("list").order_by("id"))
TAGS = Prefetch("tags", TagAssignment.objects.select_related("tag").order_by("id"))

SHOWN = (PLACES, TAGS, Prefetch("engagement", Engagement.objects.scored()))


class SubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    list = Reference(LISTS, read_only=True)

    class Meta:
        model = Subscription
        fields = ["list", "state", "created_at", "confirmed_at", "unsubscribed_at"]


class SubscriberSerializer(ResourceSerializer):
    subscriptions = SubscriptionSerializer(many=True, read_only=True)
    tags = serializers.SerializerMethodField()
    engagement = serializers.SerializerMethodField(
        help_text="From 0 to 100: what they have opened and clicked; it halves in thirty days."
    )

    class Meta:
        model = Subscriber
        fields = [
            *("id", "email", "first_name", "last_name", "time_zone", "language", "fields"),
            *("frequency", "snoozed_until", "engagement", "subscriptions", "tags"),
            *("created_at", "updated_at", "archived_at", "erased_at"),
        ]

    def get_tags(self, person: Subscriber) -> list[str]:
        return [carried.tag.slug for carried in person.tags.all()]

    def get_engagement(self, person: Subscriber) -> int:
        found: Any = getattr(person, "engagement", None)
        return found.score if found else 0


class HintSerializer(serializers.Serializer[Any]):
    code = serializers.ChoiceField([hygiene.TYPO, hygiene.DISPOSABLE, hygiene.ROLE])
    detail = serializers.CharField()
    suggestion = serializers.CharField(help_text="What was probably meant, of a typo.")


class UpsertedSerializer(SubscriberSerializer):
    hints = HintSerializer(many=True, help_text="What is odd about the address; it is kept.")
    changed = serializers.BooleanField(help_text="Whether anything moved.")

    class Meta(SubscriberSerializer.Meta):
        fields = [*SubscriberSerializer.Meta.fields, "changed", "hints"]


class ConsentGiven(Strict):
    """The evidence of a yes."""

    source = serializers.CharField(max_length=200)  # type: ignore[assignment]
    text = serializers.CharField(max_length=1000, required=False)
    ip = serializers.IPAddressField(required=False)

    def validate(self, attrs: dict[str, Any]) -> Consent:
        return Consent(**attrs)


class PlaceWanted(Strict):
    """A place on a list; `confirmed` takes the consent and the permission to vouch for it."""

    list = Reference(OPEN_LISTS)
    state = serializers.ChoiceField([SubscriptionState.CONFIRMED], required=False)
    consent = ConsentGiven(required=False)

    def validate(self, attrs: dict[str, Any]) -> Place:
        confirmed, consent = "state" in attrs, attrs.get("consent")
        if confirmed and consent is None:
            detail = "A confirmed subscription needs its consent."
            raise serializers.ValidationError({"consent": detail}, "required")
        return Place(attrs["list"], consent, confirmed)


class SubscriberChanges(Strict):
    first_name = Clearable(max_length=100)
    last_name = Clearable(max_length=100)
    time_zone = Clearable(max_length=64)
    language = Clearable(max_length=10, help_text="E.g. en or pt-BR.")
    frequency = serializers.ChoiceField(
        Frequency.choices, required=False, help_text="How much marketing at most."
    )
    fields = serializers.DictField(required=False)  # type: ignore[assignment]


class SubscriberMerge(SubscriberChanges):
    subscriptions = serializers.ListField(child=PlaceWanted(), required=False, max_length=200)


class NewSubscriber(SubscriberMerge):
    email = Email(max_length=254)


class Leaving(Strict):
    """Which list is left; without one, everything, for good."""

    list = Reference(LISTS, required=False, source="from_list")
    reason = serializers.CharField(required=False, max_length=200)


class TagGiven(Strict):
    name = serializers.CharField(max_length=64, help_text="Made, if there is none of that name.")


class TagTaken(Strict):
    tag = Reference(Tag.objects.all())


class AskAgain(Strict):
    list = Reference(OPEN_LISTS, source="to")


class SubscriberFilters(AddressFilter, ArchivedFilter):
    list = Reference(LISTS, required=False, help_text="Whoever has a place on it.")
    state = serializers.ChoiceField(SubscriptionState.choices, required=False)
    tag = Reference(Tag.objects.all(), required=False, help_text="Whoever carries it.")
    segment = Reference(Segment.objects.all(), required=False, help_text="Its members.")


class Subscribers(Resource):
    """People, each with one address in the workspace."""

    queryset = Subscriber.objects.prefetch_related(*SHOWN)
    serializer_class = SubscriberSerializer
    filters = SubscriberFilters
    inputs = {
        "create": NewSubscriber,
        "partial_update": SubscriberChanges,
        "by_email": SubscriberMerge,
    }
    permissions = reads(
        "subscribers",
        create="subscribers:write",
        partial_update="subscribers:write",
        by_email="subscribers:write",
    )
    verbs = {
        "destroy": Verb(services.archive, "subscribers:write", gone=True),
        "restore": Verb(services.restore, "subscribers:write"),
        "subscribe": Verb(services.subscribe, "subscribers:write", PlaceWanted),
        "unsubscribe": Verb(services.unsubscribe, "subscribers:write", Leaving),
        "ask_again": Verb(services.ask_again, "subscribers:write", AskAgain),
        "tag": Verb(services.tag, "subscribers:write", TagGiven),
        "untag": Verb(services.untag, "subscribers:write", TagTaken),
    }

    def create(self, request: ApiRequest) -> Response:
        return self.make(services.create)

    def get_object(self) -> Any:
        """Raises Erased: of who was forgotten for good there is nothing to show or to change."""
        person = super().get_object()
        if person.erased_at:
            raise Erased("This person was erased; only numbers are left.")
        return person

    def partial_update(self, request: ApiRequest, **_: Any) -> Response:
        """Merge members into the person; `null` clears one."""
        email = self.get_object().email
        services.upsert(request.workspace, email=email, by=request.actor, **self.body())
        return self.retrieve(request)

    @extend_schema(responses={200: UpsertedSerializer, 201: UpsertedSerializer})
    @action(detail=False, methods=["put"], url_path="by-email/(?P<email>.+)")
    def by_email(self, request: ApiRequest, email: str) -> Response:
        """Make the person with this address, or merge members into them.

        `subscriptions` only adds: who has left a list stays left.
        """
        values = self.body()
        person, result = services.upsert(request.workspace, email=email, by=request.actor, **values)
        answer = self.made(person) if result == "created" else self.shown(self.again(person))
        answer.data["changed"] = result != "unchanged"
        answer.data["hints"] = [hint._asdict() for hint in hygiene.hints(person.address_key)]
        return answer

    def body(self) -> Any:
        """Raises Refused for who may not vouch for the places that the body calls confirmed."""
        given = super().body()
        places = [given] if isinstance(given, Place) else given.get("subscriptions", ())
        if any(place.confirmed for place in places):
            require(self.request, "subscriptions:confirm")
        return given._asdict() if isinstance(given, Place) else given

    def filtered(self, rows: QuerySet[Any], **values: Any) -> QuerySet[Any]:
        rows = beginning(rows, values.pop("q", ""))
        rows = super().filtered(rows, archived_at__isnull=values.pop("archived_at__isnull"))
        for model, name in ((TagAssignment, "tag"), (SegmentMember, "segment")):
            if name in values:
                rows = rows.filter(_has(model, **{name: values.pop(name)}))
        return rows.filter(_has(Subscription, **values)) if values else rows


def _has(model: type[Model], **values: Any) -> Exists:
    """Whether a person has a row of the model with these values."""
    return Exists(model._default_manager.filter(subscriber=OuterRef("pk"), **values))
