from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource
from accounts.authentication import ApiRequest, require
from delivery.services import specimens
from emailseq.lib.api.fields import Email, Reference, Strict
from subscribers.models import Subscriber
from templates_app.models import Template


class SendTest(Strict):
    """Who gets a test, and as whom it is rendered; by default as somebody who has everything."""

    to = serializers.ListField(
        child=Email(max_length=254),
        min_length=1,
        max_length=specimens.MOST,
        help_text="Teammates, or anybody for who may send campaigns (`campaigns:send`).",
    )
    subscriber = Reference(Subscriber.objects.all(), required=False, source="person")
    language = serializers.CharField(
        required=False, max_length=10, help_text="In place of the person's own."
    )
    data = serializers.DictField(
        required=False, help_text="What transactional templates read as `data`."
    )  # type: ignore[assignment]


class TestSentSerializer(serializers.Serializer[Any]):
    messages = serializers.IntegerField(help_text="How many are on their way.")


class Tests(Resource):
    """Test sends: what somebody would get, marked `[Test]`, to those who make it. Nobody becomes a
    subscriber by one, and no number counts it."""

    serializer_class = TestSentSerializer
    inputs = {"send_test": SendTest}

    act: ClassVar[Callable[..., int]]  # the verb, called with the object

    @extend_schema(responses={202: TestSentSerializer})
    def send_test(self, request: ApiRequest, **_: Any) -> Response:
        """Send a test."""
        target, whom = self.get_object(), self.body()
        if "person" in whom:
            require(request, "subscribers:read")
        whom["anybody"] = "campaigns:send" in request.permissions
        count = self.act(target, by=request.actor, **whom)
        return Response(self.get_serializer({"messages": count}).data, status=202)


class TemplateTests(Tests):
    queryset = Template.objects.all()
    permissions = {"send_test": "templates:write"}
    act = staticmethod(specimens.try_template)
