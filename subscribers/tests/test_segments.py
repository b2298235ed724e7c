"""Segments: who is in them, who comes and goes, and what the log hears of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.factories import WorkspaceFactory
from emailseq.lib import clock
from emailseq.lib.errors import Conflict, InUse, Invalid, Stale, StateConflict
from subscribers import services, tasks
from subscribers.facts import CustomEvent
from subscribers.models import Event, Segment, Subscriber, Tag
from subscribers.segments import refresh
from subscribers.states import SegmentKind, SegmentState
from subscribers.tests.factories import CustomFieldFactory, SubscriberFactory, make_people

pytestmark = pytest.mark.django_db

IS_PRO = {"field": "plan", "op": "is", "value": "pro"}


@pytest.fixture
def workspace():
    workspace = WorkspaceFactory()
    CustomFieldFactory(workspace=workspace, key="plan")
    return workspace


def make_segment(workspace, rule=IS_PRO, slug="pros", **options):
    name = slug.capitalize()
    return services.create_segment(workspace, name=name, slug=slug, rule=rule, by=SYSTEM, **options)


def make_pros(count, workspace, plan="pro"):
    people = make_people(count, workspace=workspace)
    set_plan(people, plan)
    return people


def set_plan(people, plan):
    pks = [person.pk for person in people]
    Subscriber.objects.filter(pk__in=pks).update(fields={"plan": plan})


def later(**delay):
    """An hour later, when every segment is due again."""
    Segment.objects.exclude(refresh_due_at=None).update(refresh_due_at=clock.now())
    return tasks.refresh_segments()


def members(segment):
    return set(segment.members.values_list("subscriber", flat=True))


def told(segment):
    """What the log says of the segment: (kind, person), in order."""
    events = Event.objects.filter(properties__segment_id=segment.pk).order_by("id")
    return list(events.values_list("kind", "subscriber"))


def pks(people):
    return {person.pk for person in people}


def test_the_first_members_are_found_in_silence(workspace):
    pros, _ = make_pros(3, workspace), make_pros(2, workspace, "free")
    make_pros(1, CustomFieldFactory(key="plan").workspace)
    segment = make_segment(workspace)
    assert segment.state == SegmentState.BUILDING

    assert tasks.refresh_segments() == 1

    segment.refresh_from_db()
    assert members(segment) == pks(pros)
    assert (segment.state, segment.member_count) == (SegmentState.READY, 3)
    assert segment.refreshed_at is not None
    assert segment.refresh_due_at - segment.refreshed_at == timedelta(minutes=1)
    assert told(segment) == []
    assert tasks.refresh_segments() == 0  # not due


def test_the_first_members_are_told_of_when_they_are_to_be_announced(workspace):
    (pro,) = make_pros(1, workspace)
    segment = make_segment(workspace, announce=True)

    tasks.refresh_segments()

    assert told(segment) == [("segment.entered", pro.pk)]


def test_who_comes_and_goes_later_is_told(workspace):
    first, second = make_pros(2, workspace)
    segment = make_segment(workspace)
    tasks.refresh_segments()
    set_plan([first], "free")
    (third,) = make_pros(1, workspace)

    later()

    segment.refresh_from_db()
    assert members(segment) == {second.pk, third.pk}
    assert segment.member_count == 2
    assert set(told(segment)) == {("segment.left", first.pk), ("segment.entered", third.pk)}
    event = Event.objects.get(kind="segment.entered")
    assert event.properties == {"segment": "Pros", "segment_id": segment.pk}

    later()

    assert len(told(segment)) == 2  # nobody moved, nothing is told again


def test_archived_people_leave(workspace):
    (person,) = make_pros(1, workspace)
    segment = make_segment(workspace)
    tasks.refresh_segments()

    services.archive(person, by=SYSTEM)
    later()

    assert told(segment) == [("segment.left", person.pk)]


@pytest.mark.parametrize("announce", [False, True])
def test_a_new_rule_is_followed_and_announced_only_if_asked(workspace, announce):
    (pro,), (free,) = make_pros(1, workspace), make_pros(1, workspace, "free")
    segment = make_segment(workspace)
    tasks.refresh_segments()

    rule = IS_PRO | {"value": "free"}
    services.update_segment(segment, rule=rule, announce=announce, by=SYSTEM)
    assert segment.state == SegmentState.BUILDING
    tasks.refresh_segments()

    segment.refresh_from_db()
    assert members(segment) == {free.pk}
    assert (segment.state, segment.announces) == (SegmentState.READY, False)
    expected = {("segment.left", pro.pk), ("segment.entered", free.pk)} if announce else set()
    assert set(told(segment)) == expected


def test_a_new_name_rebuilds_nothing(workspace):
    segment = make_segment(workspace)
    tasks.refresh_segments()

    services.update_segment(segment, name="Better", rule=IS_PRO, by=SYSTEM)

    assert (segment.state, segment.revision) == (SegmentState.READY, 2)
    entry = AuditEntry.objects.get(verb="segment.updated")
    assert entry.changes == {"name": "Better"}
    assert tasks.refresh_segments() == 0


def test_a_large_departure_asks_first_and_holds_nobody_else_up(workspace):
    pros = make_pros(50, workspace)
    segment = make_segment(workspace)
    tasks.refresh_segments()
    set_plan(pros[:11], "free")  # 22 %
    (new,) = make_pros(1, workspace)

    later()

    segment.refresh_from_db()
    assert (segment.state, segment.leaving_count) == (SegmentState.ASKING, 11)
    assert members(segment) == pks(pros) | {new.pk}
    assert told(segment) == [("segment.entered", new.pk)]

    services.let_members_leave(segment, by=SYSTEM)
    later()

    segment.refresh_from_db()
    assert (segment.state, segment.leaving_count) == (SegmentState.READY, 0)
    assert members(segment) == pks(pros[11:]) | {new.pk}
    assert {person for kind, person in told(segment) if kind == "segment.left"} == pks(pros[:11])
    assert segment.may_lose is False  # the next large departure asks again
    entry = AuditEntry.objects.get(verb="segment.leaving_confirmed")
    assert entry.changes == {"leaving": 11, "members": 51}


def test_a_large_departure_that_did_not_last_is_forgotten(workspace):
    pros = make_pros(50, workspace)
    segment = make_segment(workspace)
    tasks.refresh_segments()
    set_plan(pros[:11], "free")
    later()

    set_plan(pros[:1], "pro")
    later()

    segment.refresh_from_db()
    assert (segment.state, segment.leaving_count) == (SegmentState.READY, 0)
    assert members(segment) == {pros[0].pk} | pks(pros[11:])  # 20 % may leave


def test_of_a_few_any_share_may_leave(workspace):
    pros = make_pros(10, workspace)
    segment = make_segment(workspace)
    tasks.refresh_segments()

    set_plan(pros[:9], "free")
    later()

    assert members(segment) == {pros[9].pk}


def test_only_who_is_asked_is_answered(workspace):
    segment = make_segment(workspace)

    with pytest.raises(StateConflict):
        services.let_members_leave(segment, by=SYSTEM)


def test_a_frozen_segment_keeps_its_members(workspace):
    (pro,) = make_pros(1, workspace)
    segment = make_segment(workspace)
    tasks.refresh_segments()

    assert services.freeze_segment(segment, by=SYSTEM) is True
    assert services.freeze_segment(segment, by=SYSTEM) is False
    set_plan([pro], "free")
    later()
    services.recount_segment(segment, by=SYSTEM)

    assert members(segment) == {pro.pk}
    assert tasks.refresh_segments() == 0
    with pytest.raises(Invalid, match="frozen"):
        services.update_segment(segment, rule=IS_PRO | {"value": "x"}, by=SYSTEM)


def test_a_segment_made_frozen_finds_its_members_once(workspace):
    (pro,) = make_pros(1, workspace)
    segment = make_segment(workspace, kind=SegmentKind.FROZEN)

    tasks.refresh_segments()
    make_pros(1, workspace)

    assert later() == 0
    assert members(segment) == {pro.pk}


def test_a_rule_may_name_another_segment_and_waits_until_that_is_built(workspace):
    pros = make_pros(2, workspace)
    inner = make_segment(workspace)
    outer = make_segment(workspace, {"segment": "pros"}, "outer")
    assert outer.rule == {"segment": inner.public_id}
    Segment.objects.filter(pk=outer.pk).update(refresh_due_at=clock.now() - timedelta(hours=1))

    tasks.refresh_segments()
    assert members(outer) == set()  # its turn came first, and it waits
    later()

    assert members(outer) == pks(pros)
    assert told(outer) == []


def test_segments_cannot_be_made_of_each_other(workspace):
    first = make_segment(workspace)
    second = make_segment(workspace, {"none": [{"segment": "pros"}]}, "second")
    make_segment(workspace, {"segment": "second"}, "third")

    with pytest.raises(Invalid) as refused:
        services.update_segment(first, rule={"any": [{"segment": "third"}]}, by=SYSTEM)

    (fault,) = refused.value.errors
    assert (fault.pointer, fault.code) == ("/rule", "circle")
    assert "“Pros” → “Third” → “Second” → “Pros”" in fault.detail
    with pytest.raises(Invalid, match="“Second” → “Second”"):
        services.update_segment(second, rule={"segment": second.public_id}, by=SYSTEM)
    first.refresh_from_db()
    assert first.rule == IS_PRO


def test_what_a_rule_names_must_be_there_and_is_stored_by_public_id(workspace):
    tag = Tag.objects.create(workspace=workspace, name="VIP", slug="vip")
    strange = Tag.objects.create(workspace=WorkspaceFactory(), name="Other", slug="other")

    segment = make_segment(workspace, {"tag": "vip", "op": "has"})
    with pytest.raises(Invalid) as refused:
        make_segment(
            workspace,
            {
                "all": [
                    {"tag": "vipp", "op": "has"},
                    {"tag": strange.public_id, "op": "has"},
                    {"list": "news", "op": "confirmed"},
                    {"segment": "nope"},
                    {"enrollment": "goal", "of": "nope"},
                    {"message": "sent", "of": {"campaign": "nope"}},
                    {"field": "plann", "op": "exists"},
                    {"field": "plan", "op": "gt", "value": 5},
                ]
            },
            "other",
        )

    assert segment.rule == {"tag": tag.public_id, "op": "has"}
    assert [(one.pointer, one.code, one.detail) for one in refused.value.errors] == [
        ("/rule/all/0/tag", "not_found", "There is no tag “vipp”. Did you mean “vip”?"),
        ("/rule/all/1/tag", "not_found", f"There is no tag “{strange.public_id}”."),
        ("/rule/all/2/list", "not_found", "There is no list “news”."),
        ("/rule/all/3/segment", "not_found", "There is no segment “nope”."),
        ("/rule/all/4/of", "not_found", "There is no sequence “nope”."),
        ("/rule/all/5/of/campaign", "not_found", "There is no campaign “nope”."),
        ("/rule/all/6/field", "not_found", "There is no field “plann”. Did you mean “plan”?"),
        ("/rule/all/7/op", "field_type", "“plan” is a text: it cannot be compared like a number."),
    ]
    assert Segment.objects.count() == 1


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ({"field": "size", "op": "is", "value": "L"}, None),
        ({"field": "size", "op": "is", "value": "l"}, None),
        ({"field": "size", "op": "starts_with", "value": "X"}, None),
        (
            {"field": "size", "op": "in", "value": ["L", "XLL"]},
            ("/rule/value", "There is no choice “XLL”. Did you mean “XL”?"),
        ),
        ({"field": "seen", "op": "in_last", "value": "P7D"}, None),
        ({"field": "created_at", "op": "on", "value": "2026-01-01"}, None),
        (
            {"field": "created_at", "op": "is", "value": "2026-01-01"},
            ("/rule/op", "“created_at” is a datetime: it cannot be compared like a text."),
        ),
        (
            {"field": "email", "op": "in_last", "value": "P7D"},
            ("/rule/op", "“email” is a text: it cannot be compared like a date."),
        ),
    ],
    ids=str,
)
def test_a_field_is_compared_as_its_kind_can_be(workspace, rule, fault):
    CustomFieldFactory(workspace=workspace, key="size", kind="choice", choices=["L", "XL"])
    CustomFieldFactory(workspace=workspace, key="seen", kind="datetime")

    try:
        found = make_segment(workspace, rule).rule
    except Invalid as refused:
        found = [(one.pointer, one.detail) for one in refused.errors]

    assert found == ([fault] if fault else rule)


def test_a_name_may_be_taken_and_a_revision_stale(workspace):
    segment = make_segment(workspace)

    with pytest.raises(Conflict, match="already"):
        make_segment(workspace)
    with pytest.raises(Stale):
        services.update_segment(segment, name="New", expected_revision=7, by=SYSTEM)

    segment.refresh_from_db()
    assert segment.name == "Pros"


def test_a_segment_in_use_is_not_archived(workspace):
    inner = make_segment(workspace)
    outer = make_segment(workspace, {"segment": "pros"}, "outer")

    with pytest.raises(InUse, match="“Outer”"):
        services.archive_segment(inner, by=SYSTEM)
    assert services.archive_segment(outer, by=SYSTEM) is True
    assert services.archive_segment(outer, by=SYSTEM) is False
    assert services.archive_segment(inner, by=SYSTEM) is True

    assert tasks.refresh_segments() == 0
    with pytest.raises(Invalid, match="archived"):
        services.update_segment(inner, name="New", by=SYSTEM)


def test_many_people_are_moved_in_chunks(workspace, monkeypatch):
    monkeypatch.setattr(refresh, "FETCH", "FETCH 2 FROM segment_difference")
    pros = make_pros(5, workspace)
    segment = make_segment(workspace, announce=True)

    tasks.refresh_segments()

    segment.refresh_from_db()
    assert members(segment) == pks(pros)
    assert segment.member_count == 5
    assert len(told(segment)) == 5


def test_an_edit_meanwhile_stops_a_refresh(workspace, monkeypatch):
    monkeypatch.setattr(refresh, "FETCH", "FETCH 2 FROM segment_difference")
    make_pros(5, workspace)
    segment = make_segment(workspace)
    fetch, chunks = refresh._fetch, []

    def fetch_and_edit(cursor):
        chunks.append(1)
        if len(chunks) == 2:
            rule = IS_PRO | {"value": "free"}
            services.update_segment(Segment.objects.get(), rule=rule, by=SYSTEM)
        return fetch(cursor)

    monkeypatch.setattr(refresh, "_fetch", fetch_and_edit)
    assert tasks.refresh_segments() == 0

    segment.refresh_from_db()
    assert (segment.state, segment.member_count) == (SegmentState.BUILDING, 2)
    assert segment.members.count() == 2
    monkeypatch.setattr(refresh, "_fetch", fetch)
    assert tasks.refresh_segments() == 1
    segment.refresh_from_db()
    assert (members(segment), segment.member_count) == (set(), 0)


def test_a_refresh_that_fails_is_tried_later_and_holds_up_no_other(workspace):
    (pro,) = make_pros(1, workspace)
    broken, sound = make_segment(workspace), make_segment(workspace, slug="sound")
    Segment.objects.filter(pk=broken.pk).update(rule={"no": "rule"})

    assert tasks.refresh_segments() == 1

    broken.refresh_from_db()
    assert members(sound) == {pro.pk}
    assert broken.refresh_due_at - clock.now() > timedelta(minutes=9)


def test_events_of_the_last_days_lose_their_force_with_time(workspace):
    person = SubscriberFactory(workspace=workspace)
    rule = {"event": "visit", "within": "P1D"}
    segment = make_segment(workspace, rule, announce=True)
    services.record_event(workspace, CustomEvent("visit", email=person.email), by=SYSTEM)
    tasks.refresh_segments()
    assert members(segment) == {person.pk}

    with clock.frozen(clock.now() + timedelta(days=1, minutes=1)):
        later()

    assert told(segment) == [("segment.entered", person.pk), ("segment.left", person.pk)]
