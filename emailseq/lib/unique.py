"""Names that may be taken: the database decides, the person hears it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction

from emailseq.lib.errors import Conflict


@contextmanager
def taken(kind: str, name: str) -> Iterator[None]:
    """Save what is named within; raises Conflict when there is one of that name already."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise Conflict(f"There is a {kind} “{name}” already.") from error
