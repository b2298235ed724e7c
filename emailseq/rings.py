"""Exchanging keys without a stop: stored secrets move to the newest key of FIELD_KEYS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import models, transaction

from emailseq.lib.encrypted import Secret, SecretField, Undecipherable

PAGE = 500
FACTOR_SECRETS = ("secret", "seed")  # of an authenticator app, of recovery codes


@dataclass
class Renewal:
    """How many secrets a run has moved, by the name of their table; whose none can read."""

    moved: Counter[str] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)


def renew() -> Renewal:
    """Encrypt every stored secret under the newest key; what already is stays as it is.

    A page of rows at a time is locked and committed, so it may be killed and run again.
    """
    done = Renewal()
    for model, name in _columns():
        last = 0
        while page := _page(model, name, after=last):
            last = page[-1]
            with transaction.atomic():
                for row in model._base_manager.filter(pk__in=page).select_for_update():
                    _renew(row, name, done)
    _renew_factors(done)
    return done


def _renew_factors(done: Renewal) -> None:
    """Second factors keep their secrets within JSON, and are few."""
    for pk in Authenticator.objects.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=pk).first()
            held = {name: row.data[name] for name in FACTOR_SECRETS if row and name in row.data}
            try:
                renewed = {name: Secret(each).renewed().token for name, each in held.items()}
            except Undecipherable:
                done.unreadable.append(f"{Authenticator._meta.db_table}.data of {pk}")
                continue
            if row and renewed != held:
                row.data |= renewed
                row.save(update_fields=["data"])
                done.moved[row._meta.db_table] += 1


def _renew(row: models.Model, name: str, done: Renewal) -> None:
    held: Secret | None = getattr(row, name)
    if not held:
        return
    try:
        renewed = held.renewed()
    except Undecipherable:
        done.unreadable.append(f"{row._meta.db_table}.{name} of {row.pk}")
        return
    if renewed is not held:
        type(row)._base_manager.filter(pk=row.pk).update(**{name: renewed})
        done.moved[row._meta.db_table] += 1


def _columns() -> Iterator[tuple[Any, str]]:
    for model in apps.get_models():
        for column in model._meta.concrete_fields:
            if isinstance(column, SecretField):
                yield model, column.name


def _page(model: Any, name: str, *, after: int) -> list[int]:
    rows = model._base_manager.filter(pk__gt=after).exclude(**{name: None})
    return [*rows.order_by("pk").values_list("pk", flat=True)[:PAGE]]
