from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from accounts.api.resources import Resource, Verb, reads
from accounts.authentication import ApiRequest, require
from emailseq.lib.api.fields import Reference, ResourceSerializer, Strict
from emailseq.lib.api.parsers import JSONParser, UploadParser
from subscribers.api.lists import LISTS, OPEN_LISTS
from subscribers.imports import jobs, parts
from subscribers.imports.chunks import Policy
from subscribers.models import Import, ImportPart
from subscribers.states import ImportKind, ImportState, SuppressionReason

MOST_PEOPLE = 1_000
TARGET = (
    "Where each column goes, in their order: `email`, `first_name`, `last_name`, `name`, "
    "`time_zone`, `fields` (JSON), `status`, `fields.KEY`, or empty to leave it out."
)
ENCODING = "Of the file, such as `cp1252`; guessed, and told, when it is not named."
CSV = {(200, "text/csv"): OpenApiTypes.STR}


class ColumnSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    target = serializers.CharField()
    samples = serializers.ListField(child=serializers.CharField())


class ImportSerializer(ResourceSerializer):
    list = Reference(LISTS, read_only=True)
    encoding = serializers.SerializerMethodField()
    encoding_assumed = serializers.BooleanField(source="layout.assumed", default=False)
    preset = serializers.CharField(source="layout.preset", default="", help_text="Whose export.")
    columns = serializers.SerializerMethodField()
    undo_report = serializers.DictField(child=serializers.IntegerField(), allow_null=True)

    class Meta:
        model = Import
        fields = [
            *("id", "kind", "state", "file_name", "list", "encoding", "encoding_assumed"),
            *("preset", "columns", "policy", "confirmed", "consent_source", "reason"),
            *("total_lines", "line_count", "created_count", "updated_count", "unchanged_count"),
            *("refused_count", "suppressed_count", "erased_count", "preview"),
            *("undo_report", "fault", "created_at", "finished_at"),
        ]
        read_only_fields = fields

    def get_encoding(self, job: Import) -> str:
        return str(job.layout.get("encoding", "")).removesuffix("-sig")

    @extend_schema_field(ColumnSerializer(many=True))
    def get_columns(self, job: Import) -> Any:
        header = job.layout.get("header", [])
        samples = job.layout.get("samples", [[]] * len(header))
        return [
            {"name": name, "target": target, "samples": cells}
            for name, target, cells in zip(header, job.targets, samples, strict=True)
        ]


class ImportChanges(Strict):
    list = Reference(OPEN_LISTS, required=False)
    kind = serializers.ChoiceField(ImportKind.choices, required=False)
    encoding = serializers.CharField(required=False, max_length=40, help_text=ENCODING)
    targets = serializers.ListField(
        child=serializers.CharField(allow_blank=True, max_length=60),
        required=False,
        max_length=200,
        help_text=TARGET,
    )
    policy = serializers.ChoiceField(Policy.choices, required=False)
    confirmed = serializers.BooleanField(
        required=False, help_text="They have said yes: takes `subscriptions:confirm`."
    )
    consent_source = serializers.CharField(required=False, allow_blank=True, max_length=200)
    reason = serializers.ChoiceField(SuppressionReason.choices, required=False)


class PersonListed(Strict):
    email = serializers.CharField(max_length=500)
    first_name = serializers.CharField(required=False, allow_blank=True)
    last_name = serializers.CharField(required=False, allow_blank=True)
    time_zone = serializers.CharField(required=False, allow_blank=True)
    fields = serializers.DictField(required=False)  # type: ignore[assignment]


class NewImport(ImportChanges):
    """Takes one of `file` (as multipart/form-data), `content` (as JSON) and `people` (as JSON)."""

    file = serializers.FileField(required=False, max_length=254, allow_empty_file=True)
    content = serializers.CharField(
        required=False, trim_whitespace=False, help_text="CSV, as it stands in a file."
    )
    people = serializers.ListField(child=PersonListed(), required=False, max_length=MOST_PEOPLE)
    file_name = serializers.CharField(required=False, max_length=254)
    start = serializers.BooleanField(
        default=False, help_text="Bring the people in without another call."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = [name for name in ("file", "content", "people") if name in attrs]
        if len(given) != 1:
            detail = "Send one of file, content and people."
            raise serializers.ValidationError({"file": detail}, "required")
        value = attrs.pop(given[0])
        attrs.setdefault("file_name", value.name if given == ["file"] else "people.csv")
        if given == ["people"]:
            attrs["targets"] = list(parts.LISTED)
        attrs["blocks"] = _blocks(given[0], value)
        return attrs


class ImportFilters(Strict):
    state = serializers.ChoiceField(ImportState.choices, required=False)
    kind = serializers.ChoiceField(ImportKind.choices, required=False)
    list = Reference(LISTS, required=False)


class PeopleImports(Resource):
    """Files of people on their way in, or of addresses that must not be sent to."""

    queryset = Import.objects.select_related("list")
    serializer_class = ImportSerializer
    filters = ImportFilters
    parser_classes = (JSONParser, UploadParser)
    inputs = {"create": NewImport, "partial_update": ImportChanges}
    permissions = reads(
        "subscribers",
        create="subscribers:write",
        partial_update="subscribers:write",
        errors="subscribers:read",
        hints="subscribers:read",
        kept="subscribers:read",
    )
    verbs = {
        "dry_run": Verb(jobs.check, "subscribers:write"),
        "start": Verb(jobs.start, "subscribers:write"),
        "cancel": Verb(jobs.cancel, "subscribers:write"),
        "resume": Verb(jobs.resume, "subscribers:write"),
        "undo": Verb(jobs.undo, "subscribers:write"),
    }

    def create(self, request: ApiRequest) -> Response:
        """Upload people; what its columns mean is guessed, and nobody comes in before `start`."""
        values = self.body()
        given = {"content": values.pop("blocks"), "at_once": values.pop("start")}
        return self.made(jobs.upload(request.workspace, by=request.actor, **given, **values))

    def partial_update(self, request: ApiRequest, **_: Any) -> Response:
        """Say how the file is read, where its columns go and what it may change."""
        job = self.get_object()
        jobs.set_up(job, by=request.actor, **self.body())
        return self.shown(self.again(job))

    def body(self) -> Any:
        """Raises Refused for who may not vouch for the people."""
        given = super().body()
        if given.get("confirmed"):
            require(self.request, "subscriptions:confirm")
        return given

    @extend_schema(responses=CSV)
    @action(detail=True)
    def errors(self, request: ApiRequest, **_: Any) -> StreamingHttpResponse:
        """The refused rows as CSV, with the line and the reason of each."""
        return self._file(ImportPart.Kind.REFUSED)

    @extend_schema(responses=CSV)
    @action(detail=True)
    def hints(self, request: ApiRequest, **_: Any) -> StreamingHttpResponse:
        """What is odd about addresses as CSV, such as `gmial.com`. They come in all the same."""
        return self._file(ImportPart.Kind.HINTS)

    @extend_schema(responses=CSV)
    @action(detail=True)
    def kept(self, request: ApiRequest, **_: Any) -> StreamingHttpResponse:
        """What an undo has left alone as CSV, with the reason of each."""
        return self._file(ImportPart.Kind.KEPT)

    def _file(self, kind: ImportPart.Kind) -> StreamingHttpResponse:
        found = parts.contents(self.get_object(), kind)
        return StreamingHttpResponse(found, content_type="text/csv; charset=utf-8")


def _blocks(name: str, value: Any) -> Iterator[bytes]:
    match name:
        case "file":
            yield from value.chunks()
        case "people":
            yield parts.csv_of(value)
        case _:
            yield value.encode()
