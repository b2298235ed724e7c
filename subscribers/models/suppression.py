from __future__ import annotations

from collections.abc import Collection

from django.db import models
from django.db.models import CharField, Exists, Func, OuterRef, Q, Value
from django.db.models.functions import Concat

from accounts.models import WorkspaceModel, WorkspaceQuerySet
from emailseq.lib import clock
from subscribers.states import SuppressionReason
from subscribers.suppressed import DIGEST, DOMAIN, digest_key, domain_key, pepper


class SuppressionQuerySet(WorkspaceQuerySet["Suppression"]):
    def stopping(self, address_key: str) -> SuppressionQuerySet:
        """What stops an address: its own suppression, that of its domain, that of its digest."""
        keys = [address_key, domain_key(address_key), digest_key(address_key)]
        return self.filter(address_key__in=keys)

    def domains(self) -> SuppressionQuerySet:
        return self.filter(address_key__startswith=DOMAIN)

    def digests(self) -> SuppressionQuerySet:
        return self.filter(address_key__startswith=DIGEST)

    def erased_among(self, address_keys: Collection[str]) -> set[str]:
        """Those of people who were erased, and have not come back themselves."""
        erased = self.filter(erased=True)
        if not (address_keys and erased.exists()):
            return set()  # as nearly always, before anything is made of each address
        digests = {digest_key(key): key for key in address_keys}
        found = erased.filter(address_key__in=list(digests))
        return {digests[digest] for digest in found.values_list("address_key", flat=True)}

    def stop_none(self, path: str) -> Q:
        """The condition on other rows that none of these stops the address whose key is at `path`.

        For rows by the million: whatever has to be made of each address is made only if it counts.
        """
        key = OuterRef(path)
        domain = Concat(Value(DOMAIN), _Part(key, Value("@"), Value(2)))
        digest = _Digest(key, Value(pepper()))
        return Q(
            ~Exists(self.filter(address_key=key)),
            ~(Exists(self.domains()) & Exists(self.filter(address_key=domain))),
            ~(Exists(self.digests()) & Exists(self.filter(address_key=digest))),
        )


class _Part(Func):
    function, output_field = "split_part", CharField()


class _Digest(Func):
    function, output_field = "subscribers_suppression_digest", CharField()


class Suppression(WorkspaceModel):
    """An address that must not be sent to, whoever carries it; lifting deletes the row, audited.

    `address_key` is what `suppressed` makes of an address, a domain or a digest; `source` says who
    or what has put it there.
    """

    prefix = "sup"

    address_key = models.CharField(max_length=254, db_collation="C")
    reason = models.CharField(max_length=20, choices=SuppressionReason.choices)
    note = models.CharField(max_length=500, blank=True)
    source = models.CharField(max_length=254, blank=True, default="", db_default="")
    message_id = models.BigIntegerField(null=True, blank=True, editable=False)
    # The digest of somebody who was forgotten for good: nobody but they may bring them back.
    erased = models.BooleanField(default=False, db_default=False, editable=False)
    # The import that alone speaks for it; its undo takes it back.
    imported = models.ForeignKey(
        "subscribers.Import",
        on_delete=models.SET_NULL,
        related_name="+",
        null=True,
        editable=False,
        db_index=False,
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "address_key"], name="suppressed_only_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["imported"],
                name="suppression_imported",
                condition=models.Q(imported__isnull=False),
            ),
            # Whether there is anybody at all, which every import and every new person asks.
            models.Index(
                fields=["workspace", "address_key"],
                name="suppression_erased",
                condition=models.Q(erased=True),
            ),
        ]

    def __str__(self) -> str:
        return self.address_key

    @property
    def kind(self) -> str:
        """What it names: an `address`, a `domain`, or a `digest` of one."""
        if self.address_key.startswith(DOMAIN):
            return "domain"
        return "digest" if self.address_key.startswith(DIGEST) else "address"

    @property
    def email(self) -> str | None:
        return self.address_key if self.kind == "address" else None

    @property
    def domain(self) -> str | None:
        return self.address_key.removeprefix(DOMAIN) if self.kind == "domain" else None
