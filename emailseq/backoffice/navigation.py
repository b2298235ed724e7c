"""The sidebar, by the job somebody came to do; what a role may not see is not there."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from emailseq.backoffice.pages import Request, allows, render_page


class Entry(NamedTuple):
    title: Any
    icon: str
    page: str
    permission: str

    @property
    def url_name(self) -> str:
        """`page` is a view of its own, or the list of an app's model."""
        return f"{self.page}_changelist" if "_" in self.page else self.page


SECTIONS: list[tuple[Any, list[Entry]]] = [
    ("", [Entry(_("Dashboard"), "space_dashboard", "index", "reports:read")]),
    (
        _("Automate"),
        [Entry(_("Sequences"), "account_tree", "sequences_sequence", "sequences:read")],
    ),
    (
        _("Send"),
        [
            Entry(_("Campaigns"), "campaign", "campaigns_campaign", "campaigns:read"),
            Entry(_("Calendar"), "calendar_month", "calendar", "campaigns:read"),
            Entry(_("Templates"), "draft", "templates_app_template", "templates:read"),
            Entry(_("Saved blocks"), "bookmark", "templates_app_savedblock", "templates:read"),
            Entry(_("Images"), "image", "templates_app_image", "templates:read"),
        ],
    ),
    (
        _("Results"),
        [
            Entry(_("Reports"), "monitoring", "reports", "reports:read"),
            Entry(_("Conversions"), "sell", "analytics_conversion", "reports:read"),
        ],
    ),
    (
        _("Audience"),
        [
            Entry(_("Subscribers"), "group", "subscribers_subscriber", "subscribers:read"),
            Entry(_("Lists"), "list_alt", "subscribers_list", "lists:read"),
            Entry(_("Forms"), "edit_note", "subscribers_form", "lists:read"),
            Entry(_("Segments"), "pie_chart", "subscribers_segment", "segments:read"),
            Entry(_("Imports"), "upload_file", "subscribers_import", "subscribers:read"),
            Entry(_("Suppressions"), "block", "subscribers_suppression", "subscribers:read"),
            Entry(_("Tags"), "label", "subscribers_tag", "lists:read"),
            Entry(_("Custom fields"), "data_object", "subscribers_customfield", "lists:read"),
            Entry(_("Events"), "bolt", "subscribers_eventname", "events:read"),
        ],
    ),
    (
        _("Delivery"),
        [
            Entry(_("Messages"), "outgoing_mail", "delivery_sendledger", "delivery:read"),
            Entry(
                _("Transactional"),
                "receipt_long",
                "delivery_transactionalmessage",
                "delivery:read",
            ),
            Entry(_("In doubt"), "help_center", "delivery_outbox", "delivery:read"),
            Entry(_("Bounces and complaints"), "undo", "delivery_feedback", "delivery:read"),
            Entry(_("Senders"), "badge", "delivery_senderidentity", "delivery:read"),
            Entry(_("Sending domains"), "dns", "delivery_sendingdomain", "delivery:read"),
            Entry(_("Transports"), "conveyor_belt", "delivery_transport", "delivery:read"),
            Entry(_("Lanes"), "alt_route", "delivery_lane", "delivery:read"),
            Entry(_("Mailboxes"), "mail", "delivery_mailbox", "delivery:read"),
            Entry(_("Inbox"), "inbox", "inbox", "delivery:read"),
        ],
    ),
    (
        _("Settings"),
        [
            Entry(_("Workspace"), "apartment", "accounts_workspace", "team:write"),
            Entry(_("Team"), "diversity_3", "accounts_membership", "team:write"),
            Entry(_("Invitations"), "outgoing_mail", "accounts_invitation", "team:write"),
            Entry(_("API keys"), "key", "accounts_apikey", "keys:write"),
            Entry(_("Webhooks"), "webhook", "delivery_webhookendpoint", "webhooks:read"),
            Entry(_("Webhook calls"), "list", "delivery_webhookcall", "webhooks:read"),
            Entry(_("Audit log"), "history", "accounts_auditentry", "audit:read"),
        ],
    ),
]


def sidebar(request: Request) -> list[dict[str, Any]]:
    """The sections with the entries that the person's role may see."""
    return [
        {
            "title": title,
            "items": [_item(each) for each in entries if allows(request, each.permission)],
        }
        for title, entries in SECTIONS
    ]


def workspace_name(request: Request) -> str:
    return request.membership.workspace.name if request.membership else ""


def switcher(request: Request) -> list[dict[str, Any]]:
    """The way to the other workspaces, for somebody who has several."""
    if len(request.memberships) < 2:
        return []
    link = reverse_lazy("admin:workspaces")
    return [{"title": _("Change workspace"), "link": link, "icon": "swap_horiz"}]


def account(request: Request) -> list[dict[str, Any]]:
    """What stands below a person's name."""
    return [
        {"title": _("Password"), "link": reverse_lazy("account_change_password")},
        {"title": _("Second factor"), "link": reverse_lazy("mfa_index")},
    ]


def choose_workspace(request: Request) -> HttpResponse:
    """The workspaces somebody works in; a POST changes over to one of them."""
    if request.method != "POST":
        return render_page(request, "backoffice/workspaces.html", title=str(_("Workspaces")))
    chosen = request.POST.get("workspace", "")
    if chosen not in {str(membership.workspace_id) for membership in request.memberships}:
        raise Http404
    request.session["workspace"] = int(chosen)
    return redirect("admin:index")


def environment(request: Request) -> list[str] | None:
    """The ribbon that says that this is not production."""
    return None if settings.ENVIRONMENT == "production" else [settings.ENVIRONMENT, "warning"]


def _item(entry: Entry) -> dict[str, Any]:
    link = reverse_lazy(f"admin:{entry.url_name}")
    return {"title": entry.title, "icon": entry.icon, "link": link}
