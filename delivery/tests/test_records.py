from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from delivery import dkim
from delivery.dkim import ED25519, RSA_2048
from delivery.records.examine import Key, MailServer, Subject, examine, unchecked
from delivery.records.findings import Kind, Level
from delivery.records.lookup import Lookup, make_resolver
from delivery.tests.names import NameServer

RSA_RECORD = dkim.public_record(dkim.new_key(RSA_2048))
OTHER_RECORD = dkim.public_record(dkim.new_key(RSA_2048))
ED_RECORD = dkim.public_record(dkim.new_key(ED25519))
SELECTOR = "e2026a._domainkey.news.harbour.example"
KEY = Key(SELECTOR, RSA_RECORD, signs=True, waits=False)
SUBJECT = Subject(
    name="news.harbour.example",
    bounce_domain="bounce.news.harbour.example",
    keys=(KEY,),
    mechanisms=("ip4:192.0.2.1",),
    mail_servers=(MailServer("mail.harbour.example", encrypted=True),),
    links_url="https://links.harbour.example",
)


@pytest.fixture
def names():
    """A name server where all is as it should be."""
    with NameServer() as server:
        server.text("bounce.news.harbour.example", "v=spf1 ip4:192.0.2.0/24 ~all")
        server.text("news.harbour.example", "v=spf1 include:_spf.harbour.example -all")
        server.text("_spf.harbour.example", "v=spf1 a:mail.harbour.example ~all")
        server.text(SELECTOR, RSA_RECORD)
        server.text("_dmarc.harbour.example", "v=DMARC1; p=none; sp=quarantine")
        server.zone["bounce.news.harbour.example", "MX"] = ["10 mail.harbour.example."]
        server.zone["mail.harbour.example", "A"] = ["192.0.2.1"]
        server.zone["1.2.0.192.in-addr.arpa", "PTR"] = ["mail.harbour.example."]
        server.zone["links.harbour.example", "AAAA"] = ["2001:db8::7"]
        yield server


def found(names, subject=SUBJECT, *, seconds=5.0):
    """What is found, by the kind of record and, where there are several, its place."""
    lookup = Lookup(make_resolver([names.address]), seconds=seconds)
    by_kind = {}
    for finding in examine(subject, lookup):
        by_kind.setdefault(finding.kind, []).append(finding)
    return by_kind


def test_all_is_well(names):
    by_kind = found(names)

    assert {kind: [each.level for each in rows] for kind, rows in by_kind.items()} == {
        Kind.SPF: [Level.GOOD, Level.GOOD],
        Kind.DKIM: [Level.GOOD],
        Kind.DMARC: [Level.GOOD],
        Kind.RETURN_PATH: [Level.GOOD],
        Kind.PTR: [Level.GOOD],
        Kind.TLS: [Level.GOOD],
        Kind.LINKS: [Level.GOOD],
    }
    assert [finding.advice for rows in by_kind.values() for finding in rows] == [
        "It takes 0 of the 10 look-ups that are allowed.",
        "It takes 2 of the 10 look-ups that are allowed.",
        "RSA, 2048 bits. Messages are signed with it.",
        "Mail that nobody vouches for is put aside.",
        "Bounces have somewhere to go.",
        "Names and addresses agree. The mail server should greet by that name (HELO).",
        "Messages are handed over under TLS.",
        "Links and one-click unsubscribe use https.",
    ]
    assert by_kind[Kind.DKIM][0].found == [RSA_RECORD]
    assert by_kind[Kind.DMARC][0].found == [
        "_dmarc.harbour.example: v=DMARC1; p=none; sp=quarantine"
    ]


def test_what_to_publish_is_known_before_anybody_looks():
    rows = {(each.kind, each.host): each for each in unchecked(SUBJECT)}

    assert {each.level for each in rows.values()} == {Level.UNKNOWN}
    assert rows[Kind.SPF, "bounce.news.harbour.example"].expected == "v=spf1 ip4:192.0.2.1 ~all"
    assert rows[Kind.DKIM, SELECTOR].expected == RSA_RECORD
    assert rows[Kind.DMARC, "_dmarc.news.harbour.example"].expected == "v=DMARC1; p=none"


def test_a_new_domain_lacks_everything():
    with NameServer() as empty:
        by_kind = found(empty)

    levels = {kind: [each.level for each in rows] for kind, rows in by_kind.items()}
    assert levels == {
        Kind.SPF: [Level.BAD, Level.ADVICE],
        Kind.DKIM: [Level.BAD],
        Kind.DMARC: [Level.BAD],
        Kind.RETURN_PATH: [Level.BAD],
        Kind.PTR: [Level.BAD],
        Kind.TLS: [Level.GOOD],
        Kind.LINKS: [Level.BAD],
    }


# SPF


def spf(names, *records, subject=SUBJECT, **zone):
    names.text("bounce.news.harbour.example", *records)
    return found(names, subject)[Kind.SPF][0]


@pytest.mark.parametrize(
    ("record", "level", "advice"),
    [
        ("v=spf1 ip4:192.0.2.1 ~all", Level.GOOD, "It takes 0 of the 10"),
        ("V=SPF1 IP4:192.0.2.1 ~ALL", Level.GOOD, "It takes 0 of the 10"),
        ("v=spf1 a:mail.harbour.example/28 -all", Level.GOOD, "It takes 1 of the 10"),
        ("v=spf1 mx -all", Level.GOOD, "It takes 1 of the 10"),
        ("v=spf1 redirect=_spf.harbour.example", Level.GOOD, "It takes 2 of the 10"),
        ("v=spf1 exists:%{i}.x.example ip4:192.0.2.1 ~all", Level.GOOD, "It takes 1 of the 10"),
        ("v=spf1 ip4:198.51.100.1 ~all", Level.BAD, "does not name our mail server"),
        ("v=spf1 -ip4:192.0.2.1 ~all", Level.BAD, "does not name our mail server"),
        ("v=spf1 ?include:_spf.harbour.example ~all", Level.BAD, "does not name our mail server"),
        ("v=spf1 ip4:192.0.2.1 +all", Level.BAD, "“+all” lets everybody"),
        ("v=spf1 ip4:192.0.2.1 all", Level.BAD, "“+all” lets everybody"),
        ("v=spf1 ip4:192.0.2.1 ?all", Level.ADVICE, "end it with “~all”"),
        ("v=spf1 ip4:192.0.2.1", Level.ADVICE, "end it with “~all”"),
        ("v=spf1 ip4:192.0.2.1 ipv4:192.0.2.9 ~all", Level.BAD, "“ipv4:192.0.2.9” is no mechanism"),
        ("v=spf1 ip4:192.0.2.999 ~all", Level.BAD, "“192.0.2.999” is no network"),
        ("v=spf1 ip4:192.0.2.1/99 ~all", Level.BAD, "“192.0.2.1” is no network"),
        ("v=spf1 ip4 ~all", Level.BAD, "“” is no network"),
        ("v=spf1 include:gone.example ~all", Level.BAD, "include of gone.example, which has no"),
        ("v=spf1 include: ~all", Level.BAD, "“include:” is no mechanism"),
        ("v=spf1 include:" + "x" * 70 + ".example ~all", Level.BAD, "which has no SPF record"),
        ("v=spf10 ip4:192.0.2.1 ~all", Level.BAD, "There is no SPF record"),
    ],
)
def test_an_spf_record_is_judged(names, record, level, advice):
    finding = spf(names, record)

    assert (finding.level, advice in finding.advice) == (level, True), finding.advice


def test_two_spf_records_count_as_none(names):
    finding = spf(names, "v=spf1 ip4:192.0.2.1 ~all", "v=spf1 mx ~all")

    assert finding.level == Level.BAD
    assert len(finding.found) == 2


def test_other_texts_are_no_spf_records(names):
    assert spf(names, "site-verification=1", "v=spf1 ip4:192.0.2.1 ~all").level == Level.GOOD


@pytest.mark.parametrize(("count", "level"), [(9, Level.GOOD), (10, Level.BAD)])
def test_includes_may_take_ten_lookups_in_all(names, count, level):
    for number in range(count):
        names.text(f"s{number}.example", f"v=spf1 include:s{number + 1}.example ~all")
    names.text(f"s{count}.example", "v=spf1 ip4:192.0.2.1 ~all")

    finding = spf(names, "v=spf1 include:s0.example ~all")

    assert finding.level == level


def test_a_record_that_includes_itself_ends(names):
    finding = spf(names, "v=spf1 include:bounce.news.harbour.example ~all")

    assert finding.level == Level.BAD
    assert "more than 10 look-ups" in finding.advice


def test_the_record_to_publish_keeps_what_is_there(names):
    finding = spf(names, "v=spf1 include:_spf.shop.example  ip4:198.51.100.7 -all")

    assert finding.expected == (
        "v=spf1 ip4:192.0.2.1 include:_spf.shop.example ip4:198.51.100.7 -all"
    )
    assert spf(names, "v=spf1 mx:x.example").expected == "v=spf1 ip4:192.0.2.1 mx:x.example ~all"


def test_a_relay_of_somebody_else_is_included(names):
    relayed = replace(SUBJECT, mechanisms=("include:_spf.harbour.example",))

    finding = spf(names, "v=spf1 include:_spf.harbour.example ~all", subject=relayed)
    assert finding.level == Level.GOOD
    finding = spf(names, "v=spf1 ip4:192.0.2.1 ~all", subject=relayed)
    assert finding.expected == "v=spf1 include:_spf.harbour.example ip4:192.0.2.1 ~all"
    assert Kind.PTR not in found(names, relayed)


def test_a_mail_server_may_be_named_by_its_host(names):
    hosted = replace(SUBJECT, mechanisms=("a:mail.harbour.example",))

    assert spf(names, "v=spf1 ip4:192.0.2.1 ~all", subject=hosted).level == Level.GOOD
    assert spf(names, "v=spf1 ip4:192.0.2.2 ~all", subject=hosted).level == Level.BAD
    assert found(names, hosted)[Kind.PTR][0].level == Level.GOOD


def test_addresses_of_version_6_count_too(names):
    six = replace(SUBJECT, mechanisms=("ip6:2001:db8::1",))

    assert spf(names, "v=spf1 ip6:2001:db8::/32 ~all", subject=six).level == Level.GOOD
    assert spf(names, "v=spf1 ip4:192.0.2.0/24 ~all", subject=six).level == Level.BAD


def test_without_knowing_our_mail_server_an_spf_record_is_half_judged(names):
    unset = replace(SUBJECT, mechanisms=())

    finding = spf(names, "v=spf1 mx ~all", subject=unset)
    assert (finding.level, "EMAILSEQ_SPF" in finding.advice) == (Level.ADVICE, True)
    assert spf(names, "v=spf1 +all", subject=unset).level == Level.BAD
    [reverse] = found(names, unset)[Kind.PTR]
    assert (reverse.level, "EMAILSEQ_SPF" in reverse.advice) == (Level.UNKNOWN, True)


# DKIM


def key(names, *records, expected=RSA_RECORD, spare=False, **state):
    names.text(SELECTOR, *records)
    keys = [Key(SELECTOR, expected, **{"signs": False, "waits": False, **state})]
    if spare:
        names.text("old._domainkey.news.harbour.example", OTHER_RECORD)
        keys.append(Key("old._domainkey.news.harbour.example", OTHER_RECORD, True, False))
    return found(names, replace(SUBJECT, keys=tuple(keys)))[Kind.DKIM][0]


@pytest.mark.parametrize(
    ("record", "level", "advice"),
    [
        (RSA_RECORD.replace("; ", ";"), Level.GOOD, "RSA, 2048 bits. Messages are signed"),
        (RSA_RECORD.replace("v=DKIM1; k=rsa; ", ""), Level.GOOD, "RSA, 2048 bits."),
        (RSA_RECORD[:99] + " " + RSA_RECORD[99:], Level.GOOD, "RSA, 2048 bits."),
        (RSA_RECORD + "; t=y", Level.ADVICE, "“t=y”"),
        (RSA_RECORD.replace("k=rsa", "k=ed25519"), Level.BAD, "another kind of key"),
        (OTHER_RECORD, Level.BAD, "Another key is published there (RSA, 2048 bits)"),
        (ED_RECORD, Level.BAD, "Another key is published there (Ed25519)"),
        ("v=DKIM1; p=", Level.BAD, "(unreadable)"),
        ("v=DKIM1; p=!!!", Level.BAD, "(unreadable)"),
        ("v=DKIM1; k=ed25519; p=AAAA", Level.BAD, "(unreadable)"),
        ("v=DKIM1; k=rsa", Level.BAD, "nobody can verify them"),
        ("something else", Level.BAD, "nobody can verify them"),
    ],
    ids=range(12),  # the keys are made anew, and would be named after
)
def test_the_record_of_a_key_is_judged(names, record, level, advice):
    finding = key(names, record, signs=True)

    assert (finding.level, advice in finding.advice) == (level, True), finding.advice


def test_a_short_key_is_told_from_a_long_one(names):
    public = rsa.generate_private_key(65537, 1024).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    short = f"v=DKIM1; p={b64encode(der).decode()}"

    assert "1024 bits, too short" in key(names, short, signs=True).advice


def test_an_ed25519_key_is_described(names):
    finding = key(names, ED_RECORD, expected=ED_RECORD, signs=True)

    assert finding.advice == "Ed25519. Messages are signed with it."


def test_two_records_under_one_selector_are_one_too_many(names):
    assert key(names, RSA_RECORD, OTHER_RECORD, signs=True).level == Level.BAD


def test_a_new_key_may_wait_while_another_signs(names):
    assert key(names, waits=True).level == Level.BAD
    assert key(names, waits=True, spare=True).level == Level.ADVICE
    assert key(names, RSA_RECORD, waits=True, spare=True).level == Level.GOOD


def test_a_replaced_key_stays_published(names):
    assert "Put the record back" in key(names, spare=True).advice
    assert "until the key is retired" in key(names, RSA_RECORD, spare=True).advice


# DMARC


def dmarc(names, *records, host="_dmarc.news.harbour.example", subject=SUBJECT):
    names.text(host, *records)
    return found(names, subject)[Kind.DMARC][0]


@pytest.mark.parametrize(
    ("record", "level", "advice"),
    [
        ("v=DMARC1; p=none", Level.GOOD, "It only watches"),
        ("v=DMARC1;p=Reject; rua=mailto:d@harbour.example", Level.GOOD, "is refused"),
        ("v=DMARC1; p=quarantine; sp=none", Level.GOOD, "is put aside"),
        ("v=DMARC1; rua=mailto:d@harbour.example", Level.BAD, "no policy"),
        ("v=DMARC1; p=noone", Level.BAD, "no policy"),
        ("v=DMARC1; p=none; aspf=s", Level.ADVICE, "leaves bounce.news.harbour.example unaligned"),
        ("v=DMARC1; p=none; adkim=s", Level.ADVICE, "exactly news.harbour.example only"),
    ],
)
def test_a_policy_is_judged(names, record, level, advice):
    finding = dmarc(names, record)

    assert (finding.level, advice in finding.advice) == (level, True), finding.advice


def test_two_policies_count_as_none(names):
    assert dmarc(names, "v=DMARC1; p=none", "v=DMARC1; p=reject").level == Level.BAD


def test_a_policy_of_a_subdomain_is_its_parents_sp(names):
    finding = dmarc(names, "v=DMARC1; p=reject; sp=none", host="_dmarc.harbour.example")

    assert finding.advice.startswith("It only watches")


def test_a_top_level_domain_is_not_asked_for_a_policy(names):
    del names.zone["_dmarc.harbour.example", "TXT"]
    names.text("_dmarc.example", "v=DMARC1; p=reject")

    assert found(names)[Kind.DMARC][0].level == Level.BAD
    assert ("_dmarc.example", "TXT") not in names.asked


def test_a_return_path_at_the_domain_itself_is_aligned_however_strict(names):
    same = replace(SUBJECT, bounce_domain=SUBJECT.name)

    assert dmarc(names, "v=DMARC1; p=none; aspf=s", subject=same).level == Level.GOOD
    assert len(found(names, same)[Kind.SPF]) == 1


# Hosts


@pytest.mark.parametrize(
    ("zone", "level", "advice"),
    [
        (
            {"MX": ["10 mail.harbour.example.", "20 gone.example."]},
            Level.ADVICE,
            "gone.example has",
        ),
        ({"MX": ["10 gone.example."]}, Level.BAD, "gone.example has no address"),
        ({"MX": ["0 ."]}, Level.BAD, "null MX"),
        ({"A": ["192.0.2.9"]}, Level.ADVICE, "fall back to the address"),
        ({"TXT": ['"x"']}, Level.BAD, "Bounces reach nobody"),
    ],
)
def test_bounces_need_somewhere_to_go(names, zone, level, advice):
    del names.zone["bounce.news.harbour.example", "MX"]
    for kind, values in zone.items():
        names.zone["bounce.news.harbour.example", kind] = values

    [finding] = found(names)[Kind.RETURN_PATH]

    assert (finding.level, advice in finding.advice) == (level, True), finding.advice


def test_an_address_has_a_name_that_leads_back(names):
    names.zone["mail.harbour.example", "A"] = ["192.0.2.9"]
    [finding] = found(names)[Kind.PTR]
    assert finding.level == Level.BAD
    assert "mail.harbour.example does not lead back to 192.0.2.1" in finding.advice

    del names.zone["1.2.0.192.in-addr.arpa", "PTR"]
    [finding] = found(names)[Kind.PTR]
    assert (finding.level, finding.found) == (Level.BAD, ["192.0.2.1 –"])


@pytest.mark.parametrize(
    ("host", "encrypted", "level"),
    [
        ("mail.harbour.example", False, Level.ADVICE),
        ("192.0.2.1", False, Level.ADVICE),
        ("127.0.0.1", False, Level.GOOD),
        ("localhost", False, Level.GOOD),
        ("mail.harbour.example", True, Level.GOOD),
    ],
)
def test_messages_are_handed_over_in_private(names, host, encrypted, level):
    subject = replace(SUBJECT, mail_servers=(MailServer(host, encrypted),))

    assert [each.level for each in found(names, subject)[Kind.TLS]] == [level]


@pytest.mark.parametrize(
    ("url", "level"),
    [
        ("http://links.harbour.example", Level.BAD),
        ("https://gone.harbour.example", Level.BAD),
        ("https://192.0.2.1", Level.GOOD),
    ],
)
def test_links_use_https(names, url, level):
    [finding] = found(names, replace(SUBJECT, links_url=url))[Kind.LINKS]

    assert finding.level == level


# Trouble


def test_a_silent_server_leaves_things_unknown_in_bounded_time(names):
    names.silent = {"bounce.news.harbour.example", SELECTOR}

    by_kind = found(names, seconds=0.3)

    assert by_kind[Kind.SPF][0].level == by_kind[Kind.DKIM][0].level == Level.UNKNOWN
    assert "DNS did not answer for TXT" in by_kind[Kind.DKIM][0].advice


def test_no_time_left_is_no_answer(names):
    assert {row.level for row in found(names, seconds=0)[Kind.SPF]} == {Level.UNKNOWN}
    assert not names.asked


def test_records_of_strangers_are_cut_and_cleaned(names):
    names.zone["bounce.news.harbour.example", "TXT"] = [
        r'"v=spf1 \000\027[31m\255 ~all"',
        '"v=spf1 ' + "a" * 240 + '" "' + "b" * 255 + '" "' + "c" * 255 + '"',
    ]

    [first, *_] = found(names)[Kind.SPF]

    long, strange = sorted(first.found)
    assert strange == "v=spf1 \ufffd\ufffd[31m\ufffd ~all"
    assert len(long) == 601


def test_an_include_beyond_ascii_asks_nobody(names):
    names.zone["bounce.news.harbour.example", "TXT"] = [
        r'"v=spf1 include:stra\195\159e.example ~all"'
    ]

    [finding, *_] = found(names)[Kind.SPF]

    assert "which has no SPF record" in finding.advice
    assert not any("stra" in name for name, _ in names.asked)
