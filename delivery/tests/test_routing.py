from __future__ import annotations

from collections import Counter

from delivery import operators, routing
from delivery.routing import LaneKey, Place, Plan, Route, Waiting

SHARED = Route(1, None, "", 10, 1)
OWN, SPARE = Route(2, 7, "", 10, 1), Route(3, 7, "", 20, 1)


def ways(*routes, workspace_id=7, message_class="marketing", pinned=None, group="google"):
    found = routing.lanes(
        routes,
        workspace_id=workspace_id,
        message_class=message_class,
        transport_id=pinned,
        domain_group=group,
    )
    return [lane.transport_id for lane in found]


def place(source_id, group="google", *, priority=2):
    return Waiting(Place(priority, "campaign", source_id, group), 7, "marketing", None)


def planned(*waiting, budget=400, turn=0, room=None, served=None, whole=None):
    """How many messages of each source are claimed."""
    rooms = room or {}

    def lanes_of(each):
        group = each.place.domain_group
        yield LaneKey(1, each.message_class, group), rooms.get(group, 1000)

    plan = Plan(lanes_of, served or {}, {LaneKey(1): whole} if whole else {})
    counts = Counter()
    for share in plan.make(waiting, budget=budget, turn=turn):
        counts[share.place.source_id, share.place.domain_group] += share.quota
    return {key: count for key, count in counts.items() if count}


def test_a_workspace_uses_its_own_transports_before_the_one_that_all_share():
    assert ways(SHARED, OWN, SPARE) == [2, 3]
    assert ways(SHARED, OWN, SPARE, workspace_id=8) == [1]


def test_a_senders_transport_is_the_only_one():
    assert ways(SHARED, OWN, SPARE, pinned=3) == [3]


def test_a_transport_carries_only_its_class():
    receipts = Route(4, 7, "transactional", 1, 1)

    assert ways(SHARED, OWN, receipts) == [2]
    assert ways(SHARED, OWN, receipts, message_class="transactional") == [4, 2]


def test_weights_share_the_domains_and_each_domain_stays():
    heavy, light = Route(5, 7, "", 10, 3), Route(6, 7, "", 10, 1)

    first = {group: ways(heavy, light, group=f"g{group}")[0] for group in range(400)}

    counts = Counter(first.values())
    assert 260 < counts[5] < 340
    assert first == {group: ways(light, heavy, group=f"g{group}")[0] for group in range(400)}
    # One more transport takes its share, and moves nobody between the others.
    more = {
        group: ways(heavy, light, Route(8, 7, "", 10, 1), group=f"g{group}")[0]
        for group in range(400)
    }
    assert {more[group] for group in first if more[group] != first[group]} == {8}


def test_sources_share_a_claim():
    assert planned(place(1), place(2), place(3)) == {
        (1, "google"): 134,
        (2, "google"): 133,
        (3, "google"): 133,
    }


def test_each_source_gets_a_chunk_of_a_lane_without_room_for_all():
    assert planned(place(1), place(2), room={"google": 30}) == {
        (1, "google"): 20,
        (2, "google"): 10,
    }


def test_a_lane_without_room_leaves_the_claim_to_the_others():
    waiting = place(1, "google"), place(1, "gmx")

    assert planned(*waiting, room={"google": 0}) == {(1, "gmx"): 400}


def test_who_has_waited_longest_comes_first():
    one, two = place(1), place(2)

    assert planned(one, two, room={"google": 5}, served={one.place: 9, two.place: 4}) == {
        (2, "google"): 5
    }


def test_the_first_priority_gets_most_and_none_is_left_out():
    waiting = place(1, priority=0), place(2, priority=1), place(3, priority=2)

    assert planned(*waiting) == {(1, "google"): 240, (2, "google"): 120, (3, "google"): 40}
    assert planned(*waiting[1:]) == {(2, "google"): 300, (3, "google"): 100}


def test_what_is_scarce_goes_to_priorities_in_turn():
    waiting = place(1, priority=0), place(2, priority=1), place(3, priority=2)

    winners = Counter()
    for turn in range(100):
        winners.update(planned(*waiting, room={"google": 1}, turn=turn))

    assert winners == {(1, "google"): 60, (2, "google"): 30, (3, "google"): 10}


def test_a_transport_as_a_whole_limits_all_its_lanes():
    waiting = place(1, "google"), place(1, "gmx"), place(2, "gmx")

    assert sum(planned(*waiting, whole=25).values()) == 25


def test_operators_are_known_by_domain_or_by_exchanger():
    assert operators.by_domain("gmail.com") == "google"
    assert operators.by_domain("hotmail.co.uk") == "microsoft"
    assert operators.by_domain("yahoo.com.br") == "yahoo"
    assert operators.by_domain("live.boats.harbour.example") == ""
    assert operators.by_domain("harbour.example") == ""
    exchanger = "harbour-example.mail.protection.outlook.com."
    assert operators.by_exchangers([exchanger]) == "microsoft"
    assert operators.by_exchangers(["mx.harbour.example", "ASPMX.L.GOOGLE.COM"]) == "google"
    assert operators.by_exchangers(["mx.notgoogle.com", "com"]) == ""
    assert operators.is_reserved("post.example.org")
    assert not operators.is_reserved("notexample.org")
