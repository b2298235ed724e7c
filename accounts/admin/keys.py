"""API keys: made, shown once, revoked."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from accounts import permissions, services
from accounts.models import APIKey
from emailseq.backoffice.columns import BADGES, column
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request
from emailseq.backoffice.verbs import Verb, create


class NewKeyForm(VerbForm):
    name = forms.CharField(max_length=100, help_text=_("Which program will use it?"))

    def extra_fields(self) -> dict[str, forms.Field]:
        """Nobody can give a key more than their own role allows."""
        role = self.request.membership.group.name if self.request.membership else ""
        mine = sorted(permissions.of_role(role))
        boxes = forms.CheckboxSelectMultiple
        return {"scopes": forms.MultipleChoiceField(choices=[(s, s) for s in mine], widget=boxes)}

    def arguments(self) -> dict[str, Any]:
        return {**super().arguments(), "created_by": self.request.user}


@admin.register(APIKey)
class APIKeyAdmin(WorkspaceAdmin):
    resource = "keys"
    to_see = "keys:write"
    hint = _("What programs sign in with. A key can do no more than its scopes say.")
    list_display = (
        "name",
        column(_("Key"), lambda key: f"sk_{key.visible}_…"),
        column(
            _("State"),
            lambda key: ("failed", _("Revoked")) if key.revoked_at else ("active", _("Valid")),
            label=BADGES,
        ),
        column(_("Scopes"), lambda key: ", ".join(key.scopes)),
        "created_by",
        "last_used_at",
    )
    list_select_related = ("created_by",)
    list_verbs = (create(services.create_api_key, label=_("New key"), form=NewKeyForm),)
    row_verbs = (
        Verb(
            services.revoke_api_key,
            name="revoke",
            label=_("Revoke"),
            icon="block",
            title=_("Revoke this key?"),
            done=_("{} ends here; whoever uses it is refused."),
        ),
    )

    def done(self, request: Request, verb: Verb, target: Any, result: Any) -> HttpResponse:
        """A new key is shown at once: nobody can read it later."""
        if verb.name == "revoke":
            return super().done(request, verb, target, result)
        key, secret = result
        return render(request, "accounts/new_key.html", {"key": key, "secret": secret})
