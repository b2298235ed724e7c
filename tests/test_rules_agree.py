"""A rule asked in three ways gives one answer: in memory, for some ids, for the whole workspace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from unittest.mock import patch

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Workspace
from accounts.tests.factories import WorkspaceFactory
from campaigns.tests.factories import CampaignFactory
from sequences.tests.factories import SequenceFactory
from subscribers import events
from subscribers.events import NewEvent
from subscribers.models import SegmentMember, Subscription, Tag, TagAssignment
from subscribers.segments import compile, profiles, rules  # noqa: A004 - its own name
from subscribers.segments.compile import answers, everybody, matching
from subscribers.segments.evaluate import holds
from subscribers.segments.references import BUILT_IN
from subscribers.states import SubscriptionState
from subscribers.tests.factories import ListFactory, SegmentFactory, SubscriberFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
KEYS = ["plan", "it's", 'a"b', "%s", "%(now)s", "{}", "'; DROP TABLE subscribers_event; --"]
WORDS = ["Pro", "pr", "İstanbul", "ΟΔΟΣ", "a%b_c\\", "' OR '1'='1", "%s", "$1", "{0}", "\\x00"]
DAYS = ["2026-03-10", "2026-03-11", "2026-03-03", "2024-02-29", "1988-03-12", "2026-02-28"]
NUMBERS = [0, 1, -1, 5, 5.0, 0.1, 2.5, -0.0, 1e15, 10**14 + 1]
NAMES = ["order", "visit", "x' OR '1'='1"]
STEPS = ["a", "b'"]

letters = st.characters(categories=["L", "N", "P"], max_codepoint=0x24F)
words = st.sampled_from([*WORDS, *DAYS]) | st.text(letters, min_size=1, max_size=4)
numbers = st.sampled_from(NUMBERS) | st.integers(-9, 9)
scalars = words | numbers | st.booleans()
days = st.sampled_from(DAYS)
instants = st.builds(
    "{}T{}:{}:00{}Z".format,
    days,
    st.sampled_from(["00", "03", "12", "99"]),
    st.sampled_from(["29", "30"]),
    st.sampled_from(["", ".5", ".000001"]),
)
values = scalars | instants | st.sampled_from([None, "", [], ["pro"], {}, {"a": 1}])
members = st.dictionaries(st.sampled_from(KEYS), values, max_size=4)
spans = st.integers(1, 40).map(lambda number: f"P{number}D")
pairs = st.lists(numbers, min_size=2, max_size=2) | st.lists(days, min_size=2, max_size=2)


def op(names, value=None):
    parts = {"op": st.sampled_from(names.split())}
    return st.fixed_dictionaries(parts | ({} if value is None else {"value": value}))


comparisons = st.one_of(
    op("exists missing"),
    op("is is_not", scalars),
    op("contains not_contains starts_with ends_with", words),
    op("in not_in", st.lists(words, min_size=1, max_size=3)),
    op("in not_in", st.lists(numbers, min_size=1, max_size=3)),
    op("gt gte lt lte", numbers),
    op("between", pairs.map(sorted)),
    op("before after on", days),
    op("in_last in_next anniversary_in", spans),
)
counts = st.fixed_dictionaries(
    {"op": st.sampled_from(rules.COUNT_OPERATORS), "value": st.integers(1, 2)}
) | st.just({"op": "at_most", "value": 0})
frequency = {"count": counts, "within": spans | st.just("PT36H")}
sequences = st.sampled_from(["seq", "none"])
sources = st.one_of(
    st.fixed_dictionaries({"sequence": sequences}, optional={"step": st.sampled_from(STEPS)}),
    st.just({"campaign": "cmp"}),
)
conditions = st.one_of(
    st.tuples(st.sampled_from([*KEYS, *BUILT_IN]), comparisons).map(
        lambda found: {"field": found[0], **found[1]}
    ),
    st.fixed_dictionaries(
        {"tag": st.sampled_from(["tag0", "none"]), "op": st.sampled_from(["has", "has_not"])}
    ),
    st.fixed_dictionaries(
        {"list": st.sampled_from(["list0", "none"]), "op": st.sampled_from(rules.LIST_OPERATORS)}
    ),
    st.fixed_dictionaries({"segment": st.sampled_from(["segment0", "none"])}),
    st.fixed_dictionaries(
        {"event": st.sampled_from(NAMES)},
        optional={
            "where": st.lists(
                st.tuples(st.sampled_from(KEYS), comparisons).map(
                    lambda found: {"property": found[0], **found[1]}
                ),
                min_size=1,
                max_size=2,
            ),
            **frequency,
        },
    ),
    st.fixed_dictionaries(
        {"message": st.just("opened")},
        optional={"of": sources, "verdict": st.sampled_from(rules.VERDICTS), **frequency},
    ),
    st.fixed_dictionaries({"enrollment": st.just("goal")}, optional={"of": sequences, **frequency}),
)
trees = st.recursive(
    conditions,
    lambda inner: st.tuples(
        st.sampled_from(rules.GROUPS), st.lists(inner, min_size=1, max_size=3)
    ).map(lambda found: {found[0]: found[1]}),
    max_leaves=6,
)
happenings = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(
            [*(("custom", name) for name in NAMES), ("message.opened", ""), ("enrollment.goal", "")]
        ),
        "occurred_at": st.integers(-1, 24 * 9).map(lambda hours: NOW - timedelta(hours=hours)),
        "source": st.sampled_from(["seq", "cmp", ""]),
        "step_key": st.sampled_from(["", *STEPS]),
        "verdict": st.sampled_from(["human", "machine"]),
        "properties": members,
    }
)
people = st.fixed_dictionaries(
    {
        "first_name": words | st.just(""),
        "fields": members,
        "created_at": st.integers(0, 24 * 40).map(lambda hours: NOW - timedelta(hours=hours)),
        "archived_at": st.sampled_from([None, None, None, NOW]),
        "tags": st.booleans(),
        "place": st.sampled_from([None, *SubscriptionState.values]),
        "segments": st.booleans(),
        "events": st.lists(happenings, max_size=4),
    }
)


class World(NamedTuple):
    """A workspace with one of everything that rules may name, by the names they have here."""

    workspace: Workspace
    things: dict[str, object]

    def rule(self, tree):
        """The rule, with public ids where there is something of that name."""
        nouns = {"tag0": "tag", "list0": "list", "segment0": "segment"}
        nouns |= {"seq": "sequence", "cmp": "campaign"}
        names = {(nouns[name], name): row.public_id for name, row in self.things.items()}
        return rules.renamed(rules.parse(tree), names)

    def add(self, person):
        """The id of somebody new to whom all this has happened."""
        own = {name: person[name] for name in ("first_name", "fields", "created_at", "archived_at")}
        made = SubscriberFactory(workspace=self.workspace, **own)
        if person["tags"]:
            TagAssignment.objects.create(tag=self.things["tag0"], subscriber=made)
        if person["place"]:
            Subscription.objects.create(
                list=self.things["list0"], subscriber=made, state=person["place"]
            )
        if person["segments"]:
            SegmentMember.objects.create(
                segment=self.things["segment0"], subscriber=made, entered_at=NOW
            )
        events.record_many(self._event(made.pk, one) for one in person["events"])
        return made.pk

    def _event(self, person, told):
        told = dict(told)
        source = self.things.get(told.pop("source"))
        kind, name = told.pop("kind")
        if source:
            told |= {"source_kind": source.source_kind, "source_id": source.pk}
        return NewEvent(self.workspace.pk, person, kind, name=name, **told)


@pytest.fixture
def world():
    workspace = WorkspaceFactory(time_zone="America/St_Johns")
    things = {
        "tag0": Tag.objects.create(workspace=workspace, name="Tag", slug="t"),
        "list0": ListFactory(workspace=workspace),
        "segment0": SegmentFactory(workspace=workspace),
        "seq": SequenceFactory(workspace=workspace),
        "cmp": CampaignFactory(list__workspace=workspace),
    }
    return World(workspace, things)


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    crowd=st.lists(people, min_size=1, max_size=4),
    forest=st.lists(trees, min_size=1, max_size=4),
)
def test_memory_batch_and_workspace_agree(world, crowd, forest):
    with transaction.atomic():
        ids = [world.add(person) for person in crowd]
        wanted = [world.rule(tree) for tree in forest]
        known = profiles.load(world.workspace, ids)

        expected = [
            {pk for pk in ids if holds(rule, known[pk], NOW, zone=world.workspace.time_zone)}
            for rule in wanted
        ]
        for few in (0, compile.FEW):
            with patch.object(compile, "FEW", few):
                statements = [everybody(rule, world.workspace, now=NOW) for rule in wanted]
            assert [{pk for (pk,) in one.rows()} for one in statements] == expected
        assert answers(wanted, world.workspace, ids, now=NOW) == expected
        assert [matching(rule, world.workspace, ids[:1], now=NOW) for rule in wanted] == [
            held & {ids[0]} for held in expected
        ]
        transaction.set_rollback(True)


def test_a_rule_finds_nobody_of_another_workspace(world):
    stranger = SubscriberFactory().pk
    own = world.add(
        {
            "first_name": "",
            "fields": {},
            "created_at": NOW,
            "archived_at": None,
            "tags": False,
            "place": None,
            "segments": False,
            "events": [],
        }
    )
    nobody = world.rule({"none": [{"tag": "tag0", "op": "has"}]})

    assert matching(nobody, world.workspace, [own, stranger], now=NOW) == {own}
    assert everybody(nobody, world.workspace, now=NOW).rows() == [(own,)]
