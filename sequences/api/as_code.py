from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Endpoint, Resource
from accounts.authentication import ApiRequest, require
from emailseq.lib.api.fields import Reference, Strict
from emailseq.lib.api.schema import Fault
from sequences import as_code, documents
from sequences.models import Sequence
from sequences.services import as_code as verbs
from sequences.services import recipes
from sequences.services.as_code import Applied
from subscribers.models import List

PLAN, APPLY = "plan", "apply"


class Exported(serializers.Serializer[Any]):
    yaml = serializers.CharField(help_text="The sequence and all that it needs, as one document.")


class Import(Strict):
    """A document, as `export` answers it."""

    yaml = serializers.CharField(max_length=documents.MAX_BYTES, trim_whitespace=False)
    mode = serializers.ChoiceField([PLAN, APPLY], default=PLAN)
    publish = serializers.BooleanField(default=False, help_text="Let the draft go live, too.")


class FromRecipe(Strict):
    """Which recipe, and how what it makes is called."""

    recipe = serializers.ChoiceField([*recipes.recipes()])
    name = serializers.CharField(required=False, max_length=100)
    slug = serializers.SlugField(required=False, max_length=50)
    list = Reference(
        List.objects.filter(archived_at=None),
        required=False,
        help_text="Instead of the list that the recipe makes or finds.",
    )


class RecipeSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()


class RecipesSerializer(serializers.Serializer[Any]):
    data = RecipeSerializer(many=True)  # type: ignore[assignment]


class AppliedSerializer(serializers.Serializer[Any]):
    """What a document makes of a sequence, or would make."""

    sequence = serializers.CharField(source="slug")
    made = serializers.BooleanField(help_text="Whether it is new.")
    changed = serializers.BooleanField()
    diff = serializers.CharField(help_text="What changes, as a unified diff of documents.")
    problems = Fault(many=True, help_text="What keeps the draft from being published.")
    published = serializers.IntegerField(
        allow_null=True, help_text="The number of the version that has gone live."
    )


class Exports(Resource):
    """Sequences as documents that people read, review and keep."""

    queryset = Sequence.objects.select_related("workspace", "list", "sender")
    serializer_class = Exported
    permissions = {"export": "sequences:read"}

    def export(self, request: ApiRequest, **_: Any) -> Response:
        """The draft and the settings of a sequence, and all that they need, as YAML."""
        require(request, "templates:read")
        return Response({"yaml": as_code.export(self.get_object())})


class Imports(Endpoint):
    """Sequences made of documents, and of recipes."""

    queryset = Sequence.objects.none()
    serializer_class = AppliedSerializer
    inputs = {"import_document": Import, "from_recipe": FromRecipe}
    permissions = {
        "import_document": "sequences:write",
        "from_recipe": "sequences:write",
        "recipes": "sequences:read",
    }

    def import_document(self, request: ApiRequest, **_: Any) -> Response:
        """Show what a document would change, or make or change a sequence as it says."""
        body = self.body()
        document = documents.load(body["yaml"])
        if body["mode"] == PLAN:
            require(request, "templates:read")  # what changes is shown beside what is there
            return self._shown(verbs.plan(request.workspace, document=document, by=request.actor))
        _require(request, document, publish=body["publish"])
        applied = verbs.apply(
            request.workspace, document=document, publish=body["publish"], by=request.actor
        )
        return self._shown(applied)

    @extend_schema(responses={201: AppliedSerializer})
    def from_recipe(self, request: ApiRequest, **_: Any) -> Response:
        """Make a draft by a recipe, with templates of its own."""
        body = self.body()
        _require(request, recipes.find(body["recipe"]).document, publish=False)
        made = recipes.create_from_recipe(request.workspace, by=request.actor, **body)
        return self._shown(made, status=201)

    @extend_schema(responses=RecipesSerializer)
    def recipes(self, request: ApiRequest, **_: Any) -> Response:
        """Ready-made sequences to begin with."""
        return Response(RecipesSerializer({"data": recipes.recipes().values()}).data)

    def _shown(self, applied: Applied, status: int = 200) -> Response:
        return Response(AppliedSerializer(applied).data, status=status)


def _require(request: ApiRequest, document: Any, *, publish: bool) -> None:
    """Raises unless the caller may make what the document brings along."""
    for permission in sorted(verbs.rights(document)):
        require(request, permission)
    if publish:
        require(request, "sequences:publish")
