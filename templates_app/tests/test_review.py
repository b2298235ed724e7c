from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from subscribers.services import create_field
from subscribers.tests.factories import SubscriberFactory
from templates_app.models import Template, TemplateVersion
from templates_app.tests.factories import TemplateFactory, TemplateVersionFactory

pytestmark = pytest.mark.django_db

WORDS = (
    "A harbour has water, boats, a pier and people who like to read about all of it, "
    "every single day."
)
CLEAN = (
    f'<div style="display:none">Boats!</div><p>{WORDS}</p><a href="{{{{ links.unsubscribe }}}}">'
    "Leave</a> {{ workspace.postal_address }}"
)


def findings(template: Template) -> dict[str, list[dict[str, str]]]:
    answer = Api(template.workspace)("GET", f"/templates/{template.public_id}/checks")
    assert answer.status_code == 200
    return answer.json()


def codes(template: Template) -> tuple[list[str], list[str]]:
    found = findings(template)
    return [one["code"] for one in found["blocks"]], [one["code"] for one in found["warnings"]]


def test_nothing_is_said_of_good_mail():
    template = TemplateFactory(subject="News", html=CLEAN)

    assert codes(template) == ([], [])
    assert not TemplateVersion.objects.exists()


def test_what_blocks_and_what_is_odd_are_told_apart():
    odd = CLEAN.replace("{{ workspace.postal_address }}", '<a href="http://bit.ly/x">x</a>')

    assert codes(TemplateFactory(subject="News", html=odd)) == (
        ["address_missing"],
        ["link_insecure", "link_shortened"],
    )
    assert codes(TemplateFactory(subject="News", html="{% if %}")) == (["template_invalid"], [])


def test_people_without_a_field_are_counted():
    template = TemplateFactory(
        subject="{{ subscriber.first_name }}",
        html=CLEAN + "{{ subscriber.boat | upcase }}{{ subscriber.length | default: 3 }}"
        "{% if subscriber.last_name %}{{ subscriber.last_name }}{% endif %}",
    )
    for key in ("boat", "length"):
        create_field(template.workspace, key=key, label=key, kind="text", by=SYSTEM)
    people = [{"boat": "Elsa"}, {"boat": ""}, {"boat": None}, {}]
    for fields in people:
        SubscriberFactory(workspace=template.workspace, first_name="Ann", fields=fields)
    SubscriberFactory(first_name="", fields={})  # a stranger

    found = findings(template)["warnings"]

    assert found == [
        {
            "pointer": "/subject",
            "code": "subject_empty",
            "detail": "Whoever has none of its fields gets an empty subject.",
        },
        {
            "pointer": "/html",
            "code": "field_empty",
            "detail": "subscriber.boat is empty for 3 of 4 people, and has no default.",
        },
    ]


def test_the_size_is_that_of_the_mail_encoded_and_tracked():
    link = '<a href="https://harbour.org/">x</a>'  # takes three times as much once it is tracked
    umlauts = "<p>" + "ü" * 9_000 + "</p>"  # takes six bytes each
    template = TemplateFactory(subject="News", html=CLEAN + link * 400 + umlauts)

    [warning] = findings(template)["warnings"]

    assert len(template.html.encode()) < 35_000
    assert warning["code"] == "size_near"
    assert warning["detail"].startswith("The HTML takes 9")


def test_the_subject_of_the_last_mail_is_a_repeat():
    template = TemplateFactory(subject="News", html=CLEAN)
    TemplateVersionFactory(template__workspace=template.workspace, subject="news ")
    assert codes(template) == ([], ["subject_repeated"])

    TemplateVersionFactory(template__workspace=template.workspace, subject="Other")
    TemplateVersionFactory(subject="News")

    assert codes(template) == ([], [])


def test_the_command_fails_for_what_blocks_or_for_anything():
    bad = TemplateFactory(subject="News", html="<p>x</p>")
    odd = TemplateFactory(subject="NEWS FROM US", html=CLEAN)
    out = StringIO()

    with pytest.raises(SystemExit) as stopped:
        call_command("check_template", bad.public_id, "--json", stdout=out)
    assert stopped.value.code == 1
    assert [one["code"] for one in json.loads(out.getvalue())["blocks"]] == [
        "unsubscribe_missing",
        "address_missing",
    ]
    told = StringIO()
    call_command("check_template", odd.public_id, stdout=told)
    assert told.getvalue() == "! subject_capitals: The subject shouts: use small letters.\n"
    with pytest.raises(SystemExit):
        call_command("check_template", odd.public_id, "--fail-on", "warn", stdout=StringIO())
    with pytest.raises(CommandError, match="no template tpl_nope"):
        call_command("check_template", "tpl_nope")
