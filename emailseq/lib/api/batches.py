"""Batches: each item is judged by itself, and what is wrong with one does not stop the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework import serializers

from emailseq.lib.api import problems
from emailseq.lib.errors import AppError, Invalid


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
