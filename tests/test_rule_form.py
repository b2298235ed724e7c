"""Rules put together in the back office, without a word of JSON."""

from __future__ import annotations

import json
import re

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.backoffice import act, is_done, sign_in
from accounts.tests.factories import WorkspaceFactory
from sequences.tests.factories import EMAIL, make_live
from subscribers import services
from subscribers.models import Segment, Tag
from subscribers.tests.factories import SubscriberFactory

pytestmark = pytest.mark.django_db

CREATE = reverse("admin:subscribers_segment_create")
PREVIEW = reverse("admin:subscribers_segment_preview")
RULE = reverse("admin:subscribers_segment_rule")


@pytest.fixture
def client():
    client = sign_in()
    Tag.objects.create(workspace=client.workspace, name="Very important", slug="vip")
    Tag.objects.create(workspace=WorkspaceFactory(), name="Of others", slug="others")
    services.create_field(client.workspace, key="seats", label="Seats", kind="number", by=SYSTEM)
    services.create_field(
        client.workspace, key="plan", label="Plan", kind="choice", choices=["pro", "team"],
        by=SYSTEM,
    )  # fmt: skip
    return client


def press(client, verb, at, **sent):
    asked = {"rule_name": "rule", "rule_kind": "rule", "rule_do": verb, "rule_at": at}
    answer = client.post(RULE, asked | sent)
    assert answer.headers["HX-Trigger-After-Settle"] == "rule-drawn"
    return answer.content.decode()


def sent_by(page):
    """What a browser would send of the fields on a page, as they stand."""
    found = dict(re.findall(r'<input[^>]* name="(rule-[^"]+)"[^>]* value="([^"]*)"', page))
    for name, inner in re.findall(r'(?s)<select name="(rule-[^"]+)".*?>(.*?)</select>', page):
        chosen = re.search('value="([^"]*)" selected', inner)
        found[name] = (chosen or re.search('value="([^"]*)"', inner))[1]
    return found


def test_a_segment_is_put_together_by_pressing_buttons(client):
    page = press(client, "add", "0", **sent_by(press(client, "redraw", "0")))
    assert "Very important" not in page
    page = press(client, "redraw", "0", **{**sent_by(page), "rule-0.0-what": "tag"})
    assert "Very important" in page
    assert "Of others" not in page
    tagged = {**sent_by(page), "rule-0.0-tag": "vip", "rule-0.0-op": "has_not"}
    page = press(client, "add_group", "0", **tagged)
    assert 'id="rule-0.1.0-what"' in page
    grouped = {**sent_by(page), "rule-0.1.0-what": "field:seats"}
    page = press(client, "redraw", "0", **grouped)
    assert "is more than" in page
    assert "starts with" not in page
    filled = {**sent_by(page), "rule-0.1.0-op": "gte", "rule-0.1.0-value": "3"}
    page = press(client, "add", "0.1", **filled)
    page = press(client, "redraw", "0", **{**sent_by(page), "rule-0.1.1-what": "message:clicked"})
    clicked = {**sent_by(page), "rule-0.1.1-within": "30"}

    assert is_done(act(client, CREATE, name="Big", **clicked))

    assert Segment.objects.get().rule == {
        "all": [
            {"tag": Tag.objects.get(slug="vip").public_id, "op": "has_not"},
            {
                "any": [
                    {"field": "seats", "op": "gte", "value": 3},
                    {"message": "clicked", "within": "P30D"},
                ]
            },
        ]
    }


def test_lines_are_removed_and_the_others_stay(client):
    rule = {"any": [{"tag": "vip", "op": "has"}, {"field": "seats", "op": "lt", "value": 2}]}
    page = press(client, "as_lines", "0", rule=json.dumps(rule))

    left = press(client, "remove", "0.0", **sent_by(page))
    written = press(client, "as_json", "0", **sent_by(left))

    assert "Very important" not in left
    assert "&quot;field&quot;: &quot;seats&quot;" in written
    assert "As a form" in written


def test_a_fault_is_shown_at_its_line_and_nothing_is_lost(client):
    fields = {
        "rule-0-what": "all",
        "rule-0.0-what": "tag",
        "rule-0.0-tag": "gone",
        "rule-0.0-op": "has",
        "rule-0.1-what": "field:plan",
        "rule-0.1-op": "is",
        "rule-0.1-value": "pro",
    }

    answer = act(client, CREATE, name="Kept", **fields)

    page = answer.content.decode()
    assert not is_done(answer)
    first, second = page.split('aria-label="Line 2"')
    assert "There is no tag “gone”." in first[first.index('aria-label="Line 1"') :]
    assert '<option value="gone" selected>gone</option>' in first
    assert '<option value="pro" selected>pro</option>' in second
    assert 'value="Kept"' in page
    assert not Segment.objects.exists()
    empty = act(client, CREATE, name="Empty", **{"rule-0-what": "all"})
    assert "Say who it is about." in empty.content.decode()
    assert not Segment.objects.exists()


def test_the_faults_of_one_person_are_not_shown_to_the_next(client):
    act(client, CREATE, name="x", **{"rule-0-what": "all", "rule-0.0-what": "tag"})

    assert 'role="alert"' not in client.get(CREATE).content.decode()


def test_a_preview_counts_what_is_complete_so_far(client):
    SubscriberFactory(workspace=client.workspace, first_name="Ada")
    SubscriberFactory(workspace=client.workspace, first_name="Bob")
    fields = {
        "rule-0-what": "all",
        "rule-0.0-what": "field:first_name",
        "rule-0.0-op": "is",
        "rule-0.0-value": "ada",
        "rule-0.1-what": "tag",
    }

    seen = client.post(PREVIEW, fields).content.decode()
    whole = client.post(PREVIEW, dict(list(fields.items())[:4])).content.decode()
    nothing = client.post(PREVIEW, {"rule-0-what": "all"}).content.decode()

    assert "1 person matches." in seen
    assert "Without the lines that are not complete yet." in seen
    assert "Without the lines" not in whole
    assert "Add a condition to see whom it is about." in nothing


def test_messages_offer_the_emails_of_the_sequence_that_is_chosen(client):
    sequence = make_live(EMAIL, workspace=client.workspace, name="Welcome")
    sent = {"rule-0-what": "all", "rule-0.0-what": "message:opened"}
    assert 'name="rule-0.0-step"' not in press(client, "redraw", "0", **sent)

    page = press(client, "redraw", "0", **sent, **{"rule-0.0-of": f"sequence:{sequence.slug}"})

    assert f'value="{sequence.steps.get().key}"' in page
    assert "by a machine" in page


def test_an_event_gets_properties_line_by_line(client):
    sent = {"rule-0-what": "all", "rule-0.0-what": "event", "rule-0.0-name": "order"}
    page = press(client, "add_property", "0.0", **sent)

    filled = {"rule-0.0.0-property": "total", "rule-0.0.0-op": "gt", "rule-0.0.0-value": "9.5"}
    act(client, CREATE, name="Buyers", **{**sent_by(page), **filled})

    where = [{"property": "total", "op": "gt", "value": 9.5}]
    assert Segment.objects.get().rule == {"event": "order", "where": where}


@pytest.mark.parametrize("name", ['"><script>', "", "rule-0", "a b"])
def test_a_field_of_no_name_is_refused(client, name):
    answer = client.post(RULE, {"rule_name": name, "rule_do": "add", "rule_at": "0"})

    assert answer.status_code == 400
    assert "script" not in answer.content.decode()


def test_looking_at_the_address_does_nothing_and_strangers_get_nothing(client):
    assert client.get(RULE).status_code == 405
    assert sign_in(role="Operator").post(RULE, {"rule_name": "rule"}).status_code == 403
