"""What a week came to, by mail to the owners on Monday morning."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.audit import SYSTEM
from accounts.models import Membership, Workspace
from analytics.numbers import Numbers, numbers_by_day
from delivery.services.notices import send_notice
from emailseq.backoffice.columns import percent
from emailseq.lib import clock

FROM_HOUR = 7  # of Monday, on the workspace's own clock
WEEK = timedelta(days=7)


def send_due() -> int:
    """Write to the owners of workspaces where Monday has come; how many mails that were."""
    return sum(_summarize(workspace) for workspace in Workspace.objects.order_by("pk"))


@transaction.atomic
def _summarize(workspace: Workspace) -> int:
    now = clock.now().astimezone(ZoneInfo(workspace.time_zone))
    monday = now.date() - timedelta(days=now.weekday())
    if now.date() == monday and now.hour < FROM_HOUR:
        return 0
    # Whoever changes the row writes. A workspace that was never summed up waits for a Monday.
    first = Q(summarized_on=None) if now.date() == monday else Q(pk=None)
    due = Workspace.objects.filter(first | Q(summarized_on__lt=monday), pk=workspace.pk)
    if not due.update(summarized_on=monday):
        return 0
    by_day = numbers_by_day(workspace, days=(now.date() - monday + 2 * WEEK).days + 1)
    week, before = (
        _total(by_day[day] for day in by_day if start <= day < start + WEEK)
        for start in (monday - WEEK, monday - 2 * WEEK)
    )
    if not any(vars(week).values()):
        return 0
    return _write(workspace, monday - WEEK, _lines(week, before))


def _total(days: Iterable[Numbers]) -> Numbers:
    found = list(days)
    return Numbers(**{name: sum(getattr(n, name) for n in found) for name in vars(Numbers())})


def _lines(week: Numbers, before: Numbers) -> list[str]:
    return [
        _("Sent: %(now)s (the week before: %(before)s).")
        % {"now": f"{week.sent:,}", "before": f"{before.sent:,}"},
        _("Opened by people: %(share)s, estimated. Clicked: %(clicked)s.")
        % {"share": percent(week.opened, week.sent), "clicked": percent(week.clicked, week.sent)},
        _("Unsubscribed: %(left)s. Bounced: %(bounced)s. Complaints: %(complained)s.")
        % {
            "left": f"{week.unsubscribed:,}",
            "bounced": f"{week.bounced:,}",
            "complained": f"{week.complained:,}",
        },
        _("Not sent, skipped or failed: %s.") % f"{week.skipped + week.failed:,}",
    ]


def _write(workspace: Workspace, first: date, lines: list[str]) -> int:
    last = first + timedelta(days=6)
    days = {"first": date_format(first, "j F"), "last": date_format(last, "j F")}
    owners = Membership.objects.of(workspace).filter(weekly=True, group__name="Owner")
    readers = owners.filter(user__is_active=True).select_related("user").order_by("pk")
    for reader in readers:
        send_notice(
            workspace,
            to=reader.user.email,
            subject=_("%(workspace)s: your week") % {"workspace": workspace},
            paragraphs=[
                _("From %(first)s until %(last)s:") % days,
                *lines,
                _("Owners choose under Team who gets these mails."),
            ],
            path="/admin/reports/",
            call=_("See the reports"),
            by=SYSTEM,
        )
    return len(readers)
