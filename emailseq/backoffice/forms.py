from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Model
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from unfold.widgets import CHECKBOX_CLASSES, INPUT_CLASSES, SELECT_CLASSES, TEXTAREA_CLASSES

from emailseq.backoffice.pages import Request
from emailseq.lib.errors import AppError, Invalid

_LOOKS: dict[type[forms.Widget], list[str]] = {
    forms.RadioSelect: [],  # and boxes, which it is the kind of
    forms.CheckboxInput: CHECKBOX_CLASSES,
    forms.Select: SELECT_CLASSES,
    forms.Textarea: TEXTAREA_CLASSES,
    forms.widgets.Input: INPUT_CLASSES,
}


class VerbForm(forms.Form):
    """What a verb needs to know; what the verb refuses is shown at the field it is about.

    `target` is the object of the verb, None where the verb makes one. A `guarded` form carries the
    revision that the person has read, lest they overwrite what somebody else has changed since.
    """

    guarded = False

    def __init__(self, data: Any = None, *, request: Request, target: Model | None) -> None:
        super().__init__(data, request.FILES if data is not None else None)
        self.request, self.target = request, target
        self.fields.update(self.extra_fields())
        if self.guarded and target:
            self.fields["revision"] = forms.IntegerField(widget=forms.HiddenInput)
        self.initial = self.values_of(target) if target else {}
        for field in self.fields.values():
            look = next(look for kind, look in _LOOKS.items() if isinstance(field.widget, kind))
            field.widget.attrs.setdefault("class", " ".join(look))
            if hasattr(field.widget, "of_workspace"):
                field.widget.of_workspace(request.workspace)
            if isinstance(field, forms.ModelChoiceField):
                choices: Any = field.queryset
                field.queryset = choices.of(request.workspace)
                if not isinstance(field, forms.ModelMultipleChoiceField):
                    field.empty_label = _("Choose …")

    def extra_fields(self) -> dict[str, forms.Field]:
        """Fields that depend on the workspace."""
        return {}

    def values_of(self, target: Any) -> dict[str, Any]:
        """What the form shows at first: the target's own values."""
        return {name: getattr(target, name) for name in self.fields if hasattr(target, name)}

    def arguments(self) -> dict[str, Any]:
        """What was filled in, as the verb takes it. Raises Invalid."""
        given = dict(self.cleaned_data)
        if "revision" in given:
            given["expected_revision"] = given.pop("revision")
        return given

    def refuse(self, error: AppError) -> None:
        """Show why the verb did not happen."""
        if not isinstance(error, Invalid):
            self.add_error(None, error.detail)
            return
        for problem in error.errors:
            self.add_error(self.field_at(problem.pointer), problem.detail)

    def field_at(self, pointer: str) -> str | None:
        """The field that a fault is about, by its JSON pointer; None: it is about the whole."""
        name = pointer.strip("/").partition("/")[0]
        return name if name in self.fields else None


class NamedForm(VerbForm):
    """For what has a name for people and a slug for programs, made of the name by default."""

    name = forms.CharField(max_length=100)
    slug = forms.SlugField(
        max_length=50, required=False, help_text=_("Its name in the API and in commands.")
    )

    def clean_slug(self) -> str:
        slug = self.cleaned_data["slug"] or slugify(self.cleaned_data.get("name", ""))[:50]
        if not slug:
            raise forms.ValidationError(_("This name makes no slug: write one in Latin letters."))
        return str(slug)
