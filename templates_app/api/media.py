from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import ArchivedFilter, ResourceSerializer, Strict
from emailseq.lib.api.parsers import JSONParser, UploadParser
from templates_app.models import Image
from templates_app.services import images


class ImageLine(ResourceSerializer):
    """An image; `url` is what messages name."""

    url = serializers.CharField(read_only=True)

    class Meta:
        model = Image
        fields = [
            *("id", "name", "alt", "kind", "width", "height", "byte_count", "sha256", "url"),
            *("created_at", "archived_at"),
        ]
        read_only_fields = [*{*fields} - {"name", "alt"}]


class ImageSerializer(ImageLine):
    used_by = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta(ImageLine.Meta):
        fields = [*ImageLine.Meta.fields, "used_by"]


class NewImage(Strict):
    """A file, as multipart/form-data: JPEG, PNG, GIF or WebP, at most 10 MB and 40 Mpx."""

    file = serializers.FileField(max_length=254)
    name = serializers.CharField(
        required=False, max_length=100, help_text="That of the file, where none is given."
    )
    alt = serializers.CharField(
        required=False, allow_blank=True, max_length=300, help_text="What it shows."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        file = attrs.pop("file")
        attrs.setdefault("name", file.name[:100])
        attrs["content"] = file.read(images.MOST_READ)
        return attrs


class Media(Resource):
    """Images for messages, at most 1200 pixels wide; drawn anew, without what a camera noted."""

    queryset = Image.objects.all()
    serializer_class = ImageSerializer
    filters = ArchivedFilter
    parser_classes = (JSONParser, UploadParser)
    inputs = {"create": NewImage}
    permissions = reads("templates", create="templates:write")
    verbs = {
        "partial_update": Verb(images.change_image, "templates:write"),
        "archive": Verb(images.archive_image, "templates:write"),
    }
    outbound = ("create",)  # the file may go to a storage far away

    def get_serializer_class(self) -> Any:
        return ImageLine if self.action == "list" else ImageSerializer

    def create(self, request: ApiRequest) -> Response:
        """Upload an image. The same picture once more is the image that is there."""
        return self.make(images.keep_image)
