"""The abandoned cart, from the recipe to the mailbox: told and asked over the API alone.

What the processes do by themselves (read the log, move runs on, send) is done here in one go, and
hours pass by the clock.
"""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from delivery.tests.conftest import wire  # noqa: F401 - a real pump and a real sink
from emailseq.lib import clock
from sequences import engine
from sequences.tests.factories import consume

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SHOP = {"recipe": "abandoned-cart"}


@pytest.fixture
def api():
    api = Api(WorkspaceFactory(postal_address="1 Pier, Harbour"))
    ask(api, "POST", "/sender-identities", {"name": "Shop", "email": "shop@harbour.example"})
    ask(api, "POST", "/sequences/from-recipe", SHOP)
    ask(api, "POST", "/sequences/abandoned-cart/publish", match="*")
    return api


def ask(api, method, path, body=None, *, match=None):
    answer = api(method, path, body, match=match)
    assert answer.status_code < 300, answer.content
    return answer.json()


def shopper(api, name):
    consent = {"source": "Checkout", "ip": "192.0.2.7"}
    place = {"list": "customers", "state": "confirmed", "consent": consent}
    body = {"first_name": name, "subscriptions": [place]}
    path = f"/subscribers/by-email/{name.lower()}@example.com"
    return ask(api, "PUT", path, body)["id"]


def tell(api, person, name, cart):
    fact = {"subscriber": {"id": person}, "name": name, "properties": {"cart_id": cart}}
    ask(api, "POST", "/events", fact)


def let_pass(wire, after):  # noqa: F811 - the fixture, handed on
    """Whatever the processes would have done by then; the mails that have left so far."""
    consume()
    with clock.frozen(clock.db_now() + after):
        engine.advance()
        wire.send()
        consume()
        engine.advance()
    return wire.recipients


def run_of(api, person):
    [run] = ask(api, "GET", f"/enrollments?subscriber={person}")["data"]
    return run["state"], run["reason"]


def test_who_orders_the_cart_in_time_is_left_in_peace_and_who_does_not_is_reminded(api, wire):  # noqa: F811
    ada, bob, eve = (shopper(api, name) for name in ("Ada", "Bob", "Eve"))
    for person, cart in ((ada, "c-1"), (bob, "c-2"), (eve, "c-3")):
        tell(api, person, "cart_updated", cart)
    assert let_pass(wire, timedelta(0)) == []
    assert {run_of(api, person) for person in (ada, bob, eve)} == {("active", "")}
    [next_up, _] = ask(api, "GET", f"/subscribers/{ada}/upcoming")["data"]
    assert (next_up["step"], next_up["unless"]) == ("reminder", ["They ordered", "They emptied it"])

    tell(api, ada, "order_placed", "c-1")
    tell(api, bob, "order_placed", "another")
    assert let_pass(wire, 2 * HOUR - MINUTE) == []
    assert run_of(api, ada) == ("exited", "They ordered")

    assert let_pass(wire, 2 * HOUR + MINUTE) == ["bob@example.com", "eve@example.com"]
    mails = [message_from_bytes(mail, policy=policy.default) for mail in wire.mails]
    assert {mail["Subject"] for mail in mails} == {"You left something in your cart"}
    assert {mail["From"] for mail in mails} == {"Shop <shop@harbour.example>"}
    tell(api, eve, "order_placed", "c-3")

    assert let_pass(wire, 27 * HOUR) == [
        "bob@example.com",
        "bob@example.com",
        "eve@example.com",
    ]
    assert run_of(api, bob) == ("completed", "")
    assert run_of(api, eve) == ("exited", "They ordered")
    log = ask(api, "GET", f"/subscribers/{ada}/sequences/abandoned-cart/explain?step=reminder")
    [step] = [gate for gate in log["gates"] if gate["gate"] == "step"]
    assert step["passed"] is False
    assert "run 1 exited (They ordered)" in step["because"]
    assert log["messages"] == []
