"""How the tables of reports look: their titles, the words of columns and cells, and figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from analytics.numbers import Numbers
from analytics.providers import Reputation
from analytics.states import Attribution
from analytics.tables import Cell, Table
from delivery.states import SourceKind
from emailseq.backoffice.columns import percent

PAGES = {
    "overview": gettext_lazy("Overview"),
    "delivery": gettext_lazy("Deliverability"),
    "people": gettext_lazy("Lists and people"),
    "insights": gettext_lazy("Insights"),
}
LINES = (
    ("clicked", gettext_lazy("Clicked"), "#d97706"),
    ("opened", gettext_lazy("Opened (est.)"), "#0d9488"),
    ("sent", gettext_lazy("Sent"), "var(--color-primary-300)"),
)
GROWTH = (
    ("joined", gettext_lazy("Joined"), "#0d9488"),
    ("left", gettext_lazy("Left"), "#d97706"),
)
TITLES = {
    "days": gettext_lazy("By day"),
    "sources": gettext_lazy("What sent most"),
    "conversions": gettext_lazy("Conversions"),
    "providers": gettext_lazy("Mailbox providers"),
    "reasons": gettext_lazy("Why mail was put off or came back"),
    "growth": gettext_lazy("Joined and left, by day"),
    "lists": gettext_lazy("Lists"),
    "cohorts": gettext_lazy("By week of entry: the part that opened or clicked, week by week"),
    "steps": gettext_lazy("Emails"),
    "links": gettext_lazy("Links"),
    "time_to_open": gettext_lazy("Time to open (est.)"),
    "clients": gettext_lazy("With what they read"),
    "devices": gettext_lazy("On what they read"),
    "engagement": gettext_lazy("Who reads"),
    "habits": gettext_lazy("When people read, by time zone (hours in UTC)"),
    "subjects": gettext_lazy("Subjects that are clicked more, or less"),
}
# What an empty table says.
EMPTY = {
    "sources": gettext_lazy("Nothing was sent in this time."),
    "conversions": gettext_lazy(
        "No conversions were counted. Say what people are to do in the end under Results → "
        "Conversions."
    ),
    "providers": gettext_lazy("Nothing was sent in this time."),
    "reasons": gettext_lazy("Nothing was put off, failed or came back."),
    "lists": gettext_lazy("There is no list yet."),
    "cohorts": gettext_lazy("Nobody became known in this time."),
    "links": gettext_lazy("No link was followed yet."),
    "time_to_open": gettext_lazy("Nobody has opened it yet, as far as can be seen."),
    "clients": gettext_lazy("Nobody has opened or clicked, as far as can be seen."),
    "devices": gettext_lazy("Nobody has opened or clicked, as far as can be seen."),
    "steps": gettext_lazy("Nothing was sent yet."),
    "habits": gettext_lazy("Fewer than 100 opens and clicks were seen in each time zone."),
}
COLUMNS = {
    "day": gettext_lazy("Day"),
    "kind": gettext_lazy("Kind"),
    "name": gettext_lazy("Name"),
    "sent": gettext_lazy("Sent"),
    "opened": gettext_lazy("Opened (est.)"),
    "clicked": gettext_lazy("Clicked"),
    "clicks": gettext_lazy("Clicks"),
    "machine_clicks": gettext_lazy("By machines"),
    "unsubscribed": gettext_lazy("Unsubscribed"),
    "bounced": gettext_lazy("Bounced"),
    "complained": gettext_lazy("Complaints"),
    "failed": gettext_lazy("Failed"),
    "skipped": gettext_lazy("Skipped"),
    "deferred": gettext_lazy("Put off"),
    "converted": gettext_lazy("Converted"),
    "conversions": gettext_lazy("Conversions"),
    "revenue": gettext_lazy("Revenue"),
    "provider": gettext_lazy("Provider"),
    "delivered_rate": gettext_lazy("Delivered"),
    "complaint_rate": gettext_lazy("Complaint rate"),
    "reputation": gettext_lazy("Reputation"),
    "what": gettext_lazy("What"),
    "why": gettext_lazy("Why"),
    "count": gettext_lazy("How often"),
    "joined": gettext_lazy("Joined"),
    "left": gettext_lazy("Left"),
    "net": gettext_lazy("Net"),
    "list": gettext_lazy("List"),
    "people": gettext_lazy("People"),
    "churn": gettext_lazy("Churn"),
    "entry": gettext_lazy("Week"),
    "left_rate": gettext_lazy("Left"),
    "step": gettext_lazy("Email"),
    "variant": gettext_lazy("Variant"),
    "template_version": gettext_lazy("Version"),
    "position": gettext_lazy("Place"),
    "url": gettext_lazy("Link"),
    "within": gettext_lazy("Within"),
    "share": gettext_lazy("Share"),
    "attribution": gettext_lazy("Credit to"),
    "engaged": gettext_lazy("Opened or clicked"),
    "time_zone": gettext_lazy("Time zone"),
    "hour": gettext_lazy("Around"),
    "low": gettext_lazy("At least"),
    "high": gettext_lazy("At most"),
    "seen": gettext_lazy("Seen"),
    "pattern": gettext_lazy("The subject"),
    "having": gettext_lazy("Campaigns with it"),
    "lacking": gettext_lazy("Without"),
    "difference": gettext_lazy("Clicked more by"),
    "said": gettext_lazy("How sure"),
    "window_days": gettext_lazy("Within days"),
    "client": gettext_lazy("Program"),
    "device": gettext_lazy("Device"),
}
WORDS: dict[str, dict[Any, Any]] = {
    "what": {
        "deferred": gettext_lazy("Put off"),
        "failed": gettext_lazy("Failed"),
        "bounced": gettext_lazy("Bounced"),
    },
    "kind": dict(SourceKind.choices),
    "engaged": {
        "active": gettext_lazy("Within 30 days"),
        "fading": gettext_lazy("30 to 90 days ago"),
        "cold": gettext_lazy("More than 90 days ago"),
        "never": gettext_lazy("Never, as far as can be seen"),
    },
    "client": {
        "gmail": "Gmail",
        "yahoo": "Yahoo Mail",
        "outlook": "Outlook",
        "thunderbird": "Thunderbird",
        "samsung_mail": "Samsung Email",
        "apple_mail": "Apple Mail",
        "edge": "Edge",
        "opera": "Opera",
        "samsung_internet": "Samsung Internet",
        "firefox": "Firefox",
        "chrome": "Chrome",
        "safari": "Safari",
        "": gettext_lazy("Another, or not known"),
    },
    "device": {
        "phone": gettext_lazy("Phone"),
        "tablet": gettext_lazy("Tablet"),
        "computer": gettext_lazy("Computer"),
        "": gettext_lazy("Not known"),
    },
    "pattern": {
        "question": gettext_lazy("asks a question"),
        "exclamation": gettext_lazy("has an exclamation mark"),
        "number": gettext_lazy("has a number"),
        "personal": gettext_lazy("has a merge field"),
        "emoji": gettext_lazy("has an emoji"),
        "short": gettext_lazy("has 35 characters at most"),
    },
    "said": {
        "sure": gettext_lazy("95 of 100"),
        "unsure": gettext_lazy("May be chance"),
        "too_few": gettext_lazy("Too few campaigns"),
    },
    "attribution": dict(Attribution.choices),
    "reputation": {
        Reputation.GOOD: gettext_lazy("Good"),
        Reputation.WATCH: gettext_lazy("Watch"),
        Reputation.BAD: gettext_lazy("Bad"),
        Reputation.UNKNOWN: gettext_lazy("Too few to say"),
    },
}
REPUTATION = {
    Reputation.GOOD: gettext_lazy("Fewer than 1 in 1,000 messages are called spam. That is good."),
    Reputation.WATCH: gettext_lazy(
        "More than 1 in 1,000 messages are called spam: send less, and only to those who still "
        "read. From 3 in 1,000 on, large providers turn mail away."
    ),
    Reputation.BAD: gettext_lazy(
        "At least 3 in 1,000 messages are called spam: large providers turn such mail away. Stop, "
        "and ask where these people come from."
    ),
    Reputation.UNKNOWN: gettext_lazy("Fewer than 1,000 messages were sent: too few to say."),
}
_RATES = (
    *("delivered_rate", "complaint_rate", "churn", "left_rate", "share"),
    *("low", "high", "difference"),
)
_HIDDEN = ("source_id", "position", "opens", "machine_opened", "machine_clicked")
_TEXT = (
    *("name", "kind", "url", "list", "what", "why", "provider", "step", "attribution", "variant"),
    *("said", "pattern", "client", "device"),
)


class Figure(NamedTuple):
    label: Any
    value: str
    note: str
    before: str = ""  # the value of the period before


def figures(of: Numbers) -> list[Figure]:
    """The numbers of one source, as cards."""
    found = [
        Figure(_("Sent"), f"{of.sent:,}", _("%s not sent") % f"{of.skipped + of.failed:,}"),
        Figure(
            _("Opened (est.)"),
            percent(of.opened, of.sent),
            _("%(people)s, %(times)s times; %(machines)s by machines")
            % _times(of.opened, of.opens, of.machine_opened),
        ),
        Figure(
            _("Clicked"),
            percent(of.clicked, of.sent),
            _("%(people)s, %(times)s times; %(machines)s by machines")
            % _times(of.clicked, of.clicks, of.machine_clicked),
        ),
        share(_("Unsubscribed"), of.unsubscribed, of.sent),
        share(_("Bounced"), of.bounced, of.sent),
        share(_("Complaints"), of.complained, of.sent),
    ]
    if of.conversions:
        found.append(share(_("Converted"), of.converted, of.sent))
        found.append(Figure(_("Revenue"), money(of.revenue), _("%d conversions") % of.conversions))
    return found


def sums(by_day: Table) -> list[Figure]:
    """The sums of a table of days, as cards."""
    totals = {
        name: sum(row[place] for row in by_day.rows)  # type: ignore[misc] # all are numbers
        for place, name in enumerate(by_day.columns)
        if name != "day"
    }
    return figures(Numbers(**totals))[: None if totals["conversions"] else 6]


def compared(now: Iterable[Figure], before: Iterable[Figure]) -> list[Figure]:
    """The figures of a period with their values in the one before."""
    known = {figure.label: figure.value for figure in before}
    return [figure._replace(before=known.get(figure.label, "")) for figure in now]


def share(label: Any, part: int, of: int) -> Figure:
    return Figure(label, percent(part, of), f"{part:,}")


def money(hundredths: int) -> str:
    return f"{hundredths / 100:,.2f}"


def table(of: Table, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A table as the pages show it: titled columns, and cells with their words; `names` are those
    of the emails in it."""
    places = [place for place, name in enumerate(of.columns) if name not in _HIDDEN]
    return {
        "key": of.key,
        "title": TITLES[of.key],
        "columns": [(_title(of.columns[place]), of.columns[place] in _TEXT) for place in places],
        "rows": [[_cell(of, row, place, names or {}) for place in places] for row in of.rows],
        "empty": EMPTY.get(of.key, ""),
        "is_long": of.key in ("days", "growth"),
    }


def _title(column: str) -> Any:
    if column.startswith("week_"):
        return f"+{column.removeprefix('week_')}"
    return COLUMNS[column]


def _cell(of: Table, row: tuple[Cell, ...], place: int, names: Mapping[str, str]) -> dict[str, Any]:
    name, value = of.columns[place], row[place]
    if name == "step":
        value = names.get(str(value), value)
    cell: dict[str, Any] = {"text": _text(name, value), "is_text": name in _TEXT, "url": ""}
    if name == "name" and "source_id" in of.columns:
        kind, source_id = row[of.columns.index("kind")], row[of.columns.index("source_id")]
        cell["url"] = reverse("admin:report", args=[kind, source_id])
    if name.startswith("week_") and isinstance(value, float):
        cell["heat"] = min(10, round(value * 10))
    if name == "reputation":
        cell["badge"] = {"bad": "bad", "watch": "paused", "good": "good"}.get(str(value), "unknown")
    return cell


def _text(name: str, value: Cell) -> Any:
    if name in WORDS:
        return WORDS[name].get(str(value), value)
    if name == "within":
        return _within(value)
    if value is None:
        return ""
    if name in _RATES or name.startswith("week_"):
        return _rate(float(value))  # type: ignore[arg-type] # rates are numbers
    if name == "revenue":
        return money(int(value))  # type: ignore[arg-type] # as above
    if name == "hour":
        return f"{value:02}:30"
    if isinstance(value, date):
        return date_format(value, "j M Y")
    if name == "why":
        return str(value).replace("_", " ") or _("no reason given")
    return f"{value:,}" if isinstance(value, int) else value


def _rate(value: float) -> str:
    shown = 100 * value
    digits = 0 if abs(shown) >= 10 or not shown else 1 if abs(shown) >= 1 else 2
    return f"{shown:.{digits}f}\N{NARROW NO-BREAK SPACE}%"


def _within(seconds: Cell) -> str:
    if not isinstance(seconds, int):
        return _("later")
    if seconds < 3600:
        return _("%d minutes") % (seconds // 60)
    if seconds < 86_400:
        return ngettext("%d hour", "%d hours", seconds // 3600) % (seconds // 3600)
    return ngettext("%d day", "%d days", seconds // 86_400) % (seconds // 86_400)


def _times(people: int, times: int, machines: int) -> dict[str, str]:
    return {"people": f"{people:,}", "times": f"{times:,}", "machines": f"{machines:,}"}
