from __future__ import annotations

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Endpoint
from accounts.authentication import ApiRequest
from emailseq.lib.api import batches
from emailseq.lib.api.batches import Items
from emailseq.lib.api.fields import Strict
from emailseq.lib.api.problems import Refused, step
from emailseq.lib.api.schema import Problem
from emailseq.lib.errors import AppError, Invalid
from subscribers.api.subscribers import NewSubscriber
from subscribers.services.newcomers import Upserted, upsert_many


class PeopleBatch(Strict):
    items = Items(NewSubscriber, most=1000, beyond="; more go by POST /imports")
    atomic = serializers.BooleanField(default=False, help_text="All of them, or none.")


class PersonResult(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    result = serializers.ChoiceField(["created", "updated", "unchanged", "error"])
    id = serializers.CharField(required=False)
    problem = Problem(required=False)


class PeopleSummary(serializers.Serializer[Any]):
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    error = serializers.IntegerField()


class PeopleBatchResult(serializers.Serializer[Any]):
    results = PersonResult(many=True)
    summary = PeopleSummary()


class PeopleBatches(Endpoint):
    """People by the thousand: each one made, or merged into whoever has the address."""

    serializer_class = PeopleBatchResult
    inputs = {"batch": PeopleBatch}
    permissions = {"batch": "subscribers:write"}

    @extend_schema(responses=PeopleBatchResult)
    @transaction.atomic
    def batch(self, request: ApiRequest) -> Response:
        """Bring up to a thousand people; what is wrong with one does not stop the others.

        With `atomic` a single fault refuses them all.
        """
        given = self.body()
        judge = NewSubscriber(context={**self.get_serializer_context(), "met": {}})
        items = [self._judged(judge, item) for item in given["items"]]
        made = upsert_many(request.workspace, items, by=request.actor)
        if given["atomic"]:
            _refuse_faults(made)
        results = [_result(one) for one in made]
        return Response(batches.answer(results, "created", "updated", "unchanged"))

    def _judged(self, judge: NewSubscriber, item: Any) -> Any:
        """An item's values; a fault, too, is the word of who may not vouch for a consent."""
        values = batches.judged(judge, item)
        if not isinstance(values, Invalid):
            confirmed = any(place.confirmed for place in values.get("subscriptions", ()))
            if confirmed and "subscriptions:confirm" not in self.request.permissions:
                detail, scope = "This takes “subscriptions:confirm”.", "subscriptions:confirm"
                return Refused("scope_missing", detail, scope=scope)
        return values


def _refuse_faults(made: list[Upserted | AppError]) -> None:
    errors = [
        {**fault, "pointer": f"{step('/items', index)}{fault['pointer']}"}
        for index, one in enumerate(made)
        if isinstance(one, AppError)
        for fault in _faults(one)
    ]
    if errors:
        detail = "None was taken: every item has to be right."
        raise Refused("batch_refused", detail, errors=errors[:100])


def _faults(error: AppError) -> list[dict[str, str]]:
    if isinstance(error, Invalid):
        return [vars(one) for one in error.errors]
    return [{"pointer": "", "code": error.code, "detail": error.detail}]


def _result(made: Upserted | AppError) -> dict[str, Any]:
    if isinstance(made, AppError):
        return batches.refusal(made)
    person, result = made
    return {"result": result, "id": person.public_id}
