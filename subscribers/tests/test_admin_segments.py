"""Segments in the back office."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.backoffice import act, is_done, sign_in
from subscribers import services, tasks
from subscribers.models import Segment, Tag
from subscribers.states import SegmentKind, SegmentState
from subscribers.tests.factories import SubscriberFactory, make_people

pytestmark = pytest.mark.django_db

LIST = reverse("admin:subscribers_segment_changelist")
CREATE = reverse("admin:subscribers_segment_create")
PREVIEW = reverse("admin:subscribers_segment_preview")
IS_ADA = {"field": "first_name", "op": "is", "value": "Ada"}


@pytest.fixture
def client():
    return sign_in()


def make_segment(client, rule=IS_ADA):
    return services.create_segment(client.workspace, name="Adas", slug="adas", rule=rule, by=SYSTEM)


def url(verb, segment):
    return reverse(f"admin:subscribers_segment_{verb}", args=[segment.pk])


def page_of(client, segment):
    return client.get(url("change", segment)).content.decode()


def save(client, segment, rule, **changes):
    values = {"name": segment.name, "revision": segment.revision, "rule": rule, **changes}
    return act(client, url("save", segment), **values)


def test_a_segment_is_made_counted_and_read(client):
    ada = SubscriberFactory(workspace=client.workspace, email="ada@example.com")

    answer = act(client, CREATE, name="Adas", rule=json.dumps(IS_ADA))

    assert is_done(answer)
    segment = Segment.objects.get()
    assert (segment.slug, segment.kind, segment.rule) == ("adas", SegmentKind.DYNAMIC, IS_ADA)
    tasks.refresh_segments()
    assert "First name is “Ada”." in client.get(LIST).content.decode()
    page = page_of(client, segment)
    assert ada.email in page
    assert "1 as of" in page


def test_a_frozen_segment_has_no_editor(client):
    act(client, CREATE, name="Adas", rule=json.dumps(IS_ADA), frozen="on")

    segment = Segment.objects.get()
    page = page_of(client, segment)

    assert segment.kind == SegmentKind.FROZEN
    assert 'id="editor"' not in page
    assert url("freeze", segment) not in page
    assert "First name is “Ada”." in page


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{", "This is not JSON: Expecting property name"),
        ("[" * 100_000, "This is not JSON"),
        ("{}", "This must have one of all, any, none"),
        ('{"all": [{"tag": "x", "op": "has"}]}', "/all/0/tag: There is no tag “x”."),
        ('{"tag": "x\\u0000", "op": "has"}', "/tag: It holds NUL"),
        ('{"field": "email", "op": "gt", "value": NaN}', "/value: This must be a number."),
        ("", "Say who it is about."),
    ],
)
def test_a_fault_of_the_rule_is_shown_with_its_place_and_nothing_is_lost(client, rule, said):
    segment = make_segment(client)

    answer = save(client, segment, rule, name="Kept")

    page = answer.content.decode()
    assert not is_done(answer)
    assert said in page[page.index('id="id_rule_error"') :]
    assert 'value="Kept"' in page
    segment.refresh_from_db()
    assert (segment.name, segment.rule) == ("Adas", IS_ADA)


def test_a_rule_is_edited_with_slugs(client):
    tag = Tag.objects.create(workspace=client.workspace, name="Very important", slug="vip")
    segment = make_segment(client, {"tag": "vip", "op": "has"})
    assert '<option value="vip" selected>Very important</option>' in page_of(client, segment)

    rule = {"none": [{"tag": "vip", "op": "has"}]}
    assert is_done(save(client, segment, json.dumps(rule), announce="on"))

    segment.refresh_from_db()
    assert segment.rule == {"none": [{"tag": tag.public_id, "op": "has"}]}
    assert (segment.state, segment.announces, segment.revision) == (SegmentState.BUILDING, True, 2)


def test_an_edit_of_what_somebody_else_has_changed_is_refused(client):
    segment = make_segment(client)
    services.update_segment(Segment.objects.get(), name="Theirs", by=SYSTEM)

    answer = save(client, segment, json.dumps(IS_ADA), name="Mine")

    assert "Somebody else has changed this segment." in answer.content.decode()
    segment.refresh_from_db()
    assert segment.name == "Theirs"


def test_what_is_being_written_is_previewed(client):
    SubscriberFactory(workspace=client.workspace, email="ada@example.com")

    seen = client.post(PREVIEW, {"rule": json.dumps(IS_ADA)}).content.decode()
    faulty = client.post(PREVIEW, {"rule": '{"tag": "x", "op": "has"}'}).content.decode()
    broken = client.post(PREVIEW, {"rule": "{"}).content.decode()

    assert "First name is “Ada”." in seen
    assert "1 person matches." in seen
    assert "ada@example.com" in seen
    assert "/tag: There is no tag “x”." in faulty
    assert "This is not JSON" in broken


def test_who_may_not_see_people_sees_numbers():
    client = sign_in(role="Author")
    SubscriberFactory(workspace=client.workspace, email="ada@example.com")
    segment = make_segment(client)
    tasks.refresh_segments()

    pages = (
        page_of(client, segment)
        + client.post(PREVIEW, {"rule": json.dumps(IS_ADA)}).content.decode()
    )

    assert "1 as of" in pages
    assert "1 person matches." in pages
    assert "ada@example.com" not in pages


def test_a_large_departure_is_let_go(client):
    people = make_people(20, workspace=client.workspace)
    segment = make_segment(client)
    tasks.refresh_segments()
    assert url("confirm", segment) not in page_of(client, segment)
    for person in people[:15]:
        services.archive(person, by=SYSTEM)
    act(client, url("recount", segment))
    tasks.refresh_segments()
    assert "15 of 20 members do not match any more." in page_of(client, segment)

    assert is_done(act(client, url("confirm", segment)))
    tasks.refresh_segments()

    segment.refresh_from_db()
    assert (segment.state, segment.member_count) == (SegmentState.READY, 5)


def test_a_segment_is_copied_frozen_and_archived(client):
    segment = make_segment(client)
    act(client, CREATE, name="Outer", rule='{"segment": "adas"}')
    assert "Outer" in page_of(client, segment)

    assert is_done(act(client, url("copy", segment), name="Copy"))
    assert is_done(act(client, url("freeze", segment)))
    refused = act(client, url("archive", segment))

    assert "It is still used by “Outer”." in refused.content.decode()
    copy = Segment.objects.get(slug="copy")
    assert (copy.rule, copy.kind) == (IS_ADA, SegmentKind.DYNAMIC)
    assert is_done(act(client, url("archive", Segment.objects.get(slug="outer"))))
    assert is_done(act(client, url("archive", segment)))
    assert url("change", segment) not in client.get(LIST).content.decode()
