"""What every resource of the API is: a kind of object in one workspace, and its verbs.

A view names the permission, the body and the verb of each action. An action that needs more than
to call one verb of an object and show the result is a method of the view.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404
from django.urls import reverse
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from accounts import audit, idempotency
from accounts.authentication import ApiRequest
from emailseq.lib.api.fields import Nothing, Strict, find
from emailseq.lib.api.problems import Refused
from emailseq.lib.errors import Invalid

M = TypeVar("M", bound=Model)

_ROUTED = ("partial_update", "destroy")  # the router knows these; other verbs get routes of theirs


class Verb(NamedTuple):
    """An action that is a verb of `services`, called with the object, the body and the actor."""

    run: Callable[..., Any]
    permission: str
    body: type[BaseSerializer[Any]] | None = None
    method: Literal["post", "put"] = "post"
    guarded: bool = False  # needs the ETag as If-Match, and is told that as `expected_revision`
    gone: bool = False  # leaves nothing to show


def reads(resource: str, **others: str) -> dict[str, str]:
    """The permissions that reading a resource takes, and those of `others`."""
    return {"list": f"{resource}:read", "retrieve": f"{resource}:read", **others}


class Endpoint(GenericViewSet[Any]):
    """A set of actions, each with the permission it takes and the serializer of its body."""

    request: ApiRequest
    http_method_names = ("get", "head", "post", "put", "patch", "delete")
    permissions: ClassVar[Mapping[str, str]] = {}
    inputs: ClassVar[Mapping[str, type[BaseSerializer[Any]]]] = {}
    post: Callable[..., Response]  # the action that the route binds to it
    # What asks somebody else and waits for the answer: no transaction may, so no key is heeded.
    outbound: ClassVar[Collection[str]] = ()

    def initial(self, request: Request, *arguments: Any, **named: Any) -> None:
        super().initial(request, *arguments, **named)
        heeded = request.method == "POST" and self.action not in self.outbound
        if heeded and request.auth is not None and idempotency.HEADER in request.headers:
            self.post = partial(idempotency.once, self.post)

    def input_class(self) -> type[BaseSerializer[Any]]:
        """The serializer of the action's body."""
        makes_or_changes = self.action in ("create", "partial_update")
        default = self.get_serializer_class() if makes_or_changes else Nothing
        return self.inputs.get(self.action, default)

    def body(self) -> Any:
        """The values of the request's body. Raises ValidationError with every fault of it."""
        given = self.input_class()(
            data=self.request.data,
            partial=self.action == "partial_update",
            context=self.get_serializer_context(),
        )
        given.is_valid(raise_exception=True)
        return given.validated_data

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {**super().default_response_headers, "Cache-Control": "no-store"}

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'

    def check_permissions(self, request: Request) -> None:
        # Counted first: calls that are refused cost something too.
        super().check_throttles(request)
        super().check_permissions(request)

    def check_throttles(self, request: Request) -> None:
        """Done above."""


class Resource(Endpoint):
    """Objects of one kind under `/<plural>` and `/<plural>/<id or slug>`."""

    lookup_url_kwarg = "id"
    lookup_value_regex = "[^/]+"
    filters: ClassVar[type[Strict]] = Nothing
    verbs: ClassVar[Mapping[str, Verb]] = {}
    selected: Collection[str] | None = None  # the members that are shown; None: all of them

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        verbs = cls.verbs.items()
        cls.permissions = {**cls.permissions, **{name: verb.permission for name, verb in verbs}}
        cls.inputs = {**cls.inputs, **{name: verb.body for name, verb in verbs if verb.body}}
        for name, verb in verbs:
            setattr(cls, name, _action(name, verb))

    def initial(self, request: Request, *arguments: Any, **named: Any) -> None:
        super().initial(request, *arguments, **named)
        if self.action in ("list", "retrieve") and "select" in request.query_params:
            self.selected = request.query_params["select"].split(",")
            shown: Any = self.get_serializer_class()()
            if unknown := set(self.selected) - shown.get_fields().keys():
                detail = f"There is no member “{min(unknown)}”."
                raise Invalid.field("select", "unknown_field", detail)

    def finalize_response(
        self, request: Request, response: Any, *arguments: Any, **named: Any
    ) -> Any:
        if self.selected and response.status_code == 200:
            whole = self.action == "retrieve"
            rows = [response.data] if whole else response.data["data"]
            rows = [{name: row[name] for name in self.selected if name in row} for row in rows]
            response.data = rows[0] if whole else {**response.data, "data": rows}
        return super().finalize_response(request, response, *arguments, **named)

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

    def make(self, verb: Callable[..., Any]) -> Response:
        """Call a verb that makes an object of the body, and show that."""
        return self.made(verb(self.request.workspace, by=self.request.actor, **self.body()))

    def call(self, verb: Verb) -> Any:
        """Call a verb of the object; returns that."""
        row = self.get_object()
        arguments = self.body()
        if verb.guarded:
            arguments["expected_revision"] = self.known_revision(row)
        verb.run(row, by=self.request.actor, **arguments)
        return row

    def known_revision(self, row: Any) -> int:
        """The revision that the caller has read, by their If-Match (RFC 9110 §13).

        Raises Refused: without If-Match, and unless it names the row's revision or any (`*`).
        """
        header = self.request.headers.get("If-Match")
        if header is None:
            raise Refused("precondition_required", "Send the ETag you have read as If-Match.")
        revised = self.revised(row)
        if not {"*", _etag(revised)} & {tag.strip() for tag in header.split(",")}:
            last = audit.last_change(revised)
            by = {"changed_by": last.actor_label, "changed_at": last.at.isoformat()} if last else {}
            detail = "It has changed since you read it."
            raise Refused("stale", detail, current_etag=_etag(revised), **by)
        revision: int = revised.revision
        return revision

    def revised(self, row: Any) -> Any:
        """Whose revision guards the row: its own, if it counts any."""
        return row

    def again(self, row: Model) -> Any:
        return self.get_queryset().get(pk=row.pk)

    def shown(self, row: Any, status: int = 200) -> Response:
        revised = self.revised(row)
        headers = {"ETag": _etag(revised)} if hasattr(revised, "revision") else {}
        return Response(self.get_serializer(row).data, status=status, headers=headers)

    def made(self, row: Any) -> Response:
        """201, and where to find what was made."""
        answer = self.shown(self.again(row), status=201)
        answer.headers["Location"] = self.location(row)
        return answer

    def location(self, row: Any) -> str:
        return reverse(f"{self.basename}-detail", args=[row.public_id])


def _etag(row: Any) -> str:
    return f'"r{row.revision}"'


def _action(name: str, verb: Verb) -> Callable[..., Response]:
    """The action of a verb, described by the first sentence about that."""

    def act(view: Resource, request: ApiRequest, **_: Any) -> Response:
        row = view.call(verb)
        return Response(status=204) if verb.gone else view.shown(view.again(row))

    summary, _, _ = str(inspect.getdoc(verb.run)).partition("\n")
    act.__name__, act.__doc__ = name, summary.partition(". ")[0].rstrip(".") + "."
    path = name.replace("_", "-")
    routes = action(detail=True, methods=[verb.method], url_path=path)
    routed = act if name in _ROUTED else routes(act)
    return extend_schema(responses={204: None})(routed) if verb.gone else routed
