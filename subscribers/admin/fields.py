"""What is known of people besides their names: custom fields, tags, and the events told of them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from emailseq.backoffice.columns import column
from emailseq.backoffice.forms import NamedForm, VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.verbs import Verb, create, edit
from subscribers import services
from subscribers.models import CustomField, EventName, Tag
from subscribers.states import FieldKind


class ChoicesField(forms.CharField):
    """A choice a line."""

    widget = forms.Textarea(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        lines = super().clean(value).splitlines()
        return [line.strip() for line in lines if line.strip()]


class FieldForm(VerbForm):
    label = forms.CharField(max_length=100)
    choices = ChoicesField(
        required=False, help_text=_("Of a choice: what is picked from, one a line.")
    )


class NewFieldForm(FieldForm):
    key = forms.RegexField(
        r"^[a-z][a-z0-9_]*\Z", max_length=50, help_text=_("In templates: {{ subscriber.KEY }}")
    )
    kind = forms.ChoiceField(choices=FieldKind.choices)
    field_order = ("label", "key", "kind", "choices")


class TagForm(NamedForm):
    name = forms.CharField(max_length=64)


@admin.register(CustomField)
class CustomFieldAdmin(WorkspaceAdmin):
    resource = "lists"
    hint = _("What else you know of people, and may say in a template.")
    list_display = (
        "label",
        "key",
        "kind",
        column(_("Choices"), lambda field: ", ".join(field.choices)),
        "created_at",
    )
    list_verbs = (create(services.create_field, label=_("New field"), form=NewFieldForm),)
    row_verbs = (
        edit(services.update_field, form=FieldForm),
        Verb(
            services.delete_field,
            name="remove",
            label=_("Delete"),
            icon="delete",
            sentence=_("“{}” goes away; what people have there stays with them."),
            done=_("“{}” is gone."),
        ),
    )


@admin.register(Tag)
class TagAdmin(WorkspaceAdmin):
    resource = "lists"
    hint = _("Markers that people carry.")
    list_display = ("name", "slug", "created_at")
    list_verbs = (create(services.create_tag, label=_("New tag"), form=TagForm),)
    row_verbs = (
        edit(services.update_tag, form=TagForm),
        Verb(
            services.delete_tag,
            name="remove",
            label=_("Delete"),
            icon="delete",
            sentence=_("“{}” is taken from everybody, for good."),
            done=_("“{}” is gone."),
        ),
    )


@admin.register(EventName)
class EventNameAdmin(WorkspaceAdmin):
    resource = "events"
    hint = _("What your programs have told of people, under names of their own.")
    list_display = (
        "name",
        column(
            _("Properties"),
            lambda row: ", ".join(f"{name} ({kind})" for name, kind in row.properties.items()),
        ),
        "first_seen_at",
    )
