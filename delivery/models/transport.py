from __future__ import annotations

from dataclasses import fields
from datetime import datetime

from django.db import models
from django.db.models import Q

from accounts.models import Workspace, WorkspaceQuerySet
from delivery import esps
from delivery.brakes import Brakes, State
from delivery.states import LaneState, MessageClass
from emailseq.lib import clock, ids
from emailseq.lib.encrypted import SecretField


class TransportQuerySet(WorkspaceQuerySet["Transport"]):
    def of(self, workspace: Workspace) -> TransportQuerySet:
        """Those that a workspace may use: its own, and the one that all share."""
        return self.filter(Q(workspace=workspace) | Q(workspace=None))

    def in_use(self) -> TransportQuerySet:
        return self.filter(archived_at=None)


class Transport(models.Model):
    """A way to hand messages over. The one without a workspace serves all: EMAIL_URL says where.

    What leads to an ESP has its API key as password. Its host may be left out, and its callbacks
    are heard if it has a secret for them.
    """

    prefix = "trn"

    class Tls(models.TextChoices):
        STARTTLS = "starttls", "STARTTLS"
        IMPLICIT = "implicit", "TLS"
        NONE = "none", "no TLS"

    SMTP = "smtp"

    class Auth(models.TextChoices):
        BEST = "", "PLAIN or LOGIN"
        PLAIN = "plain", "PLAIN"
        LOGIN = "login", "LOGIN"
        XOAUTH2 = "xoauth2", "XOAUTH2"

    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    uid = models.UUIDField(default=ids.new, unique=True, editable=False)
    name = models.CharField(max_length=100)
    kind = models.CharField(
        max_length=20, choices=[(SMTP, "SMTP"), *esps.choices()], default=SMTP, db_default=SMTP
    )
    host = models.CharField(max_length=253, blank=True)
    port = models.IntegerField(default=587)
    tls = models.CharField(max_length=10, choices=Tls.choices, default=Tls.STARTTLS)
    auth = models.CharField(max_length=10, choices=Auth.choices, blank=True, default=Auth.BEST)
    username = models.CharField(max_length=200, blank=True)
    password = SecretField(null=True, blank=True)
    callback_secret = SecretField(null=True, blank=True)
    # As MX and SRV records have it: of those that are open, the lowest preference carries a
    # message; equal ones share the recipient domains by weight.
    preference = models.IntegerField(default=10)
    weight = models.IntegerField(default=1)
    message_class = models.CharField(  # the one it carries; empty is all of them
        max_length=20, choices=MessageClass.choices, blank=True, default=""
    )
    # Limits, none where there is no number: messages a second in all and to one group of domains,
    # connections of all pumps together, messages a day.
    rate = models.FloatField(null=True, blank=True)
    domain_rate = models.FloatField(null=True, blank=True)
    max_connections = models.IntegerField(null=True, blank=True)
    daily = models.IntegerField(null=True, blank=True)
    warm_up = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    archived_at = models.DateTimeField(null=True, editable=False)

    objects = TransportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace"],
                condition=Q(workspace=None),
                nulls_distinct=False,
                name="one_transport_is_shared",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return ids.encode(self.prefix, self.uid)

    @property
    def is_shared(self) -> bool:
        return self.workspace_id is None

    @property
    def esp(self) -> esps.Esp | None:
        """The ESP that it leads to, if it leads to one."""
        return esps.ESPS.get(self.kind)

    @property
    def address(self) -> str:
        """Where it leads, in short."""
        if self.is_shared:
            return "EMAIL_URL"
        at = f"{self.host}:{self.port}" if self.host else ""
        return f"{self.esp.label} {at}".strip() if self.esp else at

    @property
    def whole(self) -> Lane:
        """How it stands as a whole; read with the other lanes, which may have been prefetched."""
        lanes = {(lane.message_class, lane.domain_group): lane for lane in self.lanes.all()}
        return lanes.get(("", "")) or Lane.new(self, now=clock.now())

    @property
    def narrow_lanes(self) -> list[Lane]:
        """The lanes to a group of domains each; those in trouble first."""
        narrow = [lane for lane in self.lanes.all() if lane.domain_group]
        return sorted(narrow, key=lambda lane: (lane.state == State.OPEN, lane.domain_group))


class LaneQuerySet(models.QuerySet["Lane"]):
    def of(self, workspace: Workspace) -> LaneQuerySet:
        """Those of the transports that a workspace may use."""
        return self.filter(transport__in=Transport.objects.of(workspace).in_use())

    def closed(self) -> LaneQuerySet:
        """Those of transports in use that let nothing through, or a single message."""
        return self.filter(transport__archived_at=None).exclude(state=State.OPEN)


class Lane(models.Model):
    """A transport's way to a group of recipient domains, for one class; how its brakes stand.

    The lane without class and group is the transport as a whole. All pumps share these rows; the
    columns from `state` on are `brakes.Brakes`, which decides about them.
    """

    transport = models.ForeignKey(Transport, on_delete=models.CASCADE, related_name="lanes")
    message_class = models.CharField(max_length=20, blank=True, choices=MessageClass.choices)
    domain_group = models.CharField(max_length=253, blank=True, db_collation="C")
    state = models.CharField(
        max_length=10,
        choices=LaneState.choices,
        default=State.OPEN.value,
        db_default=State.OPEN.value,
    )
    until = models.DateTimeField(null=True)
    rest_count = models.IntegerField(default=0, db_default=0)
    reason = models.CharField(max_length=500, blank=True, default="", db_default="")
    recent = models.CharField(max_length=50, blank=True, default="", db_default="")
    rate = models.FloatField(null=True)
    ceiling = models.FloatField(null=True)
    connections = models.IntegerField(null=True)
    spent_until = models.DateTimeField()
    quiet_since = models.DateTimeField()
    pace = models.FloatField(default=0, db_default=0)
    counted_since = models.DateTimeField()
    counted = models.IntegerField(default=0, db_default=0)
    day = models.DateField()
    day_count = models.IntegerField(default=0, db_default=0)
    day_fault_count = models.IntegerField(default=0, db_default=0)
    warm_day = models.IntegerField(default=0, db_default=0)
    released_at = models.DateTimeField(null=True)  # what left before is forgiven

    objects = LaneQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["transport", "message_class", "domain_group"], name="lane_is_unique"
            ),
            models.CheckConstraint(
                condition=Q(state__in=LaneState.values), name="lane_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return (
            f"{self.transport} · {self.domain_group}" if self.domain_group else self.transport.name
        )

    @property
    def brakes(self) -> Brakes:
        return Brakes(**{name: getattr(self, name) for name in BRAKES})

    @brakes.setter
    def brakes(self, brakes: Brakes) -> None:
        for name in BRAKES:
            setattr(self, name, getattr(brakes, name))

    @classmethod
    def new(cls, transport: Transport, *, now: datetime) -> Lane:
        """The lane that is a transport as a whole, open."""
        made = cls(transport=transport)
        made.brakes = Brakes.new(now)
        return made


BRAKES = [each.name for each in fields(Brakes)]


class RecipientDomain(models.Model):
    """A domain that people have addresses at, and who runs its mail, if that is known."""

    domain = models.CharField(max_length=253, primary_key=True, db_collation="C")
    people_count = models.IntegerField(default=0)
    operator = models.CharField(max_length=50, blank=True, default="")
    takes_mail = models.BooleanField(null=True)  # whether DNS leads mail anywhere; None: not known
    looked_up_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                models.F("looked_up_at").asc(nulls_first=True), "domain", name="domain_to_look_up"
            )
        ]

    def __str__(self) -> str:
        return f"{self.domain} ({self.operator or 'unknown'})"
