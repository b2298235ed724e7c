"""Complete messages per second on one core, beside Django's own with the body already rendered.

Ours: a row of the outbox in, all bytes of its message out: links with their tokens, merge fields,
conditions, loop, headers, text and HTML. The baseline gets all of that ready-made and writes it
down: EmailMultiAlternatives with the same headers and bodies, asked for quoted-printable, which any
server takes and which ours is. As Django comes, lines that are short enough stay as they are.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from email import message_from_bytes, policy
from email.charset import QP, Charset
from email.message import EmailMessage
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.core.mail import EmailMultiAlternatives

from benchmarks.newsletter import FIELDS, HTML, SUBJECT, person
from delivery import letters
from delivery.envelope import Letterhead
from delivery.letters import Claimed, Stationery
from delivery.states import MessageClass, SourceKind
from delivery.tracking import Mint
from emailseq.lib import clock
from templates_app.compiler import Compiled, compile_template

T = TypeVar("T")
SAMPLE = 100  # as many of theirs take as long as some thousands of ours
_QUOTED = Charset("utf-8")
_QUOTED.body_encoding = QP


def run(*, size: int, rounds: int, say: Callable[[str], object]) -> dict[str, Any]:
    """Render `size` messages in `rounds`, in turns with a sample by Django."""
    compiled = compile_template(subject=SUBJECT, html=HTML, text="")
    paper, each = _paper(), size // rounds
    ours, quoted, as_is = [], [], []
    for number in range(rounds):
        rows = [_row(number * each + one) for one in range(each)]
        ours.append(_rate(rows, partial(_write, paper=paper, compiled=compiled, now=clock.now())))
        ready = [_Ready(_write(row, paper, compiled, clock.now())) for row in rows[:SAMPLE]]
        quoted.append(_rate(ready, partial(_Ready.written, charset=_QUOTED)))
        as_is.append(_rate(ready, partial(_Ready.written, charset="utf-8")))
        say(f"{ours[-1]:,.0f} messages/s, Django {quoted[-1]:,.0f}, as it comes {as_is[-1]:,.0f}")
    rate = statistics.median(ours)
    return {
        "bench": "render",
        "seconds": round(sum(each / one for one in ours), 1),
        "rate": round(rate),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "baseline": {
            "name": "Django's EmailMultiAlternatives, quoted-printable, with the body ready",
            "rate": round(statistics.median(quoted)),
        },
        "ratio_baseline": _ratio(ours, quoted),
        "ratio_as_it_comes": _ratio(ours, as_is),
        "cpu_us_per_message": round(1e6 / rate, 1),
        "messages": each * rounds,
        "message_bytes": round(statistics.mean(len(one.data) for one in ready)),
    }


def _write(row: Claimed, paper: Stationery, compiled: Compiled, now: datetime) -> bytes:
    return letters.write(row, paper, compiled, recipient=row.email, now=now).envelope.data


class _Ready:
    """One of our messages, taken to pieces for Django."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        message = message_from_bytes(data, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.addressed = {name: str(message[name]) for name in ("From", "To", "Subject")}
        made = {"from", "to", "subject", "content-type", "mime-version"}
        self.headers = {
            name: str(value) for name, value in message.items() if name.lower() not in made
        }
        self.text, self.html = (part.get_content() for part in message.iter_parts())

    def written(self, charset: Charset | str) -> bytes:
        """The message as Django writes it for an SMTP server."""
        message = EmailMultiAlternatives(
            self.addressed["Subject"],
            self.text,
            self.addressed["From"],
            [self.addressed["To"]],
            headers=self.headers,
        )
        message.encoding = charset
        message.attach_alternative(self.html, "text/html")
        return message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]


def _rate(these: Sequence[T], write: Callable[[T], bytes]) -> float:
    """How many a second, of this process's own time: what others do is not in it."""
    began = time.process_time()
    for each in these:
        write(each)
    return len(these) / (time.process_time() - began)


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 1)


def _paper() -> Stationery:
    letterhead = Letterhead(
        from_name="Harbour",
        from_email="news@harbour.example",
        reply_to="office@harbour.example",
        list_id=("Harbour news", "news.harbour.harbour.example"),
        feedback_id="1:harbour:campaign:emailseq",
        one_click=True,
    )
    workspace = {"name": "Harbour", "postal_address": "1 Quay Street, Copenhagen"}
    mint = Mint("https://links.harbour.example")
    return Stationery(letterhead, workspace, (), (), ZoneInfo("UTC"), capped=False, mint=mint)


def _row(number: int) -> Claimed:
    email, first_name, last_name, *facts = person(number)
    fields: dict[str, Any] = dict(zip(FIELDS, facts, strict=True))
    fields |= {
        "length_m": float(fields["length_m"]),
        "member": fields["member"] == "yes",
        "member_no": number,
    }
    return Claimed(
        id=1_000_000 + number,
        workspace_id=1,
        kind=SourceKind.CAMPAIGN,
        source_id=1,
        step_key="",
        run=1,
        thread="",
        subscriber_id=number,
        list_id=1,
        template_version_id=1,
        sender_id=1,
        message_class=MessageClass.MARKETING,
        priority=2,
        domain_group="other",
        transport_id=None,
        attempts=0,
        queued_at=clock.now(),
        email=email,
        first_name=first_name,
        last_name=last_name,
        time_zone="Europe/Copenhagen",
        fields=fields,
    )
