"""What the members of a body have in common: ids, references, addresses, and no strangers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.utils.text import slugify
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from emailseq.lib import addresses, ids

M = TypeVar("M", bound=Model)

_SLUG = re.compile(r"[-a-zA-Z0-9_]+")


def find(rows: QuerySet[M], name: str) -> M | None:
    """The row with this public id or, where its kind has slugs, with this slug."""
    model: Any = rows.model
    if uid := ids.decode(model.prefix, name):
        return rows.filter(uid=uid).first()
    if hasattr(model, "slug") and _SLUG.fullmatch(name):
        return rows.filter(slug=name).first()
    return None


# Base classes are told about in comments: their docstrings would describe those below in OpenAPI.


# A body, or a query, whose unknown members are faults like any other, told all at once.
class Strict(serializers.Serializer[Any]):
    def to_internal_value(self, data: Any) -> Any:
        errors: dict[str, Any] = {}
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not isinstance(data, Mapping) or not isinstance(error.detail, dict):
                raise
            errors = dict(error.detail)
        for name in data:
            if name not in self.fields or self.fields[name].read_only:
                detail = f"“{name}” cannot be set here."
                errors[name] = [ErrorDetail(detail, "unknown_field")]
        if errors:
            raise serializers.ValidationError(errors)
        return values


# A body with a slug, which is made from the name when none is given.
class Named(Strict):
    slug = serializers.SlugField(required=False, max_length=50)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not self.partial and not attrs.get("slug"):
            attrs["slug"] = slugify(attrs["name"])[:50]
            if not attrs["slug"]:
                detail = "This name makes no slug: choose one, of a-z, 0-9 and hyphens."
                raise serializers.ValidationError({"slug": detail}, "required")
        return attrs


class Nothing(Strict):
    """The body of a verb that needs none."""


class ArchivedFilter(Strict):
    """Whether a collection shows what is put away, or what is not."""

    archived = serializers.BooleanField(default=False, help_text="Only what is put away.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs["archived_at__isnull"] = not attrs.pop("archived")
        return attrs


# An object as it is shown, and by its writable members as it is made and changed.
class ResourceSerializer(Strict, serializers.ModelSerializer[Any]):
    id = serializers.CharField(source="public_id", read_only=True)


class Clearable(serializers.CharField):
    """Text that may be left out, and that `null` clears."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, allow_blank=True, allow_null=True, **options)

    def run_validation(self, data: Any = serializers.empty) -> str:
        return super().run_validation(data) or ""


class Email(serializers.CharField):
    """A mail address, as our own parser has it."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            return addresses.parse(text).email
        except addresses.BadAddress as error:
            raise serializers.ValidationError(str(error), "invalid_email") from error


@extend_schema_field(OpenApiTypes.STR)
class Reference(serializers.Field[Any, str, str, Any]):
    """Another object of the request's workspace: read by public id or slug, written by id."""

    default_error_messages = {"not_found": "There is no such {noun}."}

    def __init__(self, rows: QuerySet[Any], **options: Any) -> None:
        super().__init__(**options)
        self.rows = rows

    def to_internal_value(self, data: Any) -> Any:
        found = self._find(data) if isinstance(data, str) else None
        if found is None:
            self.fail("not_found", noun=self.rows.model._meta.verbose_name)
        return found

    def _find(self, name: str) -> Any:
        rows: Any = self.rows
        met = self.context.get("met", {})  # of a batch, whose items often name the same
        key = id(rows), name
        if key not in met:
            met[key] = find(rows.of(self.context["request"].workspace), name)
        return met[key]

    def to_representation(self, value: Any) -> str:
        public_id: str = value.public_id
        return public_id


class References(serializers.ListField):
    """Several objects by public id, read in one query; whatever is not there is a fault."""

    def __init__(self, rows: QuerySet[Any], **options: Any) -> None:
        super().__init__(child=serializers.CharField(), allow_empty=False, **options)
        self.rows = rows

    def to_internal_value(self, data: Any) -> list[Any]:
        rows: Any = self.rows
        uids = [ids.decode(rows.model.prefix, name) for name in super().to_internal_value(data)]
        of_workspace = rows.of(self.context["request"].workspace)
        found = {row.uid: row for row in of_workspace.filter(uid__in=filter(None, uids))}
        missing = [place for place, uid in enumerate(uids) if uid not in found]
        if missing:
            detail = f"There is no such {rows.model._meta.verbose_name}."
            fault = ErrorDetail(detail, "not_found")
            raise serializers.ValidationError({str(place): [fault] for place in missing})
        return [found[uid] for uid in uids if uid]
