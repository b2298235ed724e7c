"""How long it takes to look up everybody in twenty segments, and to write down who has moved.

A million people with five custom fields, a place or two, tags and five events each. `build` is the
first refresh of all segments, `refresh` another one after two in a hundred people have changed and
as many events have come, with the members and the events that follow from that.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.db.models import Sum

from accounts import services as accounts
from accounts.audit import Actor
from accounts.models import Workspace
from benchmarks.database import new_database
from emailseq.lib import clock
from subscribers import kinds
from subscribers import services as people
from subscribers.models import Event, Segment
from subscribers.segments import refresh
from subscribers.states import FieldKind

BENCH = Actor.command("bench")
FIELDS = {
    "plan": FieldKind.TEXT,
    "seats": FieldKind.NUMBER,
    "renewal": FieldKind.DATE,
    "member": FieldKind.BOOLEAN,
    "town": FieldKind.TEXT,
}


def field(name: str, op: str, *value: Any) -> dict[str, Any]:
    return {"field": name, "op": op, **({"value": value[0]} if value else {})}


def tag(slug: str, op: str = "has") -> dict[str, Any]:
    return {"tag": slug, "op": op}


def happened(kind: str, name: str, count: int = 1, **more: Any) -> dict[str, Any]:
    return {kind: name, "count": {"op": "at_least", "value": count}, **more}


NEWS = {"list": "news", "op": "confirmed"}
RULES: list[dict[str, Any]] = [
    NEWS,
    {"list": "offers", "op": "not_confirmed"},
    tag("vip"),
    field("plan", "is", "pro"),
    {"all": [NEWS, field("plan", "in", ["pro", "team"]), tag("customer", "has_not")]},
    {"all": [NEWS, field("seats", "gte", 50)]},
    field("renewal", "in_next", "P30D"),
    field("renewal", "anniversary_in", "P7D"),
    field("created_at", "in_last", "P30D"),
    {"all": [field("town", "contains", "port"), field("member", "is", True)]},
    happened("event", "order_placed"),
    happened("event", "order_placed", 2, within="P30D"),
    {"all": [NEWS, happened("event", "visit", 2, within="P7D")]},
    happened(
        "event",
        "order_placed",
        where=[{"property": "total", "op": "gte", "value": 100}],
    ),
    {"message": "opened", "within": "P30D"},
    {"all": [NEWS, {"none": [{"message": "opened", "within": "P30D"}]}]},
    {"any": [happened("message", "clicked", 2), tag("vip")]},
    {"all": [{"message": "sent"}, {"none": [{"event": "order_placed"}]}]},
    {"all": [{"segment": "rule-3"}, {"none": [{"segment": "rule-2"}]}]},
    {
        "any": [
            {"all": [tag("customer"), field("seats", "lt", 10), {"event": "visit"}]},
            {"all": [NEWS, field("plan", "is_not", "free"), {"message": "clicked"}]},
            {"none": [{"event": "visit"}, {"event": "order_placed"}]},
        ]
    },
]


def run(*, size: int, say: Callable[[str], object]) -> dict[str, Any]:
    """Refresh RULES over `size` people; what was measured. `say` hears of progress."""
    with new_database():
        workspace = _make_workspace()
        say(f"Making {size:,} people …")
        _fill(workspace, size)
        for number, rule in enumerate(RULES):
            name = f"rule-{number}"
            people.create_segment(workspace, name=name, slug=name, rule=rule, by=BENCH)
        build = _refresh_all(say)
        _analyze()
        _change(size)
        before = _moves()
        refreshed = _refresh_all(say)
        return {
            "bench": "segments",
            "seconds": round(refreshed, 1),
            "build_seconds": round(build, 1),
            "rate": round(size * len(RULES) / refreshed),
            "people": size,
            "segments": len(RULES),
            "members": Segment.objects.aggregate(Sum("member_count"))["member_count__sum"],
            "moved": _moves() - before,
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }


def _make_workspace() -> Workspace:
    workspace = accounts.create_workspace(
        name="Harbour", slug="harbour", postal_address="1 Quay Street, Copenhagen", by=BENCH
    )
    for name in ("news", "offers"):
        people.create_list(workspace, name=name, slug=name, by=BENCH)
    for name in ("vip", "customer"):
        people.create_tag(workspace, name=name, slug=name, by=BENCH)
    for key, kind in FIELDS.items():
        people.create_field(workspace, key=key, label=key, kind=kind, by=BENCH)
    return workspace


def _fill(workspace: Workspace, size: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for statement in FILL:
            cursor.execute(statement, {"workspace": workspace.pk, "size": size})
    _analyze()


def _analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _change(size: int) -> None:
    """What happens meanwhile to two people in a hundred."""
    with connection.cursor() as cursor:
        for statement in CHANGE:
            cursor.execute(statement, {"size": size})


def _refresh_all(say: Callable[[str], object]) -> float:
    """Refresh every segment; the seconds that took."""
    Segment.objects.update(refresh_due_at=clock.db_now())
    started = time.perf_counter()
    while Segment.objects.due().exists():
        for segment in Segment.objects.due():
            begun = time.perf_counter()
            if refresh.refresh(segment):
                segment.refresh_from_db()
                took = time.perf_counter() - begun
                say(f"{segment}: {segment.member_count:,} members, {took:.1f} s")
    return time.perf_counter() - started


def _moves() -> int:
    return Event.objects.filter(kind__in=[kinds.SEGMENT_ENTERED, kinds.SEGMENT_LEFT]).count()


FILL = (
    """
    INSERT INTO subscribers_subscriber
           (workspace_id, uid, email, address_key, first_name, last_name, time_zone, fields,
            created_at, updated_at)
    SELECT %(workspace)s, gen_random_uuid(), address, address, 'Ada', 'Lovelace', 'Europe/Oslo',
           jsonb_build_object(
               'plan', (ARRAY['free', 'pro', 'team', 'Pro'])[1 + n %% 4],
               'seats', n %% 97,
               'renewal', to_char(now() + (n %% 365) * interval '1 day', 'YYYY-MM-DD'),
               'member', n %% 3 = 0,
               'town', (ARRAY['Portsmouth', 'Oslo', 'Newport', 'Aarhus'])[1 + n %% 4]
                       || ' ' || n %% 50),
           now() - (n %% 700) * interval '1 day', now()
      FROM generate_series(1, %(size)s) AS n,
           LATERAL (SELECT 'person-' || n || '@example.com' AS address) AS named
    """,
    """
    INSERT INTO subscribers_subscription
           (list_id, subscriber_id, state, consent_source, consent_text, created_at)
    SELECT list.id, person.id,
           (ARRAY['confirmed', 'confirmed', 'confirmed', 'pending', 'unsubscribed'])
               [1 + person.id %% 5],
           'bench', '', now()
      FROM subscribers_subscriber AS person
      JOIN subscribers_list AS list ON list.slug = 'news' OR person.id %% 3 = 0
    """,
    """
    INSERT INTO subscribers_tagassignment (tag_id, subscriber_id, created_at)
    SELECT tag.id, person.id, now()
      FROM subscribers_subscriber AS person
      JOIN subscribers_tag AS tag
        ON person.id %% CASE tag.slug WHEN 'vip' THEN 50 ELSE 4 END = 0
    """,
    """
    INSERT INTO subscribers_event
           (xid, workspace_id, subscriber_id, kind, occurred_at, source_kind, source_id, step_key,
            variant, verdict, properties, name, late)
    SELECT (SELECT subscribers_log_xid()), %(workspace)s, person.id, kind,
           now() - (person.id * n * 7 %% 2400) * interval '1 hour',
           CASE WHEN kind LIKE 'message%%' THEN 'campaign' ELSE '' END, 0, '', '',
           CASE WHEN kind LIKE 'message%%' THEN 'human' ELSE '' END,
           CASE WHEN kind = 'custom' THEN jsonb_build_object('total', person.id %% 200)
                ELSE '{}' END,
           CASE WHEN kind = 'custom' THEN name ELSE '' END,
           FALSE
      FROM subscribers_subscriber AS person
     CROSS JOIN LATERAL (
           VALUES (1, 'custom', CASE person.id %% 2 WHEN 0 THEN 'order_placed' ELSE 'visit' END),
                  (2, 'custom', CASE person.id %% 9 WHEN 0 THEN 'order_placed' ELSE 'visit' END),
                  (3, 'message.sent', ''),
                  (4, CASE person.id %% 2 WHEN 0 THEN 'message.opened' ELSE 'message.sent' END, ''),
                  (5, CASE person.id %% 5 WHEN 0 THEN 'message.clicked' ELSE 'custom' END, 'visit')
           ) AS told (n, kind, name)
    """,
)
CHANGE = (
    """
    UPDATE subscribers_subscriber
       SET fields = fields || jsonb_build_object('plan', (ARRAY['pro', 'free'])[1 + id %% 2])
     WHERE id %% 50 = 7
    """,
    """
    INSERT INTO subscribers_event
           (xid, workspace_id, subscriber_id, kind, occurred_at, source_kind, source_id, step_key,
            variant, verdict, properties, name, late)
    SELECT (SELECT subscribers_log_xid()), workspace_id, id, 'custom', now(), '', 0, '', '', '',
           '{"total": 150}', 'order_placed', FALSE
      FROM subscribers_subscriber
     WHERE id %% 50 = 11
    """,
)
