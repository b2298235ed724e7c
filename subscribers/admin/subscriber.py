"""The people: a list to find them in, and a page that tells one person's story."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from emailseq.backoffice.columns import column
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin, verb
from emailseq.backoffice.pages import Request
from emailseq.lib.errors import Invalid
from sequences.models import Enrollment, Sequence
from sequences.services.enroll import enroll
from subscribers import fields, services
from subscribers.admin import timeline
from subscribers.models import CustomField, List, Subscriber, Suppression
from subscribers.services import Consent
from subscribers.states import SuppressionReason

SHOWN_ENROLLMENTS = 20


class ProfileForm(VerbForm):
    """Name, zone and every custom field of the workspace."""

    first_name = forms.CharField(max_length=100, required=False)
    last_name = forms.CharField(max_length=100, required=False)
    time_zone = forms.CharField(
        max_length=64, required=False, help_text=gettext_lazy("For example Europe/Berlin")
    )

    def extra_fields(self) -> dict[str, forms.Field]:
        self.custom = list(CustomField.objects.of(self.request.workspace).order_by("id"))
        return {
            f"field_{field.key}": forms.CharField(label=field.label, required=False)
            for field in self.custom
        }

    def values_of(self, target: Subscriber) -> dict[str, Any]:
        values = {f"field_{key}": value for key, value in target.fields.items()}
        return {**super().values_of(target), **values}

    def attributes(self) -> dict[str, Any]:
        """The attributes that `services.upsert` takes; an emptied custom field is cleared."""
        given = self.cleaned_data
        plain = {name: given[name] for name in given if not name.startswith("field_")}
        custom = {
            field.key: self._value(field, given[f"field_{field.key}"]) for field in self.custom
        }
        return {**plain, "fields": custom}

    def _value(self, field: CustomField, text: str) -> Any:
        try:
            return fields.from_text(field.kind, text) if text else None
        except ValueError as error:
            wanted = field.get_kind_display()
            name = f"field_{field.key}"
            raise Invalid.field(name, "field_type", _("This is a %s.") % wanted.lower()) from error


class NewSubscriberForm(ProfileForm):
    email = forms.CharField(max_length=254, label=gettext_lazy("Address"))
    field_order = ("email",)


class SubscribeForm(VerbForm):
    to = forms.ModelChoiceField(List.objects.filter(archived_at=None), label=gettext_lazy("List"))
    consent_source = forms.CharField(
        max_length=200,
        label=gettext_lazy("Where did they agree?"),
        help_text=gettext_lazy("Stored as the evidence of their consent."),
    )
    confirmed = forms.BooleanField(
        required=False,
        label=gettext_lazy("They have confirmed it, and I can prove it"),
    )


class UnsubscribeForm(VerbForm):
    from_list = forms.ModelChoiceField(
        List.objects.all(),
        required=False,
        label=gettext_lazy("List"),
        help_text=gettext_lazy("Leave it empty to end everything: the address is suppressed."),
    )


class EnrollForm(VerbForm):
    sequence = forms.ModelChoiceField(Sequence.objects.live())


class SuppressForm(VerbForm):
    note = forms.CharField(max_length=500, required=False)

    def sentence(self) -> str:
        return _("Nothing is sent to %s any more, whatever it is on.") % self.target


@admin.register(Subscriber)
class SubscriberAdmin(WorkspaceAdmin):
    resource = "subscribers"
    list_display = (
        "email",
        column(gettext_lazy("Name"), lambda person: person.name),
        "time_zone",
        "created_at",
    )
    search_fields = ("address_key__startswith",)
    search_help_text = gettext_lazy("Address starts with …")
    change_form_template = "subscribers/profile.html"
    actions_list = ("create",)
    actions_detail = ("edit", "subscribe", "enroll", "unsubscribe", "suppress")

    def get_search_results(self, request: Request, queryset: Any, search_term: str) -> Any:
        return super().get_search_results(request, queryset, search_term.lower())

    def page_context(self, request: Request, target: Subscriber) -> dict[str, Any]:
        shown = request.GET.get("show", "")
        before = request.GET.get("before", "")
        enrollments = Enrollment.objects.filter(subscriber=target).select_related("sequence")
        labels = dict(CustomField.objects.of(request.workspace).values_list("key", "label"))
        return {
            "person": target,
            "timeline": timeline.read(
                target, show=shown, before=int(before) if before.isdigit() else 0
            ),
            "filters": [
                ("", _("Everything")),
                *((key, f[0]) for key, f in timeline.FILTERS.items()),
            ],
            "shown": shown,
            "facts": [(labels.get(key, key), value) for key, value in target.fields.items()],
            "subscriptions": target.subscriptions.select_related("list").order_by("-id"),
            "tags": target.tags.select_related("tag").order_by("tag__name"),
            "enrollments": enrollments.order_by("-id")[:SHOWN_ENROLLMENTS],
            "suppression": Suppression.objects.of(request.workspace)
            .filter(address_key=target.address_key)
            .first(),
        }

    @verb(
        gettext_lazy("New subscriber"),
        right="subscribers:write",
        icon="person_add",
        form=NewSubscriberForm,
        primary=True,
        submit=gettext_lazy("Create"),
    )
    def create(self, request: Request, form: NewSubscriberForm, target: None) -> HttpResponse:
        person, result = services.upsert(request.workspace, by=request.actor, **form.attributes())
        sentence = _("%s was known already.") if result != "created" else _("%s is known now.")
        return self.done(request, sentence % person, at=person)

    @verb(
        gettext_lazy("Edit"),
        right="subscribers:write",
        icon="edit",
        form=ProfileForm,
        submit=gettext_lazy("Save"),
    )
    def edit(self, request: Request, form: ProfileForm, target: Subscriber) -> HttpResponse:
        services.upsert(
            request.workspace, email=target.email, by=request.actor, **form.attributes()
        )
        return self.done(request, _("Saved."), at=target)

    @verb(
        gettext_lazy("Add to a list"),
        right="subscriptions:confirm",
        icon="playlist_add",
        form=SubscribeForm,
    )
    def subscribe(self, request: Request, form: VerbForm, target: Subscriber) -> HttpResponse:
        subscription = services.subscribe(
            target,
            to=form.cleaned_data["to"],
            by=request.actor,
            consent=Consent(form.cleaned_data["consent_source"]),
            confirmed=form.cleaned_data["confirmed"],
        )
        return self.done(request, f"{subscription}.", at=target)

    @verb(
        gettext_lazy("Start a sequence"),
        right="sequences:write",
        icon="account_tree",
        form=EnrollForm,
    )
    def enroll(self, request: Request, form: VerbForm, target: Subscriber) -> HttpResponse:
        sequence = form.cleaned_data["sequence"]
        started = enroll(sequence, [target.pk], by=request.actor)
        sentence = _("%s has started.") if started else _("%s does not take this person (again).")
        return self.done(request, sentence % sequence, at=target)

    @verb(
        gettext_lazy("Unsubscribe"),
        right="subscribers:write",
        icon="person_remove",
        form=UnsubscribeForm,
    )
    def unsubscribe(self, request: Request, form: VerbForm, target: Subscriber) -> HttpResponse:
        services.unsubscribe(target, by=request.actor, from_list=form.cleaned_data["from_list"])
        return self.done(request, _("%s has left.") % target, at=target)

    @verb(gettext_lazy("Suppress"), right="subscribers:write", icon="block", form=SuppressForm)
    def suppress(self, request: Request, form: SuppressForm, target: Subscriber) -> HttpResponse:
        services.suppress(
            request.workspace,
            email=target.email,
            reason=SuppressionReason.MANUAL,
            by=request.actor,
            note=form.cleaned_data["note"],
        )
        return self.done(request, _("Nothing is sent to %s any more.") % target, at=target)
