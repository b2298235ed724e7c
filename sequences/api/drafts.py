from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.resources import Resource, Verb
from emailseq.lib.api.fields import Strict
from sequences import draft
from sequences.models import Sequence
from sequences.services import edit


class DraftSerializer(Strict):
    """The steps of a draft, those in the arms of blocks within them."""

    steps = serializers.ListField(
        child=serializers.JSONField(), help_text='E.g. {"kind": "wait", "delay": "P2D"}.'
    )

    def to_internal_value(self, data: Any) -> Any:
        return {"document": super().to_internal_value(data)}

    def to_representation(self, instance: Sequence) -> draft.Document:
        return draft.written(instance)


class Drafts(Resource):
    """The steps of a sequence's draft as one document. Its ETag is the one of the sequence."""

    queryset = Sequence.objects.all()
    serializer_class = DraftSerializer
    permissions = {"retrieve": "sequences:read"}
    verbs = {
        "replace": Verb(edit.put_draft, "sequences:write", DraftSerializer, "put", guarded=True),
        "undo": Verb(edit.undo, "sequences:write", guarded=True),
    }
