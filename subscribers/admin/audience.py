"""The people, with a page that tells one person's story."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.audit import Actor
from delivery.models import RecipientDomain
from emailseq.backoffice.columns import column
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request, allows, require
from emailseq.backoffice.verbs import Verb, create, edit
from emailseq.lib import clock
from emailseq.lib.errors import Invalid
from sequences.models import Enrollment, Sequence
from sequences.services import enroll, merging
from subscribers import fields, hygiene, services
from subscribers.admin import personal, timeline, waiting
from subscribers.admin.people_filters import InSegment, InState, OnList, WithTag
from subscribers.cells import csv_lines
from subscribers.exports import people_rows
from subscribers.models import (
    CustomField,
    Engagement,
    List,
    Subscriber,
    Suppression,
    Tag,
)
from subscribers.services import Consent
from subscribers.states import FieldKind, Frequency, SuppressionReason

SHOWN_ENROLLMENTS = 20


class ProfileForm(VerbForm):
    """Name, zone and every custom field of the workspace; an emptied field is cleared.

    Custom fields that nobody has touched are not sent: what they hold may not fit them any more.
    """

    first_name = forms.CharField(max_length=100, required=False)
    last_name = forms.CharField(max_length=100, required=False)
    time_zone = forms.CharField(
        max_length=64, required=False, help_text=_("For example Europe/Berlin")
    )
    language = forms.CharField(max_length=10, required=False, help_text=_("For example en or de"))
    frequency = forms.ChoiceField(
        choices=Frequency.choices,
        required=False,
        label=_("Marketing"),
        help_text=_("What they want at most, from all sources together."),
    )

    def extra_fields(self) -> dict[str, forms.Field]:
        self.custom = list(CustomField.objects.of(self.request.workspace).order_by("id"))
        return {f"field_{field.key}": self._field(field) for field in self.custom}

    def _field(self, field: CustomField) -> forms.Field:
        if field.kind != FieldKind.CHOICE:
            return forms.CharField(label=field.label, required=False)
        kept = getattr(self.target, "fields", {}).get(field.key)  # may be a choice no longer
        choices = dict.fromkeys(["", *field.choices, *([kept] if isinstance(kept, str) else [])])
        offered = [(choice, choice or "–") for choice in choices]
        return forms.ChoiceField(label=field.label, choices=offered, required=False)

    def values_of(self, target: Subscriber) -> dict[str, Any]:
        values = {f"field_{key}": value for key, value in target.fields.items()}
        return {**super().values_of(target), **values}

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        given["frequency"] = given["frequency"] or Frequency.ALL
        custom = {field: given.pop(f"field_{field.key}") for field in self.custom}
        touched = {
            field.key: _value(field, text)
            for field, text in custom.items()
            if text != self.initial.get(f"field_{field.key}")
        }
        return {**given, "fields": touched}


class NewSubscriberForm(ProfileForm):
    email = forms.CharField(max_length=254, label=_("Address"))
    field_order = ("email",)


class SubscribeForm(VerbForm):
    to = forms.ModelChoiceField(List.objects.filter(archived_at=None), label=_("List"))
    consent_source = forms.CharField(
        max_length=200,
        label=_("Where did they agree?"),
        help_text=_("Stored as the evidence of their consent."),
    )
    confirmed = forms.BooleanField(
        required=False, label=_("They have confirmed it, and I can prove it")
    )


class UnsubscribeForm(VerbForm):
    from_list = forms.ModelChoiceField(
        List.objects.all(),
        required=False,
        label=_("List"),
        help_text=_("Leave it empty to end everything: the address is suppressed."),
    )


class AskForm(VerbForm):
    to = forms.ModelChoiceField(List.objects.filter(archived_at=None), label=_("List"))


class EnrollForm(VerbForm):
    sequence = forms.ModelChoiceField(Sequence.objects.live())


class TagForm(VerbForm):
    name = forms.CharField(max_length=64, label=_("Tag"))


class UntagForm(VerbForm):
    tag = forms.ModelChoiceField(Tag.objects.all(), label=_("Tag"))


class MergeForm(VerbForm):
    address = forms.CharField(
        max_length=254,
        label=_("The other's address"),
        help_text=_("What they are, have and did becomes this person's; they are archived."),
    )


class SuppressForm(VerbForm):
    note = forms.CharField(max_length=500, required=False)


def _value(field: CustomField, text: str) -> Any:
    try:
        return fields.from_text(field.kind, text, choices=field.choices) if text else None
    except ValueError as error:
        detail = _("This is a %s.") % field.get_kind_display().lower()
        raise Invalid.field(f"field_{field.key}", "field_type", detail) from error


def _edit(person: Subscriber, *, by: Actor, **attributes: Any) -> None:
    services.upsert(person.workspace, email=person.email, by=by, **attributes)


def _subscribe(person: Subscriber, *, consent_source: str, **place: Any) -> str:
    return f"{services.subscribe(person, consent=Consent(consent_source), **place)}."


def _ask_again(person: Subscriber, *, to: List, by: Actor) -> str:
    asked = services.ask_again(person, to=to, by=by)
    sentence = _("%s is asked again.") if asked else _("%s is not pending there.")
    return sentence % person


def _enroll(person: Subscriber, *, sequence: Sequence, by: Actor) -> str:
    started = enroll.enroll(sequence, [person.pk], by=by)
    sentence = _("%s has started.") if started else _("%s does not take this person (again).")
    return sentence % sequence


def _merge(person: Subscriber, *, by: Actor, address: str) -> str:
    key = services.parse_address(address).key
    others = Subscriber.objects.of(person.workspace).filter(archived_at=None)
    other = others.filter(address_key=key).first()
    if other is None:
        raise Invalid.field("address", "not_found", str(_("Nobody has this address.")))
    merging.merge(person, gone=other, by=by)
    return str(_("%s is part of this person now.") % other)


def _suppress(person: Subscriber, *, by: Actor, note: str) -> None:
    reason = SuppressionReason.MANUAL
    services.suppress(person.workspace, email=person.email, reason=reason, by=by, note=note)


@admin.register(Subscriber)
class SubscriberAdmin(WorkspaceAdmin):
    resource = "subscribers"
    list_display = (
        "email",
        column(_("Name"), lambda person: person.name),
        "time_zone",
        column(_("Engagement"), lambda person: person.score),
        "created_at",
    )
    search_fields = ("address_key__startswith",)
    search_help_text = _("Address starts with …")
    list_filter = (OnList, InState, WithTag, InSegment)
    list_before_template = "subscribers/people_hint.html"
    change_form_template = "subscribers/profile.html"
    list_verbs = (
        create(
            services.create, label=_("New subscriber"), icon="person_add", form=NewSubscriberForm
        ),
    )
    page_verbs = (
        edit(_edit, form=ProfileForm),
        Verb(
            _subscribe,
            name="subscribe",
            label=_("Add to a list"),
            right="subscriptions:confirm",
            icon="playlist_add",
            form=SubscribeForm,
        ),
        Verb(
            _ask_again,
            name="ask_again",
            label=_("Resend confirmation"),
            icon="forward_to_inbox",
            form=AskForm,
            sentence=_("At most three times a day, whoever asks."),
        ),
        Verb(
            _enroll,
            name="enroll",
            label=_("Start a sequence"),
            right="sequences:write",
            icon="account_tree",
            form=EnrollForm,
        ),
        Verb(services.tag, name="tag", label=_("Tag"), icon="label", form=TagForm),
        Verb(
            services.untag,
            name="untag",
            label=_("Take a tag off"),
            icon="label_off",
            form=UntagForm,
        ),
        Verb(
            services.unsubscribe,
            name="unsubscribe",
            label=_("Unsubscribe"),
            icon="person_remove",
            form=UnsubscribeForm,
            done=_("{} has left."),
        ),
        Verb(
            _merge,
            name="merge",
            label=_("Merge"),
            icon="merge",
            form=MergeForm,
            sentence=_("Make one of two who are the same: {} stays. Nobody can undo it."),
        ),
        Verb(
            _suppress,
            name="suppress",
            label=_("Suppress"),
            icon="block",
            form=SuppressForm,
            sentence=_("Nothing is sent to {} any more, whatever it is on."),
            done=_("Nothing is sent to {} any more."),
        ),
    )
    inner_verbs = personal.VERBS

    def get_urls(self) -> list[URLPattern]:
        own = {"proof": self.proof, "export": self.export}
        return [
            *(
                path(
                    f"<path:object_id>/{name}/",
                    self.admin_site.admin_view(view),
                    name=f"subscribers_subscriber_{name}",
                )
                for name, view in own.items()
            ),
            path(
                "export/",
                self.admin_site.admin_view(self.export_list),
                name="subscribers_subscriber_export_list",
            ),
            *super().get_urls(),
        ]

    def proof(self, request: Request, object_id: str) -> HttpResponseBase:
        """What they have agreed to, to be printed."""
        return personal.proof(request, self.get_object(request, object_id))

    def export(self, request: Request, object_id: str) -> HttpResponseBase:
        """Everything that is stored of them, as a file."""
        return personal.export(request, self.get_object(request, object_id))

    def export_list(self, request: Request) -> HttpResponseBase:
        """Whoever the list shows, by its search and filters, as CSV."""
        require(request, "exports:create")
        people = self.get_changelist_instance(request).get_queryset(request)
        shown = request.GET.dict()
        audit.record(
            request.workspace,
            "subscribers.exported",
            by=request.actor,
            on=request.workspace,
            changes={"shown": shown, "people": people.count()},
        )
        answer = StreamingHttpResponse(
            csv_lines(people_rows(people)), content_type="text/csv; charset=utf-8"
        )
        answer.headers["Content-Disposition"] = 'attachment; filename="subscribers.csv"'
        return answer

    def read_beside(self, rows: list[Any]) -> None:
        scores = Engagement.objects.scores([row.pk for row in rows], now=clock.now())
        for row in rows:
            row.score = scores.get(row.pk, 0)

    def is_open(self, target: Any) -> bool:
        """Nothing can be done to who is forgotten."""
        return target.erased_at is None

    def page_context(self, request: Request, target: Subscriber) -> dict[str, Any]:
        shown = request.GET.get("show", "")
        before = request.GET.get("before", "")
        enrollments = Enrollment.objects.filter(subscriber=target).select_related("sequence")
        labels = dict(CustomField.objects.of(request.workspace).values_list("key", "label"))
        suppressions = Suppression.objects.of(request.workspace)
        scores = Engagement.objects.scores([target.pk], now=clock.now())
        runs: list[Any] = list(enrollments.order_by("-id")[:SHOWN_ENROLLMENTS])
        for run in runs:
            run.because = timeline.because(run.reason)
        return {
            "person": target,
            "engagement": scores.get(target.pk, 0),
            "waiting": waiting.of(target),
            "zone_is_lost": target.time_zone and target.time_zone not in clock.zones(),
            "timeline": timeline.read(
                target, show=shown, before=int(before) if before.isdecimal() else None
            ),
            "filters": [(key, label) for key, (label, _kinds) in timeline.FILTERS.items()],
            "shown": shown,
            "facts": [(labels.get(key, key), value) for key, value in target.fields.items()],
            "subscriptions": target.subscriptions.select_related("list").order_by("-id"),
            "tags": target.tags.select_related("tag").order_by("tag__name"),
            "enrollments": runs,
            "snoozed": bool(target.snoozed_until and target.snoozed_until > clock.now()),
            "may_write": self.may_write(request, target),
            "may_erase": allows(request, "subscribers:erase"),
            "may_export": allows(request, "exports:create"),
            "hints": hygiene.hints(target.address_key),
            "takes_no_mail": RecipientDomain.objects.filter(
                domain=target.address_key.rpartition("@")[2], takes_mail=False
            ).exists(),
            "suppression": suppressions.stopping(target.address_key).first(),
        }
