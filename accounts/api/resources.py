"""What every resource of the API is: a kind of object in one workspace, and its verbs.

A view says which permission each action takes and which serializer reads its body; it finds the
object, calls one verb and shows the result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404
from django.urls import reverse
from django.utils.cache import get_conditional_response
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from accounts.authentication import ApiRequest
from emailseq.lib.api import etags
from emailseq.lib.api.fields import Nothing, Strict, find

M = TypeVar("M", bound=Model)


def crud(resource: str, **others: str) -> dict[str, str]:
    """What the usual actions take, `<resource>:read` or `:write`, and what `others` do."""
    read, write = f"{resource}:read", f"{resource}:write"
    changes = dict.fromkeys(("create", "partial_update", "destroy"), write)
    return {"list": read, "retrieve": read, **changes, **others}


class Endpoint(GenericViewSet[Any]):
    """A set of actions, each with the permission it takes and the serializer of its body."""

    request: ApiRequest
    http_method_names = ("get", "head", "post", "put", "patch", "delete")
    permissions: ClassVar[Mapping[str, str]]
    inputs: ClassVar[Mapping[str, type[BaseSerializer[Any]]]] = {}

    def input_class(self) -> type[BaseSerializer[Any]]:
        """The serializer of the action's body: its own one, or nothing at all."""
        return self.inputs.get(self.action, Nothing)

    def body(self) -> Any:
        """The values of the request's body. Raises ValidationError with every fault of it."""
        given = self.input_class()(
            data=self.request.data,
            partial=self.action == "partial_update",
            context=self.get_serializer_context(),
        )
        given.is_valid(raise_exception=True)
        return given.validated_data

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'

    def check_permissions(self, request: Request) -> None:
        # Counted first: calls that are refused cost something too.
        super().check_throttles(request)
        super().check_permissions(request)

    def check_throttles(self, request: Request) -> None:
        """Done above."""

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in getattr(request, "rate_headers", {}).items():
            response.headers[name] = value
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class Resource(Endpoint):
    """Objects of one kind under `/<plural>` and `/<plural>/<id or slug>`."""

    lookup_field = "uid"
    lookup_url_kwarg = "id"
    lookup_value_regex = "[^/]+"
    filters: ClassVar[type[Strict]] = Nothing
    guarded: ClassVar[Collection[str]] = ()  # actions that need an If-Match

    def input_class(self) -> type[BaseSerializer[Any]]:
        if self.action in ("create", "partial_update"):
            return self.inputs.get(self.action) or self.get_serializer_class()
        return super().input_class()

    def list(self, request: ApiRequest, **_: Any) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: ApiRequest, **_: Any) -> Response:
        answer = self.shown(self.get_object())
        etag: Any = answer.headers.get("ETag")
        unchanged: Any = get_conditional_response(request._request, etag=etag, response=answer)
        return unchanged or answer

    def get_queryset(self) -> QuerySet[Any]:
        rows: Any = super().get_queryset()
        of_workspace: QuerySet[Any] = rows.of(self.request.workspace)
        return of_workspace

    def get_object(self) -> Any:
        return self.found(self.get_queryset(), self.kwargs["id"])

    def found(self, rows: QuerySet[M], name: str) -> M:
        """The row with this public id or slug; a stranger's is as absent as none at all."""
        if row := find(rows, name):
            return row
        raise Http404

    def narrow(self, rows: QuerySet[Any], query: Mapping[str, str]) -> QuerySet[Any]:
        """Apply the filters of a query. Raises ValidationError, or Http404 for a stranger's id."""
        given = self.filters(data=query, context=self.get_serializer_context())
        if not given.is_valid():
            if "not_found" in {error.code for faults in given.errors.values() for error in faults}:
                raise Http404
            given.is_valid(raise_exception=True)
        return self.filtered(rows, **given.validated_data)

    def filtered(self, rows: QuerySet[Any], **values: Any) -> QuerySet[Any]:
        """The rows that the filters leave; equality, unless a resource says more."""
        return rows.filter(**values)

    def call(self, verb: Callable[..., Any]) -> Any:
        """Call a verb with the object, the body and, where that guards it, the revision."""
        row = self.get_object()
        arguments = {**self.body(), **self.expected(row)}
        verb(row, by=self.request.actor, **arguments)
        return row

    def expected(self, row: Any) -> dict[str, int]:
        """What a guarded action's verb is told about the revision that the caller has read."""
        if self.action not in self.guarded:
            return {}
        return {"expected_revision": etags.expected(self.request, self.revised(row))}

    def revised(self, row: Any) -> Any:
        """Whose revision guards the row: its own, if it counts any."""
        return row

    def act(self, verb: Callable[..., Any]) -> Response:
        """Call a verb, and show the object as it is then."""
        return self.shown(self.again(self.call(verb)))

    def ended(self, verb: Callable[..., Any]) -> Response:
        """Call a verb that leaves nothing to show."""
        self.call(verb)
        return Response(status=204)

    def again(self, row: Model) -> Any:
        return self.get_queryset().get(pk=row.pk)

    def shown(self, row: Any, status: int = 200) -> Response:
        revised = self.revised(row)
        headers = {"ETag": etags.etag(revised)} if hasattr(revised, "revision") else {}
        return Response(self.get_serializer(row).data, status=status, headers=headers)

    def made(self, row: Any) -> Response:
        """201, and where to find what was made."""
        answer = self.shown(self.again(row), status=201)
        answer.headers["Location"] = self.location(row)
        return answer

    def location(self, row: Any) -> str:
        return reverse(f"{self.basename}-detail", args=[row.public_id])
