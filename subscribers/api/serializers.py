from __future__ import annotations

from typing import Any

from rest_framework import serializers

from emailseq.lib.api.fields import Clearable, Email, Named, Reference, ResourceSerializer, Strict
from subscribers.models import List, Subscriber, Subscription, Suppression
from subscribers.services import Consent, Place
from subscribers.states import SubscriptionState, SuppressionReason

LISTS = List.objects.all()
OPEN_LISTS = List.objects.filter(archived_at=None)


class ListSerializer(Named, ResourceSerializer):
    class Meta:
        model = List
        fields = ["id", "name", "slug", "opt_in", "public", "created_at", "archived_at"]
        extra_kwargs = {"slug": {"required": False}}


class ArchivedFilter(Strict):
    archived = serializers.BooleanField(default=False, help_text="Only what is put away.")


class SubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    list = Reference(LISTS, read_only=True)

    class Meta:
        model = Subscription
        fields = ["list", "state", "created_at", "confirmed_at", "unsubscribed_at"]


class SubscriberSerializer(ResourceSerializer):
    subscriptions = SubscriptionSerializer(many=True, read_only=True)

    class Meta:
        model = Subscriber
        fields = [
            "id",
            "email",
            "first_name",
            "last_name",
            "time_zone",
            "fields",
            "subscriptions",
            "created_at",
            "updated_at",
            "archived_at",
        ]


class UpsertedSerializer(SubscriberSerializer):
    changed = serializers.BooleanField(help_text="Whether anything moved.")

    class Meta(SubscriberSerializer.Meta):
        fields = [*SubscriberSerializer.Meta.fields, "changed"]


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
    fields = serializers.DictField(required=False)  # type: ignore[assignment]


class SubscriberMerge(SubscriberChanges):
    subscriptions = serializers.ListField(child=PlaceWanted(), required=False, max_length=200)


class NewSubscriber(SubscriberMerge):
    email = Email(max_length=254)


class Leaving(Strict):
    """Which list is left; without one, everything, for good."""

    list = Reference(LISTS, required=False, source="from_list")
    reason = serializers.CharField(required=False, max_length=200)


class SubscriberFilters(ArchivedFilter):
    q = serializers.CharField(required=False, max_length=254, help_text="How the address begins.")
    list = Reference(LISTS, required=False, help_text="Whoever has a place on it.")
    state = serializers.ChoiceField(SubscriptionState.choices, required=False)


class SuppressionSerializer(ResourceSerializer):
    email = Email(source="address_key", max_length=254)
    reason = serializers.ChoiceField(SuppressionReason.choices, default=SuppressionReason.MANUAL)

    class Meta:
        model = Suppression
        fields = ["id", "email", "reason", "note", "created_at"]


class SuppressionFilters(Strict):
    q = serializers.CharField(required=False, max_length=254, help_text="How the address begins.")
    reason = serializers.ChoiceField(SuppressionReason.choices, required=False)


class Lift(Strict):
    reason = serializers.CharField(max_length=500, help_text="Why it may be sent to again.")
