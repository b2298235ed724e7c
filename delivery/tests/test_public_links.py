from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.db import DatabaseError
from django.test import Client

from accounts.audit import SYSTEM
from delivery import hits, services, tasks, web
from delivery.models import Hit, Outbox, SendLedger
from delivery.tests.factories import queue
from delivery.tracking import Links
from emailseq.lib import clock
from subscribers import services as people
from subscribers.models import Event, Suppression
from subscribers.tests.factories import ListFactory, SubscriptionFactory, make_audience

pytestmark = pytest.mark.django_db
READER = {"HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0"}
SCANNERS = ["GoogleBot/2.1", "Barracuda Sentinel", "python-requests/2.32", "curl/8.5", ""]
PREFETCH = {"HTTP_USER_AGENT": "Mozilla/5.0"}
NOBODY = {"HTTP_USER_AGENT": "Frobnicator/3"}


@pytest.fixture
def message():
    """A message that was sent ten seconds ago."""
    news = ListFactory(name="Harbour news")
    (row,) = queue(make_audience(1, on=news), on=news)
    lease = uuid.uuid4()
    Outbox.objects.update(lease_token=lease)
    services.finish([(row.pk, "sent", "", "250 OK")], token=lease)
    SendLedger.objects.update(finished_at=clock.now() - timedelta(seconds=10))
    return SendLedger.objects.get()


@pytest.fixture
def links(message):
    return Links("", message.pk)


def drain():
    """Judge what has come in, once it has waited for what comes together with it."""
    with clock.frozen(clock.now() + timedelta(seconds=6)):
        return tasks.drain_hits()


def judged():
    """Of each hit in the log, in the order they came: open or click, verdict, whether the first."""
    hits = Event.objects.filter(kind__in=["message.opened", "message.clicked"])
    return [
        (event.kind.removeprefix("message."), event.verdict, event.properties.get("first", False))
        for event in hits.order_by("occurred_at")
    ]


def test_the_pixel_counts_as_an_open(client, links, message):
    response = client.get(links.open_pixel, **READER)

    assert (response.status_code, response["Content-Type"]) == (200, "image/gif")
    assert response["Cache-Control"] == "no-store"
    assert len(response.content) == 43
    assert drain() == 1
    event = Event.objects.get(kind="message.opened")
    assert (event.message_id, event.verdict, event.properties) == (
        message.pk,
        "human",
        {"first": True, "client": "firefox", "device": "computer"},
    )


def test_only_the_first_open_of_a_message_is_first(client, links, message):
    for _ in range(3):
        client.get(links.open_pixel, **READER)
    drain()
    client.get(links.open_pixel, **READER)
    drain()

    opened = Event.objects.filter(kind="message.opened").order_by("id")
    assert [event.properties.get("first", False) for event in opened] == [True, False, False, False]
    message.refresh_from_db()
    assert message.opened_at


def test_a_click_leads_to_the_stored_target(client, links):
    response = client.get(links.click(0), **READER)

    assert (response.status_code, response["Location"]) == (302, "https://example.com/start")
    drain()
    event = Event.objects.get(kind="message.clicked")
    assert (event.properties["first"], event.properties["link"]) == (True, 0)


def test_a_hit_keeps_the_network_and_not_the_address(client, links):
    client.get(links.open_pixel, REMOTE_ADDR="203.0.113.77", **READER)
    client.get(links.open_pixel, REMOTE_ADDR="2001:db8:1:2::7", **READER)

    networks = Hit.objects.order_by("id").values_list("network", flat=True)
    assert list(networks) == ["203.0.113.0/24", "2001:db8:1::/48"]


def test_head_redirects_and_never_counts(client, links):
    assert client.head(links.click(0), **READER).status_code == 302
    assert client.head(links.open_pixel, **READER).status_code == 200

    assert not Hit.objects.exists()


@pytest.mark.parametrize("agent", SCANNERS)
def test_scanners_that_follow_every_link_change_nothing(client, links, message, agent):
    for url in (links.open_pixel, links.click(0), links.unsubscribe):
        client.get(url, HTTP_USER_AGENT=agent)
    drain()

    hit = Event.objects.filter(kind__in=["message.opened", "message.clicked"])
    assert {event.verdict for event in hit} == {"machine"}
    message.refresh_from_db()
    assert (message.opened_at, message.clicked_at) == (None, None)
    assert message.subscriber.subscriptions.get().state == "confirmed"


def test_an_open_right_after_delivery_is_a_machine(client, links, message):
    SendLedger.objects.filter(pk=message.pk).update(finished_at=clock.now())

    client.get(links.open_pixel, **READER)
    drain()

    assert Event.objects.get(kind="message.opened").verdict == "machine"


@pytest.fixture
def sent(client):
    """A message with three links, a minute after it has left, and its links."""
    page = "".join(f'<a href="https://example.com/{number}">x</a>' for number in range(3))
    targets = [f"https://example.com/{number}" for number in range(3)]
    news = ListFactory()
    (row,) = queue(make_audience(1, on=news), on=news, html=page, links=targets)
    lease = uuid.uuid4()
    Outbox.objects.update(lease_token=lease)
    services.finish([(row.pk, "sent", "", "250 OK")], token=lease)
    SendLedger.objects.update(finished_at=clock.now() - timedelta(minutes=1))
    return Links("", row.pk)


def test_whoever_follows_all_links_at_once_is_a_machine(client, sent):
    client.get(sent.open_pixel, **READER)
    for number in range(3):
        client.get(sent.click(number), **READER)

    assert drain() == 4
    assert judged() == [("opened", "human", True), *[("clicked", "machine", False)] * 3]
    message = SendLedger.objects.get()
    assert (bool(message.opened_at), message.clicked_at) == (True, None)


def test_what_comes_together_is_judged_together_though_some_of_it_is_new(client, sent):
    for number in range(3):
        with clock.frozen(clock.now() + timedelta(seconds=number)):
            client.get(sent.click(number), **READER)

    with clock.frozen(clock.now() + timedelta(seconds=5.5)):
        assert tasks.drain_hits() == 3
    assert {verdict for _, verdict, _ in judged()} == {"machine"}


def test_the_hidden_link_leads_nowhere_and_gives_machines_away(client, sent):
    client.get(sent.open_pixel, **READER)
    client.get(sent.click(1), **READER)
    trap = client.get(sent.click(3), **READER)

    assert (trap.status_code, trap.content) == (204, b"")
    assert drain() == 3
    assert {verdict for _, verdict, _ in judged()} == {"machine"}
    assert SendLedger.objects.get().clicked_at is None
    assert client.get(sent.click(4), **READER).status_code == 404


def test_two_links_in_a_minute_are_a_reader(client, sent):
    for number in range(3):
        with clock.frozen(clock.now() + timedelta(seconds=4 * number)):
            client.get(sent.click(number), **READER)
    with clock.frozen(clock.now() + timedelta(seconds=20)):
        assert tasks.drain_hits() == 3

    assert judged() == [("clicked", "human", True), *[("clicked", "human", False)] * 2]


def test_an_open_fetched_ahead_is_a_machine_and_why_is_said(client, links, message):
    client.get(links.open_pixel, **PREFETCH)
    drain()
    client.get(links.open_pixel, **READER)
    drain()

    assert judged() == [("opened", "machine", False), ("opened", "human", True)]
    ahead = Event.objects.filter(kind="message.opened").earliest("occurred_at")
    assert ahead.properties == {"because": "Apple Mail Privacy Protection"}


def test_whom_nobody_knows_counts_neither_way(client, links, message):
    client.get(links.click(0), **NOBODY)
    drain()

    assert judged() == [("clicked", "unknown", False)]
    message.refresh_from_db()
    assert message.clicked_at is None


def test_a_hit_on_a_message_not_finished_yet_waits_for_it(client):
    news = ListFactory()
    (row,) = queue(make_audience(1, on=news), on=news)

    client.get(Links("", row.pk).open_pixel, **READER)

    assert drain() == 0
    assert Hit.objects.count() == 1


def test_hits_whose_message_nobody_knows_are_forgotten_after_two_days(client):
    client.get(Links("", 10**9).open_pixel, **READER)

    assert hits.forget() == 0
    Hit.objects.update(at=clock.now() - timedelta(days=3))
    assert hits.forget() == 1


@pytest.mark.parametrize("purpose", ["o", "c", "u"])
@pytest.mark.parametrize("flip", [0, 3, 9, 14, -1, -8])
def test_a_token_with_one_changed_character_is_not_found(client, links, purpose, flip):
    url = {"o": links.open_pixel, "c": links.click(0), "u": links.unsubscribe}[purpose]
    head, token = url[:3], url[3:]
    changed = list(token)
    changed[flip] = "A" if changed[flip] != "A" else "B"

    for method in (client.get, client.post) if purpose == "u" else (client.get,):
        assert method(head + "".join(changed), **READER).status_code == 404
    assert not Hit.objects.exists()


def test_a_token_of_another_purpose_is_not_found(client, links):
    stolen = links.open_pixel.removeprefix("/o/")

    assert client.post(f"/u/{stolen}").status_code == 404


def test_a_link_number_that_does_not_exist_is_not_found(client, links):
    assert client.get(links.click(7), **READER).status_code == 404


def test_unsubscribing_takes_a_post(client, links, message):
    page = client.get(links.unsubscribe)

    assert page.status_code == 200
    assert page["Referrer-Policy"] == "no-referrer"
    assert "Harbour news" in page.text
    assert message.subscriber.subscriptions.get().state == "confirmed"

    assert client.post(links.unsubscribe).status_code == 200
    assert message.subscriber.subscriptions.get().state == "unsubscribed"
    message.refresh_from_db()
    assert message.unsubscribed_at


def test_looking_at_the_page_changes_nothing(client, links, message):
    for method in (client.get, client.head):
        assert method(links.unsubscribe, {"everything": "1", "reason": "other"}).status_code == 200

    assert message.subscriber.subscriptions.get().state == "confirmed"
    assert not Suppression.objects.exists()
    assert not Event.objects.filter(kind__contains="unsubscribe").exists()


def test_why_somebody_left_is_asked_afterwards_and_counts_once(client, links, message):
    page = client.post(links.unsubscribe, {"List-Unsubscribe": "One-Click"})
    assert 'name="reason" value="too_many"' in page.text
    message.refresh_from_db()
    assert (bool(message.unsubscribed_at), message.left_because) == (True, "")

    for reason in ("too_many", "other", "too_many"):
        page = client.post(links.unsubscribe, {"reason": reason})
        assert (page.status_code, "Thank you for telling us." in page.text) == (200, True)

    message.refresh_from_db()
    assert message.left_because == "too_many"
    told = Event.objects.filter(kind="unsubscribe.explained")
    assert [(each.verdict, each.message_id, each.source_id) for each in told] == [
        ("too_many", message.pk, message.source_id)
    ]
    assert Event.objects.filter(kind="message.unsubscribed").count() == 1


def test_a_reason_that_we_do_not_know_is_none(client, links, message):
    assert client.post(links.unsubscribe, {"reason": "<b>spam</b>"}).status_code == 200

    message.refresh_from_db()
    assert (message.left_because, bool(message.unsubscribed_at)) == ("", True)
    assert message.subscriber.subscriptions.get().state == "unsubscribed"


def test_a_reason_for_leaving_by_another_message_is_not_counted(client, links, message):
    people.unsubscribe(message.subscriber, from_list=message.list, by=SYSTEM)

    client.post(links.unsubscribe, {"reason": "other"})

    message.refresh_from_db()
    assert (message.left_because, message.unsubscribed_at) == ("", None)
    assert not Event.objects.filter(kind="unsubscribe.explained").exists()


def test_everything_can_be_left_at_once_or_after_the_list(client, links, message):
    other = SubscriptionFactory(
        list=ListFactory(workspace=message.workspace), subscriber=message.subscriber
    )
    assert 'name="everything"' in client.get(links.unsubscribe).text
    page = client.post(links.unsubscribe)
    assert 'name="everything" value="1" class' in page.text
    other.refresh_from_db()
    assert other.state == "confirmed"

    page = client.post(links.unsubscribe, {"everything": "1"})

    assert f"no more mail from {message.workspace.name}." in page.text
    assert 'name="everything" value="1" class' not in page.text
    other.refresh_from_db()
    assert other.state == "unsubscribed"
    assert Suppression.objects.get().reason == "unsubscribed"
    assert Event.objects.filter(kind="message.unsubscribed").count() == 1
    assert Event.objects.filter(kind="subscription.unsubscribed").count() == 2


@pytest.mark.parametrize(
    ("accepts", "language", "title"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de", "Abmelden?"),
        ("fr,de;q=0.5", "de", "Abmelden?"),
        ("fr", "en", "Unsubscribe?"),
        ("", "en", "Unsubscribe?"),
    ],
)
def test_the_page_speaks_the_language_of_the_browser(client, links, accepts, language, title):
    page = client.get(links.unsubscribe, HTTP_ACCEPT_LANGUAGE=accepts).text

    assert f'<html lang="{language}">' in page
    assert f"<h1>{title}</h1>" in page


def test_people_leave_and_say_why_while_valkey_is_down(links, message, settings):
    unreachable = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {**settings.CACHES, "default": unreachable}
    client = Client()
    with pytest.raises(Exception, match=r"127\.0\.0\.1:1"):
        caches["default"].get("x")

    assert client.get(links.unsubscribe).status_code == 200
    assert client.post(links.unsubscribe, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert client.post(links.unsubscribe, {"reason": "other"}).status_code == 200

    assert message.subscriber.subscriptions.get().state == "unsubscribed"
    message.refresh_from_db()
    assert message.left_because == "other"


def test_one_click_works_without_cookies_or_csrf_token(links, message):
    strict = Client(enforce_csrf_checks=True)
    response = strict.post(links.unsubscribe, {"List-Unsubscribe": "One-Click"})

    assert (response.status_code, "Location" in response) == (200, False)
    assert message.subscriber.subscriptions.get().state == "unsubscribed"


def test_unsubscribing_twice_counts_once(client, links):
    for _ in range(3):
        assert client.post(links.unsubscribe).status_code == 200

    assert Event.objects.filter(kind="message.unsubscribed").count() == 1
    assert Event.objects.filter(kind="subscription.unsubscribed").count() == 1


def test_unsubscribing_leaves_the_other_lists_alone(client, links, message):
    other = SubscriptionFactory(
        list=ListFactory(workspace=message.workspace), subscriber=message.subscriber
    )

    client.post(links.unsubscribe)

    other.refresh_from_db()
    assert other.state == "confirmed"
    assert not Suppression.objects.exists()


def test_a_message_of_no_list_unsubscribes_from_everything(client, links, message):
    SendLedger.objects.filter(pk=message.pk).update(list_id=None)

    assert client.post(links.unsubscribe).status_code == 200

    assert message.subscriber.subscriptions.get().state == "unsubscribed"
    assert Suppression.objects.get().reason == "unsubscribed"


def test_names_are_shown_as_text(client, links, message):
    message.list.name = "<script>alert(1)</script>"
    message.list.save(update_fields=["name"])

    page = client.get(links.unsubscribe).text

    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_click_still_redirects_when_the_hit_cannot_be_written(client, links, monkeypatch):
    client.get(links.click(0), **READER)

    def refuse(**_):
        raise DatabaseError("gone")

    monkeypatch.setattr(hits, "record", refuse)
    assert client.get(links.click(0), **READER).status_code == 302


def test_a_click_says_try_again_while_its_link_cannot_be_looked_up(client, links, monkeypatch):
    def refuse(_):
        raise DatabaseError("gone")

    web._target.cache_clear()
    web._whose.cache_clear()
    monkeypatch.setattr(services, "whose", refuse)
    assert client.get(links.click(0), **READER).status_code == 503


def test_a_suppressed_reader_can_still_leave(client, links, message):
    people.suppress(
        message.workspace, email=message.subscriber.email, reason="complaint", by=SYSTEM
    )

    assert client.post(links.unsubscribe).status_code == 200
    assert message.subscriber.subscriptions.get().state == "unsubscribed"
