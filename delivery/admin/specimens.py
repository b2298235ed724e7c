"""The dialog of a test send, for whatever can be sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from delivery.models import Specimen
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.pages import allows
from emailseq.backoffice.verbs import Verb
from emailseq.lib.errors import Invalid
from subscribers.models import Subscriber

LATEST = 10


class TestForm(VerbForm):
    """Who gets it, and as whom."""

    to = forms.CharField(
        max_length=1300,
        label=_("To"),
        help_text=_("Up to five addresses, with commas between."),
    )

    def extra_fields(self) -> dict[str, forms.Field]:
        if not allows(self.request, "subscribers:read"):
            return {}
        help_text = _("The address of a subscriber; otherwise as somebody who has everything.")
        return {
            "person": forms.CharField(
                required=False, max_length=254, label=_("As whom"), help_text=help_text
            )
        }

    def values_of(self, target: Any) -> dict[str, Any]:
        return {"to": self.request.user.email}

    def arguments(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "to": [each.strip() for each in given["to"].split(",") if each.strip()],
            "person": self._person(given.get("person", "")),
            "anybody": allows(self.request, "campaigns:send"),
        }

    def _person(self, email: str) -> Subscriber | None:
        """Raises Invalid."""
        if not email.strip():
            return None
        people = Subscriber.objects.of(self.request.workspace)
        found = people.filter(address_key=email.strip().lower()).first()
        if found is None:
            detail = gettext("Nobody here has this address.")
            raise Invalid.field("person", "not_found", detail)
        return found

    def latest(self) -> list[Specimen]:
        """What became of the last ones."""
        rows = Specimen.objects.of(self.request.workspace).order_by("-id")
        return list(rows.defer("content")[:LATEST])


def sends_test(act: Callable[..., int], **options: Any) -> Verb:
    """The verb for a service that sends a test of its object."""

    def send(target: Any, *, by: Actor, **whom: Any) -> str:
        count = act(target, by=by, **whom)
        said = ngettext("%d test is on its way.", "%d tests are on their way.", count)
        return said % count

    return Verb(
        send,
        name="send_test",
        label=_("Test send"),
        icon="mark_email_read",
        form=TestForm,
        sentence=_(
            "It is marked [Test] and counted nowhere, and its way out leads nowhere. Nobody "
            "becomes a subscriber by it."
        ),
        submit=_("Send"),
        template="delivery/test.html",
        **options,
    )
