from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.api.resources import Endpoint, Resource, Verb, reads
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import Named, ResourceSerializer, Strict
from templates_app.api.fields import BlocksField
from templates_app.blocks.kinds import CORNERS, FONTS, LAYOUTS
from templates_app.models import SavedBlock
from templates_app.services import brand


class BrandSerializer(Strict):
    """How messages look. Colours are written as `#2457d6`; the dark ones are made of them."""

    accent = serializers.CharField(required=False)
    canvas = serializers.CharField(required=False, help_text="Around the message.")
    paper = serializers.CharField(required=False, help_text="Behind the text.")
    text = serializers.CharField(required=False)
    font = serializers.ChoiceField(FONTS, required=False)
    heading_font = serializers.ChoiceField(FONTS, required=False)
    corners = serializers.ChoiceField(CORNERS, required=False)
    layout = serializers.ChoiceField(LAYOUTS, required=False)
    website = serializers.CharField(
        required=False, allow_blank=True, help_text="Where the links of starters lead."
    )
    logo = serializers.CharField(required=False, allow_blank=True, help_text="Its address.")
    logo_alt = serializers.CharField(required=False, allow_blank=True)
    logo_width = serializers.IntegerField(required=False)


class BrandSettings(Endpoint):
    """The brand of the workspace: colours, fonts, logo and layout of its messages."""

    serializer_class = BrandSerializer
    permissions = {"retrieve": "templates:read", "partial_update": "templates:write"}

    def retrieve(self, request: ApiRequest) -> Response:
        return Response(self.get_serializer(brand.brand_of(request.workspace)).data)

    def partial_update(self, request: ApiRequest) -> Response:
        """Change what is given. A template looks so from its next publishing on."""
        changed = brand.set_brand(request.workspace, by=request.actor, **self.body())
        return Response(self.get_serializer(changed).data)


class SavedBlockLine(Named, ResourceSerializer):
    """A saved block without its content."""

    class Meta:
        model = SavedBlock
        fields = ["id", "name", "slug", "created_at", "updated_at"]


class SavedBlockSerializer(SavedBlockLine):
    """Blocks with a name. Documents hold them as `{"kind": "saved", "block": "<slug>"}`."""

    blocks = BlocksField()
    used_by = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta(SavedBlockLine.Meta):
        fields = [*SavedBlockLine.Meta.fields, "blocks", "used_by"]


class SavedBlockChanges(SavedBlockSerializer):
    class Meta(SavedBlockSerializer.Meta):
        read_only_fields = ["slug"]


class SavedBlocks(Resource):
    """Blocks that templates share. A change shows in each at its next publishing."""

    queryset = SavedBlock.objects.all()
    serializer_class = SavedBlockSerializer
    inputs = {"partial_update": SavedBlockChanges}
    permissions = reads("templates", create="templates:write")
    verbs = {
        "partial_update": Verb(brand.update_block, "templates:write", guarded=True),
        "destroy": Verb(brand.delete_block, "templates:write", guarded=True, gone=True),
    }

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return SavedBlockLine if self.action == "list" else SavedBlockSerializer

    def create(self, request: ApiRequest) -> Response:
        """Save blocks under a name."""
        return self.make(brand.save_block)
