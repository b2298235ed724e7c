"""What a document calls templates, tags, lists and sequences: public ids or slugs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Q

from accounts.models import Workspace
from emailseq.lib import ids
from subscribers.models import CustomField
from subscribers.segments import reading
from subscribers.segments.reading import Reader, fault

_LONGEST = 64  # of slugs and public ids


class Names:
    """Finds what a document names in a workspace: one query for each kind of thing, at most."""

    def __init__(self, workspace: Workspace, document: Any) -> None:
        self.workspace = workspace
        self._asked = set(_texts(document))
        self._found: dict[Any, dict[str, Any]] = {}
        self._fields: list[str] | None = None

    def mentions(self, name: str) -> bool:
        """Whether the document holds this text anywhere."""
        return name in self._asked

    def found(self, model: Any, name: str) -> Any:
        """The row of the model that the document calls so; None if there is none."""
        return self._rows(model).get(name)

    def row(self, model: Any) -> Reader:
        """A row of the model, given as such or by name."""

        def read(value: Any, at: str) -> Any:
            if isinstance(value, model):
                known = value if value.workspace_id == self.workspace.pk else None
            else:
                known = self.found(model, value) if isinstance(value, str) else None
            if known is None:
                raise fault(at, "not_found", self._missing(model, value))
            return known

        return read

    def field(self, value: Any, at: str) -> str:
        """The key of a custom field."""
        if self._fields is None:
            keys = CustomField.objects.of(self.workspace).values_list("key", flat=True)
            self._fields = list(keys)
        if value not in self._fields:
            said = f"There is no field “{value!s:.50}”." + reading.hint(str(value), self._fields)
            raise fault(at, "not_found", said)
        return str(value)

    def _rows(self, model: Any) -> dict[str, Any]:
        if model not in self._found:
            uids = [uid for name in self._asked if (uid := ids.decode(model.prefix, name))]
            named = Q(uid__in=uids)
            if hasattr(model, "slug"):
                named |= Q(slug__in=self._asked)
            self._found[model] = {
                name: row
                for row in model.objects.of(self.workspace).filter(named)
                for name in (row.public_id, getattr(row, "slug", row.public_id))
            }
        return self._found[model]

    def _missing(self, model: Any, value: Any) -> str:
        noun, name = model._meta.verbose_name, value if isinstance(value, str) else ""
        if not name:
            return f"There is no such {noun} in this workspace."
        known = model.objects.of(self.workspace)
        slugs = known.values_list("slug", flat=True)[:1000] if hasattr(model, "slug") else ()
        return f"There is no {noun} “{name:.50}”.{reading.hint(name, list(slugs))}"


def _texts(document: Any) -> Iterator[str]:
    """Every text in a document that may be a name."""
    match document:
        case str():
            if len(document) <= _LONGEST and "\0" not in document:
                yield document
        case Mapping():
            for value in document.values():
                yield from _texts(value)
        case list() | tuple():
            for value in document:
                yield from _texts(value)
