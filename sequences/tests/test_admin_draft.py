"""Every kind of step, arm, trigger and ending by the forms of the back office."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.backoffice import act, is_done, sign_in
from delivery.models import WebhookEndpoint
from emailseq.lib.encrypted import Secret
from sequences import draft, engine
from sequences.models import Enrollment, Sequence, SequenceVersion, Step
from sequences.services import edit
from sequences.services.publish import publish
from sequences.services.transfer import transfer
from sequences.tests.factories import DAY, EMAIL, SequenceFactory, let_leave, make_live, make_runs
from sequences.tests.test_admin_sequence import url
from sequences.tests.test_edit_blocks import add_branch, outline
from subscribers.models import Segment, Tag
from subscribers.services import create_field
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db

RULE = {"tag": "vip", "op": "has"}


@pytest.fixture
def client():
    return sign_in()


@pytest.fixture
def sequence(client):
    made = SequenceFactory(workspace=client.workspace, slug="welcome")
    made.fields = {
        key: create_field(made.workspace, key=key, label=key.title(), kind=kind, by=SYSTEM)
        for key, kind in (("renewal", "date"), ("seats", "number"))
    }
    made.tag = Tag.objects.create(workspace=made.workspace, name="VIP", slug="vip")
    made.hook = WebhookEndpoint.objects.create(
        workspace=made.workspace, url="https://example.com/hook", secret=Secret.of("s")
    )
    return made


def last(sequence):
    return Step.objects.filter(sequence=sequence).order_by("-pk").first()


def page(client, sequence):
    return client.get(url("change", sequence)).content.decode()


@pytest.mark.parametrize(
    ("given", "kept", "words"),
    [
        ({"how": "delay", "amount": 36, "unit": "hours"}, {"delay": "P1DT12H"}, "Wait 36 hours"),
        ({"how": "time", "time": "09:00"}, {"until": {"time": "09:00"}}, "Wait until 09:00"),
        (
            {"how": "weekdays", "weekdays": [1, 5], "time": "09:00"},
            {"until": {"weekdays": [1, 5], "time": "09:00"}},
            "Wait until Monday, Friday, 09:00",
        ),
        (
            {"how": "date", "date": "renewal", "offset_days": -5, "time": "09:00", "yearly": "on"},
            {"until": {"field": "renewal", "offset_days": -5, "time": "09:00", "yearly": True}},
            "Wait until 5 days before every year on renewal, 09:00",
        ),
    ],
)
def test_a_wait_of_every_sort(client, sequence, given, kept, words):
    if "date" in given:
        given = {**given, "date": sequence.fields["renewal"].pk}

    assert is_done(act(client, url("add_wait", sequence), **given))

    step = sequence.steps.get()
    assert draft.members(step) == kept
    assert words in page(client, sequence)
    shown = client.get(url("edit", step)).content.decode()
    assert f'<option value="{given["how"]}" selected>' in shown
    assert is_done(act(client, url("edit", step), **given))
    assert draft.members(Step.objects.get()) == kept


@pytest.mark.parametrize(
    "given",
    [
        {"how": "delay", "amount": ""},
        {"how": "time", "time": "9"},
        {"how": "weekdays", "time": "09:00"},
        {"how": "date", "time": "09:00"},
    ],
)
def test_a_wait_that_is_none_is_refused(client, sequence, given):
    answer = act(client, url("add_wait", sequence), **given)

    assert not is_done(answer)
    assert "bo-error" in answer.content.decode()
    assert not sequence.steps.exists()


def test_an_email_with_variants_in_the_thread_of_another(client, sequence):
    one, two = (TemplateFactory(workspace=sequence.workspace, name=name) for name in "XY")
    act(client, url("add_email", sequence), template=one.pk)
    first = last(sequence)

    fields = {"template": one.pk, "share": 3, "template_b": two.pk, "share_b": 1}
    assert is_done(act(client, url("add_email", sequence), **fields, thread=first.key))

    step = last(sequence)
    assert draft.members(step) == {
        "template": one.public_id,
        "thread": first.key,
        "variants": [
            {"key": "a", "template": one.public_id, "weight": 3},
            {"key": "b", "template": two.public_id, "weight": 1},
        ],
    }
    shown = page(client, sequence)
    assert "In the thread of an earlier email" in shown
    assert "b: Y" in shown
    assert "25\N{NARROW NO-BREAK SPACE}%" in shown
    form = client.get(url("edit", step)).content.decode()
    assert f'<option value="{first.key}" selected>' in form
    assert is_done(act(client, url("edit", step), template=two.pk))
    assert draft.members(Step.objects.get(pk=step.pk)) == {"template": two.public_id}


def test_what_a_form_has_no_room_for_stays(client, sequence):
    template = TemplateFactory(workspace=sequence.workspace)
    variants = [{"template": template} for _ in range(6)]
    step = edit.add_step(sequence, kind="email", template=template, variants=variants, by=SYSTEM)

    fields = {f"template_{letter}": template.pk for letter in "bcd"}
    assert is_done(act(client, url("edit", step), template=template.pk, share=9, **fields))

    assert [each.weight for each in step.variants.all()] == [9, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("given", "kept", "words"),
    [
        ({"what": "add_tag", "tag": "tag"}, {"kind": "add_tag", "tag": "tag"}, "Add the tag VIP"),
        (
            {"what": "enroll", "sequence": "other"},
            {"kind": "enroll", "sequence": "other"},
            "Send through Other",
        ),
        (
            {"what": "set_field", "field": "seats", "value": "3"},
            {"kind": "set_field", "field": "seats", "value": 3},
            "Set seats to 3",
        ),
        (
            {"what": "set_field", "field": "seats"},
            {"kind": "set_field", "field": "seats", "value": None},
            "Clear seats",
        ),
        (
            {"what": "call_webhook", "endpoint": "hook"},
            {"kind": "call_webhook", "endpoint": "hook"},
            "Call https://example.com/hook",
        ),
        (
            {"what": "notify", "to": "ada@example.com", "text": "Look!"},
            {"kind": "notify", "to": "ada@example.com", "text": "Look!"},
            "Write to ada@example.com",
        ),
    ],
)
def test_an_action_of_every_sort(client, sequence, given, kept, words):
    other = SequenceFactory(workspace=client.workspace, name="Other")
    rows = {"tag": sequence.tag, "other": other, "hook": sequence.hook, **sequence.fields}
    posted = {n: rows[v].pk if v in rows else v for n, v in given.items()}
    kept = {
        n: rows[v].public_id if n not in ("kind", "field") and v in rows else v
        for n, v in kept.items()
    }

    assert is_done(act(client, url("add_action", sequence), **posted))

    step = sequence.steps.get()
    assert step.settings["action"] == kept
    assert words in page(client, sequence)
    assert client.get(url("edit", step)).status_code == 200
    assert is_done(act(client, url("edit", step), **posted))
    assert Step.objects.get(pk=step.pk).settings["action"] == kept


@pytest.mark.parametrize(
    "given",
    [
        {"what": "add_tag"},
        {"what": "set_field", "value": "3"},
        {"what": "set_field", "field": "seats", "value": "many"},
        {"what": "notify", "to": "ada", "text": "x"},
    ],
)
def test_an_action_that_cannot_be_is_refused(client, sequence, given):
    if "field" in given:
        given = {**given, "field": sequence.fields["seats"].pk}

    answer = act(client, url("add_action", sequence), **given)

    assert not is_done(answer)
    assert not sequence.steps.exists()


def test_blocks_are_built_arm_by_arm(client, sequence):
    branch_fields = {"name": "VIPs", "rule": json.dumps(RULE)}
    assert is_done(act(client, url("add_branch", sequence), **branch_fields))
    branch = last(sequence)
    at = f"?at={branch.key}/arm-1"
    assert is_done(act(client, url("add_exit", sequence) + at, reason="Enough"))
    assert is_done(act(client, url("add_split", sequence) + at, share_a=3, share_b=1))
    split = last(sequence)
    assert is_done(act(client, url("add_arm", split), name="Third", weight=4))
    assert is_done(act(client, url("add_wait_until", sequence), amount=3, unit="days"))
    waits = last(sequence)
    assert is_done(act(client, url("add_arm", waits), name="Bought", what="event", event="order"))
    assert is_done(act(client, url("add_arm", waits), what="reply"))
    assert is_done(act(client, url("edit", waits), amount=5, unit="days"))

    assert outline(sequence) == (
        "branch(arm-1: exit split(arm-1: | arm-2: | arm-3:) | else:) "
        "wait_until(arm-1: | arm-2: | timeout:)"
    )
    arms = Step.objects.get(pk=waits.pk).settings["arms"]
    assert [arm.get("when") for arm in arms] == [{"event": "order"}, {"reply": True}, None]
    assert Step.objects.get(pk=waits.pk).delay == 5 * DAY
    shown = page(client, sequence)
    for words in (
        "Tagged “VIP”.",
        "All others",
        "End here: Enough",
        "50\u202f%",
        "They do order",
        "They answer",
        "Nothing in time",
        "for 5 days at most",
    ):
        assert words in shown, words


def test_arms_are_changed_moved_and_removed(client, sequence):
    branch = add_branch(sequence, "a", "b")
    rule = json.dumps(RULE)

    assert is_done(act(client, url("edit_arm", branch) + "?arm=a", name="Vips", rule=rule))
    shown = client.get(url("edit_arm", branch) + "?arm=a").content.decode()
    assert '<option value="vip" selected>' in shown
    assert is_done(act(client, url("edit_arm", branch) + "?arm=else", name="Others"))
    assert is_done(act(client, url("arm_down", branch) + "?arm=a"))
    assert outline(sequence) == "branch(b: | a: | else:)"
    assert is_done(act(client, url("arm_up", branch) + "?arm=a"))
    assert is_done(act(client, url("remove_arm", branch) + "?arm=b"))
    arms = Step.objects.get().settings["arms"]
    assert [(arm["key"], arm["name"]) for arm in arms] == [("a", "Vips"), ("else", "Others")]
    for gone in ("", "?arm=b", "?arm=else"):
        assert not is_done(act(client, url("remove_arm", branch) + gone))
    assert not is_done(act(client, url("edit_arm", branch) + "?arm=a", rule="{"))


def test_steps_go_elsewhere_and_come_twice(client, sequence):
    branch = add_branch(sequence, "a")
    wait = edit.add_step(sequence, kind="wait", delay=DAY, by=SYSTEM)

    shown = client.get(url("place", wait)).content.decode()
    assert "1 › a" in shown
    own = client.get(url("place", branch)).content.decode()
    assert "1 › a" not in own, "not into an arm of its own"
    assert is_done(act(client, url("place", wait), at=f"{branch.key}/a"))
    assert is_done(act(client, url("duplicate", wait)))
    assert outline(sequence) == "branch(a: wait wait | else:)"
    assert is_done(act(client, url("place", wait), at=""))
    assert outline(sequence) == "branch(a: wait | else:) wait"
    asked = client.get(url("remove", branch)).content.decode()
    assert "1 step in its arms goes with it." in asked
    assert is_done(act(client, url("remove", branch)))
    assert outline(sequence) == "wait"
    assert is_done(act(client, url("undo", sequence)))
    assert outline(sequence) == "branch(a: wait | else:) wait"


def test_a_step_that_is_gone_takes_no_steps(client, sequence):
    answer = act(client, url("add_exit", sequence) + "?at=stp_gone/a")

    assert not is_done(answer)
    assert "not there any more" in answer.content.decode()


def test_what_starts_it_and_what_ends_it(client, sequence):
    segment = Segment.objects.create(
        workspace=client.workspace, name="Pros", slug="pros", rule=RULE
    )
    for fields in (
        {"kind": "tag_added", "tag": sequence.tag.pk},
        {"kind": "segment_entered", "segment": segment.pk},
        {"kind": "event", "event": "signed_up"},
        {"kind": "field_changed", "field": sequence.fields["seats"].pk},
        {"kind": "date", "date": sequence.fields["renewal"].pk, "time": "09:00"},
    ):
        assert is_done(act(client, url("add_trigger", sequence), **fields)), fields
    assert not is_done(act(client, url("add_trigger", sequence), kind="list_joined"))
    ending = {"kind": "goal", "name": "Bought", "what": "event", "event": "order"}
    assert is_done(act(client, url("add_ending", sequence), **ending))
    ending = {"kind": "exit", "name": "Vip", "what": "rule", "rule": json.dumps(RULE)}
    assert is_done(act(client, url("add_ending", sequence), **ending))
    assert not is_done(act(client, url("add_ending", sequence), **{**ending, "rule": ""}))

    shown = page(client, sequence)
    for words in (
        "Somebody gets the tag VIP",
        "Somebody comes into Pros",
        "Somebody does signed_up",
        "seats of somebody changes",
        "It is the day of renewal, 09:00",
        "Goal: Bought",
        "They do order",
        "Exit: Vip",
        "Tagged “VIP”.",
    ):
        assert words in shown, words
    assert is_done(act(client, url("remove_trigger", sequence) + "?number=0"))
    assert is_done(act(client, url("remove_ending", sequence) + "?number=0"))
    assert sequence.triggers.first().kind == "segment_entered"
    assert [each.name for each in sequence.endings.all()] == ["Vip"]
    assert not is_done(act(client, url("remove_trigger", sequence) + "?number=9"))
    assert not is_done(act(client, url("remove_ending", sequence)))


def test_settings_are_changed_and_shown(client, sequence):
    fields = {
        "name": "Welcome",
        "sender": sequence.sender_id,
        "re_entry": "cooldown",
        "cooldown_days": 30,
        "entry_rule": json.dumps(RULE),
        "opens": "09:00",
        "closes": "17:00",
        "weekdays": [1, 2],
        "zone": "workspace",
        "priority": 7,
        "holdout_percent": 10,
        "message_class": "marketing",
        "cap_policy": "skip",
    }
    assert is_done(act(client, url("edit", sequence), **fields, revision=sequence.revision))

    kept = Sequence.objects.get(pk=sequence.pk)
    assert (kept.re_entry, kept.cooldown, kept.priority) == ("cooldown", 30 * DAY, 7)
    assert kept.window["weekdays"] == [1, 2]
    assert kept.entry_rule == {"tag": sequence.tag.public_id, "op": "has"}
    assert (kept.holdout_percent, kept.cap_policy) == (10, "skip")
    shown = client.get(url("edit", kept)).content.decode()
    assert 'value="30"' in shown
    assert '<option value="vip" selected>' in shown
    fields = {"name": "Welcome", "sender": sequence.sender_id, "re_entry": "never"}
    assert is_done(act(client, url("edit", kept), **fields, revision=kept.revision))
    kept.refresh_from_db()
    assert (kept.cooldown, kept.window, kept.entry_rule, kept.priority) == (None, None, None, 7)
    wrong = {**fields, "opens": "9"}
    assert not is_done(act(client, url("edit", kept), **wrong, revision=kept.revision))


def test_a_sequence_is_duplicated(client, sequence):
    edit.add_step(sequence, kind="wait", delay=DAY, by=SYSTEM)

    assert is_done(act(client, url("duplicate", sequence), name="Again"))

    assert outline(Sequence.objects.get(slug="again")) == "wait"


def hidden(shown, name):
    return shown.partition(f'name="{name}" value="')[2].partition('"')[0]


def test_publishing_shows_what_it_means_and_does_what_is_chosen(client):
    live = make_live(EMAIL, DAY, EMAIL, workspace=client.workspace)
    make_runs(live, 2)
    engine.advance()
    let_leave()
    _, wait, end = live.steps.order_by("position")
    edit.remove_step(wait, by=SYSTEM)
    edit.add_step(live, kind="wait", delay=2 * DAY, to=1, by=SYSTEM)

    shown = client.get(url("publish", live)).content.decode()
    for words in (
        "2 people are inside",
        "Step 2",
        "(gone)",
        "go on with step 3",
        "What changes",
        "Nobody gets there: “https://example.com/start”.",  # its messages are looked at, too
        "New",
        "Gone",
    ):
        assert words in shown, words
    fields = {"people": "stay", f"fate-{wait.key}": "move", "token": hidden(shown, "token")}
    assert is_done(act(client, url("publish", live), **fields))
    transfer()
    engine.advance()

    runs = Enrollment.objects.select_related("version")
    assert {(run.version.number, run.position) for run in runs} == {(2, end.key)}
    said = client.get(url("change", live)).content.decode()
    assert "Version 2 is live. Who is inside follows within minutes." in said


def test_an_impact_that_is_out_of_date_publishes_nothing(client):
    live = make_live(EMAIL, DAY, EMAIL, workspace=client.workspace)
    token = hidden(client.get(url("publish", live)).content.decode(), "token")
    make_runs(live, 5)

    answer = act(client, url("publish", live), people="move", token=token)

    assert "Many people have moved" in answer.content.decode()
    assert SequenceVersion.objects.count() == 1


def test_what_is_missing_and_what_is_odd_stands_above(client, sequence):
    edit.add_step(
        sequence, kind="branch", arms=[{"when": {"rule": {"event": "unheard"}}}], by=SYSTEM
    )

    shown = client.get(url("publish", sequence)).content.decode()

    assert "What keeps it from being published" in shown
    assert "It sends nothing: add an email." in shown
    assert "No event “unheard” has come so far." in shown


def test_an_earlier_version_becomes_the_draft(client):
    live = make_live(EMAIL, DAY, EMAIL, workspace=client.workspace)
    make_runs(live, 2)
    edit.remove_step(live.steps.last(), by=SYSTEM)
    edit.remove_step(live.steps.last(), by=SYSTEM)
    publish(live, people="move", by=SYSTEM)
    transfer()
    first = live.versions.get(number=1)

    listed = client.get(
        reverse("admin:sequences_sequenceversion_changelist"), {"sequence__id__exact": live.pk}
    )
    assert [(row.number, row.inside) for row in listed.context["cl"].result_list] == [
        (2, 2),
        (1, 0),
    ]
    assert "2 moved, 0 left" in listed.content.decode()
    assert is_done(act(client, url("restore", first)))

    assert outline(live) == "email wait email"
    live.refresh_from_db()
    assert live.live_version.number == 2


def test_a_run_between_two_steps_stands_at_the_one_before(client):
    live = make_live(EMAIL, DAY, EMAIL, workspace=client.workspace)
    [run] = make_runs(live)
    first = live.steps.first()
    Enrollment.objects.filter(pk=run.pk).update(position=f"{first.key}/")

    listed = client.get(reverse("admin:sequences_enrollment_changelist")).content.decode()

    assert f"Send {first.template}" in listed
    assert "1 person waits here" in page(client, live)
