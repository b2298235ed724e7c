from __future__ import annotations

import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import tracking
from delivery.tracking import CLICK, CONFIRM, NOT_ME, OPEN, UNSUBSCRIBE, Links, Mint
from emailseq.lib import signing
from emailseq.lib.signing import BadToken

BASE = "https://links.harbour.example"


def token(url: str) -> str:
    return url.rpartition("/")[2]


@pytest.fixture
def ring(settings):
    settings.LINK_KEYS = {"k2": "new key", "k1": "old key"}
    signing._key.cache_clear()
    yield settings
    signing._key.cache_clear()


@pytest.mark.parametrize(
    "base", ["", BASE, f"https://{'long.' * 20}example", "https://a.example/=&"]
)
@given(st.integers(1, 2**63 - 1), st.integers(0, 40))
def test_all_at_once_are_the_same_as_one_by_one(base, message_id, count):
    links = Links(base, message_id)

    made = Mint(base).addresses(message_id, links=count)

    shown = [quopri.decodestring(made.click + end).decode() for end in made.ends]
    written = base.replace("&", "&amp;")
    assert shown == [links.click(number).replace(base, written) for number in range(count)]
    assert made.links == {"unsubscribe": links.unsubscribe}
    assert quopri.decodestring(made.pixel or b"").decode() == links.open_pixel.replace(
        base, written
    )
    assert quopri.decodestring(made.way_out).decode() == links.unsubscribe.replace(base, written)
    for piece in (made.click, made.pixel, made.way_out, *made.ends):
        assert piece.endswith(b"=\r\n")
        assert all(len(line) <= 76 for line in piece.split(b"\r\n"))


def test_the_trap_is_the_link_behind_the_last_one():
    made = Mint(BASE).addresses(4711, links=3, trapped=True)

    assert len(made.ends) == 4
    assert made.trap == made.ends[3]
    trap = quopri.decodestring(made.click + made.trap).decode()
    assert trap == Links(BASE, 4711).click(3)
    assert tracking.read(CLICK, token(trap)) == (4711, 3)
    assert tracking.read(CLICK, token(Links(BASE, 1).click(500))) == (1, 500)
    assert Mint(BASE).addresses(4711, links=3).trap is None


def test_a_token_says_which_message_and_which_link():
    links = Links(BASE, 4711)

    assert tracking.read(OPEN, token(links.open_pixel)) == (4711, 0)
    assert tracking.read(UNSUBSCRIBE, token(links.unsubscribe)) == (4711, 0)
    assert tracking.read(CONFIRM, token(links.confirm)) == (4711, 0)
    assert tracking.read(NOT_ME, token(links.not_me)) == (4711, 0)
    assert [tracking.read(CLICK, token(links.click(n))) for n in (0, 1, 499)] == [
        (4711, 0),
        (4711, 1),
        (4711, 499),
    ]


def test_every_place_of_every_message_has_a_mac_of_its_own():
    urls = [
        url
        for message_id in range(1, 50)
        for links in [Links(BASE, message_id)]
        for url in (links.open_pixel, links.unsubscribe, links.not_me, *map(links.click, range(20)))
    ]

    assert len({token(url).rpartition(".")[2] for url in urls}) == 49 * 23


@pytest.mark.parametrize("purpose", [OPEN, CLICK, UNSUBSCRIBE, CONFIRM, NOT_ME])
def test_a_token_serves_one_purpose(purpose):
    links = Links(BASE, 7)
    others = {
        OPEN: links.open_pixel,
        CLICK: links.click(3),
        UNSUBSCRIBE: links.unsubscribe,
        CONFIRM: links.confirm,
        NOT_ME: links.not_me,
    }
    del others[purpose]

    for url in others.values():
        with pytest.raises(BadToken):
            tracking.read(purpose, token(url))


def test_a_mac_is_of_one_message_under_one_key(ring):
    mine = token(Links(BASE, 7).click(0))

    assert mine.startswith("v2.k2.7.")
    for forged in (
        mine.replace(".7.", ".8."),
        mine.replace(".k2.", ".k1."),
        mine.replace(".k2.", ".k9."),
        mine.replace(".7.", ".07."),
        mine.replace("v2.", "v3."),
        mine.upper(),
        mine[:-1],
        mine + "0",
        mine[:-32],
        "",
        "v2...",
        "v2.k2.é." + "0" * 32,
        "v2.k2." + "f" * 17 + "." + "0" * 32,
    ):
        with pytest.raises(BadToken):
            tracking.read(CLICK, forged)


@given(st.integers(0, 31), st.sampled_from("0123456789abcdef"))
def test_a_changed_mac_is_refused(place, digit):
    mine = token(Links(BASE, 7).open_pixel)
    head, mac = mine[:-32], mine[-32:]
    changed = head + mac[:place] + digit + mac[place + 1 :]

    if changed != mine:
        with pytest.raises(BadToken):
            tracking.read(OPEN, changed)


def test_links_live_as_long_as_their_key(ring):
    mine = token(Links(BASE, 7).click(2))

    ring.LINK_KEYS = {"k3": "newest", "k2": "new key"}
    assert tracking.read(CLICK, mine) == (7, 2)

    ring.LINK_KEYS = {"k3": "newest"}
    with pytest.raises(BadToken):
        tracking.read(CLICK, mine)


def test_links_of_the_first_version_work():
    message, link = (4711).to_bytes(8), (3).to_bytes(2)

    assert tracking.read(CLICK, signing.sign(CLICK, message + link)) == (4711, 3)
    assert tracking.read(OPEN, signing.sign(OPEN, message)) == (4711, 0)
    assert tracking.read(UNSUBSCRIBE, signing.sign(UNSUBSCRIBE, message)) == (4711, 0)
    for purpose, payload in ((CLICK, message), (OPEN, message + link)):
        with pytest.raises(BadToken):
            tracking.read(purpose, signing.sign(purpose, payload))
