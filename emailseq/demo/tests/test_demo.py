from __future__ import annotations

import sys
import threading
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.management import call_command

from analytics.numbers import Numbers
from delivery import reaper
from delivery.models import Outbox
from emailseq.demo import content, play, processes, readers
from emailseq.demo.play import Scene
from emailseq.demo.processes import ChildDied, Children
from emailseq.demo.readers import Readers
from sequences import engine as sequences
from subscribers import feed
from subscribers.models import Subscriber


@pytest.fixture
def site():
    """A web server that notes what is asked of it."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.command, self.path))
            self.send_response(200)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the name that the library calls

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    server.asked = asked
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


def mail(site, address, subject="Hello"):
    message = EmailMessage()
    message["To"], message["Subject"] = address, subject
    message["List-Unsubscribe"] = f"<{site.url}/u/v1.{address}>"
    message.set_content("Hello")
    html = f'<a href="{site.url}/c/v1.{address}">x</a><img src="{site.url}/o/v1.{address}">'
    message.add_alternative(html, subtype="html")
    return bytes(message)


def test_readers_open_click_and_leave_by_real_requests(site, tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "READS_AFTER_SECONDS", -2.5)
    people = [f"reader-{number}@example.com" for number in range(40)]
    crowd = Readers(tmp_path, leaver="leaver@example.com")
    for number, address in enumerate([*people, "leaver@example.com"]):
        (tmp_path / f"{number}.eml").write_bytes(mail(site, address))

    crowd.start()
    deadline = threading.Event()
    while not (crowd.resting and ("POST", "/u/v1.leaver@example.com") in site.asked):
        deadline.wait(0.05)
    crowd.stop()

    opened = {path for method, path in site.asked if path.startswith("/o/")}
    clicked = {path for method, path in site.asked if path.startswith("/c/")}
    assert len(opened) == crowd.opened_count
    assert len(clicked) == crowd.clicked_count
    assert 0 < crowd.clicked_count < crowd.opened_count < len(people)
    assert {path[3:] for path in clicked} <= {path[3:] for path in opened}
    assert [path for method, path in site.asked if method == "POST"] == ["/u/v1.leaver@example.com"]


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_the_demo_plays_to_its_end_and_adds_up(wire, monkeypatch):
    monkeypatch.setattr(content, "WAIT", content.timedelta(milliseconds=1))
    workspace, owner = content.owner("owner@harbour.example")
    sequence = content.welcome_sequence(workspace)
    assert content.welcome_sequence(workspace) == sequence
    assert content.owner("owner@harbour.example") == (workspace, owner)
    arguments = {"list": "newsletter", "confirmed": True, "consent_source": content.CONSENT}
    call_command("import_subscribers", str(content.PEOPLE), stdout=sys.stderr, **arguments)

    while Outbox.objects.exists() or play.look(sequence).inside or not play.look(sequence).enrolled:
        feed.run("sequences")
        sequences.advance()
        wire.send(seconds=1)
        reaper.reap()
    feed.run("rollups")

    scene = play.look(sequence)
    assert (scene.enrolled, scene.inside, scene.numbers.sent) == (200, 0, 600)
    assert Subscriber.objects.filter(email=content.LEAVER).exists()
    assert list(play.faults(sequence, scene, expected=200, journal=wire.path)) == []
    off = Scene(199, 1, Numbers())
    sentences = list(play.faults(sequence, off, expected=200, journal=wire.path))
    assert sentences[0] == "199 of 200 enrolled, 1 are still inside."
    assert len(sentences) == 2


def test_a_child_that_dies_is_named_with_its_last_lines(tmp_path):
    children = Children(tmp_path, {})
    children.start("web", "this_module_does_not_exist")
    for child in children.running.values():
        child.wait()

    with pytest.raises(ChildDied, match=r"web ended \(1\):\n.*No module named"):
        children.check()
    children.stop()


def test_children_are_stopped(tmp_path):
    children = Children(tmp_path, {})
    children.start("web", "http.server", "0", "--bind", "127.0.0.1")
    (child,) = children.running.values()
    children.check()

    children.stop()

    assert child.poll() is not None


def test_a_port_that_is_taken_is_passed_over(site):
    assert processes.free_port(site.server_port) > site.server_port
