"""Forms: what strangers may send, what becomes of it, and what nobody hears."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.test import Client

from accounts.audit import SYSTEM
from accounts.tests.api import Api
from accounts.tests.backoffice import act, is_done, sign_in
from accounts.tests.factories import WorkspaceFactory
from emailseq.lib import clock
from subscribers import services, tasks
from subscribers.models import Event, Form, SignUp, Subscriber, Subscription
from subscribers.services import create_form
from subscribers.states import OptIn
from subscribers.tests.factories import ListFactory, SubscriberFactory, SubscriptionFactory

pytestmark = pytest.mark.django_db
WORDS = "Yes, send me the harbour news."


@pytest.fixture
def news():
    return ListFactory(workspace=WorkspaceFactory(name="Harbour"), name="News", slug="news")


@pytest.fixture
def form(news):
    return create_form(news.workspace, name="Join", lists=[news], consent_text=WORDS, by=SYSTEM)


def path(form):
    return f"/forms/{form.public_id}"


def read(form):
    """The page, and the token in it, as it was shown three seconds ago."""
    with clock.frozen(clock.now() - timedelta(seconds=3)):
        page = Client().get(path(form)).content.decode()
    return page, re.search(r'name="token" value="([^"]+)"', page)[1]


def send(form, email="ada@example.com", *, ip="203.0.113.7", **fields):
    given = {"email": email, "consent": "yes", "token": read(form)[1], **fields}
    browser = {
        "REMOTE_ADDR": ip,
        "HTTP_USER_AGENT": "Firefox",
        "HTTP_REFERER": "https://a.example/",
    }
    return Client().post(path(form), given, **browser)


def call(form, **members):
    with clock.frozen(clock.now() - timedelta(seconds=3)):
        token = Client().get(path(form), headers={"accept": "application/json"}).json()["token"]
    given = {"email": "ada@example.com", "consent": True, "token": token, **members}
    return Client().post(path(form), json.dumps(given), content_type="application/json")


def places():
    return {
        place.subscriber.email: place.state
        for place in Subscription.objects.select_related("subscriber")
    }


def pending_events():
    return Event.objects.filter(kind="subscription.pending").count()


def test_a_sign_up_asks_to_join_with_its_evidence(form):
    page, _ = read(form)
    answer = send(form)

    assert WORDS in page
    assert answer.status_code == 200
    assert "Almost done" in answer.content.decode()
    assert not Subscriber.objects.exists()  # it is written down; the tick does it
    assert tasks.take_sign_ups() == 1
    assert tasks.take_sign_ups() == 0
    place = Subscription.objects.get()
    assert (place.state, place.consent_text) == ("pending", WORDS)
    assert (place.consent_source, place.consent_ip) == ("form: Join, version 1", "203.0.113.7")
    kept = SignUp.objects.get()
    assert (kept.subscriber, kept.consent_version) == (place.subscriber, 1)
    assert (kept.page, kept.agent, kept.network) == (
        *("https://a.example/", "Firefox"),
        "203.0.113.0/24",
    )
    assert pending_events() == 1


def test_nobody_hears_who_is_known(form, news):
    SubscriptionFactory(list=news, subscriber__email="member@example.com")
    SubscriptionFactory(list=news, subscriber__email="left@example.com", state="unsubscribed")
    services.suppress(news.workspace, email="no@example.com", reason="complaint", by=SYSTEM)
    known = ["member@example.com", "left@example.com", "no@example.com", "new@example.com"]

    answers = [send(form, email) for email in known]

    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


def test_who_left_is_asked_and_who_is_there_is_left_alone(form, news):
    SubscriptionFactory(list=news, subscriber__email="member@example.com")
    SubscriptionFactory(list=news, subscriber__email="left@example.com", state="unsubscribed")

    send(form, "member@example.com")
    send(form, "left@example.com")
    tasks.take_sign_ups()

    assert places() == {"member@example.com": "confirmed", "left@example.com": "pending"}
    assert pending_events() == 1


def test_a_stranger_changes_nothing_that_is_known_of_somebody(form, news):
    services.update_form(form, asks_name=True, by=SYSTEM)
    SubscriberFactory(workspace=news.workspace, email="ada@example.com", first_name="Ada")

    send(form, first_name="Mallory")
    send(form, "bob@example.com", first_name="Bob")
    tasks.take_sign_ups()

    names = dict(Subscriber.objects.values_list("email", "first_name"))
    assert names == {"ada@example.com": "Ada", "bob@example.com": "Bob"}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"website": "https://spam.example"}, 200),  # hears the same as everybody
        ({"token": ""}, 400),
        ({"token": "v1.a.f.AAAA.AAAA"}, 400),
        ({"consent": ""}, 400),
        ({"email": "nobody"}, 400),
        ({"email": "a\0@example.com"}, 400),
    ],
)
def test_what_is_not_taken(form, fields, status):
    answer = send(form, **fields)

    assert answer.status_code == status
    assert not SignUp.objects.exists()


def test_too_fast_too_late_or_of_another_form_it_is_asked_once_more(form, news):
    other = create_form(news.workspace, name="B", lists=[news], consent_text=WORDS, by=SYSTEM)
    _, token = read(form)
    foreign = read(other)[1]

    with clock.frozen(clock.now() - timedelta(seconds=2)):
        fast = send(form, token=token)
    with clock.frozen(clock.now() + timedelta(hours=2)):
        late = send(form, token=token)
    answers = [fast, late, send(form, token=foreign)]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert all("look at it once more" in answer.content.decode() for answer in answers)
    assert all('value="ada@example.com"' in answer.content.decode() for answer in answers)
    assert not SignUp.objects.exists()


def test_a_network_has_its_share_of_an_hour(form, settings):
    settings.FORM_SIGN_UPS_PER_HOUR = 2

    codes = [send(form, f"{n}@example.com", ip=f"203.0.113.{n}").status_code for n in range(3)]
    elsewhere = send(form, "x@example.com", ip="2001:db8::1").status_code
    with clock.frozen(clock.now() + timedelta(minutes=61)):
        later = send(form, "later@example.com").status_code

    assert (codes, elsewhere, later) == ([200, 200, 429], 200, 200)
    assert set(SignUp.objects.values_list("network", flat=True)) == {
        "203.0.113.0/24",
        "2001:db8::/64",
    }


@pytest.mark.parametrize(
    ("forwarded", "network"),
    [
        ("198.51.100.9", "198.51.100.0/24"),
        ("192.0.2.1, 198.51.100.9", "198.51.100.0/24"),  # the left one is the client's own word
        ("198.51.100.9, nonsense", "127.0.0.0/24"),
    ],
)
def test_behind_a_proxy_the_network_is_what_that_says(form, settings, forwarded, network):
    settings.TRUSTED_PROXIES = 1
    settings.MIDDLEWARE = ["emailseq.middleware.ProxyMiddleware", *settings.MIDDLEWARE]
    given = {"email": "ada@example.com", "consent": "yes", "token": read(form)[1]}

    answer = Client().post(path(form), given, headers={"x-forwarded-for": forwarded})

    assert answer.status_code == 200
    assert SignUp.objects.get().network == network


def test_it_works_while_valkey_is_away(form, monkeypatch):
    for name in ("get", "set", "add", "incr"):
        monkeypatch.setattr(type(caches["default"]), name, lambda *_, **__: pytest.fail("Valkey"))

    assert send(form).status_code == 200
    assert services.take_sign_ups() == 1


def test_another_text_is_another_version_and_old_consents_keep_theirs(form):
    send(form)
    services.update_form(form, consent_text="Other words.", by=SYSTEM)
    services.update_form(form, name="Join us", by=SYSTEM)
    send(form, "bob@example.com")

    kept = SignUp.objects.order_by("id").values_list("consent_version", "consent_text")
    assert list(kept) == [(1, WORDS), (2, "Other words.")]


def test_of_several_lists_people_choose(form, news):
    tips = ListFactory(workspace=news.workspace, name="Tips", slug="tips")
    services.update_form(form, lists=[news, tips], by=SYSTEM)
    stranger = ListFactory()

    none = send(form)
    foreign = send(form, lists=[stranger.public_id])
    one = send(form, lists=[tips.public_id, stranger.public_id])
    tasks.take_sign_ups()

    assert [none.status_code, foreign.status_code, one.status_code] == [400, 400, 200]
    assert [place.list for place in Subscription.objects.all()] == [tips]


def test_a_list_that_is_closed_meanwhile_is_joined_no_more(form, news):
    send(form)
    services.update_list(news, by=SYSTEM, opt_in=OptIn.SINGLE)
    tasks.take_sign_ups()

    assert not Subscription.objects.exists()
    assert "Nobody can sign up here" in Client().get(path(form)).content.decode()


def test_it_leads_where_its_owner_has_said_and_nowhere_else(form):
    services.update_form(form, redirect_url="https://harbour.example/thanks", by=SYSTEM)

    answer = send(form, next="https://evil.example/", redirect_url="https://evil.example/")

    assert (answer.status_code, answer.headers["Location"]) == (
        *(303,),
        "https://harbour.example/thanks",
    )
    policy = Client().get(path(form)).headers["Content-Security-Policy"]
    assert "form-action 'self' https://harbour.example" in policy
    assert "frame-ancestors *" in policy
    assert "script-src" not in policy


def test_programs_speak_json_from_anywhere(form, news):
    shown = Client().get(path(form), headers={"accept": "application/json"})
    preflight = Client().options(path(form))
    taken, refused = call(form), call(form, email="nobody")
    rude = Client().post(path(form), "[", content_type="application/json")

    assert shown.json()["lists"] == [{"id": news.public_id, "name": "News"}]
    assert shown.json()["consent_text"] == WORDS
    assert preflight.status_code == 204
    assert (taken.status_code, taken.json()) == (202, {"state": "asked", "redirect_url": None})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "invalid_email")
    assert (rude.status_code, rude.json()["errors"][0]["code"]) == (400, "malformed_json")
    answers = (shown, preflight, taken, refused, rude)
    assert {each.headers["Access-Control-Allow-Origin"] for each in answers} == {"*"}
    assert not any("Access-Control-Allow-Credentials" in each.headers for each in answers)
    assert SignUp.objects.get().email == "ada@example.com"


def test_the_script_puts_the_page_into_a_frame(form):
    services.update_form(form, name='</script>"; alert(1)', by=SYSTEM)

    answer = Client().get(f"{path(form)}/embed.js")

    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert f'{path(form)}"' in answer.content.decode()
    assert "</script>" not in answer.content.decode()
    assert '\\"; alert(1)' in answer.content.decode()


def test_over_the_api(news):
    api = Api(news.workspace)
    single = ListFactory(workspace=news.workspace, opt_in=OptIn.SINGLE)
    hidden = ListFactory(workspace=news.workspace, public=False)
    body = {"name": "Join", "consent_text": WORDS, "lists": [news.public_id]}

    made = api("POST", "/forms", body)
    refused = [
        api("POST", "/forms", {**body, "lists": [each.public_id]}) for each in (single, hidden)
    ]
    astray = api("POST", "/forms", {**body, "redirect_url": "http://harbour.example/"})
    changed = api("PATCH", f"/forms/{made.json()['id']}", {"consent_text": "Other words."})

    assert made.status_code == 201
    assert made.json()["url"].endswith(f"/forms/{made.json()['id']}")
    assert made.json()["lists"] == [news.public_id]
    assert [each.json()["errors"][0]["code"] for each in refused] == ["not_joinable"] * 2
    assert astray.json()["errors"][0]["pointer"] == "/redirect_url"
    assert changed.json()["consent_version"] == 2
    assert api("DELETE", f"/forms/{made.json()['id']}").status_code == 204
    assert Client().get(f"/forms/{made.json()['id']}").status_code == 404


def test_in_the_back_office(news):
    browser = sign_in(role="Marketer", workspace=news.workspace)
    ListFactory(name="Not ours")
    page = "/admin/subscribers/form/"

    shown = browser.get(f"{page}create/").content.decode()
    made = act(
        browser,
        f"{page}create/",
        name="Join",
        lists=[news.pk],
        consent_text=WORDS,
        language="de",
    )

    assert "Not ours" not in shown
    assert is_done(made)
    form = Form.objects.get()
    assert (form.language, list(form.lists.all())) == ("de", [news])
    assert f"/forms/{form.public_id}" in browser.get(page).content.decode()
    assert "Anmelden" in Client().get(path(form)).content.decode()


def test_who_has_mistyped_is_asked_whoever_is_known(form, news):
    SubscriptionFactory(list=news, subscriber__email="ada@gmail.com")

    asked, stranger = send(form, "ada@gmial.com"), send(form, "eve@gmial.com")
    before = SignUp.objects.count()
    kept = send(form, "ada@gmial.com", kept="ada@gmial.com")
    other = send(form, "ada@gmai.com", kept="ada@gmial.com")

    page = asked.content.decode()
    assert (asked.status_code, before) == (200, 0)
    assert "Did you mean ada@gmail.com?" in page
    assert 'name="kept" value="ada@gmial.com"' in page
    assert page.replace("ada@", "eve@")[:900] == stranger.content.decode()[:900]
    assert "Almost done" in kept.content.decode()
    assert "Did you mean ada@gmail.com?" in other.content.decode()
    assert list(SignUp.objects.values_list("email", flat=True)) == ["ada@gmial.com"]


def test_programs_are_told_what_was_probably_meant(form):
    assert call(form, email="ada@gmial.com").json()["did_you_mean"] == "ada@gmail.com"
    assert "did_you_mean" not in call(form, email="ada@harbour.org").json()
    assert SignUp.objects.count() == 2


def test_a_form_takes_so_many_a_day_and_others_go_on(form, news):
    services.update_form(form, most_per_day=2, by=SYSTEM)
    other = create_form(news.workspace, name="Other", lists=[news], consent_text=WORDS, by=SYSTEM)

    answers = [send(form, f"p{number}@example.com") for number in range(3)]
    by_program = call(form, email="q@example.com")

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "So many people have signed up" in answers[-1].content.decode()
    assert (by_program.status_code, by_program.json()["code"]) == (429, "rate_limited")
    assert send(other, "r@example.com").status_code == 200
    assert SignUp.objects.filter(form=form).count() == 2
    SignUp.objects.update(at=clock.now() - timedelta(hours=25))
    assert send(form, "s@example.com").status_code == 200
    refused = Api(news.workspace)("PATCH", f"/forms/{form.public_id}", {"most_per_day": 0})
    assert refused.json()["errors"][0]["pointer"] == "/most_per_day"


def test_the_page_of_a_form_says_how_to_use_it_and_what_came_of_it(form):
    owner = sign_in(workspace=form.workspace)
    send(form, "ada@example.com")
    send(form, "bob@example.com")
    tasks.take_sign_ups()
    services.confirm(Subscription.objects.get(subscriber__email="bob@example.com"), by=SYSTEM)
    send(form, "new@example.com")

    page = owner.get(f"/admin/subscribers/form/{form.pk}/change/").content.decode()
    listed = owner.get("/admin/subscribers/signup/").context["cl"].result_list

    assert f"&lt;script src=&quot;{form.script_url}&quot;&gt;" in page.replace('"', "&quot;")
    assert f'action="{form.url}"' in page
    assert '<dd><a href="/admin/subscribers/signup/?form__id__exact=' in page
    assert [(row.email, row.told[0]) for row in listed] == [
        ("new@example.com", "queued"),
        ("bob@example.com", "confirmed"),
        ("ada@example.com", "pending"),
    ]
    assert sign_in().get(f"/admin/subscribers/form/{form.pk}/change/").status_code == 404
    assert not sign_in().get("/admin/subscribers/signup/").context["cl"].result_list
