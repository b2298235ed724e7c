"""Double opt-in: who is pending is asked by mail, says yes on a page, and is never pestered."""

from __future__ import annotations

import email
import email.policy
import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from accounts.tests.api import Api
from accounts.tests.backoffice import act, is_done, sign_in
from accounts.tests.factories import WorkspaceFactory
from delivery.models import Confirmation, OptInMessage, Outbox, SendLedger
from delivery.services import confirmations
from delivery.tests.factories import SenderFactory
from delivery.tracking import Links
from emailseq.lib import clock, sql
from subscribers import feed
from subscribers import services as people
from subscribers.models import Event, Subscriber, Subscription, Suppression
from subscribers.services import Consent
from subscribers.suppressed import pepper
from subscribers.tests.factories import ListFactory, SubscriberFactory, SubscriptionFactory
from templates_app import services as templates
from templates_app.models import Template
from templates_app.tests.factories import HTML, TemplateFactory

pytestmark = pytest.mark.django_db
READER = {"HTTP_USER_AGENT": "Mozilla/5.0 Firefox/145.0", "REMOTE_ADDR": "203.0.113.7"}


@pytest.fixture
def workspace():
    return WorkspaceFactory(name="Harbour")


@pytest.fixture
def sender(workspace):
    return SenderFactory(workspace=workspace)


@pytest.fixture
def news(workspace, sender):
    return ListFactory(workspace=workspace, name="Harbour news", slug="news")


@pytest.fixture
def ada(workspace):
    return SubscriberFactory(workspace=workspace, email="ada@example.com")


@pytest.fixture(autouse=True)
def _nothing_heard_yet():
    heard.clear()


heard: set[int] = set()


def hear():
    """Feed the consumer what the log says and it has not heard, inside the test's transaction."""
    news = Event.objects.filter(kind="subscription.pending").exclude(pk__in=heard).order_by("id")
    batch = list(news)
    feed.consumers["confirmations"].handle(batch)
    heard.update(event.pk for event in batch)
    return len(batch)


def join(person, *lists):
    """Asks to join, as a form or a program would; what follows is done at once."""
    for each in lists:
        people.subscribe(person, to=each, by=SYSTEM, consent=Consent("sign-up form"))
    return hear()


def state_of(person):
    places = Subscription.objects.filter(subscriber=person).order_by("list")
    return [place.state for place in places]


def links_of(message):
    return Links("", message.pk)


def post(url, **form):
    return Client().post(url, form, **READER)


def gate(person):
    """What the last look says of the message to a person, just before it leaves."""
    token, rows = uuid.uuid4(), Outbox.objects.filter(subscriber=person)
    rows.update(lease_token=token)
    ids = list(rows.values_list("pk", flat=True))
    query = {"ids": ids, "token": token, "now": None, "pepper": pepper()}
    [(_, stop, _)] = sql.fetch("delivery", "look", query)
    return stop


def reasons():
    events = Event.objects.filter(kind="subscription.not_asked").order_by("id")
    return [event.properties["reason"] for event in events]


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_from_the_sign_up_to_the_yes(wire, settings):
    settings.TRACKING_URL = "https://links.harbour.example"
    workspace = WorkspaceFactory(name="Harbour", postal_address="1 Quay")
    sender, news = SenderFactory(workspace=workspace), ListFactory(workspace=workspace, slug="news")
    body = {"email": "ada@example.com", "subscriptions": [{"list": "news"}]}
    assert Api(workspace)("POST", "/subscribers", body).status_code == 201

    feed.run("confirmations")
    assert wire.send() == 1

    mail = email.message_from_bytes(wire.mails[0], policy=email.policy.default)
    assert mail["To"] == "ada@example.com"
    assert mail["Subject"] == "Please confirm your subscription"
    assert sender.email in mail["From"]
    assert not {"List-Unsubscribe", "List-Id", "Precedence"} & set(mail.keys())
    html = mail.get_body(("html",)).get_content()
    text = mail.get_body(("plain",)).get_content()
    confirm, not_me = re.findall(r'href="([^"]+)"', html)
    assert confirm.startswith("https://links.harbour.example/d/")
    assert not_me.startswith("https://links.harbour.example/n/")
    assert confirm in text
    assert "<img" not in html  # nobody watches

    page = Client().get(confirm.removeprefix("https://links.harbour.example"), **READER)
    assert news.name in page.content.decode()
    answer = post(confirm.removeprefix("https://links.harbour.example"), lists=[news.public_id])
    assert "Your subscription is confirmed." in answer.content.decode()

    ada = Subscriber.objects.get()
    assert state_of(ada) == ["confirmed"]
    confirmed = Event.objects.get(kind="subscription.confirmed")
    assert confirmed.properties == {"list_id": news.pk, "by": "subscriber"}
    asked = Confirmation.objects.get()
    assert (asked.state, asked.answer_ip) == ("confirmed", "203.0.113.7")
    assert asked.answer_agent == "Mozilla/5.0 Firefox/145.0"
    sent = SendLedger.objects.get()
    assert (sent.kind, sent.outcome, sent.message_class) == (
        *("confirmation", "sent", "transactional"),
    )


def test_looking_at_the_links_changes_nothing(ada, news):
    join(ada, news)
    [message] = Outbox.objects.all()

    for url in (links_of(message).confirm, links_of(message).not_me):
        for agent in ("Mozilla/5.0", "Barracuda Sentinel"):
            assert Client().get(url, HTTP_USER_AGENT=agent).status_code == 200
            assert Client().head(url, HTTP_USER_AGENT=agent).status_code == 200

    assert state_of(ada) == ["pending"]
    assert Confirmation.objects.get().state == "asked"


def test_the_page_is_private(ada, news):
    join(ada, news)
    answer = Client().get(links_of(Outbox.objects.get()).confirm)

    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["X-Robots-Tag"] == "noindex"
    assert "<script" not in answer.content.decode()


def test_a_yes_counts_once(ada, news):
    join(ada, news)
    url = links_of(Outbox.objects.get()).confirm

    answers = [post(url, lists=[news.public_id]) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {200}
    assert all("Thank you" in answer.content.decode() for answer in answers)
    assert Event.objects.filter(kind="subscription.confirmed").count() == 1
    # A link that was used says yes to nothing else, whatever has come since.
    other = ListFactory(workspace=news.workspace)
    people.subscribe(ada, to=other, by=SYSTEM)
    post(url, lists=[other.public_id])
    assert state_of(ada) == ["confirmed", "pending"]


def test_one_message_asks_about_everything_and_the_reader_chooses(ada, news):
    offers = ListFactory(workspace=news.workspace, name="Offers")
    join(ada, news, offers)
    [message] = Outbox.objects.all()
    page = Client().get(links_of(message).confirm).content.decode()

    post(links_of(message).confirm, lists=[news.public_id])

    assert "Harbour news" in page
    assert "Offers" in page
    assert page.count('type="checkbox"') == 2
    assert state_of(ada) == ["confirmed", "pending"]


def test_a_yes_to_nothing_or_to_what_is_not_theirs_is_none(ada, news):
    stranger = SubscriptionFactory(state="pending")
    join(ada, news)
    url = links_of(Outbox.objects.get()).confirm

    for lists in ([], ["lst_x"], [stranger.list.public_id]):
        assert "Confirm your subscription" in post(url, lists=lists).content.decode()

    assert state_of(ada) == ["pending"]
    assert state_of(stranger.subscriber) == ["pending"]
    assert Confirmation.objects.get().state == "asked"


def test_a_link_is_good_for_seven_days(ada, news):
    join(ada, news)
    url = links_of(Outbox.objects.get()).confirm

    with clock.frozen(clock.now() + timedelta(days=7, minutes=1)):
        looked, said = Client().get(url), post(url, lists=[news.public_id])

    assert (looked.status_code, said.status_code) == (410, 410)
    assert "This link has ended" in said.content.decode()
    assert state_of(ada) == ["pending"]
    with clock.frozen(clock.now() + timedelta(days=6, hours=23)):
        post(url, lists=[news.public_id])
    assert state_of(ada) == ["confirmed"]


def test_links_serve_their_own_purpose_alone(ada, news):
    join(ada, news)
    links = links_of(Outbox.objects.get())
    confirm, not_me, unsubscribe = (
        url.rpartition("/")[2] for url in (links.confirm, links.not_me, links.unsubscribe)
    )

    for path in (f"/d/{not_me}", f"/d/{unsubscribe}", f"/n/{confirm}", f"/d/{confirm[:-1]}x"):
        assert post(path, lists=[news.public_id]).status_code == 404
    assert state_of(ada) == ["pending"]


def test_a_message_of_another_kind_confirms_nothing(ada, news):
    join(ada, news)
    Outbox.objects.update(kind="campaign")

    assert post(links_of(Outbox.objects.get()).confirm).status_code == 404


def test_this_was_not_me(ada, news):
    join(ada, news)
    links = links_of(Outbox.objects.get())
    assert "not asked again" in Client().get(links.not_me).content.decode()

    answers = [post(links.not_me) for _ in range(2)]

    assert all("Sorry to have bothered you" in answer.content.decode() for answer in answers)
    assert state_of(ada) == ["unsubscribed"]
    left = Event.objects.get(kind="subscription.unsubscribed")
    assert left.properties["reason"] == "this was not me"
    assert not Suppression.objects.exists()
    post(links.confirm, lists=[news.public_id])
    assert state_of(ada) == ["unsubscribed"]

    # For half a year the mailbox is left alone, whoever asks for what in its name.
    other = SenderFactory().workspace
    alias = SubscriberFactory(workspace=other, email="Ada+x@example.com")
    join(alias, ListFactory(workspace=other))
    assert Outbox.objects.count() == 1
    assert reasons() == ["they said that it was not them"]
    with clock.frozen(clock.now() + timedelta(days=181)):
        people.ask_again(alias, to=Subscription.objects.get(subscriber=alias).list, by=SYSTEM)
        hear()
    assert Outbox.objects.count() == 2


def test_a_mailbox_is_asked_three_times_a_day_and_no_more():
    """A thousand sign-ups of one victim, at three companies, over a day, under many spellings."""
    workspaces = [SenderFactory(email=f"x@s{n}.example").workspace for n in range(3)]
    lists = [ListFactory(workspace=workspaces[n % 3]) for n in range(12)]
    start = clock.now()

    for number in range(1000):
        to = lists[number % 12]
        with clock.frozen(start + timedelta(seconds=86 * number)):
            victim, _ = people.upsert(
                to.workspace, email=f"victim+{number % 40}@example.com", by=SYSTEM
            )
            people.subscribe(victim, to=to, by=SYSTEM)
            if number % 10 == 9:
                hear()

    assert Outbox.objects.count() == 3
    assert Confirmation.objects.count() == 3
    assert set(reasons()) == {
        "they were asked within the last ten minutes",
        "they were asked 3 times within a day",
    }


def test_who_was_spared_can_still_say_yes_by_the_message_they_have(ada, news):
    offers = ListFactory(workspace=news.workspace, name="Offers")
    join(ada, news)
    join(ada, offers)

    assert reasons() == ["they were asked within the last ten minutes"]
    [message] = Outbox.objects.all()
    post(links_of(message).confirm, lists=[news.public_id, offers.public_id])
    assert state_of(ada) == ["confirmed", "confirmed"]


def test_people_are_asked_again_when_they_want_to_be(ada, news, workspace):
    join(ada, news)
    api = Api(workspace)
    path = f"/subscribers/{ada.public_id}/ask-again"

    with clock.frozen(clock.now() + timedelta(minutes=11)):
        assert api("POST", path, {"list": "news"}).status_code == 200
        hear()

    first, second = Outbox.objects.order_by("id")
    assert (first.run, second.run) == (1, 2)
    post(links_of(second).confirm, lists=[news.public_id])
    assert state_of(ada) == ["confirmed"]
    api("POST", path, {"list": "news"})
    hear()
    assert Outbox.objects.count() == 2


def test_asking_twice_by_the_same_news_is_asking_once(ada, news):
    join(ada, news)
    event = Event.objects.get(kind="subscription.pending")

    feed.consumers["confirmations"].handle([event, event])

    assert Outbox.objects.count() == 1


def test_nobody_is_asked_who_need_not_be(ada, news, workspace):
    people.subscribe(ada, to=ListFactory(workspace=workspace, opt_in="single"), by=SYSTEM)
    sure = ListFactory(workspace=workspace)
    people.subscribe(ada, to=sure, by=SYSTEM, consent=Consent("paper"), confirmed=True)
    gone = SubscriberFactory(workspace=workspace)
    people.subscribe(gone, to=news, by=SYSTEM)
    people.archive(gone, by=SYSTEM)
    silent = ListFactory(workspace=workspace)
    confirmations.set_opt_in(silent, by=SYSTEM, sends=False)
    people.subscribe(ada, to=silent, by=SYSTEM)
    left = SubscriberFactory(workspace=workspace)
    people.subscribe(left, to=news, by=SYSTEM)
    people.unsubscribe(left, by=SYSTEM, from_list=news)

    assert hear() == 3

    assert not Outbox.objects.exists()
    assert not Confirmation.objects.exists()
    assert reasons() == []


def test_a_file_of_people_asks_nobody(ada, news):
    SubscriptionFactory(subscriber=ada, list=news, state="pending")
    properties = {"list_id": news.pk, "import": "imp_x"}
    event = Event(
        workspace=news.workspace, subscriber=ada, properties=properties, recorded_at=clock.now()
    )

    feed.consumers["confirmations"].handle([event])

    assert not Outbox.objects.exists()


def test_old_news_asks_nobody(ada, news):
    people.subscribe(ada, to=news, by=SYSTEM)

    with clock.frozen(clock.now() + timedelta(days=8)):
        hear()

    assert not Outbox.objects.exists()


def test_without_a_sender_nobody_can_ask():
    place = ListFactory()
    join(SubscriberFactory(workspace=place.workspace), place)

    assert not Outbox.objects.exists()
    assert reasons() == ["the workspace has no sender"]


def leaves(person, news):
    people.unsubscribe(person, by=SYSTEM, from_list=news)


def confirms(person, news):
    people.confirm(Subscription.objects.get(subscriber=person), by=SYSTEM)


def complains(person, news):
    people.suppress(person.workspace, email=person.email, reason="complaint", by=SYSTEM)


def is_struck_off(person, news):
    people.suppress(person.workspace, email=person.email, reason="manual", by=SYSTEM)


@pytest.mark.parametrize(
    ("happens", "stop"),
    [
        (leaves, "not subscribed"),
        (confirms, "not subscribed"),
        (complains, "suppressed: complaint"),
        (is_struck_off, "suppressed: manual"),
        (lambda person, news: None, None),
    ],
)
def test_what_happens_before_the_message_leaves_stops_it(ada, news, happens, stop):
    join(ada, news)
    happens(ada, news)

    assert gate(ada) == stop


def test_who_comes_back_takes_back_their_own_no(ada, news, workspace):
    people.unsubscribe(ada, by=SYSTEM)
    assert Suppression.objects.get().reason == "unsubscribed"
    join(ada, news)
    assert gate(ada) is None

    post(links_of(Outbox.objects.get()).confirm, lists=[news.public_id])

    assert state_of(ada) == ["confirmed"]
    assert not Suppression.objects.exists()
    lifted = AuditEntry.objects.get(verb="suppression.lifted")
    assert (lifted.actor_kind, lifted.changes["was"]) == ("subscriber", "unsubscribed")


def test_nobody_else_takes_it_back(ada, news):
    people.unsubscribe(ada, by=SYSTEM)
    join(ada, news)
    [place] = Subscription.objects.all()

    people.confirm(place, by=SYSTEM, consent=Consent("they said so"))

    assert Suppression.objects.get().reason == "unsubscribed"


def test_a_list_asks_in_german_by_its_own_sender(ada, news, workspace):
    other = SenderFactory(workspace=workspace, email="post@harbour.example")
    path = "/lists/news/opt-in-message"
    api = Api(workspace)
    assert api("GET", path).json() == {
        "sends": True,
        "language": "en",
        "sender": None,
        "template": None,
    }

    changed = api("PATCH", path, {"language": "de", "sender": other.public_id})

    assert (changed.status_code, changed.json()["language"]) == (200, "de")
    join(ada, news)
    [message] = Outbox.objects.all()
    assert message.sender == other
    assert message.template_version.subject == "Bitte bestätigen Sie Ihre Anmeldung"
    page = Client().get(links_of(message).confirm).content.decode()
    assert '<html lang="de">' in page
    assert "Bestätigen</button>" in page


def test_a_list_asks_with_a_template_of_its_own(ada, news, workspace):
    letter = TemplateFactory(workspace=workspace, html=HTML)
    api, path = Api(workspace), "/lists/news/opt-in-message"
    refused = api("PATCH", path, {"template": letter.public_id})
    assert refused.json()["errors"][0]["code"] == "confirm_missing"
    assert not OptInMessage.objects.exists()
    own = TemplateFactory(workspace=workspace, html="<a href='{{ links.confirm }}'>Aye</a>")

    assert api("PATCH", path, {"template": own.public_id}).json()["template"] == own.public_id

    join(ada, news)
    [message] = Outbox.objects.all()
    assert message.template_version.template == own
    cleared = api("PATCH", path, {"template": None})
    assert cleared.json()["template"] is None


def test_the_built_in_template_is_made_once_and_then_theirs(news, workspace):
    for _ in range(2):
        join(SubscriberFactory(workspace=workspace), news)
    template = Template.objects.get()
    assert template.slug == "confirm-subscription-en"

    templates.save_draft(template, by=SYSTEM, subject="Half done")
    join(SubscriberFactory(workspace=workspace), news)
    newest = Outbox.objects.order_by("-id")
    assert newest[0].template_version.subject == "Please confirm your subscription"
    templates.publish(Template.objects.get(), by=SYSTEM)
    join(SubscriberFactory(workspace=workspace), news)
    assert newest.all()[0].template_version.subject == "Half done"


def test_a_template_that_leads_nowhere_asks_nobody(ada, news, workspace):
    own = TemplateFactory(workspace=workspace, html="<a href='{{ links.confirm }}'>Aye</a>")
    confirmations.set_opt_in(news, by=SYSTEM, template=own)
    templates.save_draft(Template.objects.get(pk=own.pk), by=SYSTEM, html=HTML)
    templates.publish(Template.objects.get(pk=own.pk), by=SYSTEM)

    join(ada, news)

    assert not Outbox.objects.exists()
    assert reasons() == ["Put {{ links.confirm }} into the html: that is what it asks."]


def test_the_back_office_says_how_a_list_asks_and_asks_again():
    client = sign_in()
    sender = SenderFactory(workspace=client.workspace)
    news = ListFactory(workspace=client.workspace)
    ada = SubscriberFactory(workspace=client.workspace)
    dialog = reverse("admin:subscribers_list_opt_in_message", args=[news.pk])
    assert "checked" in client.get(dialog).content.decode()

    assert is_done(act(client, dialog, sends="on", language="de", sender=sender.pk))
    join(ada, news)
    again = reverse("admin:subscribers_subscriber_ask_again", args=[ada.pk])
    with clock.frozen(clock.now() + timedelta(hours=1)):
        assert is_done(act(client, again, to=news.pk))
        hear()

    assert Outbox.objects.count() == 2
    own = OptInMessage.objects.get()
    assert (own.sends, own.language, own.sender, own.template) == (True, "de", sender, None)
    assert is_done(act(client, dialog, language="en"))
    own.refresh_from_db()
    assert (own.sends, own.language, own.sender) == (False, "en", None)


def test_the_number_of_statements_does_not_grow_with_the_people(
    news, workspace, django_assert_max_num_queries
):
    join(SubscriberFactory(workspace=workspace), news)
    for person in SubscriberFactory.create_batch(50, workspace=workspace):
        people.subscribe(person, to=news, by=SYSTEM)

    with django_assert_max_num_queries(25):
        assert hear() == 50

    assert Outbox.objects.count() == 51
