from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.resources import Resource
from accounts.authentication import ApiRequest, require
from emailseq.lib import clock
from emailseq.lib.api.fields import Strict
from sequences import dry_run, scenario
from sequences.models import Sequence

DRAFT, LIVE = "draft", "live"
PARTS = ("person", "start", "until", "events")


class Simulate(Strict):
    """Whom to simulate, from when on, and what happens to them."""

    version = serializers.ChoiceField([DRAFT, LIVE], default=DRAFT)
    person = serializers.JSONField(
        required=False,
        help_text='Who they are: an id, an address or e.g. {"first_name": "Ada", "tags": ["vip"]}.',
    )
    start = serializers.CharField(required=False, help_text="By default now.")
    until = serializers.CharField(required=False, help_text="An instant, or a duration like P30D.")
    events = serializers.JSONField(
        required=False,
        help_text='E.g. [{"name": "order_placed", "at": "PT2H"}, {"clicked": "stp_…", "at": …}].',
    )


class SimulatedStep(serializers.Serializer[Any]):
    step = serializers.CharField(help_text="Its id; empty for the beginning and the end.")
    number = serializers.CharField(help_text="As a person reads it: 2, or 2 › VIPs › 1.")
    kind = serializers.CharField(
        help_text="That of the step; or started, completed, goal, exited, refused, held_out."
    )
    at = serializers.DateTimeField()
    local = serializers.DateTimeField(help_text="The same on the clock of the person.")
    time_zone = serializers.CharField()
    why = serializers.CharField()
    arm = serializers.CharField(help_text="The arm that is taken.")
    variant = serializers.CharField()
    template = serializers.CharField()
    subject = serializers.CharField(help_text="As this person would read it.")
    problem = serializers.CharField(help_text="Why it cannot be rendered for this person.")


class Simulation(serializers.Serializer[Any]):
    steps = SimulatedStep(many=True)


class Simulations(Resource):
    """What somebody would get from a sequence, and when. Nothing is stored or sent."""

    queryset = Sequence.objects.select_related("workspace", "list", "live_version")
    serializer_class = Simulation
    inputs = {"simulate": Simulate}
    permissions = {"simulate": "sequences:read"}

    @extend_schema(responses=Simulation)
    def simulate(self, request: ApiRequest, **_: Any) -> Response:
        """Play a sequence for one person, known or invented, under a clock of its own."""
        sequence, body = self.get_object(), self.body()
        if isinstance(body.get("person"), str):
            require(request, "subscribers:read")
        told = {name: body[name] for name in PARTS if name in body}
        happening = scenario.read(told, sequence, now=clock.now())
        of = dry_run.of_live if body["version"] == LIVE else dry_run.of_draft
        lines = dry_run.dry_run(sequence, of(sequence), happening)
        return Response({"steps": [line.shown for line in lines]})
