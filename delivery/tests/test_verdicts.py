"""Who it was: a table of hits as they come in, and what several of them say together."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from delivery import verdicts
from delivery.verdicts import judge

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0"
LINES = (Path(__file__).parent / "hits.txt").read_text().splitlines()
ROWS = [line.split(" ", 4) for line in LINES if line and not line.startswith("#")]


def request(*, click=True, link=0, links=8, seconds=60.0, agent=FIREFOX, network="192.0.2.0/24"):
    return SimpleNamespace(
        is_click=click, link=link, links=links, seconds=seconds, user_agent=agent, network=network
    )


def clicks(*places):
    """Clicks on links, each a number and the seconds after delivery."""
    return [request(link=link, seconds=seconds) for link, seconds in places]


def found(who):
    """How the hits of somebody in the table are judged, each with its line."""
    for row in ROWS:
        whose, kind, seconds, network, agent = row
        if whose == who:
            one = request(
                click=kind == "click",
                seconds=float(seconds),
                network=network.replace("-", ""),
                agent="" if agent == "-" else agent,
            )
            yield judge([one])[0], " ".join(row)


def test_who_is_known_is_caught():
    caught = [(judged.verdict == "machine", line) for judged, line in found("machine")]
    missed = [line for is_caught, line in caught if not is_caught]
    relays = [judged for judged, _ in found("relay")]

    assert len(missed) <= 0.05 * (len(caught) + len(relays)), missed
    assert {line.split(" ")[3] for line in missed} == {"20.67.0.0/24", "3.93.0.0/24"}
    assert len(caught) >= 70
    assert {judged.because for judged in relays} == {"Gmail's image proxy", "Yahoo's image proxy"}
    assert {judged.verdict for judged in relays} == {"human"}


def test_readers_are_not_taken_for_machines():
    judged = list(found("person"))

    assert [line for one, line in judged if one != ("human", "")] == []
    assert len(judged) >= 55


@pytest.mark.parametrize("agent", ["Frobnicator/3", "x", "okhttp/4.12.0"])
def test_whom_nobody_knows_is_neither(agent):
    assert judge([request(agent=agent)]) == [("unknown", "")]


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(-1, "machine"), (4.9, "machine"), (5, "human"), (90000, "human")]
)
def test_nobody_reads_within_five_seconds(seconds, verdict):
    assert [one.verdict for one in judge([request(seconds=seconds)])] == [verdict]


def test_whoever_follows_the_hidden_link_is_a_machine_with_all_that_came_with_it():
    hits = [request(click=False), request(link=2, seconds=61), request(link=8, seconds=70)]

    assert {one.verdict for one in judge(hits)} == {"machine"}
    assert {one.verdict for one in judge(hits[:2])} == {"human"}


@pytest.mark.parametrize(
    ("hits", "machines"),
    [
        (clicks((0, 60), (1, 61), (2, 62)), [0, 1, 2]),
        (clicks((0, 60), (1, 61)), []),
        (clicks((0, 60), (0, 60.1), (0, 60.2), (0, 60.3)), []),
        (clicks((0, 60), (1, 62), (2, 63.1)), []),
        (clicks((0, 60), (4, 100), (5, 101), (6, 102), (7, 103), (1, 200)), [1, 2, 3, 4]),
        ([request(links=2, link=link) for link in (0, 1)], [0, 1]),
        ([request(links=1), request(links=1)], []),
        ([request(click=False), *clicks((0, 60), (1, 60.5), (2, 61))], [1, 2, 3]),
    ],
)
def test_nobody_follows_many_links_at_once(hits, machines):
    judged = judge(hits)

    assert [place for place, one in enumerate(judged) if one.verdict == "machine"] == machines


def test_no_two_names_stand_for_one_network():
    networks = [each for machine in verdicts.MACHINES for each in machine.networks.split()]

    assert len(set(networks)) == len(networks)
    assert all(int(each.rpartition("/")[2]) <= 24 for each in networks)
