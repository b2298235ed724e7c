"""Two who are the same person become one: nothing is lost or doubled, and a no stays a no."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.api import Api
from accounts.tests.backoffice import act, is_done, sign_in
from accounts.tests.factories import WorkspaceFactory
from delivery.models import Outbox, SendLedger
from emailseq.lib import clock
from emailseq.lib.errors import Invalid
from sequences import engine
from sequences.models import Enrollment
from sequences.services import merging
from sequences.tests.factories import DAY, EMAIL, let_leave, make_live, make_runs
from subscribers import services as people
from subscribers.models import Engagement, Event, Subscription, Suppression
from subscribers.tests.factories import ListFactory, SubscriberFactory, SubscriptionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair():
    """Two people of one workspace: who is to stay, and who is to go."""
    kept = SubscriberFactory(first_name="", fields={"plan": "pro"}, email="ada@example.com")
    gone = SubscriberFactory(
        workspace=kept.workspace,
        first_name="Ada",
        fields={"plan": "free", "town": "Oslo"},
        email="ada@work.example",
    )
    return kept, gone


def states(person):
    rows = Subscription.objects.filter(subscriber=person).order_by("list_id")
    return list(rows.values_list("state", flat=True))


def test_what_one_has_and_did_becomes_the_others(pair):
    kept, gone = pair
    lists = [ListFactory(workspace=kept.workspace) for _ in range(3)]
    for news, state in zip(lists, ("confirmed", "unsubscribed", "confirmed"), strict=True):
        SubscriptionFactory(subscriber=gone, list=news, state=state)
    for news, state in zip(lists[1:], ("confirmed", "pending"), strict=True):
        SubscriptionFactory(subscriber=kept, list=news, state=state)
    for person, tags in ((kept, ("a", "b")), (gone, ("b", "c"))):
        for tag in tags:
            people.tag(person, name=tag, by=SYSTEM)
    now = clock.now()
    Engagement.objects.create(subscriber=gone, points=5, as_of=now)

    people.merge(kept, gone=gone, by=SYSTEM)

    kept.refresh_from_db()
    gone.refresh_from_db()
    assert (kept.first_name, kept.fields) == ("Ada", {"plan": "pro", "town": "Oslo"})
    assert gone.archived_at is not None
    assert (states(kept), states(gone)) == (
        ["confirmed", "unsubscribed", "pending"],
        ["unsubscribed", "confirmed"],
    )
    assert sorted(kept.tags.values_list("tag__name", flat=True)) == ["a", "b", "c"]
    assert not gone.tags.exists()
    assert Engagement.objects.get().subscriber == kept
    told = Event.objects.filter(subscriber=gone).values_list("kind", flat=True)
    assert list(told) == ["subscriber.updated"]  # they were archived
    assert Event.objects.filter(subscriber=kept, kind="tag.added").count() == 4
    entry = AuditEntry.objects.get(verb="subscriber.merged")
    assert (entry.object_id, entry.changes["gone"]) == (kept.pk, gone.public_id)


def test_a_no_to_everything_holds_for_both_addresses(pair):
    kept, gone = pair
    people.unsubscribe(gone, by=SYSTEM)

    people.merge(kept, gone=gone, by=SYSTEM)

    keys = Suppression.objects.filter(reason="unsubscribed").values_list("address_key", flat=True)
    assert sorted(keys) == ["ada@example.com", "ada@work.example"]


def test_runs_go_on_where_the_other_never_was_and_end_where_they_were():
    fresh = make_live(EMAIL, DAY, EMAIL)
    both = make_live(EMAIL, DAY, EMAIL, workspace=fresh.workspace)
    [run] = make_runs(fresh)
    [doubled] = make_runs(both)
    gone = run.subscriber
    Enrollment.objects.filter(pk=doubled.pk).update(subscriber=gone)
    [own] = make_runs(both)
    kept = own.subscriber
    for sequence in (fresh, both):
        for person in (kept, gone):
            Subscription.objects.get_or_create(
                subscriber=person, list=sequence.list, defaults={"state": "confirmed"}
            )
    engine.advance()
    let_leave()

    merging.merge(kept, gone=gone, by=SYSTEM)

    run.refresh_from_db()
    doubled.refresh_from_db()
    own.refresh_from_db()
    assert (run.subscriber, run.state) == (kept, "active")
    assert (doubled.subscriber, doubled.state, doubled.reason) == (gone, "exited", "merged")
    assert own.state == "active"
    sent = SendLedger.objects.filter(source_id=fresh.pk)
    assert [row.subscriber_id for row in sent] == [kept.pk]
    with clock.frozen(clock.now() + 2 * DAY + timedelta(hours=1)):
        engine.advance()
    waiting = Outbox.objects.filter(cancelled_at=None).order_by("source_id")
    assert [(row.source_id, row.subscriber_id) for row in waiting] == sorted(
        [(fresh.pk, kept.pk), (both.pk, kept.pk)]
    )


def test_nobody_is_merged_with_themselves_a_stranger_or_who_is_put_away(pair):
    kept, gone = pair
    with pytest.raises(Invalid):
        people.merge(kept, gone=kept, by=SYSTEM)
    with pytest.raises(Invalid):
        people.merge(kept, gone=SubscriberFactory(), by=SYSTEM)
    people.archive(gone, by=SYSTEM)
    with pytest.raises(Invalid):
        people.merge(kept, gone=gone, by=SYSTEM)

    assert not AuditEntry.objects.filter(verb="subscriber.merged").exists()


def test_the_api_and_the_page_of_a_person_do_it(pair):
    kept, gone = pair
    api = Api(kept.workspace)
    stranger = SubscriberFactory(workspace=WorkspaceFactory())
    path = f"/subscribers/{kept.public_id}/merge"

    foreign = api("POST", path, {"gone": stranger.public_id})
    done = api("POST", path, {"gone": gone.public_id})

    assert (foreign.status_code, done.status_code) == (400, 200)
    assert done.json()["first_name"] == "Ada"
    client = sign_in(workspace=kept.workspace)
    third = SubscriberFactory(workspace=kept.workspace, last_name="Lovelace", email="l@x.example")
    url = reverse("admin:subscribers_subscriber_merge", args=[kept.pk])
    assert not is_done(act(client, url, address=stranger.email))
    assert is_done(act(client, url, address="L@x.example"))
    kept.refresh_from_db()
    third.refresh_from_db()
    assert kept.last_name == "Lovelace"
    assert third.archived_at is not None
    page = client.get(reverse("admin:subscribers_subscriber_change", args=[kept.pk]))
    assert "Became one with somebody else" in page.content.decode()
