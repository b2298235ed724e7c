"""With what people read, by what it calls itself: the readers of the table of hits, and others."""

from __future__ import annotations

from collections import Counter

import pytest

from delivery.clients import reading
from delivery.tests.test_verdicts import ROWS

AGENTS = {row[4] for row in ROWS if row[0] == "person"}


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML", ("apple_mail", "phone")),
        ("CriOS/124.0.6367.68 Mobile", ("chrome", "phone")),
        ("Outlook-Android/2.0", ("outlook", "phone")),
        ("MacOutlook/16.83", ("outlook", "computer")),
        ("Edg/124.0.2478.67", ("edge", "computer")),
        ("iPad; CPU OS 17_4 like Mac OS X", ("safari", "tablet")),
        ("KFTRWI", ("chrome", "tablet")),
        ("Instagram 328", ("chrome", "phone")),
        ("[FBAN/FBIOS", ("", "phone")),
        ("Dalvik/2.1.0", ("", "phone")),
        ("PlayStation 5", ("safari", "")),
        ("Evolution/3.48.1", ("", "")),
    ],
)
def test_some_of_the_table(agent, expected):
    found = {reading(each) for each in AGENTS if agent in each}

    assert found == {expected}


def test_most_of_the_table_is_known():
    counts = Counter("".join(reading(agent).client) for agent in AGENTS)

    assert counts[""] <= 0.3 * len(AGENTS)
    assert len(counts) >= 10


def test_a_proxy_hides_the_device():
    agent = (
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
    )

    assert reading(agent) == ("gmail", "")
    assert reading("YahooMailProxy; https://help.yahoo.com/kb/SLN28749.html") == ("yahoo", "")
    assert reading("") == ("", "")
