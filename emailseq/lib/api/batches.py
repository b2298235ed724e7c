"""Batches: each item is judged by itself, and what is wrong with one does not stop the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from emailseq.lib.api import problems
from emailseq.lib.api.problems import Refused
from emailseq.lib.errors import AppError, Invalid


class Item(serializers.Field[Any, Any, Any, Any]):
    """An item of a batch as it came: it is judged by itself, and its neighbours go on."""

    def to_internal_value(self, data: Any) -> Any:
        return data


class Items(serializers.ListField):
    """Up to `most` items, each to be judged as one `of` these. More raise Refused."""

    def __init__(
        self, of: type[serializers.Serializer[Any]], *, most: int, beyond: str = ""
    ) -> None:
        described = extend_schema_field(of)(type("Item", (Item,), {}))
        child = described(allow_null=True)
        super().__init__(child=child, min_length=1, help_text=f"At most {most}.")
        self.most, self.beyond = most, beyond

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, list) and len(data) > self.most:
            detail = f"A batch takes at most {self.most} items{self.beyond}."
            raise Refused("batch_too_large", detail)
        return super().to_internal_value(data)


def judged(judge: serializers.Serializer[Any], item: Any) -> Any:
    """The values of an item, or Invalid with every fault of it."""
    try:
        return judge.run_validation(item)
    except serializers.ValidationError as error:
        return problems.faults(error)


def refusal(error: AppError) -> dict[str, Any]:
    """The result of an item that was refused."""
    body = (
        problems.invalid(error)
        if isinstance(error, Invalid)
        else problems.document(error.code, error.detail, **error.members)
    )
    return {"result": "error", "problem": body}


def answer(results: Sequence[Mapping[str, Any]], *outcomes: str) -> dict[str, Any]:
    """The body of a batch: each result with its place, and how many there are of each outcome."""
    counted = Counter(one["result"] for one in results)
    return {
        "results": [{"index": index, **one} for index, one in enumerate(results)],
        "summary": {outcome: counted[outcome] for outcome in (*outcomes, "error")},
    }
