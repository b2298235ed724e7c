"""Rules in a sentence."""

from __future__ import annotations

import pytest
from django.utils import translation

from subscribers.models import Tag
from subscribers.segments import rules
from subscribers.segments.explain import HAPPENED, explain, sentence
from subscribers.tests.factories import CustomFieldFactory, ListFactory, SegmentFactory

VIP = {"tag": "vip", "op": "has"}


def field(op, *value, name="plan"):
    return {"field": name, "op": op, **({"value": value[0]} if value else {})}


def say(data):
    return sentence(rules.parse(data), {("tag", "vip"): "VIP"}, {"plan": "Plan"})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (VIP, "Tagged “VIP”."),
        ({"tag": "x", "op": "has_not"}, "Not tagged “x”."),
        ({"list": "news", "op": "confirmed"}, "Confirmed on “news”."),
        ({"list": "news", "op": "never"}, "Was never on “news”."),
        ({"segment": "s"}, "In the segment “s”."),
        (field("exists"), "Plan is there."),
        (field("is", "pro"), "Plan is “pro”."),
        (field("is_not", True), "Plan is not yes."),
        (field("in", ["a", "b"]), "Plan is one of “a”, “b”."),
        (field("gte", 2.5), "Plan is at least 2.5."),
        (field("between", [1, 5]), "Plan is from 1 to 5."),
        (field("before", "2026-12-24"), "Plan is before 24 Dec 2026."),
        (field("in_last", "P1W"), "Plan is in the last 7 days."),
        (field("anniversary_in", "P1D"), "Plan has its anniversary in the next 1 day."),
        (field("exists", name="100%"), "100% is there."),
        ({"event": "paid"}, "Did “paid”."),
        ({"event": "paid", "within": "PT36H"}, "Did “paid” in the last 36 hours."),
        ({"event": "paid", "count": {"op": "exactly", "value": 0}}, "Never did “paid”."),
        (
            {
                "event": "paid",
                "where": [{"property": "total", "op": "gt", "value": 9}],
                "count": {"op": "at_least", "value": 2},
                "within": "P30D",
            },
            "Did “paid” (total is more than 9) at least 2 times in the last 30 days.",
        ),
        ({"message": "opened"}, "Opened a message."),
        ({"message": "clicked", "verdict": "any"}, "Clicked in a message by whomever."),
        ({"message": "sent", "of": {"campaign": "may"}}, "Was sent a message of “may”."),
        (
            {"message": "sent", "of": {"sequence": "welcome", "step": "abc"}},
            "Was sent a message of “welcome”, step abc.",
        ),
        ({"enrollment": "goal", "of": "trial"}, "Reached the goal of “trial”."),
        ({"enrollment": "exited"}, "Left any sequence early."),
        ({"all": [VIP]}, "Tagged “VIP”."),
        ({"none": [VIP]}, "Not: tagged “VIP”."),
        (
            {"none": [VIP, {"segment": "s"}, {"event": "paid"}]},
            "Neither tagged “VIP”, in the segment “s” nor did “paid”.",
        ),
        (
            {"all": [field("exists"), {"any": [VIP, {"segment": "s"}]}, {"event": "paid"}]},
            "Plan is there, (tagged “VIP” or in the segment “s”) and did “paid”.",
        ),
    ],
)
def test_a_rule_is_said_in_a_sentence(data, said):
    assert say(data) == said


def test_everything_that_can_happen_has_a_phrase():
    kinds = {"custom"}
    kinds |= {f"message.{what}" for what in rules.MESSAGES}
    kinds |= {f"enrollment.{what}" for what in rules.ENROLLMENTS}

    assert kinds == HAPPENED.keys()


def test_dates_follow_the_language_of_the_reader():
    with translation.override("de"):
        assert "24. Dez. 2026" in say(field("on", "2026-12-24"))


@pytest.mark.django_db
def test_things_and_fields_are_called_by_their_names():
    segment = SegmentFactory(name="Regulars")
    workspace = segment.workspace
    tag = Tag.objects.create(workspace=workspace, name="Very important", slug="vip")
    news = ListFactory(workspace=workspace, name="The news", slug="news")
    CustomFieldFactory(workspace=workspace, key="plan", label="Tariff")
    rule = rules.parse(
        {
            "all": [
                {"segment": segment.public_id},
                {"tag": tag.public_id, "op": "has"},
                {"list": news.slug, "op": "pending"},
                field("is", "pro"),
                field("exists", name="created_at"),
            ]
        }
    )

    assert explain(rule, workspace) == (
        "In the segment “Regulars”, tagged “Very important”, still to confirm “The news”, "
        "Tariff is “pro” and Known since is there."
    )
