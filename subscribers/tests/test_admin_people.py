from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.backoffice import act, is_done, sign_in
from emailseq.lib import clock
from subscribers import services
from subscribers.models import Event, List, Subscriber, Subscription, Suppression
from subscribers.tests.factories import ListFactory, SubscriberFactory, SubscriptionFactory

pytestmark = pytest.mark.django_db

CREATE = "admin:subscribers_subscriber_create"
LIST = "admin:subscribers_subscriber_changelist"


def url(verb: str, person: Subscriber) -> str:
    return reverse(f"admin:subscribers_subscriber_{verb}", args=[person.pk])


def test_a_person_is_added_with_custom_fields():
    client = sign_in()
    services.create_field(client.workspace, key="orders", label="Orders", kind="number", by=SYSTEM)

    answer = act(
        client, reverse(CREATE), email=" Zoe@Example.COM ", first_name="Zoë", field_orders="12"
    )

    assert is_done(answer)
    person = Subscriber.objects.get()
    assert (person.email, person.first_name) == ("Zoe@example.com", "Zoë")
    assert person.fields == {"orders": 12}
    assert answer.headers["HX-Redirect"] == url("change", person)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("email", "no address", "An email address must have an @-sign."),
        ("email", "a@b.example\r\nBcc: c@d.example", "contains invalid characters"),
        ("time_zone", "Mars/Olympus", "Not an IANA time zone."),
        ("field_orders", "many", "This is a number."),
        ("first_name", "a\0b", "Null characters are not allowed."),
    ],
)
def test_a_refusal_is_shown_at_its_field(field, value, said):
    client = sign_in()
    services.create_field(client.workspace, key="orders", label="Orders", kind="number", by=SYSTEM)

    answer = act(client, reverse(CREATE), **{"email": "zoe@example.com", field: value})

    page = answer.content.decode()
    assert not is_done(answer)
    place = page.index(f'id="id_{field}_error"')
    assert said in page[place : place + 400]
    assert not Subscriber.objects.exists()


def test_editing_keeps_the_address_and_clears_what_was_emptied():
    client = sign_in()
    services.create_field(client.workspace, key="city", label="City", kind="text", by=SYSTEM)
    person, _ = services.upsert(
        client.workspace, email="zoe@example.com", by=SYSTEM, fields={"city": "Kiel", "free": [1]}
    )
    shown = client.get(url("edit", person)).content.decode()

    assert 'value="Kiel"' in shown
    assert is_done(act(client, url("edit", person), first_name="Zoë", field_city=""))

    person.refresh_from_db()
    assert (person.email, person.first_name) == ("zoe@example.com", "Zoë")
    assert person.fields == {"free": [1]}


def test_search_is_by_the_beginning_of_the_address():
    client = sign_in()
    for email in ("ada@example.com", "adam@example.com", "zada@example.com"):
        services.upsert(client.workspace, email=email, by=SYSTEM)

    page = client.get(reverse(LIST), {"q": "ADA"}).content.decode()

    assert [name in page for name in (">ada@", ">adam@", ">zada@")] == [True, True, False]


def test_a_person_joins_a_list_with_evidence():
    client = sign_in()
    person = SubscriberFactory(workspace=client.workspace)
    news = ListFactory(workspace=client.workspace)
    fields = {"to": news.pk, "consent_source": "Fair, Kiel", "confirmed": "on"}

    assert is_done(act(client, url("subscribe", person), **fields))

    place = Subscription.objects.get()
    assert (place.list, place.state) == (news, "confirmed")
    assert place.consent_source == "Fair, Kiel"
    assert "Agreed: Fair, Kiel" in client.get(url("change", person)).content.decode()


def test_a_foreign_list_is_no_choice():
    client = sign_in()
    person = SubscriberFactory(workspace=client.workspace)

    answer = act(client, url("subscribe", person), to=ListFactory().pk, consent_source="Fair, Kiel")

    assert "Select a valid choice" in answer.content.decode()
    assert not Subscription.objects.exists()


def test_unsubscribing_from_one_list_or_everything():
    client = sign_in()
    place = SubscriptionFactory(list__workspace=client.workspace)
    other = SubscriptionFactory(list__workspace=client.workspace, subscriber=place.subscriber)

    assert is_done(act(client, url("unsubscribe", place.subscriber), from_list=place.list_id))

    place.refresh_from_db()
    other.refresh_from_db()
    assert (place.state, other.state) == ("unsubscribed", "confirmed")
    assert not Suppression.objects.exists()

    assert is_done(act(client, url("unsubscribe", place.subscriber)))

    other.refresh_from_db()
    assert other.state == "unsubscribed"
    assert Suppression.objects.get().reason == "unsubscribed"


def test_suppressing_and_lifting_name_the_reason():
    client = sign_in()
    person = SubscriberFactory(workspace=client.workspace)

    assert is_done(act(client, url("suppress", person), note="asked on the phone"))

    suppression = Suppression.objects.get()
    assert (suppression.address_key, suppression.reason) == (person.address_key, "manual")
    assert "Nothing is sent to this address" in client.get(url("change", person)).content.decode()
    lift = reverse("admin:subscribers_suppression_lift", args=[suppression.pk])
    assert not is_done(act(client, lift, reason=""))
    assert Suppression.objects.exists()
    assert is_done(act(client, lift, reason="It was a mistake"))
    assert not Suppression.objects.exists()
    entry = AuditEntry.objects.order_by("-id").first()
    assert (entry.verb, entry.changes["reason"]) == ("suppression.lifted", "It was a mistake")


def test_a_persons_own_no_cannot_be_lifted():
    client = sign_in()
    person = SubscriberFactory(workspace=client.workspace)
    services.unsubscribe(person, by=SYSTEM)
    suppression = Suppression.objects.get()

    answer = act(
        client,
        reverse("admin:subscribers_suppression_lift", args=[suppression.pk]),
        reason="Sales wants to",
    )

    assert "This person said no; only they can come back." in answer.content.decode()
    assert Suppression.objects.exists()


def test_a_list_gets_a_slug_of_its_name_and_only_once():
    client = sign_in()
    create = reverse("admin:subscribers_list_create")

    assert is_done(act(client, create, name="Brewing tips", opt_in="double", public="on"))
    answer = act(client, create, name="Brewing  Tips!", opt_in="double")

    made = List.objects.get()
    assert (made.slug, made.workspace) == ("brewing-tips", client.workspace)
    assert "There is a list “brewing-tips” already." in answer.content.decode()
    nameless = act(client, create, name="煎り", opt_in="double").content.decode()
    assert "write one in Latin letters" in nameless


def test_the_timeline_tells_newest_first_in_words():
    client = sign_in()
    place = SubscriptionFactory(list__workspace=client.workspace, list__name="Newsletter")
    person = place.subscriber
    services.unsubscribe(person, by=SYSTEM, from_list=place.list)
    services.upsert(client.workspace, email=person.email, by=SYSTEM, first_name="Grace")

    page = client.get(url("change", person)).content.decode()

    assert page.index("Profile changed: first_name") < page.index("Left Newsletter")
    consent = client.get(url("change", person), {"show": "consent"}).content.decode()
    assert "Left Newsletter" in consent
    assert "Profile changed" not in consent


def test_the_timeline_reads_on_where_a_page_ends():
    client = sign_in()
    person = SubscriberFactory(workspace=client.workspace)
    for number in range(60):
        with clock.frozen(clock.now() + timedelta(days=number)):
            services.upsert(
                client.workspace, email=person.email, by=SYSTEM, first_name=f"Name {number}"
            )

    first = client.get(url("change", person))
    before = first.context["timeline"].before
    second = client.get(url("change", person), {"before": before})

    def entries(answer):
        return [entry for _, day in answer.context["timeline"].days for entry in day]

    assert (len(entries(first)), len(entries(second))) == (50, 10)
    assert second.context["timeline"].before == 0
    instants = [entry.at for entry in entries(first) + entries(second)]
    assert instants == sorted(instants, reverse=True)
    assert client.get(url("change", person), {"before": "x'"}).status_code == 200


def test_a_tag_sticks_once_and_comes_off():
    client = sign_in()
    person = SubscriberFactory(workspace=client.workspace)

    for _ in range(2):
        assert is_done(act(client, url("tag", person), name="Early bird"))

    carried = person.tags.get().tag
    assert (carried.name, carried.slug) == ("Early bird", "early-bird")
    assert Event.objects.filter(kind="tag.added", subscriber=person).count() == 1
    assert "Was tagged Early bird" in client.get(url("change", person)).text

    assert is_done(act(client, url("untag", person), tag=carried.pk))

    assert not person.tags.exists()
    assert Event.objects.get(kind="tag.removed").properties["tag"] == "Early bird"


def test_a_tag_is_more_than_punctuation():
    client = sign_in()
    person = SubscriberFactory(workspace=client.workspace)

    answer = act(client, url("tag", person), name="!!!")

    assert not is_done(answer)
    assert "A tag is made of letters or digits." in answer.content.decode()


def test_a_tag_of_another_workspace_cannot_be_taken_off():
    client = sign_in()
    person = SubscriberFactory(workspace=client.workspace)
    stranger = SubscriberFactory()
    services.tag(stranger, name="Theirs", by=SYSTEM)

    answer = act(client, url("untag", person), tag=stranger.tags.get().tag_id)

    assert not is_done(answer)
    assert stranger.tags.count() == 1
