"""What keeps a draft from being published: each problem names the step and the mend."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from accounts.audit import SYSTEM
from emailseq.lib import clock
from emailseq.lib.errors import Invalid
from sequences import validate
from sequences.models import Sequence, Step
from sequences.services import edit, lifecycle
from sequences.services.publish import publish
from sequences.tests.factories import SequenceFactory, joining
from subscribers.models import CustomField, List, Segment, Tag
from subscribers.services import create_field, tag_people
from subscribers.tests.factories import ListFactory, make_audience
from templates_app.models import Template
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db

CALM = (
    '<div style="display:none">Boats!</div><p>A harbour has water, boats, a pier and people who '
    "like to read about all of it, every single day.</p>"
    '<a href="{{ links.unsubscribe }}">Leave</a> {{ workspace.postal_address }}'
)
MAIL = {"kind": "email", "template": "hello", "key": "mail"}
WAIT = {"kind": "wait", "delay": "P1D"}
EXIT = {"kind": "exit"}
HAS_VIP = {"rule": {"tag": "vip", "op": "has"}}


@pytest.fixture
def sequence():
    made = SequenceFactory(slug="welcome", name="Welcome")
    for key, kind in (("renewal", "date"), ("plan", "text")):
        create_field(made.workspace, key=key, label=key, kind=kind, by=SYSTEM)
    TemplateFactory(workspace=made.workspace, slug="hello", name="Hello")
    Tag.objects.create(workspace=made.workspace, name="VIP", slug="vip")
    Segment.objects.create(workspace=made.workspace, name="Pros", slug="pros", rule={})
    ListFactory(workspace=made.workspace, slug="news", name="News")
    return made


def put(sequence, *steps):
    edit.put_draft(sequence, document={"steps": [*steps]}, by=SYSTEM)


def found(sequence):
    return [(each.pointer, each.code, each.detail) for each in validate.problems(sequence)]


def block(kind, *arms, **members):
    return {"kind": kind, "arms": [*arms], **members}


def arm(*steps, **members):
    return {**members, "steps": [*steps]}


GOOD = [
    [MAIL],
    [{"kind": "action", "action": {"kind": "add_tag", "tag": "vip"}}],
    [MAIL, WAIT, {**MAIL, "key": "more", "thread": "mail"}],
    [block("branch", arm(MAIL, when=HAS_VIP)), WAIT, {**MAIL, "key": "b"}],
    [block("split", arm(MAIL), arm(EXIT))],
    [MAIL, block("wait_until", arm(EXIT, when={"opened": "mail"}), timeout="P1D")],
    [block("branch", arm(MAIL, EXIT, when=HAS_VIP)), {**MAIL, "key": "b"}],
    [MAIL, block("branch", arm(WAIT, when=HAS_VIP)), {**MAIL, "key": "b"}],
]


@pytest.mark.parametrize("steps", GOOD)
def test_a_draft_that_makes_sense_has_no_problem(sequence, steps):
    put(sequence, *steps)

    assert validate.problems(sequence) == []
    assert validate.warnings(sequence) == []
    assert publish(sequence, by=SYSTEM).number == 1


@pytest.mark.parametrize(
    ("steps", "problems"),
    [
        ([], [("/steps", "required", "It sends nothing: add an email.")]),
        ([WAIT, EXIT], [("/steps", "required", "It sends nothing: add an email.")]),
        (
            [MAIL, WAIT],
            [
                (
                    "/steps/1",
                    "wait_at_end",
                    "Step 2: nothing follows this wait: add an email after it, or remove it.",
                )
            ],
        ),
        (
            [MAIL, block("branch", arm(WAIT, name="VIPs", when=HAS_VIP))],
            [
                (
                    "/steps/1/arms/0/steps/0",
                    "wait_at_end",
                    "Step 2 › VIPs › 1: nothing follows this wait: add an email after it, "
                    "or remove it.",
                )
            ],
        ),
        (
            [MAIL, EXIT, WAIT, {**MAIL, "key": "b"}],
            [
                (
                    "/steps/2",
                    "unreachable",
                    "Step 3: nobody gets here, because step 2 ends the run: move or remove it.",
                )
            ],
        ),
        (
            [MAIL, block("split", arm(EXIT), arm(WAIT, EXIT)), {**MAIL, "key": "b"}],
            [
                (
                    "/steps/2",
                    "unreachable",
                    "Step 3: nobody gets here, because step 2 ends the run: move or remove it.",
                )
            ],
        ),
        (
            [MAIL, block("wait_until"), {**MAIL, "key": "b"}],
            [
                (
                    "/steps/1/timeout",
                    "required",
                    "Step 2: say after how long it gives up, lest somebody wait for ever.",
                ),
                ("/steps/1/arms", "required", "Step 2: say what it waits for: add an arm."),
            ],
        ),
        (
            [MAIL, block("branch", arm(name="VIPs"))],
            [
                (
                    "/steps/1/arms/0/when",
                    "required",
                    "Step 2: “VIPs” has no condition, so nobody would go there: write one.",
                )
            ],
        ),
        (
            [MAIL, block("branch")],
            [("/steps/1/arms", "required", "Step 2: say who goes another way: add an arm.")],
        ),
        (
            [MAIL, block("split", arm(EXIT))],
            [("/steps/1/arms", "required", "Step 2: a split takes two arms: add one.")],
        ),
        (
            [MAIL, block("split", arm(weight=0), arm(weight=0))],
            [("/steps/1/arms", "no_weight", "Step 2: no arm has a weight: give them some.")],
        ),
        (
            [{**MAIL, "variants": [{"template": "hello", "weight": 0}]}],
            [
                (
                    "/steps/0/variants",
                    "no_weight",
                    "Step 1: no variant has a weight: nobody would get any.",
                )
            ],
        ),
        (
            [{**MAIL, "thread": "b"}, {**MAIL, "key": "b"}],
            [
                (
                    "/steps/0/thread",
                    "not_earlier",
                    "Step 1: it continues the thread of an email that does not come before it: "
                    "choose another.",
                )
            ],
        ),
        (
            [
                block("split", arm(MAIL), arm({**MAIL, "key": "b", "thread": "mail"})),
            ],
            [
                (
                    "/steps/0/arms/1/steps/0/thread",
                    "not_earlier",
                    "Step 1 › arm-2 › 1: it continues the thread of an email that does not come "
                    "before it: choose another.",
                )
            ],
        ),
        (
            [
                block("wait_until", arm(name="Read", when={"clicked": "mail"}), timeout="P1D"),
                MAIL,
            ],
            [
                (
                    "/steps/0/arms/0/when/clicked",
                    "not_earlier",
                    "Step 1: “Read” asks for an email that does not come before it.",
                )
            ],
        ),
        (
            [{"kind": "wait", "until": {"field": "plan", "time": "09:00"}}, MAIL],
            [
                (
                    "/steps/0/until/field",
                    "field_type",
                    "Step 1: “plan” is a text, no date: choose a field that is one.",
                )
            ],
        ),
    ],
)
def test_what_makes_no_sense_is_named_with_its_mend(sequence, steps, problems):
    put(sequence, *steps)

    assert found(sequence) == problems
    with pytest.raises(Invalid) as refusal:
        publish(sequence, by=SYSTEM)
    assert [(e.pointer, e.code, e.detail) for e in refusal.value.errors] == problems
    assert Sequence.objects.get(pk=sequence.pk).live_version is None


def test_what_is_gone_by_now_is_named(sequence):
    put(
        sequence,
        block("branch", arm(MAIL, name="VIPs", when=HAS_VIP)),
        {"kind": "action", "action": {"kind": "add_tag", "tag": "vip"}},
        {"kind": "action", "action": {"kind": "set_field", "field": "plan", "value": "x"}},
        {"kind": "wait", "until": {"field": "renewal", "time": "09:00"}},
        {**MAIL, "key": "b"},
    )
    edit.update(sequence, entry_rule=HAS_VIP["rule"], by=SYSTEM)
    edit.set_endings(sequence, goals=[{"name": "Vip", "when": HAS_VIP}], by=SYSTEM)
    edit.set_triggers(
        sequence, triggers=[{"kind": "date", "field": "renewal", "time": "09:00"}], by=SYSTEM
    )
    tag = Tag.objects.get().public_id
    Tag.objects.all().delete()
    CustomField.objects.all().delete()

    assert found(sequence) == [
        ("/entry_rule/tag", "not_found", f"The entry rule: There is no tag “{tag}”."),
        (
            "/triggers/0/field",
            "not_found",
            "What starts it (A date of somebody comes): There is no field “renewal”.",
        ),
        ("/goals/0/when/rule/tag", "not_found", f"Goal “Vip”: There is no tag “{tag}”."),
        (
            "/steps/0/arms/0/when/rule/tag",
            "not_found",
            f"Step 1: There is no tag “{tag}”.",
        ),
        ("/steps/1/action/tag", "not_found", f"Step 2: There is no tag “{tag}”."),
        ("/steps/2/action/field", "not_found", "Step 3: There is no field “plan”."),
        ("/steps/3/until/field", "not_found", "Step 4: There is no field “renewal”."),
    ]


def test_what_is_archived_by_now_is_named(sequence):
    gone = SequenceFactory(workspace=sequence.workspace)
    put(
        sequence,
        {**MAIL, "variants": [{"template": "hello"}]},
        {"kind": "action", "action": {"kind": "add_list", "list": "news"}},
        {"kind": "action", "action": {"kind": "enroll", "sequence": gone.slug}},
    )
    segment = {"kind": "segment_entered", "segment": "pros"}
    edit.set_triggers(sequence, triggers=[joining(sequence.list), segment], by=SYSTEM)
    for model in (List, Template, Segment):
        model.objects.update(archived_at=clock.now())
    lifecycle.archive_sequence(gone, by=SYSTEM)

    assert [(pointer, code) for pointer, code, _ in found(sequence)] == [
        ("/list", "archived"),
        ("/triggers/0", "archived"),
        ("/triggers/1", "archived"),
        ("/steps/0", "archived"),
        ("/steps/1/action/list", "archived"),
        ("/steps/2/action/sequence", "archived"),
    ]


def test_an_ending_that_asks_for_no_email_is_named(sequence):
    put(sequence, MAIL)
    edit.set_endings(sequence, exits=[{"name": "Read", "when": {"opened": "nope"}}], by=SYSTEM)

    assert found(sequence) == [
        (
            "/exits/0/when/opened",
            "not_found",
            "Exit “Read”: there is no email “nope” any more: choose another one.",
        )
    ]


def test_a_trigger_on_no_date_and_a_window_that_never_opens_are_named(sequence):
    put(sequence, MAIL)
    edit.set_triggers(
        sequence, triggers=[{"kind": "date", "field": "plan", "time": "09:00"}], by=SYSTEM
    )
    window = {"opens": "09:00", "closes": "17:00", "weekdays": [], "zone": "subscriber"}
    Sequence.objects.filter(pk=sequence.pk).update(window=window)
    sequence.refresh_from_db()

    assert found(sequence) == [
        ("/window", "never_open", "Its send window is never open: choose some days."),
        (
            "/triggers/0/field",
            "field_type",
            "What starts it: “plan” is a text, no date: choose a field that is one.",
        ),
    ]


def test_a_key_that_was_another_kind_of_step_is_named(sequence):
    put(sequence, MAIL, {**WAIT, "key": "pause"}, {**MAIL, "key": "b"})
    publish(sequence, by=SYSTEM)
    put(sequence, MAIL)
    put(sequence, MAIL, {**MAIL, "key": "pause"})

    assert found(sequence) == [
        (
            "/steps/1/key",
            "duplicate",
            "Step 2: “pause” is “wait” in an earlier version: choose another key.",
        )
    ]


def enrolling(slug):
    return {"kind": "action", "key": "go", "action": {"kind": "enroll", "sequence": slug}}


def live(sequence, slug, *steps):
    other = SequenceFactory(workspace=sequence.workspace, slug=slug, name=slug.title())
    put(other, *steps)
    publish(other, by=SYSTEM)


@pytest.mark.parametrize(
    ("there", "here", "instant"),
    [
        ([enrolling("welcome")], [enrolling("other")], True),
        ([WAIT, enrolling("welcome")], [enrolling("other")], False),
        ([enrolling("welcome")], [WAIT, enrolling("other")], False),
        (
            [enrolling("welcome")],
            [block("split", arm(WAIT), arm()), enrolling("other")],
            True,
        ),
        (
            [enrolling("welcome")],
            [block("split", arm(WAIT), arm(WAIT)), enrolling("other")],
            False,
        ),
        (
            [enrolling("welcome")],
            [block("wait_until", arm(enrolling("other"), when={"reply": True}), timeout="P1D")],
            False,
        ),
    ],
)
def test_sequences_that_lead_into_each_other_are_named(sequence, there, here, instant):
    live(sequence, "other", *there)
    put(sequence, *here)
    put(sequence, *here, {**MAIL, "key": "end"})

    problems, warnings = validate.problems(sequence), validate.warnings(sequence)
    told, untold = (problems, warnings) if instant else (warnings, problems)
    assert [each.code for each in told] == ["loop"]
    assert "it enrolls in “Other”, which enrolls in “Welcome”." in told[0].detail
    assert untold == []


def test_a_sequence_that_leads_into_itself_and_round_three_is_named(sequence):
    live(sequence, "third", enrolling("welcome"))
    live(sequence, "second", enrolling("third"))
    put(sequence, MAIL, enrolling("welcome"), {**enrolling("second"), "key": "on"})

    details = [each.detail for each in validate.problems(sequence)]
    assert [detail.partition(". ")[0] for detail in details] == [
        "Step 2: it enrolls in “Welcome”",
        "Step 3: it enrolls in “Second”, which enrolls in “Third”, which enrolls in “Welcome”",
    ]


def test_sequences_that_end_are_no_loop(sequence):
    live(sequence, "last", MAIL)
    live(sequence, "other", enrolling("last"))
    put(sequence, MAIL, enrolling("other"))

    assert validate.problems(sequence) == validate.warnings(sequence) == []


def test_an_entry_rule_that_holds_for_nobody_is_odd(sequence):
    rule = {"tag": "vip", "op": "has"}
    edit.update(sequence, entry_rule=rule, by=SYSTEM)

    [odd] = validate.warnings(sequence)

    assert (odd.pointer, odd.code) == ("/entry_rule", "matches_nobody")
    assert odd.detail.startswith("The entry rule holds for nobody as of now")
    [person] = make_audience(1, on=sequence.list)
    tag_people(Tag.objects.get(), [person.pk], by=SYSTEM)
    assert validate.warnings(sequence) == []


def test_an_event_nobody_has_told_of_is_odd(sequence):
    put(sequence, block("branch", arm(MAIL, when={"rule": {"event": "order_plced"}})))
    edit.set_endings(
        sequence, goals=[{"name": "x", "when": {"rule": {"event": "other"}}}], by=SYSTEM
    )

    assert validate.problems(sequence) == []
    assert [(each.pointer, each.code) for each in validate.warnings(sequence)] == [
        ("/goals/0/when/rule/event", "unknown_event"),
        ("/steps/0/arms/0/when/rule/event", "unknown_event"),
    ]


def test_a_row_that_no_verb_has_written_is_refused_by_the_database(sequence):
    put(sequence, MAIL)
    step = Step.objects.get()
    for wrong in (
        {"kind": "branch"},
        {"kind": "wait"},
        {"template": None},
        {"arm": "a"},
        {"kind": "action", "template": None},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Step.objects.filter(pk=step.pk).update(**wrong)


def test_what_its_messages_say_is_looked_at_once_for_each_template(sequence):
    Template.objects.filter(slug="hello").update(subject="BUY NOW ALL OF YOU", html=CALM)
    put(sequence, MAIL, WAIT, {**MAIL, "key": "again"})

    assert validate.warnings(sequence) == []
    assert [(each.pointer, each.code, each.detail) for each in validate.odd_contents(sequence)] == [
        (
            "/steps/0/template",
            "subject_capitals",
            "Step 1: “Hello”: The subject shouts: use small letters.",
        )
    ]
