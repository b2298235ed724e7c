from __future__ import annotations

import random
import uuid
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.audit import SYSTEM
from delivery import callbacks, return_path
from delivery.bounces.score import Soft, is_worn_out
from delivery.callbacks import Told
from delivery.models import Callback, Feedback, Outbox, SendLedger
from delivery.services.feedback import NewFeedback, record_feedback, settle_doubts
from delivery.tests.factories import queue
from delivery.tests.returned import DAY, NOW, sent
from emailseq.lib import clock, signing
from emailseq.lib.signing import BadToken
from subscribers import services as people
from subscribers.models import Event, Subscription, Suppression
from subscribers.tests.factories import ListFactory, make_audience


def tell(message, kind, *, at=NOW, **more):
    return record_feedback([NewFeedback(message.pk, kind, at, **more)])


def reasons():
    return [*Suppression.objects.order_by("address_key").values_list("reason", flat=True)]


def softs(days, *, strict=False):
    return [Soft(NOW + day * DAY, strict) for day in days]


@pytest.mark.parametrize(
    ("bounces", "delivered", "worn_out"),
    [
        (softs([0, 1, 2]), None, True),
        (softs([0, 15, 30]), None, True),
        (softs([0, 15, 31]), None, False),
        (softs([0, 0.1, 0.2, 1]), None, False),
        (softs([0, 1, 2]), NOW + DAY, False),
        (softs([0, 1, 2, 3]), NOW, True),
        (softs([0, 7], strict=True), None, True),
        (softs([0, 7.1], strict=True), None, False),
        (softs([0, 0.1], strict=True), None, True),
        (softs([0], strict=True) + softs([1]), None, False),
        (softs([0], strict=True) + softs([1, 2]), None, True),
    ],
)
def test_what_makes_an_address_worn_out(bounces, delivered, worn_out):
    for order in (bounces, [*reversed(bounces)]):
        assert is_worn_out(order, delivered_at=delivered) is worn_out


@given(st.sampled_from("bu"), st.integers(1, 2**63 - 1))
def test_a_return_path_says_for_whom_it_was_made(purpose, message_id):
    tag = return_path.tag("ines@example.net")
    address = return_path.write(
        purpose, message_id=message_id, address_tag=tag, domain="bounce.harbour.example"
    )

    local = address.rpartition("@")[0]
    assert len(local) <= 64
    assert local.startswith(f"{purpose}+{signing.newest()}-")
    assert return_path.read(address.upper()) == (
        *(purpose, message_id, tag),
        "bounce.harbour.example",
    )
    for index in (0, len(local) - 45, len(local) - 20):
        other = local[:index] + ("c" if local[index] != "c" else "d") + local[index + 1 :]
        with pytest.raises(BadToken):
            return_path.read(f"{other}@bounce.harbour.example")


@pytest.mark.parametrize("address", ["", "b+k1-@x.example", "ines@example.net", "b+k9-" + "a" * 45])
def test_other_addresses_are_no_return_path(address):
    with pytest.raises(BadToken):
        return_path.read(address)


pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("kind", "event", "verdict", "suppressed"),
    [
        ("delivered", "message.delivered", "", []),
        ("deferred", "message.deferred", "", []),
        ("hard", "message.bounced", "hard", ["hard_bounce"]),
        ("soft", "message.bounced", "soft", []),
        ("soft_strict", "message.bounced", "soft", []),
        ("sender_fault", "message.bounced", "sender", []),
        ("content_fault", "message.bounced", "content", []),
        ("complained", "message.complained", "", ["complaint"]),
        ("replied", "message.replied", "", []),
        ("auto_reply", None, "", []),
        ("remark", None, "", []),
    ],
)
def test_what_a_feedback_leads_to(kind, event, verdict, suppressed):
    (message,) = sent()

    times = 100 if kind == "hard" else 2
    told = [tell(message, kind, status="5.1.1", reason="No such user.") for _ in range(times)]

    assert told == [1] + [0] * (times - 1)
    feedback = Feedback.objects.get()
    address = message.subscriber.address_key
    assert (feedback.kind, feedback.address_key, feedback.at) == (kind, address, NOW)
    events = Event.objects.filter(message_id=message.pk).exclude(kind="message.sent")
    found = [*events.values_list("kind", "verdict", "source_id", "occurred_at", "properties")]
    told_as = "excerpt" if kind == "replied" else "reason"
    words = {told_as: "No such user.", "status": "5.1.1"}
    assert found == ([(event, verdict, 1, NOW, words)] if event else [])
    assert reasons() == suppressed
    assert Subscription.objects.get().state == "confirmed"
    notes = Suppression.objects.values_list("note", "message_id")
    assert [*notes] == [("5.1.1 No such user.", message.pk)] * len(suppressed)


def test_who_leaves_by_mail_leaves_the_list_of_that_message_once():
    (message,) = sent()

    assert tell(message, "unsubscribed") == 1
    assert Subscription.objects.get().state == "unsubscribed"
    assert Event.objects.filter(kind="message.unsubscribed").count() == 1

    Subscription.objects.update(state="confirmed")  # came back, and meant it
    assert tell(message, "unsubscribed") == 0
    assert Subscription.objects.get().state == "confirmed"
    assert reasons() == []


def test_of_several_tellings_the_earliest_stays():
    (message,) = sent()

    for hours in (2, 1, 3):
        tell(message, "soft", at=NOW - timedelta(hours=hours), reason=f"{hours} ago")

    assert [*Feedback.objects.values_list("at", "reason")] == [(NOW - timedelta(hours=3), "3 ago")]
    assert Event.objects.filter(kind="message.bounced").count() == 1


def test_nothing_is_told_of_the_future():
    (message,) = sent()

    with clock.frozen(NOW):
        tell(message, "hard", at=NOW + 300 * DAY)

    assert Feedback.objects.get().at == NOW


def test_only_an_opt_out_is_never_too_late():
    (message,) = sent(finished_at=NOW)
    late = NOW + 91 * DAY

    with clock.frozen(late):
        assert tell(message, "hard", at=late) == 0
        assert tell(message, "complained", at=NOW + 89 * DAY) == 1
        assert tell(message, "unsubscribed", at=late) == 1

    assert reasons() == ["complaint"]


def test_what_strangers_say_is_stored_as_far_as_it_can_be():
    (message,) = sent()

    assert tell(message, "soft", status="4" * 99, reason="a\0" * 999, told_by="b" * 999) == 1

    stored = Feedback.objects.get()
    assert (stored.status, stored.reason, stored.told_by) == ("4" * 20, "a" * 500, "b" * 100)


def test_a_message_that_nobody_knows_has_no_effect():
    assert record_feedback([NewFeedback(4711, "hard", NOW)]) == 0
    assert not Feedback.objects.exists()


def test_a_late_bounce_spares_the_address_that_the_person_has_now():
    (message,) = sent()
    old = message.subscriber.address_key
    message.subscriber.__class__.objects.update(email="new@x.example", address_key="new@x.example")

    tell(message, "hard", about=old)
    tell(message, "complained", about=return_path.tag(old))

    assert [*Feedback.objects.values_list("address_key", flat=True)] == ["", ""]
    assert Event.objects.filter(kind="message.bounced").count() == 1
    assert reasons() == []


@pytest.mark.parametrize("write", [str.upper, return_path.tag, lambda key: ""])
def test_a_bounce_is_about_the_address_however_it_is_written(write):
    (message,) = sent()

    tell(message, "hard", about=write(message.subscriber.address_key))

    assert reasons() == ["hard_bounce"]


def test_three_soft_bounces_wear_an_address_out_and_a_delivery_makes_it_good():
    news = ListFactory()
    (ada,) = make_audience(1, on=news)
    rows = [sent(source_id=n, people=[ada], on=news, finished_at=NOW)[0] for n in range(1, 6)]

    for days, message in enumerate(rows[:3]):
        assert reasons() == []
        tell(message, "soft", at=NOW + days * DAY)
    assert reasons() == ["soft_bounce"]

    tell(rows[3], "delivered", at=NOW + 3 * DAY)
    assert reasons() == []
    tell(rows[4], "soft", at=NOW + 4 * DAY)
    assert reasons() == []


def test_what_did_not_come_back_for_five_days_has_arrived():
    news = ListFactory()
    (ada,) = make_audience(1, on=news)
    rows = [sent(source_id=n, people=[ada], on=news, finished_at=NOW)[0] for n in range(1, 4)]
    (silent,) = sent(source_id=9, people=[ada], on=news, finished_at=NOW + 2 * DAY)

    for days, message in zip((0, 1, 8), rows, strict=True):
        tell(message, "soft", at=NOW + days * DAY)
    assert reasons() == []

    tell(silent, "soft", at=NOW + 8 * DAY)  # it had not: it comes back after all
    assert reasons() == ["soft_bounce"]


def test_a_hard_bounce_is_not_made_good_by_a_delivery():
    first, second = sent(source_id=1), None
    second = sent(source_id=2, people=[first[0].subscriber], on=first[0].list)

    tell(first[0], "hard")
    tell(second[0], "delivered", at=NOW + DAY)

    assert reasons() == ["hard_bounce"]


def in_doubt(row):
    Outbox.objects.update(lease_token=uuid.uuid4(), wire_at=NOW, doubt_at=NOW)
    return row


@pytest.mark.parametrize("kind", ["delivered", "hard", "complained", "replied"])
def test_what_comes_back_has_been_sent(kind):
    news = ListFactory()
    (row,) = queue(make_audience(1, on=news), on=news)
    in_doubt(row)

    tell(row, kind)

    message = SendLedger.objects.get()
    assert (message.pk, message.outcome, message.reason) == (row.pk, "sent", "resolved by feedback")
    assert not Outbox.objects.exists()


def test_what_came_back_before_the_doubt_settles_it_later():
    news = ListFactory()
    (row,) = queue(make_audience(1, on=news), on=news)
    Outbox.objects.update(lease_token=uuid.uuid4(), wire_at=NOW)

    tell(row, "hard")
    assert (Outbox.objects.count(), reasons()) == (1, ["hard_bounce"])
    in_doubt(row)

    assert (settle_doubts(), settle_doubts()) == (1, 0)
    assert SendLedger.objects.get().outcome == "sent"


def test_not_delivered_yet_settles_no_doubt():
    news = ListFactory()
    (row,) = queue(make_audience(1, on=news), on=news)
    in_doubt(row)

    tell(row, "deferred")

    assert Outbox.objects.get().doubt_at == NOW


TOLD = [
    *(("delivered", 0, 0), ("deferred", 0, 0), ("soft", 1, 0), ("soft_strict", 2, 1)),
    *(("hard", 3, 2), ("complained", 0, 3), ("replied", 0, 3), ("sender_fault", 1, 1)),
    *(("hard", 3, 1), ("soft", 1, 2), ("unsubscribed", 2, 4), ("auto_reply", 1, 0)),
]


@pytest.mark.parametrize(
    "count", [25, pytest.param(1000, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_the_order_is_all_the_same(count):
    """Each person hears the same, twice and in an order of their own."""
    news = ListFactory()
    crowd = make_audience(count, on=news)
    rows = [sent(source_id=n, people=crowd, on=news) for n in range(4)]
    shuffles = [random.Random(n).sample(TOLD * 2, len(TOLD) * 2) for n in range(count)]

    for told in zip(*shuffles, strict=True):
        record_feedback(
            NewFeedback(rows[which][person].pk, kind, NOW + day * DAY, reason=f"{kind} {day}")
            for person, (kind, which, day) in enumerate(told)
        )

    for person in crowd:
        about = Feedback.objects.filter(subscriber=person)
        assert about.count() == len({told[:2] for told in TOLD})
        assert about.get(kind="hard").reason == "hard 1"
    assert reasons() == ["complaint"] * count
    assert set(Subscription.objects.values_list("state", flat=True)) == {"unsubscribed"}
    assert Event.objects.filter(kind="message.complained").count() == count
    assert Event.objects.filter(kind="message.bounced").count() == 4 * count


# Callbacks


@pytest.fixture
def read(monkeypatch):
    """What the reader of mail does, as the test says; the bodies that it was given."""
    seen = []

    def arrange(act):
        def read(callback):
            seen.append(bytes(callback.body))
            return act(callback)

        monkeypatch.setitem(callbacks.READERS, "mail", read)
        return seen

    return arrange


def take_in(body=b"bounce", **more):
    return callbacks.keep(body, form="mail", origin="test", **more)


def test_what_comes_in_a_hundred_times_is_written_down_once(read):
    (message,) = sent()
    seen = read(lambda callback: Told([NewFeedback(message.pk, "hard", NOW)], note="bounce"))

    assert [take_in() for _ in range(100)] == [True] + [False] * 99
    assert (callbacks.apply(), callbacks.apply()) == (1, 0)

    row = Callback.objects.get()
    assert (row.due_at, row.note, row.tries, seen) == (None, "bounce", 1, [b"bounce"])
    assert row.applied_at is not None
    assert reasons() == ["hard_bounce"]


def test_a_poisonous_callback_is_parked_and_holds_up_no_other(read):
    (message,) = sent()
    told = Told([NewFeedback(message.pk, "hard", NOW)])
    read(lambda callback: told if callback.body == b"good" else 1 / 0)
    take_in(b"bad")
    take_in(b"good")

    callbacks.apply()

    assert reasons() == ["hard_bounce"]
    assert not Callback.objects.due(clock.now()).exists()
    for hours in range(1, 5):
        with clock.frozen(clock.now() + timedelta(hours=hours)):
            assert callbacks.apply() == 1
    (bad,) = Callback.objects.parked()
    assert (bytes(bad.body), bad.tries) == (b"bad", 5)
    assert bad.note == "ZeroDivisionError: division by zero"
    with clock.frozen(clock.now() + DAY):
        assert callbacks.apply() == 0


def test_a_flood_of_suppressions_waits_for_a_person(read, monkeypatch):
    monkeypatch.setattr(callbacks, "LEAST_HARM", 3)
    messages = sent(5, finished_at=clock.now())
    read(lambda callback: Told([NewFeedback(int(callback.body), "hard", clock.now())]))
    for message in messages[:3]:
        take_in(b"%d" % message.pk)
    callbacks.apply()
    assert reasons() == ["hard_bounce"] * 3

    take_in(b"%d" % messages[3].pk)
    callbacks.apply()

    assert reasons() == ["hard_bounce"] * 3
    assert [row.note for row in Callback.objects.parked()] == [callbacks.HELD]
    callbacks.keep(b"%d" % messages[4].pk, form="mail", origin="elsewhere")
    callbacks.apply()
    assert reasons() == ["hard_bounce"] * 4

    assert callbacks.retry() == 1
    callbacks.apply()
    assert reasons() == ["hard_bounce"] * 5


def test_a_worker_that_dies_over_a_callback_leaves_it_for_later(read):
    seen = read(lambda callback: Told([]))
    take_in()

    assert len(callbacks._claim(10)) == 1  # … and dies

    assert callbacks.apply() == 0
    with clock.frozen(clock.now() + timedelta(minutes=6)):
        assert callbacks.apply() == 1
    assert seen == [b"bounce"]


def test_callbacks_are_forgotten_after_a_month_but_not_those_that_wait(read):
    read(lambda callback: Told([]))
    take_in(b"old")
    callbacks.apply()
    take_in(b"waits")
    Callback.objects.update(received_at=clock.now() - 31 * DAY)
    take_in(b"new")

    assert (callbacks.forget(), callbacks.forget()) == (1, 0)
    assert {bytes(row.body) for row in Callback.objects.all()} == {b"waits", b"new"}


def test_a_suppression_by_hand_gives_way_to_a_bounce():
    (message,) = sent()
    people.suppress(message.workspace, email=message.subscriber.email, reason="manual", by=SYSTEM)

    tell(message, "hard")

    assert reasons() == ["hard_bounce"]
