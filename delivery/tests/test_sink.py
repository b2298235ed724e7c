from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import smtplib
import subprocess
import sys
import threading
from contextlib import suppress
from email.message import EmailMessage

import pytest

from delivery.sink import Sink

BYE = "221 2.0.0 Bye"
MESSAGE = b"Message-ID: <1@example.com>\r\nSubject: Hi\r\n\r\nBody\r\n"


def journal_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal"


@pytest.fixture
def say(journal):
    """Deliver raw bytes and QUIT to a fresh sink, in one write; the lines that came back."""

    def deliver(raw, *, patience=5, **options):
        async def talk():
            async with Sink(journal=journal, **options) as sink:
                reader, writer = await asyncio.open_connection(sink.host, sink.port)
                writer.write(raw + b"QUIT\r\n")
                replies = b""
                with suppress(TimeoutError):
                    async with asyncio.timeout(patience):
                        while piece := await reader.read(65536):
                            replies += piece
                writer.close()
                await writer.wait_closed()
                return replies.decode().splitlines()

        return asyncio.run(talk())

    return deliver


def offer(recipient):
    return b"MAIL FROM:<b@x.test>\r\nRCPT TO:<" + recipient + b">\r\nDATA\r\n"


def session(recipient, message=MESSAGE):
    return b"EHLO me\r\n" + offer(recipient) + message + b".\r\n"


def test_a_message_is_journalled_with_what_identifies_it(say, journal):
    replies = say(session(b"ada@example.net"))

    assert replies[-2:] == ["250 2.0.0 Ok", BYE]
    [line] = journal_of(journal)
    assert line.pop("at") > 1_600_000_000
    assert line == {
        "code": 250,
        "message_id": "<1@example.com>",
        "from": "b@x.test",
        "rcpt": "ada@example.net",
        "size": len(MESSAGE),
        "sha256": hashlib.sha256(b"Body\r\n").hexdigest(),
    }


def test_the_journal_line_is_there_before_the_250(journal):
    async def watch():
        async with Sink(journal=journal, latency=0.2) as sink:
            reader, writer = await asyncio.open_connection(sink.host, sink.port)
            writer.write(session(b"ada@example.net"))
            replies = await reader.readuntil(b"sink ready\r\n")
            async with asyncio.timeout(5):
                while not journal.stat().st_size:
                    await asyncio.sleep(0.005)
            seen = (replies, len(journal_of(journal)))
            writer.close()
            await writer.wait_closed()
            return seen

    assert asyncio.run(watch()) == (b"220 sink ready\r\n", 1)


@pytest.mark.parametrize(
    ("tag", "replies", "code"),
    [
        (b"rcpt_550", ["550 5.1.1 As told", "554 5.5.1 No valid recipients", BYE], 550),
        (b"550_5.7.1", ["550 5.7.1 As told", "554 5.5.1 No valid recipients", BYE], 550),
        (b"data_451", ["250 2.1.5 Ok", "451 4.7.1 As told", BYE], 451),
        (b"421", ["421 4.3.2 As told"], 421),
        (b"data_421", ["250 2.1.5 Ok", "421 4.3.2 As told"], 421),
    ],
)
def test_recipients_script_a_refusal(say, journal, tag, replies, code):
    answers = say(b"HELO me\r\n" + offer(b"ada+f_" + tag + b"@example.net"))

    assert answers == ["220 sink ready", "250 sink", "250 2.1.0 Ok", *replies]
    assert [line["code"] for line in journal_of(journal)] == [code]


@pytest.mark.parametrize(
    ("tag", "replies", "codes"),
    [
        (b"dot_452", ["452 4.2.2 As told", BYE], [452]),
        (b"dot_452_4.3.1", ["452 4.3.1 As told", BYE], [452]),
        (b"dot_599", ["599 5.0.0 As told", BYE], [599]),
        (b"dot_421", ["421 4.3.2 As told"], [421]),
        (b"hang", [], []),
        (b"drop", [], [250]),
    ],
)
def test_recipients_script_what_follows_the_dot(say, journal, tag, replies, codes):
    answers = say(session(b"ada+f_" + tag + b"@example.net"), patience=0.3 if tag == b"hang" else 5)

    assert answers[answers.index("354 Go ahead") + 1 :] == replies
    assert [line["code"] for line in journal_of(journal)] == codes


def test_once_is_refused_once(say, journal):
    greylisted = offer(b"ada+f_once_451@example.net")

    answers = say(b"HELO me\r\n" + greylisted + b"RSET\r\n" + greylisted + MESSAGE + b".\r\n")

    assert answers.count("451 4.7.1 As told") == 1
    assert [line["code"] for line in journal_of(journal)] == [451, 250]


def test_several_recipients_get_a_line_each(say, journal):
    say(session(b"ada@example.net>\r\nRCPT TO:<bob@example.net"))

    assert [line["rcpt"] for line in journal_of(journal)] == ["ada@example.net", "bob@example.net"]


def test_kept_messages_are_numbered_on_and_byte_for_byte(say, tmp_path):
    dotted = b"Subject: Dots\r\n\r\n.\r\n..\r\n.a\r\n"
    stuffed = b"Subject: Dots\r\n\r\n..\r\n...\r\n..a\r\n"

    say(session(b"ada@example.net") + session(b"ada@example.net", stuffed), keep=tmp_path / "in")
    say(session(b"ada@example.net", b""), keep=tmp_path / "in")

    kept = {path.name: path.read_bytes() for path in (tmp_path / "in").iterdir()}
    assert kept == {"1.eml": MESSAGE, "2.eml": dotted, "3.eml": b""}


@pytest.mark.parametrize(
    ("raw", "reply"),
    [
        (b"VRFY ada\r\n", "500 5.5.2 Unknown command"),
        (b"RCPT TO:<ada@example.net>\r\n", "503 5.5.1 MAIL first"),
        (b"MAIL FROM: nobody\r\n", "501 5.5.4 No path"),
        (b"MAIL FROM:<a@example.com>\r\nDATA\r\n", "554 5.5.1 No valid recipients"),
        (b"MAIL FROM:<a@x.test>\r\nMAIL FROM:<b@x.test>\r\n", "503 5.5.1 Sender already given"),
    ],
)  # fmt: skip
def test_commands_out_of_order_are_refused(say, raw, reply):
    assert say(b"HELO me\r\n" + raw)[-2:] == [reply, BYE]


def test_a_message_in_pieces_is_one_message(journal):
    async def dribble():
        async with Sink(journal=journal) as sink:
            reader, writer = await asyncio.open_connection(sink.host, sink.port)
            for byte in session(b"ada@example.net"):
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)
            replies = await reader.readuntil(b"250 2.0.0 Ok\r\n")
            writer.close()
            await writer.wait_closed()
            return replies

    assert b"354" in asyncio.run(dribble())
    assert [line["size"] for line in journal_of(journal)] == [len(MESSAGE)]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_it_listens_on_loopback_only(journal, host):
    with pytest.raises(ValueError, match="only loopback"):
        Sink(journal=journal, host=host)


def test_as_a_process_it_says_where_and_leaves_on_sigterm(journal, tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-m", "delivery.sink", "--journal", journal, "--keep", tmp_path / "in"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        killer = threading.Timer(10, child.kill)
        killer.start()
        word, _, address = child.stdout.readline().strip().partition(" ")
        host, _, port = address.rpartition(":")
        letter = EmailMessage()
        letter["Message-ID"] = "<2@example.com>"
        letter.set_content("Grüße")
        with smtplib.SMTP(host, int(port)) as client:
            client.send_message(letter, "b@example.com", ["ada@example.net"])
        child.send_signal(signal.SIGTERM)
        assert (word, child.wait()) == ("listening", 0)
    finally:
        killer.cancel()
        child.kill()
        child.stdout.close()

    assert [line["message_id"] for line in journal_of(journal)] == ["<2@example.com>"]
    assert os.listdir(tmp_path / "in") == ["1.eml"]


def test_what_happens_to_everyone_spares_who_has_a_tag_of_their_own(say):
    hello = b"HELO me\r\nMAIL FROM:<b@x.test>\r\n"
    both = b"RCPT TO:<ada@x.test>\r\nRCPT TO:<bob+f_rcpt_452@x.test>\r\n"

    answers = say(hello + both, everyone="rcpt_550_5.7.1")

    assert answers[-3:] == ["550 5.7.1 As told", "452 4.2.2 As told", BYE]


def test_a_server_may_turn_everybody_away(say):
    assert say(b"", greeting="421 4.3.2 Closed") == ["421 4.3.2 Closed"]
    assert say(b"", most=0) == ["421 4.7.0 Too many connections"]


def test_a_server_may_refuse_to_let_people_sign_in(say):
    answers = say(b"EHLO me\r\nAUTH PLAIN AGEAYg==\r\n", auth="535 5.7.8 No")

    assert "250-AUTH PLAIN LOGIN" in answers
    assert answers[-2:] == ["535 5.7.8 No", BYE]
    assert say(b"AUTH PLAIN AGEAYg==\r\n")[-2] == "503 5.5.1 Nobody signs in here"
