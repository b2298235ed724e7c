from __future__ import annotations

from rest_framework import serializers

from accounts.api.resources import Resource, Verb
from accounts.audit import Actor
from emailseq.lib.api.fields import Strict, find
from emailseq.lib.errors import Invalid
from sequences.services import merging
from subscribers.api.subscribers import SHOWN, SubscriberSerializer
from subscribers.models import Subscriber


class Merge(Strict):
    gone = serializers.CharField(max_length=40, help_text="The id of the other, who is archived.")


def _merge(kept: Subscriber, *, gone: str, by: Actor) -> None:
    """Make one of two people: what the other is, has and did becomes theirs, runs and all."""
    other = find(Subscriber.objects.of(kept.workspace), gone)
    if other is None:
        raise Invalid.field("gone", "not_found", "There is nobody of this id.")
    merging.merge(kept, gone=other, by=by)


class People(Resource):
    """What is done to people and their runs at once."""

    queryset = Subscriber.objects.select_related("workspace").prefetch_related(*SHOWN)
    serializer_class = SubscriberSerializer
    verbs = {"merge": Verb(_merge, "subscribers:write", Merge)}
