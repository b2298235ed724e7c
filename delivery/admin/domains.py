from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from delivery.models import SendingDomain
from delivery.records.findings import Kind, Level
from delivery.services import domains as services
from delivery.states import KeyAlgorithm
from emailseq.backoffice.columns import BADGES, column, state_badge
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import Verb, create, edit

# What a record is for, and how it does, in the words of the pages; the worst last.
KINDS = {
    Kind.SPF: _("SPF"),
    Kind.DKIM: _("DKIM"),
    Kind.DMARC: _("DMARC"),
    Kind.RETURN_PATH: _("Return path"),
    Kind.PTR: _("Name of the sending address"),
    Kind.TLS: _("Encryption"),
    Kind.LINKS: _("Links"),
    Kind.TRACKING: _("Links by your own name"),
}
LEVELS = {
    Level.GOOD: _("Good"),
    Level.UNKNOWN: _("Not known"),
    Level.ADVICE: _("Could be better"),
    Level.BAD: _("Must be fixed"),
}


class DomainForm(VerbForm):
    name = forms.CharField(
        max_length=253, label=_("Domain"), help_text=_("From addresses lie in it or below it.")
    )
    bounce_domain = forms.CharField(
        max_length=253,
        required=False,
        label=_("Bounces go to"),
        help_text=_("A domain below it: bounce.… if you leave this empty."),
    )
    tracking_host = forms.CharField(
        max_length=253,
        required=False,
        label=_("Links lead by"),
        help_text=_("A host below it, such as links.…; by ours if you leave this empty."),
    )


class WaysForm(VerbForm):
    bounce_domain = forms.CharField(max_length=253, label=_("Bounces go to"))
    tracking_host = forms.CharField(
        max_length=253,
        required=False,
        label=_("Links lead by"),
        help_text=_("A host below it, such as links.…; what has left by another leads nowhere."),
    )


class RotationForm(VerbForm):
    algorithm = forms.ChoiceField(
        choices=KeyAlgorithm.choices,
        label=_("Kind of key"),
        help_text=_("Everybody understands RSA. Ed25519 signs beside it, and is faster."),
    )


def _worst(kind: Kind) -> Callable[[SendingDomain], tuple[str, Any]]:
    """The worst finding of a kind, as a badge."""

    def read(domain: SendingDomain) -> tuple[str, Any]:
        found = {each["level"] for each in domain.findings if each["kind"] == kind}
        level = next((each for each in reversed(LEVELS) if each in found), Level.UNKNOWN)
        return level, LEVELS[level]

    return read


@admin.register(SendingDomain)
class SendingDomainAdmin(WorkspaceAdmin):
    resource = "delivery"
    hint = _("Where messages come from. A domain signs for what comes from it or from below it.")
    list_display = (
        "name",
        state_badge,
        *(
            column(KINDS[kind], _worst(kind), label=BADGES)
            for kind in (Kind.SPF, Kind.DKIM, Kind.DMARC, Kind.RETURN_PATH)
        ),
        column(_("Checked"), lambda row: row.checked_at),
    )
    list_filter = ("state",)
    change_form_template = "delivery/domain.html"
    list_verbs = (create(services.create_domain, label=_("New domain"), form=DomainForm),)
    page_verbs = (
        Verb(
            services.check_domain,
            name="check_now",
            label=_("Check now"),
            icon="fact_check",
            sentence=_("Asks DNS about {}, which takes five seconds at most."),
            done=_("{} was checked."),
            primary=True,
        ),
        Verb(
            services.rotate_key,
            name="rotate_key",
            label=_("New DKIM key"),
            icon="key",
            form=RotationForm,
            sentence=_(
                "Nothing is signed with it before a check finds its record in DNS. The key that it "
                "replaces has to stay there for a week."
            ),
            done=_("Publish the record of the new key, then check."),
        ),
        edit(services.update_domain, form=WaysForm),
        Verb(
            services.delete_domain,
            name="remove",
            label=_("Remove"),
            icon="delete",
            sentence=_("Messages from {} are not signed any more, and its keys are destroyed."),
            done=_("{} is removed."),
        ),
    )

    def page_context(self, request: Request, target: SendingDomain) -> dict[str, Any]:
        findings = [
            {**each, "kind": KINDS[Kind(each["kind"])], "label": LEVELS[Level(each["level"])]}
            for each in target.findings
        ]
        return {"domain": target, "findings": findings, "keys": target.keys.all()}

    def url_of(self, target: Any) -> str:
        if target.pk is None:  # it was just removed
            return reverse("admin:delivery_sendingdomain_changelist")
        return super().url_of(target)
