from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from templates_app import blocks

_SCHEMA = blocks.schema()


@extend_schema_field({**_SCHEMA, "nullable": True})
class DocumentField(serializers.JSONField):
    """A document of blocks."""


@extend_schema_field(_SCHEMA["properties"]["blocks"])
class BlocksField(serializers.JSONField):
    """A list of blocks."""
