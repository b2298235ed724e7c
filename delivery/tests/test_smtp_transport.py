"""A batch on a connection: what becomes of each message, and what must not reach the wire."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from delivery.sink import Sink
from delivery.tests.handing import (
    ACCEPTED,
    DATA,
    IN_DOUBT,
    REFUSED,
    UNSENT,
    envelopes,
    hand_over,
    outcomes,
    to_aiosmtpd,
)
from delivery.tests.scripted import at, greet, scripted
from delivery.transports.smtp import Connection, Envelope, Reply, Result, boot_time


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal"


@pytest.fixture
def to_sink(journal, tmp_path):
    def deliver(batch, **options):
        async def run():
            async with Sink(journal=journal, keep=tmp_path / "kept") as sink:
                return await hand_over(at(sink.port), batch, **options)

        return asyncio.run(run())

    return deliver


def accepted_by_sink(journal):
    lines = map(json.loads, journal.read_text().splitlines())
    return [line["message_id"] for line in lines if line["code"] == 250]


def against(script, batch, **options):
    """Hand over to a scripted server: results, whether alive, all that the server heard."""

    async def run():
        async with scripted(script) as (port, heard):
            results, alive = await hand_over(at(port), batch, **options)
            return results, alive, bytes(heard)

    return asyncio.run(run())


# A batch, and what becomes of each of its messages


def test_a_batch_arrives_whole_and_in_order(to_sink, journal, tmp_path):
    batch = envelopes(*[""] * 50)

    results, alive = to_sink(batch)

    assert outcomes(results) == [(n, ACCEPTED) for n in range(1, 51)]
    assert results[0] == Result(1, ACCEPTED, Reply(250, "2.0.0", "Ok", "dot"))
    assert alive
    assert accepted_by_sink(journal) == [f"<{n}@example.com>" for n in range(1, 51)]
    assert (tmp_path / "kept/50.eml").read_bytes() == DATA % (50, 50)


def test_the_next_envelope_rides_behind_the_dot():
    async def script(hear, write):
        await greet(hear, write, b"PIPELINING")
        await hear(b"DATA\r\n")
        write(b"250 Ok\r\n250 Ok\r\n354 Go\r\n")
        await hear(b"Body of 1\r\n.\r\nMAIL FROM:<b@example.com>\r\n")
        await hear(b"RCPT TO:<ada2@example.net>\r\nDATA\r\n")
        write(b"250 Ok\r\n250 Ok\r\n250 Ok\r\n354 Go\r\n")
        await hear(b"Body of 2\r\n.\r\n")
        write(b"250 Ok\r\n")
        await hear(b"QUIT\r\n")
        write(b"221 Bye\r\n")

    results, alive, _ = against(script, envelopes("", ""))

    assert (outcomes(results), alive) == ([(1, ACCEPTED), (2, ACCEPTED)], True)


def test_no_body_is_written_before_its_own_354():
    async def script(hear, write):
        await greet(hear, write, b"PIPELINING")
        await hear(b"DATA\r\n")
        write(b"250 Ok\r\n250 Ok\r\n")
        await asyncio.sleep(0.05)

    results, _, heard = against(script, envelopes("", ""))

    assert outcomes(results) == [(1, UNSENT), (2, UNSENT)]
    assert b"Body" not in heard


@pytest.mark.parametrize(
    ("tag", "reply"),
    [
        ("+f_rcpt_550", Reply(550, "5.1.1", "As told", "rcpt")),
        ("+f_data_451", Reply(451, "4.7.1", "As told", "data")),
        ("+f_dot_452", Reply(452, "4.2.2", "As told", "dot")),
    ],
)
def test_a_refusal_concerns_one_message_only(to_sink, journal, tag, reply):
    results, alive = to_sink(envelopes("", tag, "", tag, tag, ""))

    assert [result.outcome for result in results] == [
        ACCEPTED, REFUSED, ACCEPTED, REFUSED, REFUSED, ACCEPTED,
    ]  # fmt: skip
    assert [result.reply for result in results if result.outcome == REFUSED] == [reply] * 3
    assert accepted_by_sink(journal) == [f"<{n}@example.com>" for n in (1, 3, 6)]
    assert alive


def test_a_body_asked_for_in_spite_of_a_refused_recipient_is_a_lone_dot():
    async def script(hear, write):
        await greet(hear, write, b"PIPELINING")
        await hear(b"DATA\r\n")
        write(b"250 Ok\r\n550 5.1.1 No\r\n354 Go\r\n")
        await hear(b".\r\nMAIL FROM:<b@example.com>\r\n")
        await hear(b"DATA\r\n")
        write(b"554 No recipients\r\n250 Ok\r\n250 Ok\r\n354 Go\r\n")
        await hear(b"Body of 2\r\n.\r\n")
        write(b"250 Ok\r\n")

    results, _, heard = against(script, envelopes("", ""))

    assert outcomes(results) == [(1, REFUSED), (2, ACCEPTED)]
    assert results[0].reply == Reply(550, "5.1.1", "No", "rcpt")
    assert b"Body of 1" not in heard


def test_a_421_before_the_dot_ends_the_session_and_blames_nobody(to_sink, journal):
    results, alive = to_sink(envelopes("", "+f_421", ""))

    assert outcomes(results) == [(1, ACCEPTED), (2, UNSENT), (3, UNSENT)]
    assert [result.reply.code for result in results] == [250, 421, 421]
    assert accepted_by_sink(journal) == ["<1@example.com>"]
    assert not alive


def test_a_421_to_the_dot_is_a_refusal(to_sink, journal):
    results, alive = to_sink(envelopes("+f_dot_421", ""))

    assert outcomes(results) == [(1, REFUSED), (2, UNSENT)]
    assert (results[0].reply.code, results[0].reply.stage) == (421, "dot")
    assert accepted_by_sink(journal) == []
    assert not alive


def test_a_server_that_stays_after_its_421_is_left_all_the_same():
    async def script(hear, write):
        await greet(hear, write, b"PIPELINING")
        await hear(b"DATA\r\n")
        write(b"250 Ok\r\n250 Ok\r\n354 Go\r\n")
        await hear(b"DATA\r\n")
        write(b"421 Closing\r\n250 Ok\r\n250 Ok\r\n354 Go\r\n")
        await hear(b"Body of 2")

    results, alive, heard = against(script, envelopes("", ""))

    assert (outcomes(results), alive) == ([(1, REFUSED), (2, UNSENT)], False)
    assert b"Body of 2" not in heard


def test_silence_after_the_dot_is_doubt(to_sink, journal):
    results, alive = to_sink(envelopes("", "+f_hang", ""), deadline=0.4)

    assert outcomes(results) == [(1, ACCEPTED), (2, IN_DOUBT), (3, UNSENT)]
    assert results[1].reply == Reply(0, "", "gave up waiting for a reply", "dot")
    assert accepted_by_sink(journal) == ["<1@example.com>"]
    assert not alive


def test_a_session_cut_after_the_dot_is_doubt(to_sink, journal):
    results, alive = to_sink(envelopes("", "+f_drop", ""))

    assert outcomes(results) == [(1, ACCEPTED), (2, IN_DOUBT), (3, UNSENT)]
    assert (results[1].reply.code, results[1].reply.stage) == (0, "dot")
    assert accepted_by_sink(journal) == ["<1@example.com>", "<2@example.com>"]
    assert not alive


def test_silence_before_the_dot_is_no_doubt(to_sink, journal):
    results, alive = to_sink(envelopes("", "+f_rcpt_hang", ""), deadline=0.4)

    assert outcomes(results) == [(1, ACCEPTED), (2, UNSENT), (3, UNSENT)]
    assert not alive


def test_a_reply_to_the_dot_that_is_no_answer_is_doubt():
    async def script(hear, write):
        await greet(hear, write, b"PIPELINING")
        await hear(b"DATA\r\n")
        write(b"250 Ok\r\n250 Ok\r\n354 Go\r\n")
        await hear(b"\r\n.\r\n")
        write(b"354 Go on\r\n")

    results, alive, _ = against(script, envelopes("", ""))

    assert (outcomes(results), alive) == ([(1, IN_DOUBT), (2, UNSENT)], False)


def test_a_dribbled_reply_does_not_outlast_the_deadline():
    async def script(hear, write):
        await greet(hear, write, b"PIPELINING")
        await hear(b"DATA\r\n")
        write(b"250 Ok\r\n250 Ok\r\n354 Go\r\n")
        await hear(b"\r\n.\r\n")
        for _ in range(200):
            write(b"250-x\r\n")
            await asyncio.sleep(0.02)

    began = time.monotonic()
    results, _, _ = against(script, envelopes("", ""), deadline=0.2)

    assert outcomes(results) == [(1, IN_DOUBT), (2, UNSENT)]
    assert time.monotonic() - began < 2


def test_each_transaction_has_the_whole_deadline(journal):
    async def run():
        async with Sink(journal=journal, latency=0.06) as sink:
            return await hand_over(at(sink.port), envelopes(*[""] * 10), deadline=0.5)

    results, alive = asyncio.run(run())

    assert (outcomes(results), alive) == ([(n, ACCEPTED) for n in range(1, 11)], True)


def test_a_cancelled_send_reports_everything_first(journal):
    async def run():
        results = []
        async with Sink(journal=journal) as sink:
            connection = await Connection.open(at(sink.port))
            sending = asyncio.create_task(
                connection.send(envelopes("", "+f_hang", ""), report=results.append)
            )
            while len(results) < 1:
                await asyncio.sleep(0.01)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            return results, connection.alive

    results, alive = asyncio.run(run())

    assert outcomes(results) == [(1, ACCEPTED), (2, IN_DOUBT), (3, UNSENT)]
    assert not alive


def test_nothing_is_written_under_an_old_wire_mark(to_sink, journal):
    results, alive = to_sink(envelopes("", ""), write_until=boot_time() - 1)

    assert outcomes(results) == [(1, UNSENT), (2, UNSENT)]
    assert accepted_by_sink(journal) == []
    assert not alive


def test_a_goodbye_between_batches_is_not_taken_for_an_answer():
    async def script(hear, write):
        await greet(hear, write, b"PIPELINING")
        await asyncio.sleep(0.02)
        write(b"421 4.4.2 Idle for too long\r\n")
        await hear(b"never")

    async def run():
        results = []
        async with scripted(script) as (port, heard):
            connection = await Connection.open(at(port))
            while connection.alive:
                await asyncio.sleep(0.01)
            await connection.send(envelopes("", ""), report=results.append)
            await connection.send(envelopes(""), report=results.append)
            return results, bytes(heard)

    results, heard = asyncio.run(run())

    assert outcomes(results) == [(1, UNSENT), (2, UNSENT), (1, UNSENT)]
    assert {str(result.reply) for result in results} == {"421 4.4.2 Idle for too long"}
    assert b"Body" not in heard


def test_a_report_that_fails_is_heard_by_the_sender(journal):
    def report(result):
        raise RuntimeError("no room for results")

    async def run():
        async with Sink(journal=journal) as sink:
            connection = await Connection.open(at(sink.port))
            with pytest.raises(RuntimeError, match="no room"):
                await connection.send(envelopes("", ""), report=report)
            return connection.alive

    assert asyncio.run(run()) is False
    assert accepted_by_sink(journal) == ["<1@example.com>"]


def test_an_empty_batch_is_nothing(to_sink, journal):
    assert to_sink([]) == ([], True)


# What must not reach the wire


BODIES = [
    b".",
    b".\r\n",
    b"..\r\n.\r\n",
    b"Subject: x\r\n\r\n.\r\n..\r\n...\r\n.a\r\na.\r\n.",
    b"no end of line",
    b"\r\n\r\n",
    b"",
    b"QUIT\r\n.\r\nMAIL FROM:<x@x.test>\r\n",
]


def test_dots_arrive_as_they_left(to_sink, tmp_path):
    batch = [Envelope(n, "b@example.com", "a@example.net", body) for n, body in enumerate(BODIES)]

    results, _ = to_sink(batch)

    assert {result.outcome for result in results} == {ACCEPTED}
    kept = [(tmp_path / f"kept/{n}.eml").read_bytes() for n in range(1, len(BODIES) + 1)]
    assert kept == [
        body if body.endswith(b"\r\n") or not body else body + b"\r\n" for body in BODIES
    ]


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r\r\n"])
def test_no_message_can_be_smuggled_inside_another(to_sink, journal, end):
    inner = end + b"MAIL FROM:<evil@example.com>\r\n"
    smuggler = Envelope(7, "b@example.com", "ada@example.net", DATA % (7, 7) + inner)

    results, alive = to_sink([*envelopes(""), smuggler])

    assert sorted(outcomes(results)) == [(1, ACCEPTED), (7, REFUSED)]
    assert {result.id: str(result.reply) for result in results}[7] == (
        "554 5.6.0 not offered: a bare CR or LF in the message"
    )
    assert accepted_by_sink(journal) == ["<1@example.com>"]
    assert alive


TAINTED = [
    "ada@example.net>\r\nRCPT TO:<eve@example.net",
    "ada@example.net\nDATA",
    "ada@example.net> SIZE=1",
    "<ada@example.net>",
    "ada eve@example.net",
    "ada@straße.example",
    "ada\0@example.net",
    "ada\ud800@example.net",
    "ada",
    "@example.net",
]


@pytest.mark.parametrize(
    ("place", "address"),
    [("recipient", ""), *((place, x) for place in ("sender", "recipient") for x in TAINTED)],
)
def test_an_address_cannot_carry_a_command(place, address):
    paths = {"sender": "b@example.com", "recipient": "ada@example.net", place: address}
    tainted = Envelope(7, data=DATA % (7, 7), **paths)

    async def script(hear, write):
        await greet(hear, write, b"PIPELINING", b"SMTPUTF8")
        await hear(b"QUIT\r\n")
        write(b"221 Bye\r\n")

    [result], _, heard = against(script, [tainted])

    assert (result.outcome, result.reply.code) == (REFUSED, 501)
    assert heard == b"EHLO test.example\r\nQUIT\r\n"


def test_a_local_part_beyond_ascii_needs_smtputf8(to_sink, journal):
    batch = [Envelope(1, "b@example.com", "пошта@example.net", DATA % (1, 1)), *envelopes("", "")]

    async def script(hear, write):
        await greet(hear, write, b"PIPELINING")
        await hear(b"ada1@example.net>\r\nDATA\r\n")
        write(b"421 Enough\r\n")

    offered, _ = to_sink(batch[:1])
    not_offered, _, heard = against(script, batch)

    assert outcomes(offered) == [(1, ACCEPTED)]
    assert json.loads(journal.read_text())["rcpt"] == "пошта@example.net"
    assert (not_offered[0].outcome, not_offered[0].reply.enhanced) == (REFUSED, "5.6.7")
    assert "пошта".encode() not in heard


# A second opinion: another server, which does not pipeline


def test_without_pipelining_it_goes_step_by_step():
    batch = envelopes("", "+no", "")

    letters, results = to_aiosmtpd(batch, {})

    assert [result.outcome for result in results] == [ACCEPTED, REFUSED, ACCEPTED]
    assert results[1].reply == Reply(550, "5.1.1", "No such user", "rcpt")
    assert [data for *_, data in letters] == [batch[0].data, batch[2].data]


def test_another_server_reads_dots_the_same():
    batch = [Envelope(1, "b@example.com", "ada@example.net", BODIES[3] + b"\r\n")]

    letters, _ = to_aiosmtpd(batch, {})

    assert [data for *_, data in letters] == [batch[0].data]
