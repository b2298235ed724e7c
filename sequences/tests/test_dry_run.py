from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from delivery.models import Outbox
from sequences.models import Enrollment
from sequences.services import edit
from sequences.services.publish import publish
from sequences.tests.factories import SequenceFactory
from subscribers.models import Event, Tag
from subscribers.services import create_tag, tag_people
from subscribers.tests.factories import SubscriberFactory, make_audience
from templates_app.models import Template
from templates_app.services import save_draft
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db

START = "2026-03-27T12:00:00Z"  # a Friday; on Sunday, clocks change in Berlin
STEPS = [
    {"key": "hello", "kind": "email", "template": "hello"},
    {
        "key": "buys",
        "kind": "wait_until",
        "timeout": "P1D",
        "arms": [
            {
                "key": "bought",
                "when": {
                    "event": "order_placed",
                    "where": [{"property": "cart", "op": "is", "entry": "cart"}],
                },
                "steps": [{"key": "out", "kind": "exit", "reason": "bought"}],
            },
            {"key": "clicked", "when": {"clicked": "hello"}, "steps": []},
        ],
    },
    {
        "key": "monday",
        "kind": "wait",
        "until": {"weekdays": [1], "time": "09:00"},
    },
    {
        "key": "vip",
        "kind": "branch",
        "arms": [
            {
                "key": "vips",
                "name": "VIPs",
                "when": {"rule": {"tag": "vip", "op": "has"}},
                "steps": [{"key": "gift", "kind": "email", "template": "gift"}],
            }
        ],
    },
    {"key": "bye", "kind": "email", "template": "bye"},
]
SUBJECTS = {
    "hello": "Hello {{ subscriber.first_name | default: 'you' }}",
    "gift": "A gift for {{ subscriber.email }}",
    "bye": "Goodbye",
}


@pytest.fixture
def sequence():
    sequence = SequenceFactory(slug="cart", workspace=WorkspaceFactory(slug="shop"))
    workspace = sequence.workspace
    create_tag(workspace, name="VIP", by=SYSTEM)
    for slug, subject in SUBJECTS.items():
        TemplateFactory(workspace=workspace, slug=slug, subject=subject)
    edit.put_draft(sequence, document={"steps": STEPS}, by=SYSTEM)
    trigger = {"kind": "event", "event": "cart_updated"}
    edit.set_triggers(sequence, triggers=[trigger], by=SYSTEM)
    return sequence


@pytest.fixture
def api(sequence):
    return Api(sequence.workspace)


def simulate(api, **body):
    answer = api("POST", "/sequences/cart/simulate", {"start": START, **body})
    assert answer.status_code == 200, answer.json()
    return answer.json()["steps"]


def told(steps):
    return [
        (each["kind"], each["number"], each["arm"] or each["subject"], each["local"])
        for each in steps
    ]


def test_somebody_invented_on_their_own_clock(api):
    ada = {"first_name": "Ada", "time_zone": "Europe/Berlin", "tags": ["vip"]}

    steps = simulate(api, person={**ada, "email": "ada@example.com"})

    assert told(steps) == [
        ("started", "", "", "2026-03-27T13:00:00+01:00"),
        ("email", "1", "Hello Ada", "2026-03-27T13:00:00+01:00"),
        ("wait_until", "2", "", "2026-03-27T13:00:00+01:00"),
        ("wait_until", "2", "timeout", "2026-03-28T13:00:00+01:00"),
        ("wait", "3", "", "2026-03-28T13:00:00+01:00"),
        ("branch", "4", "vips", "2026-03-30T09:00:00+02:00"),
        ("email", "4 › VIPs › 1", "A gift for ada@example.com", "2026-03-30T09:00:00+02:00"),
        ("email", "5", "Goodbye", "2026-03-30T09:00:00+02:00"),
        ("completed", "", "", "2026-03-30T09:00:00+02:00"),
    ]
    assert steps[3]["why"] == "Nothing happened in time."
    assert steps[6] == {
        "step": "gift",
        "number": "4 › VIPs › 1",
        "kind": "email",
        "at": "2026-03-30T07:00:00Z",
        "local": "2026-03-30T09:00:00+02:00",
        "time_zone": "Europe/Berlin",
        "why": "",
        "arm": "",
        "variant": "",
        "template": "gift",
        "subject": "A gift for ada@example.com",
        "problem": "",
    }


def test_the_event_that_starts_it_is_what_others_are_compared_with(api):
    events = [
        {"name": "cart_updated", "at": "PT1H", "properties": {"cart": "mine"}},
        {"name": "order_placed", "at": "PT2H", "properties": {"cart": "another"}},
        {"name": "order_placed", "at": "PT3H", "properties": {"cart": "mine"}},
    ]

    steps = simulate(api, events=events)

    assert [(each["kind"], each["arm"], each["at"]) for each in steps] == [
        ("started", "", "2026-03-27T13:00:00Z"),
        ("email", "", "2026-03-27T13:00:00Z"),
        ("wait_until", "", "2026-03-27T13:00:00Z"),
        ("wait_until", "bought", "2026-03-27T15:00:00Z"),
        ("exit", "", "2026-03-27T15:00:00Z"),
        ("exited", "", "2026-03-27T15:00:00Z"),
    ]


def test_a_click_that_is_told_of_takes_its_arm(api):
    steps = simulate(api, events=[{"clicked": "hello", "at": "PT5M"}], until="PT10M")

    assert [(each["kind"], each["arm"]) for each in steps[2:]] == [
        ("wait_until", ""),
        ("wait_until", "clicked"),
        ("wait", ""),
    ]


def test_somebody_known_as_they_are(api, sequence):
    [person] = make_audience(1, on=sequence.list)
    vip = Tag.objects.of(sequence.workspace).get(slug="vip")
    tag_people(vip, [person.pk], by=SYSTEM)

    for name in (person.public_id, person.email):
        steps = simulate(api, person=name)
        assert [each["template"] for each in steps if each["template"]] == ["hello", "gift", "bye"]


def test_who_is_on_no_list_gets_nothing(api, sequence):
    stranger = SubscriberFactory(workspace=sequence.workspace)

    steps = simulate(api, person=stranger.public_id)

    assert [(each["kind"], each["why"]) for each in steps] == [
        ("started", ""),
        ("exited", "not subscribed"),
    ]


def test_whom_the_entry_rule_keeps_out_is_refused(api, sequence):
    rule = {"field": "first_name", "op": "is", "value": "Ada"}
    edit.update(sequence, entry_rule=rule, by=SYSTEM)

    [refused] = simulate(api, person={"first_name": "Bob"})

    assert (refused["kind"], refused["why"]) == ("refused", "The entry rule does not hold.")
    assert simulate(api, person={"first_name": "Ada"})[0]["kind"] == "started"


def test_the_live_version_says_what_it_said_when_it_was_published(api, sequence):
    answer = api("POST", "/sequences/cart/simulate", {"version": "live"})
    assert (answer.status_code, answer.json()["code"]) == (409, "state_conflict")
    publish(sequence, by=SYSTEM)
    bye = Template.objects.get(workspace=sequence.workspace, slug="bye")
    save_draft(bye, subject="See you", by=SYSTEM)

    assert simulate(api, version="live")[-2]["subject"] == "Goodbye"
    assert simulate(api, version="draft")[-2]["subject"] == "See you"


def test_messages_wait_for_the_window(api, sequence):
    window = {"opens": "09:00", "closes": "10:00", "weekdays": [6]}
    edit.update(sequence, window=window, by=SYSTEM)

    email = next(each for each in simulate(api) if each["kind"] == "email")

    assert (email["kind"], email["local"]) == ("email", "2026-03-28T09:00:00+00:00")
    assert email["why"] == "The send window opens."


def test_nothing_comes_of_it(api, sequence):
    before = [model.objects.count() for model in (Enrollment, Outbox, Event)]

    simulate(api)

    assert [model.objects.count() for model in (Enrollment, Outbox, Event)] == before


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"person": "nobody@example.com"}, "/person", "not_found"),
        ({"person": {"email": "nobody"}}, "/person/email", "invalid_email"),
        ({"person": {"tags": ["vipp"]}}, "/person/tags/0", "not_found"),
        ({"person": {"name": "Ada"}}, "/person/name", "unknown_field"),
        ({"start": "yesterday"}, "/start", "invalid"),
        ({"start": "2026-03-27T12:00:00"}, "/start", "invalid"),
        ({"until": "P1Y"}, "/until", "invalid"),
        ({"events": [{"at": "P1D"}]}, "/events/0", "required"),
        ({"events": [{"name": "x"}]}, "/events/0/at", "required"),
        ({"events": {"name": "x"}}, "/events", "invalid"),
        ({"events": [{"tag_added": "x", "at": "P1D"}]}, "/events/0/tag_added", "not_found"),
        ({"whom": "Ada"}, "/whom", "unknown_field"),
    ],
)
def test_what_cannot_be_simulated_is_said(api, body, pointer, code):
    answer = api("POST", "/sequences/cart/simulate", body)

    assert answer.status_code == 400
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [
        (pointer, code)
    ]


def test_a_draft_that_could_not_be_published_cannot_be_simulated(api, sequence):
    edit.put_draft(sequence, document={"steps": []}, by=SYSTEM)

    answer = api("POST", "/sequences/cart/simulate", {})

    assert answer.json()["errors"][0]["pointer"] == "/steps"


def test_a_person_is_shown_to_whom_may_see_people(sequence):
    author = Api(sequence.workspace, "sequences:read")
    [person] = make_audience(1, on=sequence.list)

    answer = author("POST", "/sequences/cart/simulate", {"person": person.public_id})

    assert (answer.status_code, answer.json()["scope"]) == (403, "subscribers:read")
    assert author("POST", "/sequences/cart/simulate", {}).status_code == 200


def run(*arguments):
    out = StringIO()
    call_command("simulate_sequence", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_takes_files(sequence, tmp_path):
    profile, events = tmp_path / "ada.yaml", tmp_path / "events.jsonl"
    profile.write_text("first_name: Ada\ntime_zone: Europe/Berlin\n")
    events.write_text('{"clicked": "hello", "at": "PT1H"}\n\n{"name": "seen", "at": "PT2H"}\n')

    shown = run(
        "cart",
        *("--profile", str(profile), "--events", str(events)),
        *("--start", START, "--until", "4d"),
    )

    assert shown.splitlines() == [
        "         Fri 2026-03-27 13:00 CET  started",
        "1        Fri 2026-03-27 13:00 CET  “Hello Ada” (hello)",
        "2        Fri 2026-03-27 13:00 CET  wait_until",
        "2        Fri 2026-03-27 14:00 CET  wait_until → clicked: It happened first.",
        "3        Fri 2026-03-27 14:00 CET  wait",
        "4        Mon 2026-03-30 09:00 CEST  branch → else: No rule holds.",
        "5        Mon 2026-03-30 09:00 CEST  “Goodbye” (bye)",
        "         Mon 2026-03-30 09:00 CEST  completed",
    ]


def test_the_command_answers_programs(sequence):
    [person] = make_audience(1, on=sequence.list)

    answer = json.loads(run("cart", "--as", person.email, "--start", START, "--json"))

    assert answer["sequence"] == "cart"
    assert [each["kind"] for each in answer["steps"]][:2] == ["started", "email"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["carts"], "No sequence has the slug “carts”."),
        (["cart", "--profile", "/nowhere.yaml"], "/nowhere.yaml: No such file or directory."),
        (["cart", "--start", "soon"], "/start: Write an instant"),
        (["cart", "--live"], "No version is live yet"),
        (["cart", "--workspace", "other"], "No sequence has the slug “cart”."),
    ],
)
def test_the_command_says_what_is_wrong(sequence, arguments, said):
    with pytest.raises(CommandError) as error:
        run(*arguments)

    assert said in str(error.value)
    assert error.value.returncode == 2
