"""Why people did, or did not, get something: what sequences and campaigns answer alike."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource
from accounts.authentication import ApiRequest
from delivery import explain
from delivery.explain import Gate
from delivery.models import TransactionalMessage
from subscribers.models import Subscriber


class GateSerializer(serializers.Serializer[Any]):
    gate = serializers.CharField()
    passed = serializers.BooleanField()
    because = serializers.CharField()


class Explanation(serializers.Serializer[Any]):
    passed = serializers.BooleanField(help_text="Whether every gate is open.")
    gates = GateSerializer(many=True)
    messages = serializers.ListField(child=serializers.CharField())


class Explained(Resource):
    """The gates between people and the messages of a source, which the URL names both."""

    serializer_class = Explanation

    def person(self) -> Subscriber:
        people = Subscriber.objects.of(self.request.workspace).select_related("workspace")
        found: Subscriber = self.found(people, self.kwargs["subscriber"])
        return found

    def explained(
        self, person: Subscriber, gates: list[Gate], kind: str, source_id: int
    ) -> Response:
        answer = {
            "passed": all(gate.passed for gate in gates),
            "gates": [gate._asdict() for gate in gates],
            "messages": list(explain.messages(person, kind, source_id)),
        }
        return Response(Explanation(answer).data)


class MessageExplanation(serializers.Serializer[Any]):
    passed = serializers.BooleanField(help_text="Whether every gate is open.")
    gates = GateSerializer(many=True)


class MessageExplanations(Resource):
    """The gates that a transactional message goes through."""

    queryset = TransactionalMessage.objects.select_related("subscriber__workspace").with_state()
    serializer_class = MessageExplanation
    permissions = {"explain": "delivery:read"}

    def explain(self, request: ApiRequest, **_: Any) -> Response:
        """What would stop it now, if it had not left yet."""
        gates = explain.gates_of_message(self.get_object())
        passed = all(gate.passed for gate in gates)
        shown = {"passed": passed, "gates": [gate._asdict() for gate in gates]}
        return Response(MessageExplanation(shown).data)
