from __future__ import annotations

import pytest

from emailseq.lib import state
from emailseq.lib.errors import StateConflict
from emailseq.lib.state import Move
from subscribers.models import Subscription
from subscribers.states import SUBSCRIPTION_MOVES
from subscribers.tests.factories import SubscriptionFactory

pytestmark = pytest.mark.django_db


def test_a_move_changes_only_the_rows_its_arrow_starts_from():
    pending = SubscriptionFactory(state="pending")
    gone = SubscriptionFactory(state="unsubscribed")

    moved = state.move(
        Subscription.objects.all(), SUBSCRIPTION_MOVES["confirm"], consent_source="form"
    )

    assert moved == 1
    pending.refresh_from_db()
    gone.refresh_from_db()
    assert (pending.state, pending.consent_source) == ("confirmed", "form")
    assert (gone.state, gone.consent_source) == ("unsubscribed", "test")


def test_moving_one_row_refreshes_it_and_is_false_the_second_time():
    row = SubscriptionFactory(state="pending")

    assert state.move_one(row, "confirm", SUBSCRIPTION_MOVES, consent_text="yes") is True
    assert (row.state, row.consent_text) == ("confirmed", "yes")
    assert state.move_one(row, "confirm", SUBSCRIPTION_MOVES, consent_text="again") is False
    assert row.consent_text == "yes"


def test_somebody_elses_move_counts_and_not_what_was_read_before():
    row = SubscriptionFactory(state="pending")
    Subscription.objects.update(state="unsubscribed")

    with pytest.raises(StateConflict):
        state.move_one(row, "confirm", SUBSCRIPTION_MOVES)

    assert row.state == "unsubscribed"


def test_a_forbidden_move_names_what_is_allowed():
    row = SubscriptionFactory(state="confirmed")
    moves = {**SUBSCRIPTION_MOVES, "reopen": Move(("unsubscribed",), "pending")}

    with pytest.raises(StateConflict, match="Cannot reopen while confirmed") as caught:
        state.move_one(row, "reopen", moves)

    assert caught.value.state == "confirmed"
    assert caught.value.allowed == ["unsubscribe"]
    assert state.move_one(row, "reopen", moves, same=["confirmed"]) is False
