from __future__ import annotations

import http.client
import signal
import sys
import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from rich.console import Console
from rich.live import Live
from rich.table import Table

from accounts import services as accounts
from accounts.models import User
from emailseq.demo import content, play, processes
from emailseq.demo.play import Scene
from emailseq.demo.processes import ChildDied, Children
from emailseq.demo.readers import Readers
from sequences.models import Sequence
from subscribers.models import Subscription
from subscribers.states import SubscriptionState

READY_SECONDS = 180
MIGRATION_LOCK = 0x656D6169  # one process migrates, the others wait for it


class Command(BaseCommand):
    help = "Run the whole product on this machine, with a harbour of 200 people in it."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop after the summary")
        parser.add_argument("--demo", choices=["small", "none"], default="small")
        parser.add_argument("--owner-email", default="owner@harbour.example")

    def handle(self, *args: Any, **options: Any) -> None:
        self.console = Console(file=sys.stdout)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # the same way out as Ctrl-C
        self._say("Setting up the database …")
        _migrate()
        workspace, owner = content.owner(options["owner_email"])
        ports = processes.free_port(8000), processes.free_port(2525)
        try:
            with processes.product(
                logs=settings.DATA_DIR / "logs",
                inbox=settings.INBOX_DIR,
                web_port=ports[0],
                inbox_port=ports[1],
            ) as children:
                self._say("Starting web, worker, sender, beat and inbox …")
                _wait_until_ready(children, ports[0])
                if options["demo"] == "small":
                    self._play(content.welcome_sequence(workspace))
                if not options["once"]:
                    self._stay(children, f"http://127.0.0.1:{ports[0]}", owner)
        except ChildDied as died:
            raise CommandError(str(died)) from died
        except KeyboardInterrupt:
            self._say("Stopped. Your data stays; the next start goes on with it.")

    def _play(self, sequence: Sequence) -> None:
        started = time.monotonic()
        readers = Readers(settings.INBOX_DIR, leaver=content.LEAVER)
        readers.start()
        self._import()
        confirmed = SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED
        expected = Subscription.objects.filter(list=sequence.list, state__in=confirmed).count()
        with Live(console=self.console, transient=True) as live:
            scene = play.watch(
                sequence,
                readers,
                expected=expected,
                show=lambda scene: live.update(_table(scene, time.monotonic() - started)),
            )
        readers.stop()
        self.console.print(_table(scene, time.monotonic() - started))
        journal = settings.INBOX_DIR / "journal.jsonl"
        if faults := list(play.faults(sequence, scene, expected=expected, journal=journal)):
            raise CommandError("The numbers do not add up:\n" + "\n".join(faults))
        self._say(
            "[green]Every number adds up:[/] outbox, ledger, event log, report and inbox agree."
        )

    def _import(self) -> None:
        self._say("Importing 200 people; each wait of the sequence takes seconds instead of days …")
        call_command(
            "import_subscribers",
            str(content.PEOPLE),
            list="newsletter",
            workspace=content.WORKSPACE,
            confirmed=True,
            consent_source=content.CONSENT,
            stdout=sys.stderr,
        )

    def _stay(self, children: Children, url: str, owner: User) -> None:
        self._say("")
        self._say(f"  Back office  {url}/login/{accounts.login_token(owner)}/  (works once)")
        self._say(f"  Inbox        {url}/admin/inbox/")
        self._say(f"  API docs     {url}/api/docs/")
        self._say("\nCtrl-C stops everything.")
        while True:
            time.sleep(0.5)  # noqa: TID251 - waits for Ctrl-C, or for a child to die
            children.check()

    def _say(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True)


def _migrate() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        try:
            call_command("migrate", verbosity=0, interactive=False)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])


def _wait_until_ready(children: Children, port: int) -> None:
    """Until /readyz says that everything moves."""
    deadline = time.monotonic() + READY_SECONDS
    while not _is_ready(port):
        children.check()
        if time.monotonic() > deadline:
            raise CommandError(
                "Not ready after three minutes: look into the logs of the data directory."
            )
        time.sleep(0.2)  # noqa: TID251 - nothing tells us when a server is up


def _is_ready(port: int) -> bool:
    request = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        request.request("GET", "/readyz")
        return request.getresponse().status == 200
    except OSError:
        return False
    finally:
        request.close()


def _table(scene: Scene, seconds: float) -> Table:
    table = Table(title="Welcome sequence: mail, wait, mail, wait, mail")
    numbers = scene.numbers
    cells = {
        "enrolled": scene.enrolled,
        "inside": scene.inside,
        "sent": numbers.sent,
        "opened": numbers.opened,
        "clicked": numbers.clicked,
        "unsubscribed": numbers.unsubscribed,
        "seconds": f"{seconds:.0f}",
    }
    for name in cells:
        table.add_column(name, justify="right")
    table.add_row(*map(str, cells.values()))
    return table
