from __future__ import annotations

from datetime import UTC, datetime

import pytest

from accounts.audit import SUBSCRIBER, SYSTEM, Actor
from accounts.models import AuditEntry
from emailseq.lib import clock
from emailseq.lib.errors import Conflict, Invalid, StateConflict
from subscribers import services
from subscribers.models import Event, List, Subscription, Suppression
from subscribers.services import Consent
from subscribers.tests.factories import (
    ListFactory,
    SubscriberFactory,
    SubscriptionFactory,
    WorkspaceFactory,
)

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
FORM = Consent("signup form", text="Yes, write to me.", ip="192.0.2.7")
OPERATOR = Actor.command("test")


@pytest.fixture
def double():
    return ListFactory(opt_in="double")


@pytest.fixture
def single(double):
    return ListFactory(opt_in="single", workspace=double.workspace)


@pytest.fixture
def ada(double):
    return SubscriberFactory(workspace=double.workspace, email="ada@example.com")


def recorded(person):
    events = Event.objects.filter(subscriber=person).order_by("id")
    return [(event.kind, event.properties) for event in events]


def audited():
    entries = AuditEntry.objects.order_by("id")
    return [(entry.verb, entry.actor_label, entry.changes) for entry in entries]


def test_on_a_double_opt_in_list_a_place_is_pending(double, ada):
    with clock.frozen(NOON):
        place = services.subscribe(ada, to=double, by=SUBSCRIBER, consent=FORM)

    place.refresh_from_db()
    assert (place.state, place.confirmed_at, place.consented_at) == ("pending", None, NOON)
    assert (place.consent_source, place.consent_text, place.consent_ip) == (
        "signup form", "Yes, write to me.", "192.0.2.7",
    )  # fmt: skip
    assert recorded(ada) == [("subscription.pending", {"list_id": double.pk, "by": "subscriber"})]


def test_on_a_single_opt_in_list_a_place_is_confirmed_at_once(single, ada):
    with clock.frozen(NOON):
        place = services.subscribe(ada, to=single, by=SUBSCRIBER)

    assert (place.state, place.confirmed_at, place.consented_at) == ("confirmed", NOON, None)
    assert recorded(ada) == [("subscription.confirmed", {"list_id": single.pk, "by": "subscriber"})]


@pytest.mark.parametrize("consent", [None, Consent("")])
def test_vouching_takes_the_consent_it_rests_on(double, ada, consent):
    with pytest.raises(Invalid) as caught:
        services.subscribe(ada, to=double, by=SYSTEM, confirmed=True, consent=consent)

    assert caught.value.errors[0].pointer == "/consent"
    assert not Subscription.objects.exists()
    assert recorded(ada) == []


def test_subscribing_again_changes_and_records_nothing(double, ada):
    first = services.subscribe(ada, to=double, by=SUBSCRIBER, consent=FORM)

    again = services.subscribe(ada, to=double, by=SYSTEM, consent=Consent("another form"))

    assert again == first
    assert (again.state, again.consent_source) == ("pending", "signup form")
    assert len(recorded(ada)) == 1


def test_vouching_for_a_pending_place_confirms_it_with_its_evidence(double, ada):
    services.subscribe(ada, to=double, by=SUBSCRIBER, consent=FORM)

    place = services.subscribe(ada, to=double, by=SYSTEM, consent=Consent("paper"), confirmed=True)
    services.subscribe(ada, to=double, by=SYSTEM, consent=Consent("later"), confirmed=True)

    place.refresh_from_db()
    assert (place.state, place.consent_source) == ("confirmed", "paper")
    assert [kind for kind, _ in recorded(ada)] == ["subscription.pending", "subscription.confirmed"]


def test_adding_is_not_reviving(double, ada):
    place = services.subscribe(ada, to=double, by=SYSTEM, consent=FORM, confirmed=True)
    services.unsubscribe(ada, from_list=double, by=SUBSCRIBER)

    again = services.subscribe(ada, to=double, by=SYSTEM, consent=FORM, confirmed=True)

    assert again == place
    assert (again.state, again.unsubscribed_at is not None) == ("unsubscribed", True)
    assert [kind for kind, _ in recorded(ada)] == [
        "subscription.confirmed", "subscription.unsubscribed",
    ]  # fmt: skip


def test_confirming_happens_once(double, ada):
    place = services.subscribe(ada, to=double, by=SUBSCRIBER, consent=FORM)

    with clock.frozen(NOON):
        assert services.confirm(place, by=SUBSCRIBER, consent=Consent("link")) is True
        assert services.confirm(place, by=SUBSCRIBER, consent=Consent("again")) is False

    assert (place.state, place.confirmed_at, place.consent_source) == ("confirmed", NOON, "link")
    assert [kind for kind, _ in recorded(ada)] == ["subscription.pending", "subscription.confirmed"]


def test_who_left_is_not_brought_back_by_an_old_link(double, ada):
    place = services.subscribe(ada, to=double, by=SUBSCRIBER, consent=FORM)
    services.unsubscribe(ada, from_list=double, by=SUBSCRIBER)

    with pytest.raises(StateConflict, match="Cannot confirm while unsubscribed"):
        services.confirm(place, by=SUBSCRIBER)

    assert Subscription.objects.get().state == "unsubscribed"


def test_leaving_one_list_leaves_the_others(double, single, ada):
    services.subscribe(ada, to=double, by=SYSTEM, consent=FORM, confirmed=True)
    services.subscribe(ada, to=single, by=SYSTEM)

    with clock.frozen(NOON):
        assert services.unsubscribe(ada, from_list=double, by=SUBSCRIBER, reason="too much") == 1
        assert services.unsubscribe(ada, from_list=double, by=SUBSCRIBER) == 0

    states = dict(Subscription.objects.values_list("list", "state"))
    assert states == {double.pk: "unsubscribed", single.pk: "confirmed"}
    assert Subscription.objects.get(list=double).unsubscribed_at == NOON
    assert not Suppression.objects.exists()
    assert recorded(ada)[2:] == [
        (
            "subscription.unsubscribed",
            {"list_id": double.pk, "by": "subscriber", "reason": "too much"},
        )
    ]


def test_leaving_everything_ends_every_place_and_suppresses_the_address(double, single, ada):
    services.subscribe(ada, to=double, by=SUBSCRIBER)
    services.subscribe(ada, to=single, by=SUBSCRIBER)

    assert services.unsubscribe(ada, by=SUBSCRIBER) == 2

    assert set(Subscription.objects.values_list("state", flat=True)) == {"unsubscribed"}
    assert Suppression.objects.get().reason == "unsubscribed"
    assert Suppression.objects.get().address_key == ada.address_key


def test_an_address_is_suppressed_once_and_the_first_reason_stays(ada):
    first = services.suppress(
        ada.workspace, email="ADA@example.com", reason="hard_bounce", by=OPERATOR, note="550"
    )
    again = services.suppress(ada.workspace, email=ada.email, reason="manual", by=OPERATOR)

    assert again == first
    assert (again.address_key, again.reason) == ("ada@example.com", "hard_bounce")
    changes = {"reason": "hard_bounce", "note": "550", "source": "manage.py test"}
    changes["message_id"] = None
    assert audited() == [("suppression.added", "manage.py test", changes)]


def test_a_persons_own_no_replaces_a_reason_that_could_be_lifted(ada):
    services.suppress(ada.workspace, email=ada.email, reason="hard_bounce", by=OPERATOR)

    services.unsubscribe(ada, by=SUBSCRIBER)
    services.suppress(ada.workspace, email=ada.email, reason="manual", by=OPERATOR)

    suppression = Suppression.objects.get()
    assert suppression.reason == "unsubscribed"
    assert [changes["reason"] for _, _, changes in audited()] == ["hard_bounce", "unsubscribed"]
    with pytest.raises(Invalid) as caught:
        services.lift(suppression, by=OPERATOR, reason="They called.")
    assert caught.value.errors[0].code == "own_no"
    assert Suppression.objects.get() == suppression


def test_the_stronger_of_two_reasons_stays_in_either_order(ada):
    bob = services.upsert(ada.workspace, email="bob@example.com", by=OPERATOR)[0]
    reasons = ["manual", "soft_bounce", "hard_bounce", "complaint"]

    for reason in reasons:
        services.suppress(ada.workspace, email=ada.email, reason=reason, by=OPERATOR, note=reason)
    for reason in reversed(reasons):
        services.suppress(ada.workspace, email=bob.email, reason=reason, by=OPERATOR, note=reason)

    kept = set(Suppression.objects.values_list("address_key", "reason", "note"))
    assert kept == {(person.email, "complaint", "complaint") for person in (ada, bob)}


def test_only_soft_bounces_are_taken_back_by_a_delivery(ada):
    services.suppress(ada.workspace, email=ada.email, reason="soft_bounce", by=OPERATOR)
    assert services.take_back_soft_bounces(ada) is True
    assert not Suppression.objects.exists()

    services.suppress(ada.workspace, email=ada.email, reason="hard_bounce", by=OPERATOR)
    assert services.take_back_soft_bounces(ada) is False
    assert Suppression.objects.get().reason == "hard_bounce"


def test_lifting_is_judged_by_what_is_stored_now(ada):
    seen = services.suppress(ada.workspace, email=ada.email, reason="manual", by=OPERATOR)
    services.unsubscribe(ada, by=SUBSCRIBER)

    with pytest.raises(Invalid, match="This person said no"):
        services.lift(seen, by=OPERATOR, reason="They called.")

    assert Suppression.objects.count() == 1


def test_a_lifted_address_may_be_sent_to_again(ada):
    suppression = services.suppress(ada.workspace, email=ada.email, reason="manual", by=OPERATOR)

    assert services.lift(suppression, by=OPERATOR, reason="They called.") is True
    assert services.lift(suppression, by=OPERATOR, reason="They called.") is False

    assert not Suppression.objects.exists()
    assert audited()[1:] == [
        ("suppression.lifted", "manage.py test", {"reason": "They called.", "was": "manual"})
    ]


@pytest.mark.parametrize(("reason", "code"), [(" ", "required"), ("\0", "invalid_characters")])
def test_lifting_takes_a_reason(ada, reason, code):
    suppression = services.suppress(ada.workspace, email=ada.email, reason="manual", by=OPERATOR)

    with pytest.raises(Invalid) as caught:
        services.lift(suppression, by=OPERATOR, reason=reason)

    assert caught.value.errors[0].code == code
    assert Suppression.objects.count() == 1


def test_a_suppression_is_of_one_workspace(ada):
    services.suppress(WorkspaceFactory(), email=ada.email, reason="manual", by=OPERATOR)

    assert not Suppression.objects.of(ada.workspace).exists()


def test_lists_and_fields_are_made_once_per_workspace():
    workspace, other = WorkspaceFactory(), WorkspaceFactory()

    made = services.create_list(workspace, name="News", slug="news", by=OPERATOR)
    field = services.create_field(workspace, key="city", label="City", kind="text", by=OPERATOR)
    services.create_list(other, name="News", slug="news", by=OPERATOR)

    assert (made.opt_in, made.public, field.kind) == ("double", True, "text")
    with pytest.raises(Conflict, match="There is a list “news” already"):
        services.create_list(workspace, name="More news", slug="news", by=OPERATOR)
    with pytest.raises(Conflict, match="There is a field “city” already"):
        services.create_field(workspace, key="city", label="Town", kind="text", by=OPERATOR)
    assert List.objects.of(workspace).get() == made
    assert [verb for verb, _, _ in audited()] == ["list.created", "field.created", "list.created"]


def test_text_that_cannot_be_stored_is_refused_by_every_verb(double, ada):
    attempts = [
        lambda: services.create_list(ada.workspace, name="\0", slug="x", by=SYSTEM),
        lambda: services.create_field(ada.workspace, key="x", label="\0", kind="text", by=SYSTEM),
        lambda: services.subscribe(ada, to=double, by=SYSTEM, consent=Consent("form", text="\0")),
        lambda: services.unsubscribe(ada, by=SYSTEM, reason="\ud800"),
        lambda: services.suppress(
            ada.workspace, email=ada.email, reason="manual", by=SYSTEM, note="\0"
        ),
    ]
    for attempt in attempts:
        with pytest.raises(Invalid) as caught:
            attempt()
        assert caught.value.errors[0].code == "invalid_characters"

    assert not Subscription.objects.exists()
    assert not Suppression.objects.exists()
    assert recorded(ada) == []


def test_evidence_is_cut_to_what_its_columns_hold(double, ada):
    place = services.subscribe(ada, to=double, by=SYSTEM, consent=Consent("s" * 300, "t" * 2000))

    place.refresh_from_db()
    assert (len(place.consent_source), len(place.consent_text)) == (200, 1000)


def test_a_factory_place_is_confirmed():
    assert SubscriptionFactory().confirmed_at is not None
    assert SubscriptionFactory(state="pending").confirmed_at is None
