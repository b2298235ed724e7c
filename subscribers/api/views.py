from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, crud
from accounts.authentication import ApiRequest, require
from subscribers import services
from subscribers.api.serializers import (
    ArchivedFilter,
    Leaving,
    Lift,
    ListSerializer,
    NewSubscriber,
    PlaceWanted,
    SubscriberChanges,
    SubscriberFilters,
    SubscriberMerge,
    SubscriberSerializer,
    SuppressionFilters,
    SuppressionSerializer,
    UpsertedSerializer,
)
from subscribers.models import List, Subscriber, Subscription, Suppression

PLACES = Prefetch("subscriptions", Subscription.objects.select_related("list").order_by("id"))


class Lists(Resource):
    """Named consent scopes: what people say yes to, and leave."""

    queryset = List.objects.all()
    serializer_class = ListSerializer
    filters = ArchivedFilter
    permissions = crud("lists")

    def create(self, request: ApiRequest) -> Response:
        return self.made(services.create_list(request.workspace, by=request.actor, **self.body()))

    def partial_update(self, request: ApiRequest, **_: Any) -> Response:
        return self.act(services.update_list)

    def destroy(self, request: ApiRequest, **_: Any) -> Response:
        """Put the list away. Nobody joins it any more; people can still leave it."""
        return self.ended(services.archive_list)

    def filtered(self, rows: QuerySet[Any], **values: Any) -> QuerySet[Any]:
        return rows.filter(archived_at__isnull=not values["archived"])


class Subscribers(Resource):
    """People, each with one address in the workspace."""

    queryset = Subscriber.objects.prefetch_related(PLACES)
    serializer_class = SubscriberSerializer
    filters = SubscriberFilters
    inputs = {
        "create": NewSubscriber,
        "partial_update": SubscriberChanges,
        "by_email": SubscriberMerge,
        "subscribe": PlaceWanted,
        "unsubscribe": Leaving,
    }
    permissions = crud(
        "subscribers",
        restore="subscribers:write",
        by_email="subscribers:write",
        subscribe="subscribers:write",
        unsubscribe="subscribers:write",
    )

    def create(self, request: ApiRequest) -> Response:
        values = self.body()
        self.check_may_confirm(values.get("subscriptions", ()))
        return self.made(services.create(request.workspace, by=request.actor, **values))

    def partial_update(self, request: ApiRequest, **_: Any) -> Response:
        """Merge members into the person; `null` clears one."""
        email = self.get_object().email
        services.upsert(request.workspace, email=email, by=request.actor, **self.body())
        return self.retrieve(request)

    def destroy(self, request: ApiRequest, **_: Any) -> Response:
        """Archive the person: nothing more is sent to them, until `restore`."""
        return self.ended(services.archive)

    @action(detail=True, methods=["post"])
    def restore(self, request: ApiRequest, **_: Any) -> Response:
        """Take the person out of the archive."""
        return self.act(services.restore)

    @extend_schema(responses={200: UpsertedSerializer, 201: UpsertedSerializer})
    @action(detail=False, methods=["put"], url_path="by-email/(?P<email>.+)")
    def by_email(self, request: ApiRequest, email: str) -> Response:
        """Make the person with this address, or merge members into them.

        `subscriptions` only adds: who has left a list stays left.
        """
        values = self.body()
        self.check_may_confirm(values.get("subscriptions", ()))
        person, result = services.upsert(request.workspace, email=email, by=request.actor, **values)
        answer = self.made(person) if result == "created" else self.shown(self.again(person))
        answer.data["changed"] = result != "unchanged"
        return answer

    @action(detail=True, methods=["post"])
    def subscribe(self, request: ApiRequest, **_: Any) -> Response:
        """Put the person on a list; the list's opt-in decides whether they must confirm."""
        person, place = self.get_object(), self.body()
        self.check_may_confirm([place])
        services.subscribe(person, by=request.actor, **place._asdict())
        return self.shown(self.again(person))

    @action(detail=True, methods=["post"])
    def unsubscribe(self, request: ApiRequest, **_: Any) -> Response:
        """Take the person off a list or, without one, off everything for good."""
        return self.act(services.unsubscribe)

    def filtered(self, rows: QuerySet[Any], **values: Any) -> QuerySet[Any]:
        rows = rows.filter(archived_at__isnull=not values.pop("archived"))
        if beginning := values.pop("q", ""):
            rows = rows.filter(address_key__startswith=beginning.casefold()).order_by("address_key")
        if values:
            rows = rows.filter(
                Exists(Subscription.objects.filter(subscriber=OuterRef("pk"), **values))
            )
        return rows

    def check_may_confirm(self, places: Any) -> None:
        if any(place.confirmed for place in places):
            require(self.request, "subscriptions:confirm")


class Suppressions(Resource):
    """Addresses that are not sent to, whoever carries them."""

    queryset = Suppression.objects.all()
    serializer_class = SuppressionSerializer
    filters = SuppressionFilters
    inputs = {"lift": Lift}
    permissions = {
        "list": "subscribers:read",
        "retrieve": "subscribers:read",
        "create": "subscribers:write",
        "lift": "delivery:write",
    }

    def create(self, request: ApiRequest) -> Response:
        """Suppress an address. The first reason stays, but for a person's own no."""
        values = self.body()
        email = values.pop("address_key")
        return self.made(
            services.suppress(request.workspace, email=email, by=request.actor, **values)
        )

    @extend_schema(responses={204: None})
    @action(detail=True, methods=["post"])
    def lift(self, request: ApiRequest, **_: Any) -> Response:
        """Allow the address again; never when its reason is the person's own no."""
        return self.ended(services.lift)

    def filtered(self, rows: QuerySet[Any], **values: Any) -> QuerySet[Any]:
        if beginning := values.pop("q", ""):
            rows = rows.filter(address_key__startswith=beginning.casefold()).order_by("address_key")
        return rows.filter(**values)
